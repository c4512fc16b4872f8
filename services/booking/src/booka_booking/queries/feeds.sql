-- Somebody's visits as a calendar shows them.

-- name: feed_visits
-- What somebody does from $3 up to $4: what counts at $5, and what was cancelled after it was agreed to.
SELECT r.id, r.status, r.version, coalesce(r.guest_name, c.name) AS guest_name, s.position, s.service_name, s.resource_name,
    s.starts_at, s.ends_at, h.changed_at
FROM reservation_segments AS s
JOIN reservations AS r ON r.tenant_id = s.tenant_id AND r.id = s.reservation_id
LEFT JOIN clients AS c ON c.tenant_id = r.tenant_id AND c.id = r.client_id
CROSS JOIN LATERAL (
    SELECT max(i.at) AS changed_at, bool_or(i.status = 'confirmed') AS agreed
    FROM reservation_history AS i WHERE i.tenant_id = $1 AND i.reservation_id = r.id) AS h
WHERE s.tenant_id = $1 AND s.staff_id = $2 AND s.starts_at >= $3 AND s.starts_at < $4
  AND (r.status IN ('confirmed', 'completed', 'no_show') OR r.status = 'held' AND r.expires_at > $5
       OR r.status = 'cancelled' AND h.agreed)
ORDER BY s.starts_at, r.id, s.position
LIMIT $6;
