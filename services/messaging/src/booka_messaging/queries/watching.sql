-- Who looks after lines, and what was missed.

-- name: watch_put
-- One job for each line, for ever: one that ended is started again, one that waits comes sooner. $3 and $4: id and moment.
INSERT INTO jobs (id, tenant_id, type, payload, scheduled_at, max_attempts, unique_key, correlation_id)
SELECT $3, c.tenant_id, 'watch_line', jsonb_build_object('channel_id', c.id), $4, 2000000000, c.id::text, $3
FROM channels AS c
WHERE c.tenant_id = $1 AND c.id = $2 AND c.active
ON CONFLICT (tenant_id, type, unique_key) WHERE unique_key IS NOT NULL DO UPDATE
SET status = 'ready', scheduled_at = least(jobs.scheduled_at, excluded.scheduled_at), attempts = 0, finished_at = NULL
WHERE jobs.status <> 'running';

-- name: lines_unwatched
-- cross-tenant: runs under the system role, at the start and then once a minute. Lines that are in use and have no job.
SELECT c.tenant_id, c.id
FROM channels AS c
WHERE c.active AND NOT EXISTS (
    SELECT FROM jobs AS j
    WHERE j.tenant_id = c.tenant_id AND j.type = 'watch_line' AND j.unique_key = c.id::text
      AND j.status IN ('ready', 'running'))
LIMIT 1000;

-- name: watches_hasten
-- cross-tenant: runs under the system role, at the start: what was missed while nobody listened need not wait for its turn.
UPDATE jobs SET scheduled_at = $1::timestamptz + random() * $2::interval
WHERE type = 'watch_line' AND status = 'ready' AND scheduled_at > $1::timestamptz + $2::interval;

-- name: lines_by_state
-- cross-tenant: runs under the system role, once a minute. $1: the kinds of gateways that this version knows.
SELECT CASE WHEN gateway = ANY ($1::text[]) THEN coalesce(state, 'unknown') ELSE 'unsupported' END AS state, count(*) AS lines, count(silent_since) AS silent
FROM channels
WHERE active
GROUP BY 1;

-- name: line_silent
-- No row: it is not silent, or that was said. The creation counts as a sign of life.
UPDATE channels SET silent_since = $4
WHERE tenant_id = $1 AND id = $2 AND active AND silent_since IS NULL AND coalesce(heard_at, created_at) < $3
RETURNING coalesce(heard_at, created_at) AS last_heard_at;

-- name: line_swept
UPDATE channels SET swept_through = greatest(swept_through, $3) WHERE tenant_id = $1 AND id = $2;

-- name: messages_known
-- Which of these are stored, whoever wrote them, or are known to be nobody's words.
SELECT provider_id FROM messages
WHERE tenant_id = $1 AND channel_id = $2 AND provider_id = ANY ($3::text[])
UNION
SELECT provider_id FROM receipts
WHERE tenant_id = $1 AND channel_id = $2 AND provider_id = ANY ($3::text[]) AND by_software;

-- name: sends_unresolved
-- The texts of ours that a gateway has taken, or may have, without our knowing under which id. $4: the least id of their time, which keeps
-- the look to the latest messages of a salon.
SELECT DISTINCT text FROM messages
WHERE tenant_id = $1 AND id >= $4 AND channel_id = $2 AND provider_id IS NULL AND attempted_at IS NOT NULL
  AND text = ANY ($3::text[]);
