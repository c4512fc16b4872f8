-- Answers to requests that change nothing but what is kept of them (a refusal), as one call: `idempotency.answer_all`.
-- Any number of them and of tenants, each with its key; many get one and the same answer, so `answers` says which one, from 1 on.
-- `bound`: what has bound the tenants, so that this cannot happen later (`Database.shared_call`).
-- Returns the places of those whose answer was not kept, from 1 on, and whether they were answered before or are being worked on.
CREATE FUNCTION idempotency_answer(bound text, tenants uuid[], keys text[], requests text[], hashes bytea[], answers integer[],
    statuses integer[], headers jsonb[], bodies bytea[])
RETURNS TABLE (place bigint, answered boolean)
LANGUAGE plpgsql AS $$
DECLARE
    free bigint[];
    done bigint[];
BEGIN
    -- As idempotency_claim: whoever does not get the key never waits for it. Of one that comes twice, the first.
    free := ARRAY(
        SELECT min(k.place) FROM unnest(tenants, keys) WITH ORDINALITY AS k (tenant_id, key, place)
        GROUP BY k.tenant_id, k.key
        HAVING pg_try_advisory_xact_lock(
            hashtextextended(concat_ws(':', current_schema(), k.tenant_id, 'idempotency', k.key), 0)));
    -- In a statement after the locks: what was answered just before them is seen. (Not as a join, which may read all there is.)
    done := ARRAY(
        SELECT k.place FROM unnest(tenants, keys) WITH ORDINALITY AS k (tenant_id, key, place)
        WHERE (SELECT a.status FROM idempotency_keys AS a WHERE a.tenant_id = k.tenant_id AND a.key = k.key) IS NOT NULL);
    INSERT INTO idempotency_keys (tenant_id, key, request, payload_hash, status, headers, body)
    SELECT k.tenant_id, k.key, k.request, k.payload_hash, statuses[k.answer], headers[k.answer], bodies[k.answer]
    FROM unnest(tenants, keys, requests, hashes, answers) WITH ORDINALITY
        AS k (tenant_id, key, request, payload_hash, answer, place)
    WHERE k.place = ANY (free) AND k.place <> ALL (done);
    RETURN QUERY SELECT p, p = ANY (free) FROM generate_series(1, cardinality(keys)::bigint) AS p
    WHERE p = ANY (done) OR p <> ALL (free);
END $$;
