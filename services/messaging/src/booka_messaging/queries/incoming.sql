-- What clients write.

-- name: messages_take
-- The intake of messages (migrations/0005_taking.sql) inside a transaction, whose tenants are bound.
SELECT item, conversation_id, contact_id, turn, name, phone, attended FROM take_messages('', $1, '{}', NULL);

-- name: messages_there
-- Which of these are stored already, whoever wrote them.
SELECT i.id
FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[]) AS i (id, tenant_id, channel_id, provider_id)
WHERE EXISTS (SELECT FROM messages AS m
    WHERE m.tenant_id = i.tenant_id AND m.channel_id = i.channel_id AND m.provider_id = i.provider_id);
