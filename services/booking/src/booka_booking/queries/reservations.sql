-- Reservations and claims. Row level security limits every one of these statements to the transaction's tenant as well.

-- name: busy
-- No claim is longer than a day, so the index is read from a day before the window.
SELECT calendar_id, busy_from, busy_until, reservation_id, held_until
FROM claims
WHERE tenant_id = $1 AND calendar_id = ANY ($2::uuid[]) AND active
  AND busy_from > $3::timestamptz - interval '24 hours' AND busy_from < $4::timestamptz AND busy_until > $3
  AND reservation_id IS DISTINCT FROM $5::uuid;

-- name: busy_spans
-- As busy, for questions: see migrations/0011_told_no.sql. $1 is a tenant_id.
SELECT calendar_id, begins, ends FROM busy_spans($1, $2, $3, $4, $5, $6);

-- name: client_reached
SELECT c.contact_id,
    (SELECT r.conversation_id FROM reservations AS r
     WHERE r.tenant_id = c.tenant_id AND r.client_id = c.id AND r.contact_id = c.contact_id AND r.conversation_id IS NOT NULL
     ORDER BY r.starts_at DESC, r.id DESC LIMIT 1) AS conversation_id
FROM clients AS c WHERE c.tenant_id = $1 AND c.id = $2 AND c.erased_at IS NULL;

-- name: client_holds
-- Of a client without a contact. Those with one are counted where their holds are written, see hold_write.
SELECT count(*) FROM reservations WHERE tenant_id = $1 AND client_id = $2 AND status = 'held' AND expires_at > $3;

-- name: reservation_outside_hours
UPDATE reservations SET outside_hours = $3 WHERE tenant_id = $1 AND id = $2;

-- name: client_of
-- What terms and assignment hang on: visits that took place, and whom the client was with last. Of a contact, or of the
-- client $3.
SELECT
    (SELECT count(*) FROM reservations AS r
     WHERE r.tenant_id = c.tenant_id AND r.client_id = c.id AND r.status = 'completed') AS completed,
    (SELECT s.staff_id
     FROM reservations AS r JOIN reservation_segments AS s ON s.tenant_id = r.tenant_id AND s.reservation_id = r.id
     WHERE r.tenant_id = c.tenant_id AND r.client_id = c.id AND r.status IN ('confirmed', 'completed')
     ORDER BY r.starts_at DESC, s.position LIMIT 1) AS last_staff_id
FROM clients AS c WHERE c.tenant_id = $1 AND (c.contact_id = $2 OR c.id = $3);

-- name: claims_drop
DELETE FROM claims WHERE tenant_id = $1 AND reservation_id = $2;

-- name: claims_put
INSERT INTO claims (tenant_id, reservation_id, active, held_until, calendar_id, busy_from, busy_until)
SELECT $1::uuid, $2::uuid, true, $3::timestamptz, s.* FROM unnest($4::uuid[], $5::timestamptz[], $6::timestamptz[]) AS s;

-- name: reservations_by_request
SELECT id FROM reservations WHERE tenant_id = $1 AND request_id = ANY ($2::uuid[]);

-- name: reservation_lock
SELECT 1 FROM reservations WHERE tenant_id = $1 AND id = $2 FOR UPDATE;

-- name: reservations_lock_overdue
-- Whoever holds one of these rows is deciding its fate already; waiting for them while holding the calendar would be a circle.
SELECT id FROM reservations
WHERE tenant_id = $1 AND id = ANY ($2::uuid[]) AND status = 'held' AND expires_at <= $3
ORDER BY id
FOR UPDATE SKIP LOCKED;

-- name: reservations_get
SELECT r.id, r.request_id, r.conversation_id, r.contact_id, r.client_id, r.status, r.version, r.moves, r.guest_name,
    r.currency, r.price_minor, r.terms, r.expires_at, r.deposit_due_at, r.transaction_id, r.paid_minor, r.outside_hours,
    p.zone,
    ARRAY(SELECT (s.position, s.service_id, s.service_name, s.staff_id, s.staff_name, s.wanted_staff_id, s.resource_id,
                  s.resource_name, s.starts_at, s.ends_at, s.price_minor)
          FROM reservation_segments AS s WHERE s.tenant_id = r.tenant_id AND s.reservation_id = r.id
          ORDER BY s.position) AS segments,
    ARRAY(SELECT (c.calendar_id, c.busy_from, c.busy_until)
          FROM claims AS c WHERE c.tenant_id = r.tenant_id AND c.reservation_id = r.id
          ORDER BY c.calendar_id, c.busy_from) AS claims
FROM reservations AS r JOIN profiles AS p ON p.tenant_id = r.tenant_id
WHERE r.tenant_id = $1 AND r.id = ANY ($2::uuid[])
ORDER BY r.starts_at, r.id;

-- name: reservations_page
SELECT r.starts_at, r.id FROM reservations AS r
WHERE r.tenant_id = $1 AND r.starts_at >= $2 AND r.starts_at < $3 AND ($4::text IS NULL OR r.status = $4)
  AND r.starts_at >= greatest($2, $5::timestamptz) AND ($5 IS NULL OR (r.starts_at, r.id) > ($5, $6::uuid))
ORDER BY r.starts_at, r.id
LIMIT $7;

-- name: reservations_page_of_staff
-- A segment begins with its visit or later, within a day.
SELECT r.starts_at, r.id FROM reservations AS r
WHERE r.tenant_id = $1 AND r.starts_at >= $2 AND r.starts_at < $3 AND ($4::text IS NULL OR r.status = $4)
  AND r.starts_at >= greatest($2, $5::timestamptz) AND ($5 IS NULL OR (r.starts_at, r.id) > ($5, $6::uuid))
  AND r.id IN (SELECT s.reservation_id FROM reservation_segments AS s
               WHERE s.tenant_id = $1 AND s.staff_id = $8 AND s.starts_at >= greatest($2, $5)
                 AND s.starts_at < $3::timestamptz + interval '24 hours')
ORDER BY r.starts_at, r.id
LIMIT $7;

-- name: reservations_page_of_client
-- $9: and of this person. Looked up for each of the client's visits, which are few; as a join, all of the person's might be read.
SELECT r.starts_at, r.id FROM reservations AS r
WHERE r.tenant_id = $1 AND r.client_id = $8 AND r.starts_at >= $2 AND r.starts_at < $3
  AND ($4::text IS NULL OR r.status = $4)
  AND r.starts_at >= greatest($2, $5::timestamptz) AND ($5 IS NULL OR (r.starts_at, r.id) > ($5, $6::uuid))
  AND ($9::uuid IS NULL OR (
      SELECT s.position FROM reservation_segments AS s
      WHERE s.tenant_id = r.tenant_id AND s.reservation_id = r.id AND s.staff_id = $9 LIMIT 1) IS NOT NULL)
ORDER BY r.starts_at, r.id
LIMIT $7;

-- name: reservation_save
-- Guarded by the version it was read at, though its row is locked: a forgotten lock must not lose a change.
WITH saved AS (
    UPDATE reservations
    SET status = $4, version = $5, starts_at = $6, ends_at = $7, guest_name = $8, expires_at = $9, deposit_due_at = $10,
        transaction_id = $11, paid_minor = $12, moves = $13, outside_hours = $20, conversation_id = $21
    WHERE tenant_id = $1 AND id = $2 AND version = $3
    RETURNING 1
), seats AS (
    UPDATE claims SET active = $14, held_until = $15
    WHERE tenant_id = $1 AND reservation_id = $2 AND EXISTS (SELECT FROM saved)
      AND (active, held_until) IS DISTINCT FROM ($14, $15::timestamptz)
), noted AS (
    INSERT INTO reservation_history (tenant_id, reservation_id, at, version, status, who, why, starts_at, staff_ids)
    SELECT $1::uuid, $2::uuid, $16::timestamptz, $5::integer, $4::text, $17::text, $18::text, $6::timestamptz, $19::uuid[]
    FROM saved
)
SELECT count(*) FROM saved;

-- name: segments_move
UPDATE reservation_segments AS s
SET staff_id = n.staff_id, staff_name = n.staff_name, wanted_staff_id = n.wanted_staff_id, resource_id = n.resource_id,
    resource_name = n.resource_name, starts_at = n.starts_at, ends_at = n.ends_at
FROM unnest($3::integer[], $4::uuid[], $5::text[], $6::uuid[], $7::uuid[], $8::text[], $9::timestamptz[], $10::timestamptz[])
    AS n (position, staff_id, staff_name, wanted_staff_id, resource_id, resource_name, starts_at, ends_at)
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
