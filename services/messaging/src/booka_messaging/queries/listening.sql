-- Whether there was anybody to take what gateways report.

-- name: listening
-- cross-tenant: it is of the installation. $1: now, by clocks that agree to much less than $2; $2: a longer silence was a gap.
-- Returns since when there was none.
INSERT INTO listening AS l (since, said_at) VALUES ($1, $1)
ON CONFLICT (one) DO UPDATE
SET since = CASE WHEN l.said_at < $1 - $2::interval THEN $1 ELSE l.since END, said_at = greatest(l.said_at, $1)
RETURNING since;
