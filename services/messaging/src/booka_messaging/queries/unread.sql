-- Webhooks that could not be read, without their credentials.

-- name: unread_put
-- The same body again is counted: a gateway repeats what it was not told has arrived.
INSERT INTO unread_deliveries (tenant_id, id, channel_id, digest, body, path_event, error, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, channel_id, digest) DO UPDATE SET deliveries = unread_deliveries.deliveries + 1;

-- name: unread_trim
-- What has been read goes first, then the oldest: it would not be answered any more.
DELETE FROM unread_deliveries
WHERE tenant_id = $1 AND id IN (
    SELECT id FROM unread_deliveries
    WHERE tenant_id = $1 AND channel_id = $2
    ORDER BY read_at IS NULL DESC, id DESC
    OFFSET $3)
RETURNING read_at IS NULL AS lost;

-- name: unread_list
SELECT id, path_event, error, deliveries, octet_length(body) AS bytes, received_at, read_at
FROM unread_deliveries
WHERE tenant_id = $1 AND channel_id = $2 AND ($3::uuid IS NULL OR id < $3) AND ($4 OR read_at IS NULL)
ORDER BY id DESC
LIMIT $5;

-- name: unread_get
SELECT id, body, path_event, error, deliveries, received_at, read_at
FROM unread_deliveries
WHERE tenant_id = $1 AND channel_id = $2 AND id = $3;

-- name: unread_open
-- Those that wait, the oldest first.
SELECT id, body, path_event, error, deliveries, received_at, read_at
FROM unread_deliveries
WHERE tenant_id = $1 AND channel_id = $2 AND read_at IS NULL AND ($3::uuid IS NULL OR id > $3)
ORDER BY id
LIMIT $4;

-- name: unread_settle
UPDATE unread_deliveries SET read_at = $3, error = coalesce($4, error) WHERE tenant_id = $1 AND id = $2;

-- name: unread_forget
-- Whatever holds a number or id of a person who is to be forgotten.
DELETE FROM unread_deliveries AS u
WHERE u.tenant_id = $1 AND EXISTS (
    SELECT FROM contact_aliases AS a
    WHERE a.tenant_id = $1 AND a.contact_id = $2 AND position(convert_to(a.value, 'UTF8') IN u.body) > 0);

-- name: unread_prune
-- cross-tenant: runs under the system role, once an hour.
DELETE FROM unread_deliveries WHERE received_at < clock_timestamp() - $1::interval;

-- name: unread_put_nobodys
-- cross-tenant: it is nobody's. The oldest make room.
WITH trimmed AS (
    DELETE FROM unread_of_nobody WHERE digest IN (
        SELECT digest FROM unread_of_nobody WHERE digest <> $1 ORDER BY received_at DESC, digest OFFSET $5 - 1)
)
INSERT INTO unread_of_nobody (digest, body, error, received_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (digest) DO UPDATE SET deliveries = unread_of_nobody.deliveries + 1;

-- name: unread_prune_nobodys
-- cross-tenant: runs under the system role, once an hour. What people wrote is in it, and nobody can ask for theirs.
DELETE FROM unread_of_nobody WHERE received_at < clock_timestamp() - $1::interval;
