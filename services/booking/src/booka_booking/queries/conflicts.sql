-- Visits ahead, for comparing them with the calendar.

-- name: booked_page
-- Those that start in [$2, $3) and still count at $4, after the start and id in $5 and $6.
SELECT r.id, r.status, r.version, r.guest_name, r.starts_at, r.ends_at, r.outside_hours,
    ARRAY(SELECT (s.position, s.service_id, s.staff_id, s.resource_id, s.starts_at, s.ends_at)
          FROM reservation_segments AS s WHERE s.tenant_id = $1 AND s.reservation_id = r.id ORDER BY s.position) AS parts,
    ARRAY(SELECT (c.calendar_id, c.busy_from, c.busy_until)
          FROM claims AS c WHERE c.tenant_id = $1 AND c.reservation_id = r.id ORDER BY c.busy_from) AS claims
FROM reservations AS r
WHERE r.tenant_id = $1 AND r.starts_at >= $2 AND r.starts_at < $3
  AND (r.status = 'confirmed' OR r.status = 'held' AND r.expires_at > $4)
  AND r.starts_at >= greatest($2, $5::timestamptz) AND ($6::uuid IS NULL OR (r.starts_at, r.id) > ($5, $6))
ORDER BY r.starts_at, r.id
LIMIT $7;
