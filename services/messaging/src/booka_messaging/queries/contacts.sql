-- People, as somebody at the salon looks after them. A contact that was merged stands for the one it became part of.

-- name: contact_get
SELECT c.id, c.name, c.phone, c.blocked_at, c.erased_at, c.contested, c.created_at
FROM contacts AS m
JOIN contacts AS c ON c.tenant_id = m.tenant_id AND c.id = coalesce(m.merged_into, m.id)
WHERE m.tenant_id = $1 AND m.id = $2;

-- name: contact_block
-- No row: no such contact, or one that was erased.
UPDATE contacts AS c
SET blocked_at = CASE WHEN $3 THEN coalesce(c.blocked_at, $4) END
WHERE c.tenant_id = $1 AND c.erased_at IS NULL AND c.merged_into IS NULL
  AND c.id = (SELECT coalesce(m.merged_into, m.id) FROM contacts AS m WHERE m.tenant_id = $1 AND m.id = $2)
RETURNING c.id;

-- name: contact_lines
-- The lines on which somebody is known, in the order in which they are locked.
SELECT a.channel_id FROM contact_aliases AS a WHERE a.tenant_id = $1 AND a.contact_id = $2
UNION
SELECT v.channel_id FROM conversations AS v WHERE v.tenant_id = $1 AND v.contact_id = $2
ORDER BY 1;

-- name: contact_aliases
SELECT channel_id, kind, value, created_at
FROM contact_aliases
WHERE tenant_id = $1 AND contact_id = $2
ORDER BY created_at, kind, value;

-- name: contact_conversations
-- With those that were merged into others.
SELECT id, channel_id, turns, merged_into, attended_by, attended_until, client_at, created_at, active_at
FROM conversations
WHERE tenant_id = $1 AND contact_id = $2
ORDER BY created_at, id;

-- name: contact_messages
SELECT id, conversation_id, direction, author, kind, text, choice_id, metadata, choices, template, status, turn, purpose,
    written_by, failure, provider_id, sent_at, edited_at, deleted_at, received_at
FROM messages
WHERE tenant_id = $1 AND conversation_id = ANY ($2::uuid[])
ORDER BY received_at, id;

-- name: contact_charges
SELECT h.channel_id, h.provider_id, h.category, h.model, h.billable, h.at
FROM messages AS m
JOIN charges AS h ON h.tenant_id = m.tenant_id AND h.channel_id = m.channel_id AND h.provider_id = m.provider_id
WHERE m.tenant_id = $1 AND m.conversation_id = ANY ($2::uuid[])
ORDER BY h.at, h.provider_id;

-- name: erase_conversations
-- First of all: messages that are being stored are waited for, and those that come after find nobody here.
WITH held AS MATERIALIZED (
    SELECT id FROM conversations WHERE tenant_id = $1 AND contact_id = $2 ORDER BY channel_id, contact_id, id FOR UPDATE
)
UPDATE conversations AS v
SET erased_at = $3, attended_by = NULL, attended_until = NULL
FROM held
WHERE v.tenant_id = $1 AND v.id = held.id
RETURNING v.id;

-- name: erase_contact
WITH aliases AS (
    DELETE FROM contact_aliases WHERE tenant_id = $1 AND contact_id = $2
)
UPDATE contacts SET name = NULL, phone = NULL, contested = false, erased_at = $3
WHERE tenant_id = $1 AND (id = $2 OR merged_into = $2)
RETURNING id;

-- name: erase_messages
-- The gateway's ids stay for now: they are how a message that is delivered again is known.
UPDATE messages
SET text = '', choice_id = NULL, metadata = '{}', choices = NULL, template = NULL
WHERE tenant_id = $1 AND conversation_id = ANY ($2::uuid[]);

-- name: erase_queued
-- What waits to be sent is not sent.
WITH jobs AS (
    UPDATE jobs SET status = 'cancelled', finished_at = $4
    WHERE tenant_id = $1 AND lane = ANY ($2::uuid[]::text[]) AND status = 'ready'
)
UPDATE messages SET status = 'failed', failure = $3
WHERE tenant_id = $1 AND conversation_id = ANY ($2::uuid[]) AND status = 'queued'
RETURNING id, conversation_id, request_id, author;

-- name: erase_ids
-- Providers' ids of messages: those of the Cloud API have the client's number in them. What was counted stays counted.
WITH gone AS (
    SELECT id, channel_id, provider_id FROM messages
    WHERE tenant_id = $1 AND conversation_id = ANY ($2::uuid[]) AND provider_id IS NOT NULL
), receipt AS (
    -- A message that was sent twice has two.
    DELETE FROM receipts AS r USING gone AS g
    WHERE r.tenant_id = $1 AND r.channel_id = g.channel_id AND (r.provider_id = g.provider_id OR r.message_id = g.id)
    RETURNING r.channel_id, r.provider_id
), charge AS (
    UPDATE charges AS h SET provider_id = encode(sha256(convert_to(h.provider_id, 'UTF8')), 'hex')
    FROM (SELECT channel_id, provider_id FROM gone UNION SELECT channel_id, provider_id FROM receipt) AS g
    WHERE h.tenant_id = $1 AND h.channel_id = g.channel_id AND h.provider_id = g.provider_id
)
UPDATE messages AS m SET provider_id = NULL FROM gone AS g WHERE m.tenant_id = $1 AND m.id = g.id;
