-- Statements of booking. Row level security limits every one of them to the transaction's tenant as well.

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

-- name: locks_take
-- One after the other in the order given: everybody asks in the same order, so nobody waits in a circle.
SELECT pg_advisory_xact_lock(hashtextextended(k.key, 0))
FROM (SELECT key FROM unnest($1::text[]) WITH ORDINALITY AS t (key, n) ORDER BY n) AS k;

-- name: busy
-- No segment takes longer than a day, so the index is read from a day before the window.
SELECT staff_id, busy_from, busy_until, reservation_id, held_until
FROM reservation_segments
WHERE tenant_id = $1 AND staff_id = ANY ($2::uuid[]) AND active
  AND busy_from > $3::timestamptz - interval '24 hours' AND busy_from < $4::timestamptz AND busy_until > $3
  AND reservation_id IS DISTINCT FROM $5::uuid;

-- name: hold_context
-- Read after the locks are held: what the decision hangs on.
SELECT
    (SELECT r.id FROM reservations AS r WHERE r.tenant_id = $1 AND r.request_id = $5) AS duplicate_of,
    (SELECT count(*) FROM reservations AS r
     WHERE r.tenant_id = $1 AND r.contact_id = $6 AND r.status = 'held' AND r.expires_at > $7) AS open_holds,
    ARRAY(SELECT (s.staff_id, s.busy_from, s.busy_until, s.reservation_id, s.held_until)
          FROM reservation_segments AS s
          WHERE s.tenant_id = $1 AND s.staff_id = ANY ($2::uuid[]) AND s.active
            AND s.busy_from > $3::timestamptz - interval '24 hours' AND s.busy_from < $4::timestamptz AND s.busy_until > $3) AS busy;

-- name: hold_insert
-- All or nothing: the reservation exists only if every segment found its place.
WITH seated AS (
    INSERT INTO reservation_segments (tenant_id, reservation_id, position, service_id, service_name, staff_id, staff_name,
        starts_at, ends_at, busy_from, busy_until, price_minor, active, held_until)
    SELECT $1::uuid, $2::uuid, s.*, true, $3::timestamptz
    FROM unnest($4::integer[], $5::uuid[], $6::text[], $7::uuid[], $8::text[], $9::timestamptz[], $10::timestamptz[],
                $11::timestamptz[], $12::timestamptz[], $13::bigint[]) AS s
    ON CONFLICT DO NOTHING
    RETURNING 1
), client AS (
    INSERT INTO clients AS c (tenant_id, id, contact_id, name, phone, created_at)
    SELECT $1::uuid, $14::uuid, $15::uuid, $16::text, $17::text, $18::timestamptz
    WHERE $15::uuid IS NOT NULL AND EXISTS (SELECT FROM seated)
    ON CONFLICT (tenant_id, contact_id) DO UPDATE
    SET name = coalesce(c.name, excluded.name), phone = coalesce(excluded.phone, c.phone)
    RETURNING c.id
), reserved AS (
    INSERT INTO reservations (tenant_id, id, request_id, conversation_id, contact_id, client_id, status, version, starts_at,
        ends_at, any_staff, guest_name, currency, price_minor, terms, expires_at, created_at)
    SELECT $1::uuid, $2::uuid, $19::uuid, $20::uuid, $15::uuid, (SELECT id FROM client), 'held', 1, $21::timestamptz,
        $22::timestamptz, $23::boolean, $24::text, $25::text, $26::bigint, $27::jsonb, $3::timestamptz, $18::timestamptz
    WHERE (SELECT count(*) FROM seated) = cardinality($4::integer[])
    RETURNING 1
), noted AS (
    INSERT INTO reservation_history (tenant_id, reservation_id, at, version, status, who, why, starts_at, staff_ids)
    SELECT $1::uuid, $2::uuid, $18::timestamptz, 1, 'held', $28::text, $29::text, $21::timestamptz, $7::uuid[] FROM reserved
)
SELECT count(*) FROM reserved;

-- name: reservation_by_request
SELECT id FROM reservations WHERE tenant_id = $1 AND request_id = $2;

-- name: reservation_lock
SELECT 1 FROM reservations WHERE tenant_id = $1 AND id = $2 FOR UPDATE;

-- name: reservations_lock_overdue
-- Whoever holds one of these rows is deciding its fate already; waiting for them while holding the calendar would be a circle.
SELECT id FROM reservations
WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND status = 'held' AND expires_at <= $3
ORDER BY id
FOR UPDATE SKIP LOCKED;

-- name: reservations_get
SELECT r.id, r.request_id, r.conversation_id, r.contact_id, r.status, r.version, r.any_staff, r.guest_name, r.currency,
    r.price_minor, r.terms, r.expires_at, r.deposit_due_at, r.transaction_id, r.paid_minor, p.zone,
    ARRAY(SELECT (s.position, s.service_id, s.service_name, s.staff_id, s.staff_name, s.starts_at, s.ends_at, s.busy_from,
                  s.busy_until, s.price_minor)
          FROM reservation_segments AS s WHERE s.tenant_id = r.tenant_id AND s.reservation_id = r.id
          ORDER BY s.position) AS segments
FROM reservations AS r JOIN profiles AS p ON p.tenant_id = r.tenant_id
WHERE r.tenant_id = $1 AND r.id = ANY ($2::uuid[])
ORDER BY r.starts_at, r.id;

-- name: reservations_page
SELECT id FROM reservations
WHERE tenant_id = $1 AND starts_at >= $2 AND starts_at < $3 AND ($4::text IS NULL OR status = $4)
  AND ($5::timestamptz IS NULL OR (starts_at, id) > ($5, $6::uuid))
ORDER BY starts_at, id
LIMIT $7;

-- name: reservation_save
-- Guarded by the version it was read at, though its row is locked: a forgotten lock must not lose a change.
WITH saved AS (
    UPDATE reservations
    SET status = $4, version = $5, starts_at = $6, ends_at = $7, guest_name = $8, expires_at = $9, deposit_due_at = $10,
        transaction_id = $11, paid_minor = $12
    WHERE tenant_id = $1 AND id = $2 AND version = $3
    RETURNING 1
), seats AS (
    UPDATE reservation_segments SET active = $13, held_until = $14
    WHERE tenant_id = $1 AND reservation_id = $2 AND EXISTS (SELECT FROM saved)
), noted AS (
    INSERT INTO reservation_history (tenant_id, reservation_id, at, version, status, who, why, starts_at, staff_ids)
    SELECT $1::uuid, $2::uuid, $15::timestamptz, $5::integer, $4::text, $16::text, $17::text, $6::timestamptz, $18::uuid[]
    FROM saved
)
SELECT count(*) FROM saved;

-- name: segments_move
UPDATE reservation_segments AS s
SET staff_id = n.staff_id, staff_name = n.staff_name, starts_at = n.starts_at, ends_at = n.ends_at, busy_from = n.busy_from,
    busy_until = n.busy_until
FROM unnest($3::integer[], $4::uuid[], $5::text[], $6::timestamptz[], $7::timestamptz[], $8::timestamptz[], $9::timestamptz[])
    AS n (position, staff_id, staff_name, starts_at, ends_at, busy_from, busy_until)
WHERE s.tenant_id = $1 AND s.reservation_id = $2 AND s.position = n.position;

-- name: history_list
SELECT at, version, status, who, why, starts_at, staff_ids FROM reservation_history
WHERE tenant_id = $1 AND reservation_id = $2
ORDER BY seq;

-- name: deposit_record
INSERT INTO deposits (tenant_id, transaction_id, reservation_id, amount_minor, currency, paid_at)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING
RETURNING 1;

-- name: deposit_unusable
UPDATE deposits SET unusable_because = $3 WHERE tenant_id = $1 AND transaction_id = $2;

-- name: locale_get
SELECT locale FROM profiles WHERE tenant_id = $1;
