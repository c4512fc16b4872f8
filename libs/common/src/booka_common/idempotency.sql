-- name: idempotency_lock
-- As idempotency_claim, for requests of any tenants: which of them nobody else is working on.
SELECT id FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS k (tenant_id, key, id)
WHERE pg_try_advisory_xact_lock(hashtextextended(concat_ws(':', current_schema(), tenant_id, 'idempotency', key), 0));

-- name: idempotency_answered
-- In a statement after the locks: what was answered just before them is seen. (Not as a join, which may read all there is.)
SELECT k.id FROM unnest($1::uuid[], $2::text[]) WITH ORDINALITY AS k (tenant_id, key, id)
WHERE (SELECT a.status FROM idempotency_keys AS a WHERE a.tenant_id = k.tenant_id AND a.key = k.key) IS NOT NULL;

-- name: idempotency_store
INSERT INTO idempotency_keys (tenant_id, key, request, payload_hash, status, headers, body)
SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bytea[], $5::integer[], $6::jsonb[], $7::bytea[]);

-- name: idempotency_get
SELECT request, payload_hash, status, headers, body FROM idempotency_keys WHERE tenant_id = $1 AND key = $2;

-- name: idempotency_prune
-- So many at most: see `runtime.clean_up`.
DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM idempotency_keys WHERE created_at < clock_timestamp() - $1::interval LIMIT 10000));
