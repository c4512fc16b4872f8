-- Visits that are over and that nobody has judged.

-- name: complete_after
-- NULL, or no row: by hand only.
SELECT complete_after_hours FROM profiles WHERE tenant_id = $1;

-- name: unjudged_lock
-- Whoever holds one of these rows is deciding about it: it is looked at again with the next.
SELECT id FROM reservations
WHERE tenant_id = $1 AND status = 'confirmed' AND ends_at <= $2
ORDER BY ends_at
LIMIT $3
FOR UPDATE SKIP LOCKED;

-- name: unjudged_next
SELECT ends_at FROM reservations WHERE tenant_id = $1 AND status = 'confirmed' ORDER BY ends_at LIMIT 1;
