-- For those who look at conversations.

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
