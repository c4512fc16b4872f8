-- name: idempotency_store
INSERT INTO idempotency_keys (tenant_id, key, request, payload_hash, status, headers, body)
VALUES ($1, $2, $3, $4, $5, $6, $7);

-- name: idempotency_get
SELECT request, payload_hash, status, headers, body FROM idempotency_keys WHERE tenant_id = $1 AND key = $2;

-- name: idempotency_prune
DELETE FROM idempotency_keys WHERE created_at < clock_timestamp() - $1::interval;
