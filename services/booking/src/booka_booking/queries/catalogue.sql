-- The catalogue. Row level security limits every one of these statements to the transaction's tenant as well.

-- name: catalogue_lock
-- Changes of one salon's catalogue take turns, so that a revision says what was committed up to it.
SELECT pg_advisory_xact_lock(hashtextextended($1::text || ':catalogue', 0));

-- name: profile_put
INSERT INTO profiles AS p (tenant_id, name, locale, zone, currency, slot_grid_minutes, lead_minutes, horizon_days)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id) DO UPDATE
SET name = excluded.name, locale = excluded.locale, zone = excluded.zone, currency = excluded.currency,
    slot_grid_minutes = excluded.slot_grid_minutes, lead_minutes = excluded.lead_minutes, horizon_days = excluded.horizon_days;

-- name: profile_bump
UPDATE profiles SET revision = revision + 1 WHERE tenant_id = $1;

-- name: profile_announce
UPDATE profiles SET announced = true WHERE tenant_id = $1 AND NOT announced;

-- name: profile_announced
SELECT announced FROM profiles WHERE tenant_id = $1;

-- name: opening_hours_clear
DELETE FROM opening_hours WHERE tenant_id = $1;

-- name: opening_hours_put
INSERT INTO opening_hours (tenant_id, weekday, opens, closes)
SELECT $1::uuid, * FROM unnest($2::integer[], $3::integer[], $4::integer[]);

-- name: opening_exceptions_clear
DELETE FROM opening_exceptions WHERE tenant_id = $1;

-- name: opening_exceptions_put
INSERT INTO opening_exceptions (tenant_id, day, opens, closes)
SELECT $1::uuid, * FROM unnest($2::date[], $3::integer[], $4::integer[]);

-- name: service_put
INSERT INTO services (tenant_id, id, name, duration_minutes, buffer_before_minutes, buffer_after_minutes, price_minor, active, position)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, id) DO UPDATE
SET name = excluded.name, duration_minutes = excluded.duration_minutes, buffer_before_minutes = excluded.buffer_before_minutes,
    buffer_after_minutes = excluded.buffer_after_minutes, price_minor = excluded.price_minor, active = excluded.active,
    position = excluded.position;

-- name: service_list
SELECT id, name, duration_minutes, buffer_before_minutes, buffer_after_minutes, price_minor, active, position
FROM services WHERE tenant_id = $1 AND ($2::uuid IS NULL OR id = $2)
ORDER BY position, name, id;

-- name: service_retire
UPDATE services SET active = false WHERE tenant_id = $1 AND id = $2;

-- name: services_known
SELECT count(*) FROM services WHERE tenant_id = $1 AND id = ANY ($2::uuid[]);

-- name: staff_put
INSERT INTO staff (tenant_id, id, name, active) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, active = excluded.active;

-- name: staff_services_clear
DELETE FROM staff_services WHERE tenant_id = $1 AND staff_id = $2;

-- name: staff_services_put
INSERT INTO staff_services (tenant_id, staff_id, service_id) SELECT $1::uuid, $2::uuid, unnest($3::uuid[]);

-- name: staff_hours_clear
DELETE FROM staff_hours WHERE tenant_id = $1 AND staff_id = $2;

-- name: staff_hours_put
INSERT INTO staff_hours (tenant_id, staff_id, weekday, opens, closes)
SELECT $1::uuid, $2::uuid, * FROM unnest($3::integer[], $4::integer[], $5::integer[]);

-- name: staff_list
SELECT s.id, s.name, s.active,
    ARRAY(SELECT x.service_id FROM staff_services AS x WHERE x.tenant_id = s.tenant_id AND x.staff_id = s.id ORDER BY 1) AS service_ids,
    (SELECT json_agg(json_build_array(h.weekday, h.opens, h.closes) ORDER BY h.weekday, h.opens)
     FROM staff_hours AS h WHERE h.tenant_id = s.tenant_id AND h.staff_id = s.id) AS hours
FROM staff AS s WHERE s.tenant_id = $1 AND ($2::uuid IS NULL OR s.id = $2)
ORDER BY s.name, s.id;

-- name: staff_retire
UPDATE staff SET active = false WHERE tenant_id = $1 AND id = $2;

-- name: policy_put
INSERT INTO policies (tenant_id, service_id, deposit_kind, deposit_value, hold_seconds, deposit_deadline_seconds,
    cancel_notice_hours, max_holds_per_client)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT ON CONSTRAINT policies_one DO UPDATE
SET deposit_kind = excluded.deposit_kind, deposit_value = excluded.deposit_value, hold_seconds = excluded.hold_seconds,
    deposit_deadline_seconds = excluded.deposit_deadline_seconds, cancel_notice_hours = excluded.cancel_notice_hours,
    max_holds_per_client = excluded.max_holds_per_client;

-- name: policy_get
SELECT deposit_kind, deposit_value, hold_seconds, deposit_deadline_seconds, cancel_notice_hours, max_holds_per_client
FROM policies WHERE tenant_id = $1 AND service_id IS NOT DISTINCT FROM $2::uuid;

-- name: salon_get
-- The whole salon, or what a question about the services $2 needs, in one round trip.
SELECT p.name, p.locale, p.zone, p.currency, p.slot_grid_minutes, p.lead_minutes, p.horizon_days, p.revision,
    (SELECT json_agg(json_build_array(h.weekday, h.opens, h.closes) ORDER BY h.weekday, h.opens)
     FROM opening_hours AS h WHERE h.tenant_id = $1) AS opening,
    (SELECT json_agg(json_build_array(e.day, e.opens, e.closes) ORDER BY e.day, e.opens)
     FROM opening_exceptions AS e WHERE e.tenant_id = $1 AND ($3::date IS NULL OR e.day >= $3)) AS exceptions,
    (SELECT json_agg(json_build_array(s.id, s.name, s.duration_minutes, s.buffer_before_minutes, s.buffer_after_minutes,
                                      s.price_minor, s.active, s.position, o.deposit_kind, o.deposit_value, o.hold_seconds,
                                      o.deposit_deadline_seconds, o.cancel_notice_hours, o.max_holds_per_client)
                     ORDER BY s.position, s.name, s.id)
     FROM services AS s LEFT JOIN policies AS o ON o.tenant_id = s.tenant_id AND o.service_id = s.id
     WHERE s.tenant_id = $1 AND ($2::uuid[] IS NULL OR s.id = ANY ($2))) AS services,
    (SELECT json_build_array(d.deposit_kind, d.deposit_value, d.hold_seconds, d.deposit_deadline_seconds,
                             d.cancel_notice_hours, d.max_holds_per_client)
     FROM policies AS d WHERE d.tenant_id = $1 AND d.service_id IS NULL) AS policy,
    (SELECT json_agg(json_build_array(m.id, m.name,
        (SELECT json_agg(x.service_id) FROM staff_services AS x
         WHERE x.tenant_id = m.tenant_id AND x.staff_id = m.id AND ($2::uuid[] IS NULL OR x.service_id = ANY ($2))),
        (SELECT json_agg(json_build_array(h.weekday, h.opens, h.closes))
         FROM staff_hours AS h WHERE h.tenant_id = m.tenant_id AND h.staff_id = m.id)) ORDER BY m.name, m.id)
     FROM staff AS m WHERE m.tenant_id = $1 AND m.active) AS staff
FROM profiles AS p WHERE p.tenant_id = $1;

-- name: locale_get
SELECT locale FROM profiles WHERE tenant_id = $1;
