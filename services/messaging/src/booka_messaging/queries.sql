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

-- name: message_take
-- The whole intake of a message from somebody known, in one round trip. It does nothing if the message is there already
-- (`duplicate`), and nothing if an alias is unknown, the aliases belong to several contacts, or the name is new
-- (`conversation_id` is null): then the contact is settled first. The row lock on the conversation numbers its turns.
-- Of two concurrent deliveries, the later one counts a turn and stores nothing (`stored` is false): it must be rolled back.
WITH known AS (
    SELECT min(a.contact_id::text)::uuid AS contact_id
    FROM unnest($4::text[], $5::text[]) AS w (kind, value)
    JOIN contact_aliases AS a ON a.tenant_id = $1 AND a.channel_id = $2 AND a.kind = w.kind AND a.value = w.value
    HAVING count(*) = cardinality($4::text[]) AND count(DISTINCT a.contact_id) = 1
), contact AS (
    SELECT c.id, c.name, c.phone
    FROM known
    JOIN contacts AS c ON c.tenant_id = $1 AND c.id = known.contact_id
    WHERE $6::text IS NULL OR c.name = $6
), earlier AS (
    SELECT FROM messages WHERE tenant_id = $1 AND channel_id = $2 AND provider_id = $3
), turned AS (
    UPDATE conversations AS v
    SET turns = v.turns + $7::integer, active_at = greatest(v.active_at, $8::timestamptz)
    FROM contact
    WHERE v.tenant_id = $1 AND v.channel_id = $2 AND v.contact_id = contact.id AND v.merged_into IS NULL
      AND NOT EXISTS (SELECT FROM earlier)
    RETURNING v.id, v.turns, v.contact_id, contact.name, contact.phone
), stored AS (
    INSERT INTO messages (tenant_id, id, channel_id, conversation_id, direction, author, provider_id, kind, text, choice_id,
        metadata, status, turn, sent_at, received_at)
    SELECT $1, $9, $2, turned.id, $10, $11, $3, $12, $13, $14, $15, $16, CASE WHEN $7 > 0 THEN turned.turns END, $17, $8
    FROM turned
    ON CONFLICT (tenant_id, channel_id, provider_id, author) WHERE provider_id IS NOT NULL DO NOTHING
    RETURNING id
)
SELECT EXISTS (SELECT FROM earlier) AS duplicate, EXISTS (SELECT FROM stored) AS stored,
    turned.id AS conversation_id, turned.contact_id, turned.turns AS turn, turned.name, turned.phone
FROM (SELECT) AS one LEFT JOIN turned ON true;

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

-- name: contact_put
INSERT INTO contacts (tenant_id, id, name, phone, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, phone = excluded.phone;

-- name: alias_add
INSERT INTO contact_aliases (tenant_id, channel_id, kind, value, contact_id, created_at)
SELECT $1, $2, w.kind, w.value, $3, $4
FROM unnest($5::text[], $6::text[]) AS w (kind, value)
ON CONFLICT (tenant_id, channel_id, kind, value) DO NOTHING;

-- name: conversation_open
INSERT INTO conversations (tenant_id, id, channel_id, contact_id, created_at, active_at) VALUES ($1, $2, $3, $4, $5, $5)
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

-- name: send_queue
-- A conversation that was merged into another one goes on there. No row: no such conversation, or the request is known.
-- The row lock lets one request at a time count itself: `in_turn` is false while what comes before it is missing, and
-- `fills_gap` is true if later ones may have been held back for this one.
WITH asked AS (
    UPDATE conversations
    SET asked_through = CASE WHEN $8::integer = asked_through + 1 THEN $8 ELSE asked_through END,
        asked_highest = greatest(asked_highest, $8)
    WHERE tenant_id = $1 AND id = $2
    RETURNING channel_id, coalesce(merged_into, id) AS goes_to, coalesce($8 <= asked_through, true) AS in_turn,
        coalesce($8 = asked_through AND $8 < asked_highest, false) AS fills_gap
), stored AS (
    INSERT INTO messages (tenant_id, id, channel_id, conversation_id, direction, author, kind, text, status, request_id,
        purpose, received_at)
    SELECT $1, $3, asked.channel_id, asked.goes_to, 'out', 'booka', 'text', $4, 'queued', $5, $6, $7
    FROM asked
    ON CONFLICT (tenant_id, request_id) WHERE request_id IS NOT NULL DO NOTHING
    RETURNING id
)
SELECT asked.goes_to AS conversation_id, asked.in_turn, asked.fills_gap FROM asked, stored;

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

-- name: send_begin
-- Marks the attempt before the call; `attempted_at` is that of an earlier attempt whose outcome is not known here.
WITH message AS (
    SELECT id, attempted_at FROM messages
    WHERE tenant_id = $1 AND id = $2 AND status IN ('queued', 'failed') AND provider_id IS NULL
    FOR UPDATE
)
UPDATE messages AS m
SET attempted_at = coalesce(m.attempted_at, $3)
FROM message, conversations AS v, channels AS c
WHERE m.tenant_id = $1 AND m.id = message.id
  AND v.tenant_id = $1 AND v.id = m.conversation_id
  AND c.tenant_id = $1 AND c.id = v.channel_id
RETURNING m.text, m.request_id, v.id AS conversation_id, message.attempted_at,
    c.id AS channel_id, c.gateway, c.instance, c.base_url, c.api_key, c.active,
    ARRAY(SELECT a.kind || ':' || a.value FROM contact_aliases AS a
          WHERE a.tenant_id = $1 AND a.channel_id = c.id AND a.contact_id = v.contact_id
          ORDER BY a.created_at, a.kind, a.value) AS aliases;

-- name: send_done
-- Takes over a receipt that was faster. An echo of our message that was faster was stored as written by the salon: it
-- was not. A gateway that takes a message without naming it leaves nothing to match receipts by.
WITH echo AS (
    DELETE FROM messages WHERE tenant_id = $1 AND channel_id = $3 AND provider_id = $4 AND author = 'salon'
), receipt AS (
    INSERT INTO receipts AS r (tenant_id, channel_id, provider_id, status, message_id, updated_at)
    SELECT $1, $3, $4, 'sent', $2, $5
    WHERE $4::text IS NOT NULL
    ON CONFLICT (tenant_id, channel_id, provider_id) DO UPDATE SET message_id = excluded.message_id
    RETURNING r.status
)
UPDATE messages AS m
SET status = coalesce((SELECT status FROM receipt), 'sent'), provider_id = $4, sent_at = $5, failure = NULL
WHERE m.tenant_id = $1 AND m.id = $2
RETURNING m.status;

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
