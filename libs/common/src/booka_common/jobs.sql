-- Statements of the job queue. job_put joins a business transaction; claiming and leases run under the system role.

-- name: job_put
-- A unique key makes a job exist once: the second put of the same key does nothing while the first is kept (see job_prune).
INSERT INTO jobs (id, tenant_id, type, payload, scheduled_at, max_attempts, unique_key, lane, lane_order, correlation_id, traceparent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: job_put_all
-- The same for many, of any tenants.
INSERT INTO jobs (id, tenant_id, type, payload, scheduled_at, max_attempts, unique_key, lane, lane_order, correlation_id, traceparent)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::timestamptz[], $6::integer[], $7::text[], $8::text[],
    $9::bigint[], $10::uuid[], $11::text[])
ON CONFLICT DO NOTHING;

-- name: job_put_started
-- The same; those of which $12 says so are put as claimed ($13, for $14), unless something comes before them in their lane.
INSERT INTO jobs (id, tenant_id, type, payload, scheduled_at, max_attempts, unique_key, lane, lane_order, correlation_id, traceparent,
    status, attempts, lease_token, lease_until)
SELECT n.id, n.tenant_id, n.type, n.payload, n.scheduled_at, n.max_attempts, n.unique_key, n.lane, n.lane_order, n.correlation_id,
    n.traceparent, CASE WHEN s.starts THEN 'running' ELSE 'ready' END, s.starts::integer, CASE WHEN s.starts THEN $13::uuid END,
    CASE WHEN s.starts THEN clock_timestamp() + $14::interval END
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::jsonb[], $5::timestamptz[], $6::integer[], $7::text[], $8::text[],
        $9::bigint[], $10::uuid[], $11::text[], $12::boolean[])
    AS n (id, tenant_id, type, payload, scheduled_at, max_attempts, unique_key, lane, lane_order, correlation_id, traceparent, chosen)
CROSS JOIN LATERAL (SELECT n.chosen AND NOT EXISTS (
    SELECT FROM jobs AS j
    WHERE j.tenant_id = n.tenant_id AND j.lane = n.lane AND j.status IN ('ready', 'running') AND j.lane_order <= n.lane_order)) AS s (starts)
ON CONFLICT DO NOTHING
RETURNING id, status = 'running' AS running;

-- name: job_claim
-- Jobs of one lane run one at a time, by their order in the lane and then as they were put. At least one row comes back,
-- with an id of null if there is no job, because every row says how things are beyond the claim: whether something is due
-- all the same (it waits in its lane, is in another worker's hands, or had no room), and when the next job is due.
WITH due AS (
    SELECT j.id
    FROM jobs AS j
    WHERE j.status = 'ready'
      AND j.scheduled_at <= $1
      AND j.type = ANY ($2::text[])
      AND (j.lane IS NULL OR NOT EXISTS (
          SELECT 1 FROM jobs AS earlier
          WHERE earlier.tenant_id = j.tenant_id AND earlier.lane = j.lane
            AND earlier.status IN ('ready', 'running') AND (earlier.lane_order, earlier.seq) < (j.lane_order, j.seq)))
    ORDER BY j.scheduled_at, j.seq
    LIMIT $3
    FOR UPDATE OF j SKIP LOCKED
), claimed AS (
    UPDATE jobs
    SET status = 'running', attempts = attempts + 1, lease_token = $4, lease_until = clock_timestamp() + $5::interval
    FROM due
    WHERE jobs.id = due.id
    RETURNING jobs.id, jobs.tenant_id, jobs.type, jobs.payload, jobs.attempts, jobs.max_attempts, jobs.scheduled_at,
        jobs.correlation_id, jobs.traceparent
), rest AS (
    -- In the order of the index: an EXISTS may be looked for among all that is done.
    SELECT (SELECT true FROM jobs WHERE status = 'ready' AND type = ANY ($2::text[]) AND scheduled_at <= $1
                AND NOT EXISTS (SELECT FROM due WHERE due.id = jobs.id)
            ORDER BY scheduled_at, seq LIMIT 1) IS NOT NULL AS held_back,
        (SELECT min(scheduled_at) FROM jobs
         WHERE status = 'ready' AND type = ANY ($2::text[]) AND scheduled_at > $1) AS next_due
)
SELECT claimed.*, rest.held_back, rest.next_due FROM rest LEFT JOIN claimed ON true;

-- name: job_heartbeat
UPDATE jobs SET lease_until = clock_timestamp() + $2::interval WHERE lease_token = ANY ($1::uuid[]) AND status = 'running';

-- name: job_reclaim
-- A worker that died leaves its lease to run out; the job is then anybody's.
UPDATE jobs SET status = 'ready', lease_token = NULL, lease_until = NULL
WHERE status = 'running' AND lease_until < clock_timestamp();

-- name: job_done
-- No row: the lease was lost. True: the next of its lane can run now.
UPDATE jobs AS j
SET status = 'done', finished_at = clock_timestamp(), lease_token = NULL, lease_until = NULL, last_error = NULL
WHERE j.id = $1 AND j.lease_token = $2 AND j.status = 'running'
RETURNING j.lane IS NOT NULL AND EXISTS (
    SELECT FROM jobs AS n WHERE n.tenant_id = j.tenant_id AND n.lane = j.lane AND n.status = 'ready');

-- name: job_done_all
-- As job_done, for many; a row for each whose lease was not lost.
UPDATE jobs AS j
SET status = 'done', finished_at = clock_timestamp(), lease_token = NULL, lease_until = NULL, last_error = NULL
FROM unnest($1::uuid[], $2::uuid[]) AS ended (id, lease_token)
WHERE j.id = ended.id AND j.lease_token = ended.lease_token AND j.status = 'running'
RETURNING j.id, j.lane IS NOT NULL AND EXISTS (
    SELECT FROM jobs AS n WHERE n.tenant_id = j.tenant_id AND n.lane = j.lane AND n.status = 'ready') AS wake;

-- name: job_retry
-- No row: the lease was lost. Always true: it may be due before the worker would look again.
UPDATE jobs SET status = 'ready', scheduled_at = $3, last_error = $4, lease_token = NULL, lease_until = NULL
WHERE id = $1 AND lease_token = $2 AND status = 'running'
RETURNING true;

-- name: job_postpone
-- As job_retry, as if it had not been claimed.
UPDATE jobs SET status = 'ready', scheduled_at = $3, attempts = attempts - 1, last_error = $4, lease_token = NULL, lease_until = NULL
WHERE id = $1 AND lease_token = $2 AND status = 'running'
RETURNING true;

-- name: job_dead
-- As job_done.
UPDATE jobs AS j
SET status = 'dead', finished_at = clock_timestamp(), last_error = $3, lease_token = NULL, lease_until = NULL
WHERE j.id = $1 AND j.lease_token = $2 AND j.status = 'running'
RETURNING j.lane IS NOT NULL AND EXISTS (
    SELECT FROM jobs AS n WHERE n.tenant_id = j.tenant_id AND n.lane = j.lane AND n.status = 'ready');

-- name: job_cancel
-- Only what has not been started can be called back. Said so that PostgreSQL does not look among all that is ready.
UPDATE jobs SET status = 'cancelled', finished_at = clock_timestamp()
WHERE tenant_id = $1 AND type = $2 AND unique_key = ANY ($3::text[]) AND status IN ('ready', 'running') AND lease_token IS NULL;

-- name: job_replay
UPDATE jobs SET status = 'ready', attempts = 0, scheduled_at = $3, finished_at = NULL
WHERE tenant_id = $1 AND id = $2 AND status = 'dead';

-- name: job_list
SELECT id, type, payload, attempts, max_attempts, status, scheduled_at, last_error, created_at, finished_at
FROM jobs
WHERE tenant_id = $1 AND ($2::text IS NULL OR status = $2)
  AND ($3::uuid IS NULL OR seq < (SELECT page.seq FROM jobs AS page WHERE page.tenant_id = $1 AND page.id = $3))
ORDER BY seq DESC
LIMIT $4;

-- name: job_counts
SELECT status, count(*) AS count FROM jobs WHERE status IN ('ready', 'running', 'dead') GROUP BY status;

-- name: job_prune
-- So many at most: see `runtime.clean_up`.
DELETE FROM jobs WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM jobs WHERE status IN ('done', 'cancelled') AND finished_at < clock_timestamp() - $1::interval LIMIT 10000));
