-- Clients: who they are, what they booked, and forgetting them.

-- name: client_list
-- $2: whose name or phone is like this. $3, $4: after this name and id. $5: at most.
SELECT id, contact_id, name, phone, notes, version, created_at, erased_at
FROM clients
WHERE tenant_id = $1 AND erased_at IS NULL
  AND ($2::text IS NULL OR name ILIKE $2 OR phone LIKE $2)
  AND (coalesce(name, ''), id) > ($3::text, $4::uuid)
ORDER BY coalesce(name, ''), id
LIMIT $5;

-- name: client_by_contact
SELECT id, contact_id, name, phone, notes, version, created_at, erased_at
FROM clients
WHERE tenant_id = $1 AND contact_id = $2 AND erased_at IS NULL AND ($3::text IS NULL OR name ILIKE $3 OR phone LIKE $3)
  AND (coalesce(name, ''), id) > ($4::text, $5::uuid);

-- name: client_get
SELECT c.id, c.contact_id, c.name, c.phone, c.notes, c.version, c.created_at, c.erased_at,
    v.completed, v.no_shows, v.cancelled, v.upcoming,
    l.staff_id AS last_staff_id, l.staff_name AS last_staff_name
FROM clients AS c
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE r.status = 'completed') AS completed,
        count(*) FILTER (WHERE r.status = 'no_show') AS no_shows,
        -- A hold that was given up, or an offer that was declined, was no visit yet.
        count(*) FILTER (WHERE r.status = 'cancelled' AND EXISTS (SELECT FROM reservation_history AS h
            WHERE h.tenant_id = $1 AND h.reservation_id = r.id AND h.status = 'confirmed')) AS cancelled,
        count(*) FILTER (WHERE r.ends_at > $3 AND (r.status = 'confirmed' OR r.status = 'held' AND r.expires_at > $3)) AS upcoming
    FROM reservations AS r WHERE r.tenant_id = $1 AND r.client_id = c.id) AS v
LEFT JOIN LATERAL (
    SELECT s.staff_id, s.staff_name
    FROM reservations AS r JOIN reservation_segments AS s ON s.tenant_id = r.tenant_id AND s.reservation_id = r.id
    WHERE r.tenant_id = $1 AND r.client_id = c.id AND r.status IN ('confirmed', 'completed')
    ORDER BY r.starts_at DESC, s.position LIMIT 1) AS l ON true
WHERE c.tenant_id = $1 AND c.id = $2;

-- name: client_put
INSERT INTO clients (tenant_id, id, contact_id, name, phone, notes, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, contact_id) DO NOTHING
RETURNING version;

-- name: client_lock
SELECT version, contact_id, erased_at FROM clients WHERE tenant_id = $1 AND id = $2 FOR UPDATE;

-- name: client_change
UPDATE clients SET name = $3, phone = $4, notes = $5, version = version + 1 WHERE tenant_id = $1 AND id = $2
RETURNING version;

-- name: client_reservations_lock
SELECT id FROM reservations WHERE tenant_id = $1 AND client_id = $2 ORDER BY id FOR UPDATE;

-- name: client_of_contact
SELECT id FROM clients WHERE tenant_id = $1 AND contact_id = $2;

-- name: client_ahead_until
-- When the last visit that is not over yet will be, as far as is known now.
SELECT max(CASE status WHEN 'held' THEN expires_at ELSE ends_at END) FROM reservations
WHERE tenant_id = $1 AND client_id = $2 AND ends_at > $3 AND (status = 'confirmed' OR status = 'held' AND expires_at > $3);

-- name: client_erase
UPDATE clients
SET contact_id = NULL, name = NULL, phone = NULL, notes = NULL, erased_at = $3, version = version + 1
WHERE tenant_id = $1 AND id = $2
RETURNING version;

-- name: client_erase_reservations
-- Times, services, prices and payments stay: they are the salon's books.
UPDATE reservations SET guest_name = NULL, contact_id = NULL, conversation_id = NULL, request_id = NULL
WHERE tenant_id = $1 AND client_id = $2;

-- name: client_erase_history
UPDATE reservation_history AS h SET why = 'erased'
FROM reservations AS r
WHERE h.tenant_id = $1 AND r.tenant_id = $1 AND r.client_id = $2 AND h.reservation_id = r.id AND h.why <> 'erased';

-- name: client_erase_offers
DELETE FROM waitlist_offers AS o USING waitlist_entries AS e
WHERE o.tenant_id = $1 AND e.tenant_id = $1 AND e.contact_id = $2 AND o.entry_id = e.id;

-- name: client_erase_entries
DELETE FROM waitlist_entries WHERE tenant_id = $1 AND contact_id = $2;

-- name: client_erase_messages
-- What has been said of the client and is kept for a while: messages that were sent, inside whose body one of $2 stands.
DELETE FROM outbox
WHERE tenant_id = $1 AND sent_at IS NOT NULL AND convert_from(body, 'UTF8') LIKE ANY ($2::text[]);

-- name: client_erase_answers
DELETE FROM idempotency_keys
WHERE tenant_id = $1 AND (request LIKE ANY ($2::text[]) OR convert_from(body, 'UTF8') LIKE ANY ($2::text[]));

-- name: client_export_reservations
SELECT r.id, r.request_id, r.conversation_id, r.contact_id, r.status, r.version, r.starts_at, r.ends_at, r.moves, r.guest_name,
    r.currency, r.price_minor, r.paid_minor, r.terms, r.expires_at, r.deposit_due_at, r.transaction_id, r.created_at,
    (SELECT json_agg(json_build_object(
                'service', s.service_name, 'staff', s.staff_name, 'resource', s.resource_name, 'start', s.starts_at,
                'end', s.ends_at, 'price_minor', s.price_minor) ORDER BY s.position)
     FROM reservation_segments AS s WHERE s.tenant_id = $1 AND s.reservation_id = r.id) AS segments,
    (SELECT json_agg(json_build_object('at', h.at, 'version', h.version, 'status', h.status, 'who', h.who, 'why', h.why,
                                       'starts_at', h.starts_at) ORDER BY h.seq)
     FROM reservation_history AS h WHERE h.tenant_id = $1 AND h.reservation_id = r.id) AS history,
    (SELECT json_agg(json_build_object('transaction_id', d.transaction_id, 'amount_minor', d.amount_minor,
                                       'currency', d.currency, 'paid_at', d.paid_at, 'unusable_because', d.unusable_because)
                     ORDER BY d.paid_at)
     FROM deposits AS d WHERE d.tenant_id = $1 AND d.reservation_id = r.id) AS payments
FROM reservations AS r
WHERE r.tenant_id = $1 AND r.client_id = $2
ORDER BY r.starts_at, r.id;

-- name: client_export_waitlist
SELECT e.id, e.conversation_id, e.contact_name, e.phone, e.wants, e.first_day, e.last_day, e.from_minute, e.until_minute,
    e.status, e.offers, e.created_at, e.replaces,
    (SELECT json_agg(json_build_object('reservation_id', o.reservation_id, 'starts_at', o.starts_at, 'made_at', o.made_at,
                                       'outcome', o.outcome, 'replaces', o.replaces) ORDER BY o.made_at)
     FROM waitlist_offers AS o WHERE o.tenant_id = $1 AND o.entry_id = e.id) AS offered
FROM waitlist_entries AS e WHERE e.tenant_id = $1 AND e.contact_id = $2
ORDER BY e.created_at, e.id;
