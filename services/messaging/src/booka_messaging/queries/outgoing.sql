-- What is sent, and what became of it.

-- name: receipt_apply
-- A receipt that knows less than we do changes nothing, by the order of states ($5); one that is early waits on its row for
-- `sends_done`. One that says which of our messages it is about ($7) proves that this one was sent, whatever is known of its attempts
-- (`proven`), and brings it what was early. That a message failed under one id says nothing about another one under which it was
-- sent again. `raised`: its state is another one now.
WITH named AS MATERIALIZED (
    -- One row, always: an echo of what is known as ours from now on is forgotten first.
    SELECT count(forget_echoes(ARRAY[$1::uuid], ARRAY[$2::uuid], ARRAY[$3::text], $6::timestamptz)) FROM messages AS m
    WHERE m.tenant_id = $1 AND m.id = $7 AND m.channel_id = $2 AND m.request_id IS NOT NULL AND m.provider_id IS NULL
), receipt AS (
    INSERT INTO receipts AS r (tenant_id, channel_id, provider_id, status, message_id, updated_at)
    SELECT $1, $2, $3, $4, (SELECT m.id FROM messages AS m
        WHERE m.tenant_id = $1 AND m.id = $7 AND m.channel_id = $2 AND m.request_id IS NOT NULL), $6
    FROM named
    ON CONFLICT (tenant_id, channel_id, provider_id) DO UPDATE
    SET status = ($5::text[])[greatest(array_position($5, r.status), array_position($5, excluded.status))],
        updated_at = excluded.updated_at, message_id = coalesce(r.message_id, excluded.message_id)
    WHERE array_position($5, r.status) < array_position($5, excluded.status)
       OR (r.message_id IS NULL AND excluded.message_id IS NOT NULL)
    RETURNING r.message_id, r.status
), before AS MATERIALIZED (
    SELECT m.id, m.provider_id, receipt.status AS told, array_position($5, m.status) < array_position($5, receipt.status) AS raised
    FROM receipt
    JOIN messages AS m ON m.tenant_id = $1 AND m.id = receipt.message_id
    FOR NO KEY UPDATE OF m
)
UPDATE messages AS m
SET status = CASE WHEN b.raised THEN b.told ELSE m.status END,
    failure = CASE WHEN NOT b.raised THEN m.failure WHEN b.told = 'failed' THEN $8 END,
    provider_id = coalesce(m.provider_id, $3), sent_at = coalesce(m.sent_at, $6)
FROM before AS b
WHERE m.tenant_id = $1 AND m.id = b.id AND (b.raised OR b.provider_id IS NULL)
  AND (b.told <> 'failed' OR coalesce(b.provider_id = $3, true))
RETURNING m.id, m.conversation_id, m.request_id, m.author, b.provider_id IS NULL AS proven, b.raised, b.told AS status;

-- name: echo_candidate
-- The message of ours that an echo must be of: told to this person in these words by an attempt of which it is not known what
-- became. $7: not older than that one would be.
SELECT m.id
FROM contact_aliases AS a
JOIN conversations AS v ON v.tenant_id = a.tenant_id AND v.channel_id = a.channel_id AND v.contact_id = a.contact_id
JOIN messages AS m ON m.tenant_id = v.tenant_id AND m.conversation_id = v.id
WHERE a.tenant_id = $1 AND a.channel_id = $2 AND (a.kind, a.value) IN (SELECT * FROM unnest($3::text[], $4::text[]))
  AND m.id > $7 AND m.status = 'queued' AND m.provider_id IS NULL AND m.attempted_at <= $6 AND m.text = $5
ORDER BY m.id
LIMIT 1;

-- name: send_unnamed
-- The message of ours that was told to this person in these words nearest to $6, within $8, and that its gateway took without saying
-- under which id. $9: not older than that one would be. No row: there is none, or $7 is known to be another one of ours.
SELECT m.id, m.conversation_id, m.request_id, m.author
FROM contact_aliases AS a
JOIN conversations AS v ON v.tenant_id = a.tenant_id AND v.channel_id = a.channel_id AND v.contact_id = a.contact_id
JOIN messages AS m ON m.tenant_id = v.tenant_id AND m.conversation_id = v.id
WHERE a.tenant_id = $1 AND a.channel_id = $2 AND (a.kind, a.value) IN (SELECT * FROM unnest($3::text[], $4::text[]))
  AND m.id > $9 AND m.status = 'sent' AND m.provider_id IS NULL AND m.request_id IS NOT NULL AND m.text = $5
  AND m.sent_at BETWEEN $6::timestamptz - $8::interval AND $6 + $8
  AND NOT EXISTS (SELECT FROM messages AS k
      WHERE k.tenant_id = $1 AND k.channel_id = $2 AND k.provider_id = $7 AND k.request_id IS NOT NULL)
ORDER BY greatest(m.sent_at, $6) - least(m.sent_at, $6), m.id
LIMIT 1;

-- name: sent_by_software
-- Nothing is noted of what is known as ours.
INSERT INTO receipts (tenant_id, channel_id, provider_id, status, updated_at, by_software)
SELECT $1, $2, $3, 'sent', $4, true
WHERE NOT EXISTS (SELECT FROM receipts AS r
    WHERE r.tenant_id = $1 AND r.channel_id = $2 AND r.provider_id = $3 AND (r.message_id IS NOT NULL OR r.by_software))
ON CONFLICT (tenant_id, channel_id, provider_id) DO UPDATE SET by_software = true;

-- name: send_job
-- Lets what waits behind a message that turned out to be sent go on at once; returns what the message belongs to.
WITH wakened AS (
    UPDATE jobs SET scheduled_at = least(scheduled_at, $4)
    WHERE tenant_id = $1 AND type = $2 AND unique_key = $3 AND status IN ('ready', 'running') AND lease_token IS NULL
)
SELECT correlation_id, traceparent FROM jobs WHERE tenant_id = $1 AND type = $2 AND unique_key = $3;

-- name: send_as_template
-- It was outside the provider's window after all: once more, as a template, if the line has one for it.
UPDATE messages AS m
SET status = 'queued', failure = NULL, provider_id = NULL, sent_at = NULL, attempted_at = NULL, tried_at = NULL, paced_at = NULL,
    as_template = true
WHERE m.tenant_id = $1 AND m.id = $2 AND NOT m.as_template AND m.template IS NOT NULL
  AND EXISTS (SELECT FROM channel_templates AS t
      WHERE t.tenant_id = m.tenant_id AND t.channel_id = m.channel_id AND t.name = m.template ->> 'name'
        AND split_part(lower(t.locale), '-', 1) = split_part(lower(m.template ->> 'locale'), '-', 1))
RETURNING m.conversation_id, m.request_id;

-- name: send_anew
-- It failed for a reason that passes: as if it had not been tried.
UPDATE messages
SET status = 'queued', failure = NULL, provider_id = NULL, sent_at = NULL, attempted_at = NULL, tried_at = NULL, paced_at = NULL
WHERE tenant_id = $1 AND id = $2;

-- name: sends_queue
-- One row of $1 … $11 for each request, at most one for a conversation. A conversation that was merged into another one goes
-- on there. No row comes back: no such conversation, or the request is known. The row lock lets one request at a time
-- count itself: `in_turn` is false while what comes before it is missing, and `fills_gap` is true if later ones may have
-- been held back for this one. Conversations are locked in the order that everybody keeps to (see the README). Each takes the next moment of its stream on its line, not before $12; what a line did not send
-- before $13 is lost to it. `hurries`: something later is still to be sent before it.
WITH item AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::integer[], $8::text[], $9::text[],
            $10::jsonb[], $11::jsonb[]) WITH ORDINALITY
        AS i (tenant_id, conversation_id, id, text, request_id, purpose, position, author, written_by, choices, template, place)
), asked AS (
    UPDATE conversations AS v
    SET asked_through = CASE WHEN i.position = v.asked_through + 1 THEN i.position ELSE v.asked_through END,
        asked_highest = greatest(v.asked_highest, i.position),
        active_at = CASE i.author WHEN 'salon' THEN greatest(v.active_at, $12) ELSE v.active_at END
    FROM (
        SELECT i.*
        FROM item AS i
        CROSS JOIN LATERAL (
            SELECT c.channel_id, c.contact_id FROM conversations AS c
            WHERE c.tenant_id = i.tenant_id AND c.id = i.conversation_id
            LIMIT 1) AS c
        ORDER BY i.tenant_id, c.channel_id, c.contact_id, i.conversation_id
    ) AS i
    WHERE v.tenant_id = i.tenant_id AND v.id = i.conversation_id
    RETURNING i.*, v.channel_id, coalesce(v.merged_into, v.id) AS goes_to,
        i.purpose IS NOT DISTINCT FROM 'reminder' AS reminder,
        coalesce(i.position <= v.asked_through, true) AS in_turn,
        coalesce(i.position = v.asked_through AND i.position < v.asked_highest, false) AS fills_gap
), step AS (
    SELECT a.tenant_id, a.channel_id, a.id, a.reminder, s.step, sum(s.step) OVER (stream ORDER BY a.place) AS through,
        sum(s.step) OVER stream AS total
    FROM asked AS a
    JOIN channels AS c ON c.tenant_id = a.tenant_id AND c.id = a.channel_id
    CROSS JOIN LATERAL make_interval(secs => 60 / (c.messages_per_minute * CASE WHEN a.reminder THEN $15::float8 ELSE $14::float8 END)) AS s (step)
    -- One that is known takes no moment of the line.
    WHERE (SELECT m.id FROM messages AS m WHERE m.tenant_id = a.tenant_id AND m.request_id = a.request_id) IS NULL
    WINDOW stream AS (PARTITION BY a.tenant_id, a.channel_id, a.reminder)
), line AS (
    INSERT INTO paces AS p (tenant_id, channel_id, replies_from, others_from)
    SELECT tenant_id, channel_id, $13::timestamptz + coalesce(sum(step) FILTER (WHERE NOT reminder), '0'),
        $13 + coalesce(sum(step) FILTER (WHERE reminder), '0')
    FROM step
    GROUP BY tenant_id, channel_id
    ORDER BY tenant_id, channel_id
    ON CONFLICT (tenant_id, channel_id) DO UPDATE
    SET replies_from = greatest(p.replies_from, $13) + (excluded.replies_from - $13),
        others_from = greatest(p.others_from, $13) + (excluded.others_from - $13)
    RETURNING p.tenant_id, p.channel_id, p.replies_from, p.others_from
), placed AS (
    SELECT a.*, greatest($12, CASE WHEN s.reminder THEN l.others_from ELSE l.replies_from END - s.total + s.through - s.step) AS paced_at
    FROM asked AS a
    JOIN step AS s ON s.id = a.id
    JOIN line AS l ON l.tenant_id = a.tenant_id AND l.channel_id = a.channel_id
), stored AS (
    INSERT INTO messages (tenant_id, id, channel_id, conversation_id, direction, author, kind, text, choices, template, status,
        request_id, purpose, written_by, paced_at, received_at)
    SELECT tenant_id, id, channel_id, goes_to, 'out', author, 'text', text, choices, template, 'queued', request_id, purpose,
        written_by, paced_at, $12
    FROM placed
    ON CONFLICT (tenant_id, request_id) WHERE request_id IS NOT NULL DO NOTHING
    RETURNING id
)
SELECT p.id, p.channel_id, p.goes_to AS conversation_id, p.in_turn, p.fills_gap, p.paced_at,
    p.in_turn AND NOT p.reminder AND EXISTS (SELECT FROM jobs AS j
        WHERE j.tenant_id = p.tenant_id AND j.lane = p.goes_to::text AND j.status IN ('ready', 'running') AND j.lease_token IS NULL
          AND j.scheduled_at > p.paced_at) AS hurries
FROM stored JOIN placed AS p ON p.id = stored.id;

-- name: send_release
-- The run of requests that follows the one which has just come need not be held back any longer.
WITH RECURSIVE run AS (
    SELECT $5::bigint AS position
    UNION ALL
    SELECT run.position + 1
    FROM run
    WHERE EXISTS (SELECT FROM jobs AS j
        WHERE j.tenant_id = $1 AND j.type = $3 AND j.lane = $4 AND j.lane_order = run.position + 1 AND j.status IN ('ready', 'running'))
), counted AS (
    UPDATE conversations SET asked_through = (SELECT max(position) FROM run) WHERE tenant_id = $1 AND id = $2
)
UPDATE jobs SET scheduled_at = $6
WHERE tenant_id = $1 AND type = $3 AND lane = $4 AND status IN ('ready', 'running') AND lease_token IS NULL AND attempts = 0
  AND scheduled_at > $6
  AND lane_order <= (SELECT max(position) FROM run);

-- name: sends_overtake
-- What was held back has waited long enough: those after it need not wait for the missing one again. One row of $1 … $3 for each.
WITH held AS MATERIALIZED (
    SELECT v.tenant_id, v.id, o.position
    FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS o (tenant_id, id, position)
    JOIN conversations AS v ON v.tenant_id = o.tenant_id AND v.id = o.id
    ORDER BY v.tenant_id, v.channel_id, v.contact_id, v.id
    FOR NO KEY UPDATE OF v
)
UPDATE conversations AS v SET asked_through = greatest(v.asked_through, held.position)
FROM held
WHERE v.tenant_id = held.tenant_id AND v.id = held.id;

-- name: sends_begin
-- What is waiting to be sent, and all that the calls need. Marks the attempts before the calls: of what may go now (`begun`), because
-- nothing keeps it from going and its moment is not before $4. `attempted_at` and `tried_at` are those of earlier attempts
-- whose outcome is not known; they stay. `approved` is what the line's provider calls the template, in the very locale or else
-- in the language. One row is looked up after the other, whatever PostgreSQL believes of tables that were empty when it planned.
WITH message AS MATERIALIZED (
    SELECT m.*
    FROM unnest($1::uuid[], $2::uuid[]) AS i (tenant_id, id)
    CROSS JOIN LATERAL (
        SELECT m.tenant_id, m.id, m.conversation_id, m.channel_id, m.text, m.author, m.request_id, m.purpose, m.choices, m.template,
            m.as_template, m.attempted_at, m.tried_at, m.paced_at, m.received_at
        FROM messages AS m
        WHERE m.tenant_id = i.tenant_id AND m.id = i.id AND m.status IN ('queued', 'failed') AND m.provider_id IS NULL
        LIMIT 1
        FOR UPDATE) AS m
), seen AS MATERIALIZED (
    SELECT m.*, v.contact_id, v.client_at, c.gateway, c.instance, c.base_url, c.api_key, c.active, c.deleted, c.show_typing,
        c.state AS line_state, coalesce(s.failures, 0) AS failures, coalesce(s.openings, 0) AS openings, s.blocked_until, s.blocked_reason,
        m.author = 'booka' AND m.purpose = 'reply' AND is_attended(v.attended_by, v.attended_until, $3) AS attended,
        p.blocked_at IS NOT NULL AS blocked
    FROM message AS m
    CROSS JOIN LATERAL (
        SELECT v.contact_id, v.client_at, v.attended_by, v.attended_until
        FROM conversations AS v
        WHERE v.tenant_id = m.tenant_id AND v.erased_at IS NULL AND v.id = (
            SELECT coalesce(w.merged_into, w.id) FROM conversations AS w WHERE w.tenant_id = m.tenant_id AND w.id = m.conversation_id)
        LIMIT 1) AS v
    CROSS JOIN LATERAL (
        SELECT p.blocked_at FROM contacts AS p WHERE p.tenant_id = m.tenant_id AND p.id = v.contact_id LIMIT 1) AS p
    CROSS JOIN LATERAL (
        SELECT c.gateway, c.instance, c.base_url, c.api_key, c.active, c.deleted_at IS NOT NULL AS deleted, c.show_typing,
            c.state
        FROM channels AS c
        WHERE c.tenant_id = m.tenant_id AND c.id = m.channel_id
        LIMIT 1) AS c
    LEFT JOIN LATERAL (
        SELECT s.failures, s.openings, s.blocked_until, s.blocked_reason
        FROM paces AS s
        WHERE s.tenant_id = m.tenant_id AND s.channel_id = m.channel_id
        LIMIT 1) AS s ON true
), begun AS (
    UPDATE messages AS m
    SET attempted_at = coalesce(m.attempted_at, $3), tried_at = coalesce(m.tried_at, $3), paced_at = NULL
    FROM seen AS s
    WHERE m.tenant_id = s.tenant_id AND m.id = s.id
      AND s.active AND s.blocked_until IS NULL AND s.paced_at BETWEEN $4 AND $3 AND s.received_at > $5
      AND (s.attempted_at IS NOT NULL OR NOT s.attended AND NOT s.blocked)
    RETURNING m.id
)
SELECT s.tenant_id, s.id, s.text, s.author, s.purpose, s.request_id, s.conversation_id, s.choices, s.template, s.as_template,
    s.attempted_at, s.tried_at, s.paced_at, s.received_at, s.client_at, s.channel_id, s.gateway, s.instance, s.base_url, s.api_key,
    s.active, s.deleted, s.line_state, s.failures, s.openings, s.blocked_until, s.blocked_reason, s.attended, s.blocked, s.show_typing,
    EXISTS (SELECT FROM begun AS b WHERE b.id = s.id) AS begun,
    ARRAY(SELECT a.kind || ':' || a.value FROM contact_aliases AS a
          WHERE a.tenant_id = s.tenant_id AND a.channel_id = s.channel_id AND a.contact_id = s.contact_id
          ORDER BY a.created_at, a.kind, a.value) AS aliases,
    CASE WHEN s.template IS NOT NULL THEN (
        SELECT jsonb_build_object('provider_name', t.provider_name, 'language', t.language, 'parameters', t.parameters)
        FROM channel_templates AS t
        WHERE t.tenant_id = s.tenant_id AND t.channel_id = s.channel_id AND t.name = s.template ->> 'name'
          AND split_part(lower(t.locale), '-', 1) = split_part(lower(s.template ->> 'locale'), '-', 1)
        ORDER BY lower(t.locale) = lower(s.template ->> 'locale') DESC, length(t.locale), t.locale
        LIMIT 1) END AS approved,
    CASE WHEN s.show_typing AND s.purpose = 'reply' THEN (
        SELECT x.provider_id FROM messages AS x
        WHERE x.tenant_id = s.tenant_id AND x.conversation_id = s.conversation_id AND x.direction = 'in'
        ORDER BY x.id DESC LIMIT 1) END AS answering
FROM seen AS s;

-- name: send_again
-- The earlier attempt came to nothing, as far as anybody can tell: another one begins.
UPDATE messages SET tried_at = $3 WHERE tenant_id = $1 AND id = $2;

-- name: send_untaken
-- The gateway did not take it, so there is no outcome that is not known, unless there was one before.
UPDATE messages SET attempted_at = $3, tried_at = $4 WHERE tenant_id = $1 AND id = $2;

-- name: sends_done
-- Takes over a receipt that was faster; an echo that was is forgotten. A gateway that takes a message without naming it leaves
-- nothing to match either by.
WITH item AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[])
        AS i (tenant_id, id, channel_id, provider_id, sent_at)
    LIMIT cardinality($1::uuid[])
), named AS MATERIALIZED (
    SELECT forget_echoes($1::uuid[], $3::uuid[], $4::text[], max(sent_at)) FROM item
), receipt AS (
    INSERT INTO receipts AS r (tenant_id, channel_id, provider_id, status, message_id, updated_at)
    SELECT tenant_id, channel_id, provider_id, 'sent', id, sent_at
    FROM named CROSS JOIN item
    WHERE provider_id IS NOT NULL
    ORDER BY tenant_id, channel_id, provider_id
    ON CONFLICT (tenant_id, channel_id, provider_id) DO UPDATE SET message_id = excluded.message_id
    RETURNING r.message_id, r.status
)
UPDATE messages AS m
SET status = coalesce(receipt.status, 'sent'), provider_id = i.provider_id, sent_at = i.sent_at, failure = NULL
FROM named
CROSS JOIN item AS i
LEFT JOIN receipt ON receipt.message_id = i.id
WHERE m.tenant_id = i.tenant_id AND m.id = i.id
RETURNING m.id, m.status;

-- name: send_failed
UPDATE messages SET status = 'failed', failure = $3 WHERE tenant_id = $1 AND id = $2 AND status = 'queued'
RETURNING conversation_id, request_id;

-- name: provider_ids_known
-- Which of these messages in the gateway's store are accounted for here, as ours or as somebody else's.
SELECT provider_id FROM messages
WHERE tenant_id = $1 AND channel_id = $2 AND provider_id = ANY ($3::text[]) AND request_id IS NOT NULL;
