-- Somebody's visits as a calendar shows them.

-- name: feed_visits
-- What somebody does from $3 up to $4: what counts at $5, and what was cancelled.
SELECT r.id, r.status, r.version, r.guest_name, s.position, s.service_name, s.resource_name, s.starts_at, s.ends_at,
    (SELECT max(h.at) FROM reservation_history AS h WHERE h.tenant_id = $1 AND h.reservation_id = r.id) AS changed_at
FROM reservation_segments AS s
JOIN reservations AS r ON r.tenant_id = s.tenant_id AND r.id = s.reservation_id
WHERE s.tenant_id = $1 AND s.staff_id = $2 AND s.starts_at >= $3 AND s.starts_at < $4
  AND (r.status IN ('confirmed', 'completed', 'no_show', 'cancelled') OR r.status = 'held' AND r.expires_at > $5)
ORDER BY s.starts_at, r.id, s.position
LIMIT $6;
