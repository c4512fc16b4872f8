-- Statements of the scheduler. Locks are taken in the order reservation, job, reminder.

-- name: reservation_claim
-- Locks the reservation, known or not: two events about it are handled one after the other.
INSERT INTO reservations AS known (tenant_id, reservation_id, version, starts_at, cancelled)
VALUES ($1, $2, 0, NULL, false)
ON CONFLICT (tenant_id, reservation_id) DO UPDATE SET version = known.version
RETURNING version, starts_at;

-- name: reservation_save
UPDATE reservations SET version = $3, starts_at = $4, cancelled = $4::timestamptz IS NULL, heard_at = clock_timestamp()
WHERE tenant_id = $1 AND reservation_id = $2;

-- name: reservation_lock
SELECT version, starts_at FROM reservations WHERE tenant_id = $1 AND reservation_id = $2 FOR UPDATE;

-- name: reminder_insert
-- Ids follow from reservation, version and minutes, so planning twice plans once.
INSERT INTO reminders (id, tenant_id, reservation_id, reservation_version, minutes_before, starts_at, due_at, status, created_at, settled_at)
SELECT
    p.id, $1, $2, $3, p.minutes_before, $4, p.due_at, p.status, $5,
    CASE WHEN p.status = 'planned' THEN NULL ELSE $5::timestamptz END
FROM unnest($6::uuid[], $7::integer[], $8::timestamptz[], $9::text[]) AS p (id, minutes_before, due_at, status)
ON CONFLICT (tenant_id, reservation_id, minutes_before, reservation_version) DO NOTHING;

-- name: reminder_of_version
SELECT id, reservation_id, reservation_version, minutes_before, starts_at, due_at, status
FROM reminders
WHERE tenant_id = $1 AND reservation_id = $2 AND reservation_version = $3;

-- name: reminder_planned
SELECT id FROM reminders WHERE tenant_id = $1 AND reservation_id = $2 AND status = 'planned';

-- name: reminder_cancel
UPDATE reminders SET status = 'cancelled', settled_at = $3
WHERE tenant_id = $1 AND reservation_id = $2 AND status = 'planned';

-- name: reminder_lock_planned
-- superseded: a later reminder of the same visit is due too, so this one has been overtaken.
SELECT
    r.id, r.reservation_id, r.reservation_version, r.minutes_before, r.starts_at, r.due_at, r.status,
    EXISTS (
        SELECT 1 FROM reminders AS later
        WHERE later.tenant_id = r.tenant_id AND later.reservation_id = r.reservation_id
          AND later.reservation_version = r.reservation_version AND later.due_at > r.due_at AND later.due_at <= $3
    ) AS superseded
FROM reminders AS r
WHERE r.tenant_id = $1 AND r.id = $2 AND r.status = 'planned'
FOR UPDATE OF r;

-- name: reminder_settle
-- The guard of "once": only one transaction can take a reminder out of the status it was seen in.
UPDATE reminders SET status = $3, settled_at = $4
WHERE tenant_id = $1 AND id = $2 AND status = $5;

-- name: reminder_list
SELECT id, reservation_id, reservation_version, minutes_before, starts_at, due_at, status, created_at, settled_at
FROM reminders
WHERE tenant_id = $1
  AND ($2::text IS NULL OR status = $2)
  AND ($3::uuid IS NULL OR reservation_id = $3)
  AND ($4::uuid IS NULL OR seq < (SELECT page.seq FROM reminders AS page WHERE page.tenant_id = $1 AND page.id = $4))
ORDER BY seq DESC
LIMIT $5;

-- name: settings_get
SELECT minutes_before FROM reminder_settings WHERE tenant_id = $1;

-- name: settings_put
INSERT INTO reminder_settings (tenant_id, minutes_before, updated_at) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id) DO UPDATE SET minutes_before = excluded.minutes_before, updated_at = excluded.updated_at;

-- name: reservations_prune
-- cross-tenant: housekeeping, as the system role.
-- By then nothing is said of them any more; a visit that lies ahead stays, however long ago it was booked.
WITH gone AS (
    DELETE FROM reservations WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM reservations
        WHERE heard_at < clock_timestamp() - $1::interval AND (starts_at IS NULL OR starts_at < clock_timestamp() - $1::interval)
        LIMIT 10000))
    RETURNING tenant_id, reservation_id
)
DELETE FROM reminders AS r USING gone AS g WHERE r.tenant_id = g.tenant_id AND r.reservation_id = g.reservation_id;
