-- name: inbox_once
INSERT INTO inbox (consumer, message_id, tenant_id) VALUES ($1, $2, $3)
ON CONFLICT (consumer, message_id) DO NOTHING
RETURNING 1;

-- name: inbox_once_all
-- As inbox_once, for messages of any tenants; in one order, so that two of these wait for each other in one direction only.
INSERT INTO inbox (consumer, message_id, tenant_id)
SELECT $1::text, m.* FROM unnest($2::uuid[], $3::uuid[]) AS m (message_id, tenant_id) ORDER BY message_id
ON CONFLICT (consumer, message_id) DO NOTHING
RETURNING message_id;

-- name: inbox_forget
-- What this very transaction has put there.
DELETE FROM inbox WHERE consumer = $1 AND message_id = ANY ($2::uuid[]) AND xmin = pg_current_xact_id()::xid;

-- name: inbox_prune
-- So many at most: see `runtime.clean_up`.
DELETE FROM inbox WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM inbox WHERE received_at < clock_timestamp() - $1::interval LIMIT 10000));
