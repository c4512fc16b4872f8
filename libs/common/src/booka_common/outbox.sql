-- Statements of the outbox. All run under the service's system role except outbox_put, which joins the business transaction.

-- name: outbox_put
-- $6: how long whoever wrote them has them to itself for publishing.
INSERT INTO outbox (id, tenant_id, routing_key, correlation_id, body, next_attempt_at)
SELECT *, clock_timestamp() + $6::interval FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::bytea[])
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: outbox_claim
SELECT id, routing_key, correlation_id, body
FROM outbox
WHERE sent_at IS NULL AND next_attempt_at <= clock_timestamp()
ORDER BY seq
LIMIT $1
FOR UPDATE SKIP LOCKED;

-- name: outbox_mark_sent
UPDATE outbox SET sent_at = clock_timestamp(), attempts = attempts + 1, last_error = NULL WHERE id = ANY ($1::uuid[]);

-- name: outbox_mark_failed
-- A message that cannot be routed must not keep the relay spinning: it comes back later, and shows up by its age.
UPDATE outbox
SET attempts = attempts + 1,
    last_error = failed.error,
    next_attempt_at = clock_timestamp() + least(interval '1 second' * power(2, least(attempts, 6)), interval '30 seconds')
FROM unnest($1::uuid[], $2::text[]) AS failed (id, error)
WHERE outbox.id = failed.id;

-- name: outbox_replay
UPDATE outbox SET sent_at = NULL, next_attempt_at = clock_timestamp()
WHERE routing_key = $1 AND sent_at IS NOT NULL AND created_at > clock_timestamp() - $2::interval;

-- name: outbox_backlog
SELECT count(*) AS pending, coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8 AS oldest_seconds
FROM outbox WHERE sent_at IS NULL;

-- name: outbox_prune
-- So many at most: see `runtime.clean_up`.
DELETE FROM outbox WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM outbox WHERE sent_at < clock_timestamp() - $1::interval LIMIT 10000));
