-- Webhooks for lines of an app that salons share, held while the line is switched off. All of it runs under the system role: it is
-- nobody's until a salon has proven that the line is theirs.

-- name: held_put
-- cross-tenant: it is nobody's. A gateway's repetition changes nothing; of one line the oldest make room.
WITH trimmed AS (
    DELETE FROM held_deliveries WHERE gateway = $2 AND line = $3 AND id IN (
        SELECT id FROM held_deliveries WHERE gateway = $2 AND line = $3 AND digest <> $4 ORDER BY id DESC OFFSET $7 - 1)
    RETURNING id
), put AS (
    INSERT INTO held_deliveries (id, gateway, line, digest, body, received_at) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (gateway, line, digest) DO NOTHING
)
SELECT count(*) FROM trimmed;

-- name: held_list
-- cross-tenant: it is nobody's. The oldest first; none if the channel that asks ($3) has been switched off meanwhile, or has become
-- another line.
SELECT id, body, received_at FROM held_deliveries
WHERE gateway = $1 AND line = $2
  AND EXISTS (SELECT FROM channels AS c
              WHERE c.id = $3 AND c.active AND c.gateway = $1 AND c.instance = $2 AND c.secret IS NULL)
ORDER BY id LIMIT $4;

-- name: held_drop
-- cross-tenant: it is nobody's.
DELETE FROM held_deliveries WHERE gateway = $1 AND line = $2 AND id = $3;

-- name: held_prune
-- cross-tenant: runs under the system role, once an hour. What people wrote is in it, and nobody can ask for theirs.
DELETE FROM held_deliveries WHERE received_at < clock_timestamp() - $1::interval;
