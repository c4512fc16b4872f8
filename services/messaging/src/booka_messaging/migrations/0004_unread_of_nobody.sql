-- Webhooks of the installation's own Meta app that cannot even be parsed, so that nobody can tell whose they are. tenant_id is NULL:
-- no salon sees them, only who runs the installation.
CREATE TABLE unread_of_nobody (
    tenant_id uuid CHECK (tenant_id IS NULL),
    digest bytea NOT NULL,
    body bytea NOT NULL,
    error text NOT NULL,
    deliveries integer NOT NULL DEFAULT 1,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (digest)
);
