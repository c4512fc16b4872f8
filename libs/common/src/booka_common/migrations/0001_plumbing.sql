-- Outbox, inbox and jobs: the same three tables in every service's schema. Rights and row level security are added by
-- booka_common.migrate, for these and every other table.

CREATE TABLE outbox (
    id uuid PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id uuid NOT NULL,
    routing_key text NOT NULL,
    correlation_id uuid NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_error text
);
CREATE INDEX outbox_unsent ON outbox (seq) WHERE sent_at IS NULL;
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;

CREATE TABLE inbox (
    consumer text NOT NULL,
    message_id uuid NOT NULL,
    tenant_id uuid NOT NULL,
    received_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, message_id)
);
CREATE INDEX inbox_received ON inbox (received_at);

CREATE TABLE jobs (
    id uuid PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id uuid NOT NULL,
    type text NOT NULL,
    payload jsonb NOT NULL,
    status text NOT NULL DEFAULT 'ready' CHECK (status IN ('ready', 'running', 'done', 'dead', 'cancelled')),
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL CHECK (max_attempts > 0),
    scheduled_at timestamptz NOT NULL,
    unique_key text,
    lane text,
    lane_order bigint NOT NULL DEFAULT 0,
    lease_token uuid,
    lease_until timestamptz,
    last_error text,
    correlation_id uuid NOT NULL,
    traceparent text,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at timestamptz,
    CONSTRAINT jobs_leased_while_running CHECK ((status = 'running') = (lease_token IS NOT NULL))
);
CREATE UNIQUE INDEX jobs_unique ON jobs (tenant_id, type, unique_key) WHERE unique_key IS NOT NULL;
CREATE INDEX jobs_due ON jobs (scheduled_at, seq) WHERE status = 'ready';
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE status = 'running';
CREATE INDEX jobs_lane ON jobs (tenant_id, lane, lane_order, seq) WHERE lane IS NOT NULL AND status IN ('ready', 'running');
CREATE INDEX jobs_dead ON jobs (tenant_id, seq) WHERE status = 'dead';
CREATE INDEX jobs_finished ON jobs (finished_at) WHERE status IN ('done', 'cancelled');
