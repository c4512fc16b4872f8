-- Who works in a salon, what they do, and when. Changes are made under catalogue_lock.

-- name: staff_version
SELECT version FROM staff WHERE tenant_id = $1 AND id = $2;

-- name: staff_put
INSERT INTO staff AS s (tenant_id, id, name, active) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, active = excluded.active, version = s.version + 1
RETURNING version;

-- name: staff_services_clear
DELETE FROM staff_services WHERE tenant_id = $1 AND staff_id = $2;

-- name: staff_services_put
INSERT INTO staff_services (tenant_id, staff_id, service_id, duration_minutes, price_minor)
SELECT $1::uuid, $2::uuid, * FROM unnest($3::uuid[], $4::integer[], $5::bigint[]);

-- name: staff_hours_clear
DELETE FROM staff_hours WHERE tenant_id = $1 AND staff_id = $2;

-- name: staff_hours_put
INSERT INTO staff_hours (tenant_id, staff_id, weekday, opens, closes)
SELECT $1::uuid, $2::uuid, * FROM unnest($3::integer[], $4::integer[], $5::integer[]);

-- name: staff_list
-- $2: the one. $3, $4: after this name and id. $5: at most.
SELECT s.id, s.name, s.active, s.version,
    (SELECT json_agg(json_build_array(x.service_id, x.duration_minutes, x.price_minor) ORDER BY x.service_id)
     FROM staff_services AS x WHERE x.tenant_id = $1 AND x.staff_id = s.id) AS skills,
    (SELECT json_agg(json_build_array(h.weekday, h.opens, h.closes) ORDER BY h.weekday, h.opens)
     FROM staff_hours AS h WHERE h.tenant_id = $1 AND h.staff_id = s.id) AS hours
FROM staff AS s
WHERE s.tenant_id = $1 AND ($2::uuid IS NULL OR s.id = $2) AND ($4::uuid IS NULL OR (s.name, s.id) > ($3::text, $4))
ORDER BY s.name, s.id
LIMIT $5;

-- name: staff_count
SELECT count(*) FROM staff WHERE tenant_id = $1;

-- name: staff_retire
UPDATE staff SET active = false, version = version + 1 WHERE tenant_id = $1 AND id = $2;

-- name: time_off_version
SELECT version FROM time_off WHERE tenant_id = $1 AND id = $2 AND staff_id = $3;

-- name: time_off_elsewhere
SELECT EXISTS (SELECT FROM time_off WHERE tenant_id = $1 AND id = $2 AND staff_id <> $3);

-- name: time_off_put
INSERT INTO time_off AS t (tenant_id, id, staff_id, starts_on, ends_on, weekdays, from_minute, until_minute, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, id) DO UPDATE
SET starts_on = excluded.starts_on, ends_on = excluded.ends_on, weekdays = excluded.weekdays,
    from_minute = excluded.from_minute, until_minute = excluded.until_minute, reason = excluded.reason, version = t.version + 1
RETURNING version;

-- name: time_off_list
-- $3: the one. $4, $5: after this first day and id. $6: at most.
SELECT id, starts_on, ends_on, weekdays, from_minute, until_minute, reason, version
FROM time_off
WHERE tenant_id = $1 AND staff_id = $2 AND ($3::uuid IS NULL OR id = $3)
  AND ($5::uuid IS NULL OR (starts_on, id) > ($4::date, $5))
ORDER BY starts_on, id
LIMIT $6;

-- name: time_off_count
SELECT count(*) FROM time_off WHERE tenant_id = $1 AND staff_id = $2;

-- name: time_off_delete
DELETE FROM time_off WHERE tenant_id = $1 AND id = $2;

-- name: special_hours_version
SELECT version FROM special_hours WHERE tenant_id = $1 AND staff_id = $2 AND day = $3;

-- name: special_hours_put
INSERT INTO special_hours AS h (tenant_id, staff_id, day, opens, closes, reason) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, staff_id, day) DO UPDATE
SET opens = excluded.opens, closes = excluded.closes, reason = excluded.reason, version = h.version + 1
RETURNING version;

-- name: special_hours_list
-- $3: the one. $4: after this date. $5: at most.
SELECT day, opens, closes, reason, version FROM special_hours
WHERE tenant_id = $1 AND staff_id = $2 AND ($3::date IS NULL OR day = $3) AND ($4::date IS NULL OR day > $4)
ORDER BY day
LIMIT $5;

-- name: special_hours_count
SELECT count(*) FROM special_hours WHERE tenant_id = $1 AND staff_id = $2;

-- name: special_hours_delete
DELETE FROM special_hours WHERE tenant_id = $1 AND staff_id = $2 AND day = $3;

-- name: feed_get
SELECT name, feed_version FROM staff WHERE tenant_id = $1 AND id = $2;

-- name: feed_open
-- Versions never come back: those of addresses that are valid are odd, and revoking one leaves the even number after it.
UPDATE staff SET feed_version = feed_version + 1 + feed_version % 2 WHERE tenant_id = $1 AND id = $2
RETURNING feed_version;

-- name: feed_close
UPDATE staff SET feed_version = feed_version + feed_version % 2 WHERE tenant_id = $1 AND id = $2
RETURNING feed_version;
