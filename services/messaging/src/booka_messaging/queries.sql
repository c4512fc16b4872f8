-- Statements of messaging. Each binds the tenant itself, although row level security would.

-- name: channel_by_id
-- cross-tenant: runs under the system role, because a webhook names its channel before its tenant is known.
SELECT id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, active,
    state, state_reason, state_at, created_at, updated_at
FROM channels
WHERE id = $1;

-- name: channel_put
-- Replacing a channel with another secret ends the old one at once; rotation is what keeps both for a while.
INSERT INTO channels (tenant_id, id, gateway, instance, base_url, api_key, auth_mode, secret, active, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
ON CONFLICT (tenant_id, id) DO UPDATE
SET gateway = excluded.gateway, instance = excluded.instance, base_url = excluded.base_url, api_key = excluded.api_key,
    auth_mode = excluded.auth_mode, secret = excluded.secret, active = excluded.active, updated_at = excluded.updated_at,
    previous_secret = NULL, previous_until = NULL
RETURNING id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, active,
    state, state_reason, state_at, created_at, updated_at;

-- name: channel_rotate
UPDATE channels
SET previous_secret = secret, previous_until = $4, secret = $3, updated_at = $5
WHERE tenant_id = $1 AND id = $2
RETURNING id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, active,
    state, state_reason, state_at, created_at, updated_at;

-- name: channel_get
SELECT id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, active,
    state, state_reason, state_at, created_at, updated_at
FROM channels
WHERE tenant_id = $1 AND id = $2;

-- name: channel_list
SELECT id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, active,
    state, state_reason, state_at, created_at, updated_at
FROM channels
WHERE tenant_id = $1
ORDER BY created_at, id;

-- name: channel_connection
UPDATE channels SET state = $3, state_reason = $4, state_at = $5 WHERE tenant_id = $1 AND id = $2;

-- name: messages_take
-- The whole intake of messages from people who are known, in one round trip: one row of $1 … $14 for each message, one of
-- $15 … $17 for each alias of its author. It does nothing for a message that is there already (`duplicate`), and nothing
-- if an alias is unknown, the aliases belong to several contacts, or the name is new (`conversation_id` is null): then the
-- contact is settled first. The row locks on the conversations number their turns, and are taken in one order by
-- everybody. Of two concurrent deliveries, the later one counts a turn and stores nothing (`stored` is false): it must be
-- rolled back.
WITH item AS (
    SELECT * FROM unnest($1::integer[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::integer[], $7::timestamptz[],
        $8::uuid[], $9::text[], $10::text[], $11::text[], $12::text[], $13::jsonb[], $14::timestamptz[])
        AS i (item, tenant_id, channel_id, provider_id, name, counts, received_at, id, author, kind, text, choice_id,
            metadata, sent_at)
), known AS (
    SELECT i.item, min(a.contact_id::text)::uuid AS contact_id
    FROM item AS i
    JOIN unnest($15::integer[], $16::text[], $17::text[]) AS w (item, kind, value) ON w.item = i.item
    LEFT JOIN contact_aliases AS a
        ON a.tenant_id = i.tenant_id AND a.channel_id = i.channel_id AND a.kind = w.kind AND a.value = w.value
    GROUP BY i.item
    HAVING count(*) = count(a.contact_id) AND count(DISTINCT a.contact_id) = 1
), fresh AS (
    SELECT i.*, c.id AS contact_id, c.name AS contact_name, c.phone,
        sum(i.counts) OVER (PARTITION BY i.tenant_id, i.channel_id, c.id ORDER BY i.item) AS nth
    FROM known
    JOIN item AS i ON i.item = known.item
    JOIN contacts AS c ON c.tenant_id = i.tenant_id AND c.id = known.contact_id
    WHERE (i.name IS NULL OR c.name = i.name)
      AND NOT EXISTS (SELECT FROM messages AS m
          WHERE m.tenant_id = i.tenant_id AND m.channel_id = i.channel_id AND m.provider_id = i.provider_id)
), turned AS (
    UPDATE conversations AS v
    SET turns = v.turns + f.counts, active_at = greatest(v.active_at, f.received_at)
    FROM (SELECT tenant_id, channel_id, contact_id, sum(counts) AS counts, max(received_at) AS received_at
          FROM fresh GROUP BY tenant_id, channel_id, contact_id ORDER BY tenant_id, channel_id, contact_id) AS f
    WHERE v.tenant_id = f.tenant_id AND v.channel_id = f.channel_id AND v.contact_id = f.contact_id
      AND v.merged_into IS NULL
    RETURNING v.id, v.tenant_id, v.channel_id, v.contact_id, v.turns - f.counts AS turns_before
), taken AS (
    SELECT f.*, t.id AS conversation_id, (t.turns_before + f.nth)::integer AS turn
    FROM fresh AS f
    JOIN turned AS t ON t.tenant_id = f.tenant_id AND t.channel_id = f.channel_id AND t.contact_id = f.contact_id
), stored AS (
    INSERT INTO messages (tenant_id, id, channel_id, conversation_id, direction, author, provider_id, kind, text, choice_id,
        metadata, status, turn, sent_at, received_at)
    SELECT tenant_id, id, channel_id, conversation_id, CASE author WHEN 'client' THEN 'in' ELSE 'out' END, author,
        provider_id, kind, text, choice_id, metadata, CASE author WHEN 'client' THEN 'received' ELSE 'sent' END,
        CASE WHEN counts > 0 THEN turn END, sent_at, received_at
    FROM taken
    ON CONFLICT (tenant_id, channel_id, provider_id, author) WHERE provider_id IS NOT NULL DO NOTHING
    RETURNING id
)
SELECT item.item, stored.id IS NOT NULL AS stored, taken.conversation_id, taken.contact_id, taken.turn,
    taken.contact_name AS name, taken.phone,
    taken.item IS NULL AND EXISTS (SELECT FROM messages AS m
        WHERE m.tenant_id = item.tenant_id AND m.channel_id = item.channel_id AND m.provider_id = item.provider_id)
        AS duplicate
FROM item
LEFT JOIN taken ON taken.item = item.item
LEFT JOIN stored ON stored.id = item.id
ORDER BY item.item;

-- name: identity_lock
-- Who is who on a channel is settled by one transaction at a time; messages of known contacts do not come here.
SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text || 'messaging.identity', 0));

-- name: people_by_alias
SELECT c.id AS contact_id, c.name, c.phone, v.id AS conversation_id, v.active_at
FROM contacts AS c
LEFT JOIN conversations AS v
    ON v.tenant_id = $1 AND v.channel_id = $2 AND v.contact_id = c.id AND v.merged_into IS NULL
WHERE c.tenant_id = $1 AND c.id IN (
    SELECT a.contact_id
    FROM unnest($3::text[], $4::text[]) AS w (kind, value)
    JOIN contact_aliases AS a ON a.tenant_id = $1 AND a.channel_id = $2 AND a.kind = w.kind AND a.value = w.value);

-- name: person_put
-- The contact, those of its aliases that are new, and its conversation if it has none.
WITH contact AS (
    INSERT INTO contacts (tenant_id, id, name, phone, created_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, phone = excluded.phone
), aliases AS (
    INSERT INTO contact_aliases (tenant_id, channel_id, kind, value, contact_id, created_at)
    SELECT $1, $6, w.kind, w.value, $2, $5
    FROM unnest($7::text[], $8::text[]) AS w (kind, value)
    ON CONFLICT (tenant_id, channel_id, kind, value) DO NOTHING
)
INSERT INTO conversations (tenant_id, id, channel_id, contact_id, created_at, active_at) VALUES ($1, $9, $6, $2, $5, $5)
ON CONFLICT (tenant_id, channel_id, contact_id) WHERE merged_into IS NULL DO NOTHING;

-- name: merge_aliases
UPDATE contact_aliases SET contact_id = $2 WHERE tenant_id = $1 AND contact_id = ANY ($3::uuid[]);

-- name: merge_conversations
-- Also those that were merged into one of these before, so that one step always leads to where the talk goes on.
UPDATE conversations SET contact_id = $2, merged_into = $3
WHERE tenant_id = $1 AND (id = ANY ($4::uuid[]) OR merged_into = ANY ($4::uuid[]));

-- name: merge_contacts
UPDATE contacts SET merged_into = $2 WHERE tenant_id = $1 AND (id = ANY ($3::uuid[]) OR merged_into = ANY ($3::uuid[]));

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
-- One row of $1 … $7 for each request, at most one for a conversation. A conversation that was merged into another one goes
-- on there. No row comes back: no such conversation, or the request is known. The row lock lets one request at a time
-- count itself: `in_turn` is false while what comes before it is missing, and `fills_gap` is true if later ones may have
-- been held back for this one.
WITH item AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::uuid[], $6::text[], $7::integer[])
        AS i (tenant_id, conversation_id, id, text, request_id, purpose, position)
), asked AS (
    UPDATE conversations AS v
    SET asked_through = CASE WHEN i.position = v.asked_through + 1 THEN i.position ELSE v.asked_through END,
        asked_highest = greatest(v.asked_highest, i.position)
    FROM (SELECT * FROM item ORDER BY tenant_id, conversation_id) AS i
    WHERE v.tenant_id = i.tenant_id AND v.id = i.conversation_id
    RETURNING i.*, v.channel_id, coalesce(v.merged_into, v.id) AS goes_to,
        coalesce(i.position <= v.asked_through, true) AS in_turn,
        coalesce(i.position = v.asked_through AND i.position < v.asked_highest, false) AS fills_gap
), stored AS (
    INSERT INTO messages (tenant_id, id, channel_id, conversation_id, direction, author, kind, text, status, request_id,
        purpose, received_at)
    SELECT tenant_id, id, channel_id, goes_to, 'out', 'booka', 'text', text, 'queued', request_id, purpose, $8
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
-- was not. A gateway that takes a message without naming it leaves nothing to match receipts by.
WITH item AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[])
        AS i (tenant_id, id, channel_id, provider_id, sent_at)
), echo AS (
    DELETE FROM messages AS m USING item AS i
    WHERE m.tenant_id = i.tenant_id AND m.channel_id = i.channel_id AND m.provider_id = i.provider_id
      AND m.author = 'salon'
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
LEFT JOIN receipt ON receipt.message_id = i.id
WHERE m.tenant_id = i.tenant_id AND m.id = i.id
RETURNING m.id, m.status;

-- name: send_failed
UPDATE messages SET status = 'failed', failure = $3 WHERE tenant_id = $1 AND id = $2 AND status = 'queued'
RETURNING conversation_id, request_id;

-- name: provider_ids_known
-- Which of these messages in the gateway's store are accounted for here, as ours or as somebody else's.
SELECT provider_id FROM messages
WHERE tenant_id = $1 AND channel_id = $2 AND provider_id = ANY ($3::text[]) AND author = 'booka';

-- name: conversation_list
SELECT v.id, v.channel_id, v.contact_id, c.name, c.phone, v.turns, v.active_at, v.created_at
FROM conversations AS v
JOIN contacts AS c ON c.tenant_id = $1 AND c.id = v.contact_id
WHERE v.tenant_id = $1 AND v.merged_into IS NULL
  AND ($2::uuid IS NULL OR (v.active_at, v.id) < (
      SELECT b.active_at, b.id FROM conversations AS b WHERE b.tenant_id = $1 AND b.id = $2))
ORDER BY v.active_at DESC, v.id DESC
LIMIT $3;

-- name: conversation_get
SELECT id, merged_into FROM conversations WHERE tenant_id = $1 AND id = $2;

-- name: message_list
-- With the messages of conversations that were merged into this one.
SELECT id, direction, author, kind, text, choice_id, status, turn, purpose, failure, provider_id, request_id, metadata,
    sent_at, received_at
FROM messages
WHERE tenant_id = $1
  AND conversation_id IN (
      SELECT v.id FROM conversations AS v WHERE v.tenant_id = $1 AND (v.id = $2 OR v.merged_into = $2))
  AND ($3::uuid IS NULL OR id < $3)
ORDER BY id DESC
LIMIT $4;
