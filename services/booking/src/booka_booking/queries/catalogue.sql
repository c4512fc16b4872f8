-- The salon as a whole, and its profile. Row level security limits every one of these statements to the transaction's tenant
-- as well.

-- name: catalogue_lock
-- Changes of one salon's catalogue take turns, so that a revision says what was committed up to it.
SELECT pg_advisory_xact_lock(hashtextextended($1::text || ':catalogue', 0));

-- name: profile_version
SELECT version FROM profiles WHERE tenant_id = $1;

-- name: profile_changes
SELECT changes FROM profiles WHERE tenant_id = $1;

-- name: profile_put
INSERT INTO profiles AS p (tenant_id, name, locale, zone, currency, slot_grid_minutes, lead_minutes, horizon_days, assignment,
    complete_after_hours)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (tenant_id) DO UPDATE
SET name = excluded.name, locale = excluded.locale, zone = excluded.zone, currency = excluded.currency,
    slot_grid_minutes = excluded.slot_grid_minutes, lead_minutes = excluded.lead_minutes, horizon_days = excluded.horizon_days,
    assignment = excluded.assignment, complete_after_hours = excluded.complete_after_hours, version = p.version + 1
RETURNING version;

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

-- name: locale_get
SELECT locale FROM profiles WHERE tenant_id = $1;

-- name: salon_get
-- The whole salon, or what a question about the services $2 needs, in one round trip. $3: nothing that ended before this date.
SELECT p.name, p.locale, p.zone, p.currency, p.slot_grid_minutes, p.lead_minutes, p.horizon_days, p.assignment,
    p.complete_after_hours, p.version, p.revision, p.changes,
    (SELECT json_agg(json_build_array(h.weekday, h.opens, h.closes) ORDER BY h.weekday, h.opens)
     FROM opening_hours AS h WHERE h.tenant_id = $1) AS opening,
    (SELECT json_agg(json_build_array(e.day, e.opens, e.closes) ORDER BY e.day, e.opens)
     FROM opening_exceptions AS e WHERE e.tenant_id = $1 AND ($3::date IS NULL OR e.day >= $3)) AS exceptions,
    (SELECT json_agg(json_build_array(
                s.id, s.name, s.duration_minutes, s.price_minor, s.category, s.buffer_before_minutes, s.buffer_after_minutes,
                s.gap_start_minutes, s.gap_minutes, s.pool_id, s.active, s.online, s.position,
                CASE WHEN o.tenant_id IS NOT NULL THEN json_build_array(
                    o.deposit_kind, o.deposit_value, o.deposit_for, o.deposit_waived_after, o.hold_seconds,
                    o.deposit_deadline_seconds, o.cancel_notice_hours, o.late_kind, o.late_value, o.reschedule_limit,
                    o.max_holds_per_client, o.waitlist_offer_seconds) END)
            ORDER BY s.position, s.name, s.id)
     FROM services AS s LEFT JOIN policies AS o ON o.tenant_id = s.tenant_id AND o.service_id = s.id
     WHERE s.tenant_id = $1 AND ($2::uuid[] IS NULL OR s.id = ANY ($2))) AS services,
    (SELECT json_build_array(
                d.deposit_kind, d.deposit_value, d.deposit_for, d.deposit_waived_after, d.hold_seconds,
                d.deposit_deadline_seconds, d.cancel_notice_hours, d.late_kind, d.late_value, d.reschedule_limit,
                d.max_holds_per_client, d.waitlist_offer_seconds)
     FROM policies AS d WHERE d.tenant_id = $1 AND d.service_id IS NULL) AS policy,
    (SELECT json_agg(json_build_array(
                m.id, m.name,
                (SELECT json_agg(json_build_array(x.service_id, x.duration_minutes, x.price_minor) ORDER BY x.service_id)
                 FROM staff_services AS x
                 WHERE x.tenant_id = $1 AND x.staff_id = m.id AND ($2::uuid[] IS NULL OR x.service_id = ANY ($2))),
                (SELECT json_agg(json_build_array(h.weekday, h.opens, h.closes) ORDER BY h.weekday, h.opens)
                 FROM staff_hours AS h WHERE h.tenant_id = $1 AND h.staff_id = m.id),
                (SELECT json_agg(json_build_array(t.starts_on, t.ends_on, t.weekdays, t.from_minute, t.until_minute)
                                 ORDER BY t.starts_on, t.id)
                 FROM time_off AS t
                 WHERE t.tenant_id = $1 AND t.staff_id = m.id AND ($3::date IS NULL OR t.ends_on IS NULL OR t.ends_on >= $3)),
                (SELECT json_agg(json_build_array(d.day, d.opens, d.closes) ORDER BY d.day)
                 FROM special_hours AS d
                 WHERE d.tenant_id = $1 AND d.staff_id = m.id AND ($3::date IS NULL OR d.day >= $3)))
            ORDER BY m.name, m.id)
     FROM staff AS m WHERE m.tenant_id = $1 AND m.active) AS staff,
    (SELECT json_agg(json_build_array(r.pool_id, r.id, r.name) ORDER BY r.name, r.id)
     FROM resources AS r WHERE r.tenant_id = $1 AND r.active) AS resources
FROM profiles AS p WHERE p.tenant_id = $1;
