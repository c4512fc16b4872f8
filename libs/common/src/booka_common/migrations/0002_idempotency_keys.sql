-- The answers to changes that were asked for over HTTP with a key, so that asking again does nothing and answers the same.
-- A row is written in the transaction of the change it answers. While that runs there is no row but an advisory lock, so
-- nobody waits for an uncommitted one, and a crash leaves neither change, row nor lock.

CREATE TABLE idempotency_keys (
    tenant_id uuid NOT NULL,
    key text NOT NULL,
    request text NOT NULL,
    payload_hash bytea NOT NULL,
    status integer NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, key)
);
COMMENT ON COLUMN idempotency_keys.request IS 'method and target, e.g. POST /v1/reservations';
CREATE INDEX idempotency_keys_created ON idempotency_keys (created_at);

-- Called with BEGIN, so that it costs no round trip; it answers by raising, or not. Its statements look one after the other,
-- so whoever gets the lock after another transaction's commit sees that one's row.
CREATE FUNCTION idempotency_claim(wanted text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    tenant CONSTANT uuid := current_setting('app.tenant_id')::uuid;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtextextended(concat_ws(':', current_schema(), tenant, 'idempotency', wanted), 0)) THEN
        RAISE EXCEPTION 'a request with this key is being worked on' USING ERRCODE = 'BKRUN';
    END IF;
    IF EXISTS (SELECT FROM idempotency_keys AS k WHERE k.tenant_id = tenant AND k.key = wanted) THEN
        RAISE EXCEPTION 'a request with this key has been answered' USING ERRCODE = 'BKANS';
    END IF;
END $$;
