-- Media of messages, and what is heard in them.

-- name: medium_find
-- Of a message that was neither taken back nor erased.
SELECT m.metadata, m.deleted_at, c.id AS channel_id, c.gateway, c.instance, c.base_url, c.api_key, c.deleted_at IS NOT NULL AS line_deleted
FROM messages AS m
JOIN channels AS c ON c.tenant_id = m.tenant_id AND c.id = m.channel_id
WHERE m.tenant_id = $1 AND m.id = $2;

-- name: voice_heard
-- The message of a turn that was put off, with its contact, who may not be erased meanwhile: the lock makes erasing wait.
SELECT m.conversation_id, v.contact_id, m.turn, m.kind, m.text, m.sent_at, m.received_at,
    c.name AS contact_name, c.phone, m.deleted_at IS NOT NULL AS taken_back, c.erased_at IS NOT NULL AS erased,
    is_attended(g.attended_by, g.attended_until, $3) AS attended
FROM messages AS m
JOIN conversations AS v ON v.tenant_id = m.tenant_id AND v.id = m.conversation_id
JOIN conversations AS g ON g.tenant_id = v.tenant_id AND g.id = coalesce(v.merged_into, v.id)
JOIN contacts AS c ON c.tenant_id = v.tenant_id AND c.id = v.contact_id
WHERE m.tenant_id = $1 AND m.id = $2 AND m.turn IS NOT NULL
FOR SHARE OF c;

-- name: voice_text
UPDATE messages SET text = $3 WHERE tenant_id = $1 AND id = $2 AND text = '';
