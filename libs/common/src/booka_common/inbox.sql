-- name: inbox_once
INSERT INTO inbox (consumer, message_id, tenant_id) VALUES ($1, $2, $3)
ON CONFLICT (consumer, message_id) DO NOTHING
RETURNING 1;

-- name: inbox_prune
DELETE FROM inbox WHERE received_at < clock_timestamp() - $1::interval;
