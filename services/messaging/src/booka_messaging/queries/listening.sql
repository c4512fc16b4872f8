-- Whether there was anybody to take what gateways report.

-- name: listening
-- $1: now; $2: since when this replica is there; $3: a longer silence was a gap. Returns since when there was none.
INSERT INTO listening AS l (since, said_at) VALUES ($2, $1)
ON CONFLICT (one) DO UPDATE
SET since = CASE WHEN l.said_at < $1 - $3::interval THEN $2 ELSE least(l.since, $2) END, said_at = greatest(l.said_at, $1)
RETURNING since;
