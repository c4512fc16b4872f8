-- Every statement of payments. Tenant tables are bound to the tenant here and by row level security.

-- name: transaction_insert
-- Two due messages for one reservation at once: the second finds the attempt taken and does nothing.
INSERT INTO transactions (
    tenant_id, id, reservation_id, reservation_version, conversation_id, correlation_id, provider, attempt, status, amount_minor,
    currency, description, locale, hold_expires_at, idempotency_key, expires_at, ended_at, created_at, updated_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $18)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: transaction_get
SELECT * FROM transactions WHERE tenant_id = $1 AND id = $2;

-- name: transaction_lock
SELECT * FROM transactions WHERE tenant_id = $1 AND id = $2 FOR UPDATE;

-- name: transactions_lock_reservation
-- In one order, so that two of these cannot wait for each other.
SELECT * FROM transactions WHERE tenant_id = $1 AND reservation_id = $2 ORDER BY attempt FOR UPDATE;

-- name: transaction_exists
SELECT EXISTS (SELECT 1 FROM transactions WHERE tenant_id = $1 AND id = $2);

-- name: transaction_rekey
UPDATE transactions SET idempotency_key = $3, expires_at = $4, updated_at = $5 WHERE tenant_id = $1 AND id = $2;

-- name: transaction_opened
-- A page that was paid before its opening was recorded keeps its status.
UPDATE transactions
SET session_id = coalesce(session_id, $3), url = $4, expires_at = $5, updated_at = $6,
    status = CASE WHEN status IN ('requested', 'failed', 'expired') THEN 'open' ELSE status END
WHERE tenant_id = $1 AND id = $2;

-- name: transaction_status
UPDATE transactions SET status = $3, failure = $4, updated_at = $5 WHERE tenant_id = $1 AND id = $2;

-- name: transaction_ended
UPDATE transactions SET ended_at = coalesce(ended_at, $3), updated_at = $3 WHERE tenant_id = $1 AND id = $2;

-- name: transaction_took
UPDATE transactions
SET status = $3, session_id = $4, payment_intent = $5, paid_minor = $6, paid_currency = $7, paid_at = $8, failure = $9, updated_at = $10
WHERE tenant_id = $1 AND id = $2;

-- name: transactions_list
-- Newest first; `$4` is the sequence number of the last one seen.
SELECT * FROM transactions
WHERE tenant_id = $1
  AND ($2::text IS NULL OR status = $2)
  AND ($3::uuid IS NULL OR reservation_id = $3)
  AND ($4::bigint IS NULL OR seq < $4)
ORDER BY seq DESC
LIMIT $5;

-- name: transaction_seq
SELECT seq FROM transactions WHERE tenant_id = $1 AND id = $2;

-- name: ended_put
INSERT INTO ended_reservations (tenant_id, reservation_id, version, ended_at) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, reservation_id) DO UPDATE
SET version = greatest(ended_reservations.version, excluded.version), ended_at = excluded.ended_at;

-- name: ended_get
SELECT version FROM ended_reservations WHERE tenant_id = $1 AND reservation_id = $2;

-- name: reservation_lock
-- The end of a reservation and its due deposit come through two queues: one of them waits for the other here, so that
-- the later one sees what the earlier one wrote.
SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text || $2::uuid::text, 0));

-- name: refund_insert
INSERT INTO refunds (
    tenant_id, id, transaction_id, amount_minor, currency, reason, status, idempotency_key, provider_ref, note, created_at, updated_at
)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: refund_get
SELECT * FROM refunds WHERE tenant_id = $1 AND id = $2;

-- name: refunds_of
SELECT * FROM refunds WHERE tenant_id = $1 AND transaction_id = $2 ORDER BY created_at, id;

-- name: refund_status
UPDATE refunds SET status = $3, provider_ref = coalesce($4, provider_ref), failure = $5, updated_at = $6 WHERE tenant_id = $1 AND id = $2;

-- name: refund_rekey
UPDATE refunds SET idempotency_key = $3, updated_at = $4 WHERE tenant_id = $1 AND id = $2;

-- name: event_put
-- The provider's event id is the guard against deliveries that come twice. No tenant: it is kept for a person to see.
INSERT INTO payment_events (tenant_id, provider, event_id, type, transaction_id, object_id, occurred_at, received_at, body, handled_at, outcome)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (provider, event_id) DO NOTHING
RETURNING event_id;

-- name: event_handled
UPDATE payment_events SET handled_at = $4, outcome = $5 WHERE tenant_id = $1 AND provider = $2 AND event_id = $3;

-- name: event_time
SELECT occurred_at FROM payment_events WHERE tenant_id = $1 AND provider = $2 AND event_id = $3;

-- name: events_of
SELECT event_id, type, object_id, occurred_at, received_at, body, handled_at, outcome
FROM payment_events
WHERE tenant_id = $1 AND transaction_id = $2
ORDER BY received_at, event_id
LIMIT 200;

-- name: ended_prune
-- cross-tenant: housekeeping, as the system role.
-- By then no deposit of it can fall due any more.
DELETE FROM ended_reservations WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM ended_reservations WHERE ended_at < clock_timestamp() - $1::interval LIMIT 10000));

-- name: ignored_prune
-- cross-tenant: housekeeping, as the system role.
-- Of no salon and of no interest; what belongs to nobody and might be money stays for a person.
DELETE FROM payment_events WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM payment_events
    WHERE tenant_id IS NULL AND outcome = 'ignored' AND received_at < clock_timestamp() - $1::interval
    LIMIT 10000));
