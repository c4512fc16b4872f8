-- Services, and the chairs, rooms and machines they need. Changes are made under catalogue_lock.

-- name: service_version
SELECT version FROM services WHERE tenant_id = $1 AND id = $2;

-- name: service_put
INSERT INTO services AS s (tenant_id, id, name, category, duration_minutes, buffer_before_minutes, buffer_after_minutes,
    gap_start_minutes, gap_minutes, pool_id, price_minor, active, online, position)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (tenant_id, id) DO UPDATE
SET name = excluded.name, category = excluded.category, duration_minutes = excluded.duration_minutes,
    buffer_before_minutes = excluded.buffer_before_minutes, buffer_after_minutes = excluded.buffer_after_minutes,
    gap_start_minutes = excluded.gap_start_minutes, gap_minutes = excluded.gap_minutes, pool_id = excluded.pool_id,
    price_minor = excluded.price_minor, active = excluded.active, online = excluded.online, position = excluded.position,
    version = s.version + 1
RETURNING version;

-- name: service_list
-- $2: the one. $3, $4, $5: after this position, name and id. $6: at most.
SELECT id, name, category, duration_minutes, buffer_before_minutes, buffer_after_minutes, gap_start_minutes, gap_minutes,
    pool_id, price_minor, active, online, position, version
FROM services
WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id = $2)
  AND ($5::uuid IS NULL OR (position, name, id) > ($3::integer, $4::text, $5))
ORDER BY position, name, id
LIMIT $6;

-- name: service_retire
UPDATE services SET active = false, version = version + 1 WHERE tenant_id = $1 AND id = $2;

-- name: services_count
SELECT count(*) FROM services WHERE tenant_id = $1;

-- name: services_gaps
-- Until which minute somebody is needed at least, for each of these services.
SELECT id, CASE WHEN gap_minutes > 0 THEN gap_start_minutes + gap_minutes ELSE 0 END AS gap_ends
FROM services WHERE tenant_id = $1 AND id = ANY ($2::uuid[]);

-- name: skills_too_short
-- Who does the service in a time of their own that a gap ending at minute $3 would not fit into.
SELECT staff_id FROM staff_services
WHERE tenant_id = $1 AND service_id = $2 AND duration_minutes <= $3 ORDER BY staff_id;

-- name: pool_version
SELECT version FROM resource_pools WHERE tenant_id = $1 AND id = $2;

-- name: pool_put
INSERT INTO resource_pools AS p (tenant_id, id, name) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, version = p.version + 1
RETURNING version;

-- name: pool_list
-- $2: the one. $3, $4: after this name and id. $5: at most.
SELECT p.id, p.name, p.version,
    (SELECT count(*) FROM resources AS r WHERE r.tenant_id = $1 AND r.pool_id = p.id AND r.active) AS resources
FROM resource_pools AS p
WHERE p.tenant_id = $1 AND ($2::uuid IS NULL OR p.id = $2) AND ($4::uuid IS NULL OR (p.name, p.id) > ($3::text, $4))
ORDER BY p.name, p.id
LIMIT $5;

-- name: pools_count
SELECT count(*) FROM resource_pools WHERE tenant_id = $1;

-- name: pool_used
-- By a service, active or not, or by something that is still in it or that a reservation remembers.
SELECT EXISTS (SELECT FROM services AS s WHERE s.tenant_id = $1 AND s.pool_id = $2)
    OR EXISTS (
        SELECT FROM resources AS r
        WHERE r.tenant_id = $1 AND r.pool_id = $2
          AND (r.active OR EXISTS (
              SELECT FROM reservation_segments AS g WHERE g.tenant_id = $1 AND g.resource_id = r.id)));

-- name: pool_delete
WITH emptied AS (DELETE FROM resources WHERE tenant_id = $1 AND pool_id = $2)
DELETE FROM resource_pools WHERE tenant_id = $1 AND id = $2;

-- name: resource_version
SELECT version FROM resources WHERE tenant_id = $1 AND id = $2;

-- name: resource_put
INSERT INTO resources AS r (tenant_id, id, pool_id, name, active) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, id) DO UPDATE
SET pool_id = excluded.pool_id, name = excluded.name, active = excluded.active, version = r.version + 1
RETURNING version;

-- name: resource_list
-- $2: the one. $3: of this pool. $4, $5: after this name and id. $6: at most.
SELECT id, pool_id, name, active, version
FROM resources
WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id = $2) AND ($3::uuid IS NULL OR pool_id = $3)
  AND ($5::uuid IS NULL OR (name, id) > ($4::text, $5))
ORDER BY name, id
LIMIT $6;

-- name: resources_count
SELECT count(*) FROM resources WHERE tenant_id = $1;

-- name: resource_retire
UPDATE resources SET active = false, version = version + 1 WHERE tenant_id = $1 AND id = $2;
