-- Messages that were edited or taken back afterwards.

-- name: corrected_lock
-- The message, and whether its client was erased; no client whom somebody is erasing right now can be overlooked here.
SELECT v.erased_at IS NOT NULL AS erased
FROM messages AS m
JOIN conversations AS v ON v.tenant_id = $1 AND v.id = m.conversation_id
WHERE m.tenant_id = $1 AND m.channel_id = $2 AND m.provider_id = $3
ORDER BY v.channel_id, v.contact_id, v.id
FOR SHARE OF v;

-- name: message_edit
-- Of whoever wrote it; what was taken back stays empty, and a later edit stays.
UPDATE messages SET text = $4, edited_at = $5
WHERE tenant_id = $1 AND channel_id = $2 AND provider_id = $3 AND deleted_at IS NULL AND text <> $4
  AND (edited_at IS NULL OR edited_at <= $5)
RETURNING id;

-- name: message_delete
-- With what it referred to.
UPDATE messages SET text = '', choice_id = NULL, metadata = '{}', deleted_at = $4
WHERE tenant_id = $1 AND channel_id = $2 AND provider_id = $3 AND deleted_at IS NULL
RETURNING id;
