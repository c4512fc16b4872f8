-- What is sent, and what became of it.

-- name: receipt_apply
-- A receipt that knows less than we do changes nothing; one that is early waits on its row for `send_done`.
WITH receipt AS (
    INSERT INTO receipts AS r (tenant_id, channel_id, provider_id, status, updated_at)
    VALUES ($1, $2, $3, $4, $6)
    ON CONFLICT (tenant_id, channel_id, provider_id) DO UPDATE
    SET status = excluded.status, updated_at = excluded.updated_at
    WHERE r.status = ANY ($5::text[])
    RETURNING r.message_id
)
UPDATE messages AS m
SET status = $4, failure = CASE WHEN $4 = 'failed' THEN 'gateway_error' END
FROM receipt
WHERE m.tenant_id = $1 AND m.id = receipt.message_id
RETURNING m.id, m.conversation_id, m.request_id;

-- name: sends_queue
-- One row of $1 … $9 for each request, at most one for a conversation. A conversation that was merged into another one goes
-- on there. No row comes back: no such conversation, or the request is known. The row lock lets one request at a time
-- count itself: `in_turn` is false while what comes before it is missing, and `fills_gap` is true if later ones may have
-- been held back for this one.
WITH item AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::integer[], $8::text[], $9::text[])
        AS i (tenant_id, conversation_id, id, text, request_id, purpose, position, author, written_by)
), asked AS (
    UPDATE conversations AS v
    SET asked_through = CASE WHEN i.position = v.asked_through + 1 THEN i.position ELSE v.asked_through END,
        asked_highest = greatest(v.asked_highest, i.position),
        active_at = CASE i.author WHEN 'salon' THEN greatest(v.active_at, $10) ELSE v.active_at END
    FROM (SELECT * FROM item ORDER BY tenant_id, conversation_id) AS i
    WHERE v.tenant_id = i.tenant_id AND v.id = i.conversation_id
    RETURNING i.*, v.channel_id, coalesce(v.merged_into, v.id) AS goes_to,
        coalesce(i.position <= v.asked_through, true) AS in_turn,
        coalesce(i.position = v.asked_through AND i.position < v.asked_highest, false) AS fills_gap
), stored AS (
    INSERT INTO messages (tenant_id, id, channel_id, conversation_id, direction, author, kind, text, status, request_id,
        purpose, written_by, received_at)
    SELECT tenant_id, id, channel_id, goes_to, 'out', author, 'text', text, 'queued', request_id, purpose, written_by, $10
    FROM asked
    ON CONFLICT (tenant_id, request_id) WHERE request_id IS NOT NULL DO NOTHING
    RETURNING id
)
SELECT asked.id, asked.goes_to AS conversation_id, asked.in_turn, asked.fills_gap
FROM stored JOIN asked ON asked.id = stored.id;

-- name: send_release
-- The run of requests that follows the one which has just come need not be held back any longer.
WITH RECURSIVE run AS (
    SELECT $5::bigint AS position
    UNION ALL
    SELECT run.position + 1
    FROM run
    WHERE EXISTS (SELECT FROM jobs AS j
        WHERE j.tenant_id = $1 AND j.type = $3 AND j.lane = $4 AND j.lane_order = run.position + 1)
), counted AS (
    UPDATE conversations SET asked_through = (SELECT max(position) FROM run) WHERE tenant_id = $1 AND id = $2
)
UPDATE jobs SET scheduled_at = $6
WHERE tenant_id = $1 AND type = $3 AND lane = $4 AND status = 'ready' AND attempts = 0 AND scheduled_at > $6
  AND lane_order <= (SELECT max(position) FROM run);

-- name: send_overtakes
-- What was held back has waited long enough: those after it need not wait for the missing one again.
UPDATE conversations SET asked_through = greatest(asked_through, $3::integer) WHERE tenant_id = $1 AND id = $2;

-- name: sends_begin
-- Marks the attempts before the calls; `attempted_at` is that of an earlier attempt whose outcome is not known here.
WITH message AS (
    SELECT m.tenant_id, m.id, m.attempted_at
    FROM unnest($1::uuid[], $2::uuid[]) AS i (tenant_id, id)
    JOIN messages AS m ON m.tenant_id = i.tenant_id AND m.id = i.id
    WHERE m.status IN ('queued', 'failed') AND m.provider_id IS NULL
    FOR UPDATE OF m
)
UPDATE messages AS m
SET attempted_at = coalesce(m.attempted_at, $3)
FROM message, conversations AS v, channels AS c
WHERE m.tenant_id = message.tenant_id AND m.id = message.id
  AND v.tenant_id = m.tenant_id AND v.id = m.conversation_id
  AND c.tenant_id = v.tenant_id AND c.id = v.channel_id
RETURNING m.tenant_id, m.id, m.text, m.request_id, v.id AS conversation_id, message.attempted_at,
    c.id AS channel_id, c.gateway, c.instance, c.base_url, c.api_key, c.active,
    ARRAY(SELECT a.kind || ':' || a.value FROM contact_aliases AS a
          WHERE a.tenant_id = v.tenant_id AND a.channel_id = c.id AND a.contact_id = v.contact_id
          ORDER BY a.created_at, a.kind, a.value) AS aliases;

-- name: sends_done
-- Takes over a receipt that was faster. An echo of our message that was faster was stored as written by the salon: it
-- was not, and it has to go first if somebody of the salon wrote ours, in the console. A gateway that takes a message without
-- naming it leaves nothing to match receipts by.
WITH item AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[])
        AS i (tenant_id, id, channel_id, provider_id, sent_at)
), echo AS (
    DELETE FROM messages AS m USING item AS i
    WHERE m.tenant_id = i.tenant_id AND m.channel_id = i.channel_id AND m.provider_id = i.provider_id
      AND m.author = 'salon' AND m.request_id IS NULL
    RETURNING m.id, m.tenant_id, m.conversation_id, i.sent_at
), mistaken AS (
    -- Nobody typed it, so nobody took the conversation over, unless somebody did type since.
    UPDATE conversations AS v
    SET attended_until = echo.sent_at
    FROM echo
    WHERE v.tenant_id = echo.tenant_id AND v.takeover_id = echo.id AND v.attended_by IS NOT NULL
      AND v.id IN (SELECT coalesce(w.merged_into, w.id) FROM conversations AS w
          WHERE w.tenant_id = echo.tenant_id AND w.id = echo.conversation_id)
      AND NOT EXISTS (SELECT FROM messages AS t
          WHERE t.tenant_id = echo.tenant_id AND t.conversation_id = echo.conversation_id AND t.id > echo.id
            AND t.author = 'salon')
), receipt AS (
    INSERT INTO receipts AS r (tenant_id, channel_id, provider_id, status, message_id, updated_at)
    SELECT tenant_id, channel_id, provider_id, 'sent', id, sent_at
    FROM item
    WHERE provider_id IS NOT NULL
    ORDER BY tenant_id, channel_id, provider_id
    ON CONFLICT (tenant_id, channel_id, provider_id) DO UPDATE SET message_id = excluded.message_id
    RETURNING r.message_id, r.status
)
UPDATE messages AS m
SET status = coalesce(receipt.status, 'sent'), provider_id = i.provider_id, sent_at = i.sent_at, failure = NULL
FROM item AS i
CROSS JOIN (SELECT count(*) FROM echo) AS gone
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
