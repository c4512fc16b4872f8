-- A salon's lines to its gateways: how they prove who they are, what is known of them, and how fast they send. Rights and
-- row level security are added by booka_common.migrate.

-- `secret` is null for a line of the installation's own Meta app, whose secrets are in the service's settings. `meta`:
-- X-Hub-Signature-256 with the secret of a Meta app.
CREATE TABLE channels (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    gateway text NOT NULL CHECK (gateway IN ('evolution', 'cloud')),
    instance text NOT NULL,
    base_url text NOT NULL,
    api_key bytea NOT NULL,
    auth_mode text NOT NULL CHECK (auth_mode IN ('hmac', 'header', 'jwt', 'meta')),
    secret bytea,
    previous_secret bytea,
    previous_until timestamptz,
    -- What Meta must say when it asks whether the address is ours.
    verify_token bytea,
    active boolean NOT NULL DEFAULT true,
    -- Booka falls silent for this long once a person of the salon types; null: until it is handed back.
    takeover_minutes integer DEFAULT 120 CHECK (takeover_minutes > 0),
    messages_per_minute integer NOT NULL DEFAULT 1200 CHECK (messages_per_minute > 0),
    show_typing boolean NOT NULL DEFAULT false,
    transcribe boolean NOT NULL DEFAULT false,
    state text,
    state_reason text,
    state_at timestamptz,
    -- The last webhook, to the minute; up to where the gateway's store was looked through for what was missed.
    heard_at timestamptz,
    swept_through timestamptz,
    silent_since timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT channels_previous_expires CHECK ((previous_secret IS NULL) = (previous_until IS NULL)),
    CONSTRAINT channels_own_secret CHECK (secret IS NOT NULL OR auth_mode = 'meta')
);
-- Unique across tenants: a webhook names its channel, or Meta the line, before the tenant is known.
CREATE UNIQUE INDEX channels_endpoint ON channels (id);
CREATE UNIQUE INDEX channels_cloud_line ON channels (instance) WHERE gateway = 'cloud';

-- What was sent as a template is approved per line and language under a name of the provider's.
CREATE TABLE channel_templates (
    tenant_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    name text NOT NULL,
    locale text NOT NULL,
    provider_name text NOT NULL,
    language text NOT NULL,
    parameters integer NOT NULL CHECK (parameters BETWEEN 0 AND 10),
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, name, locale),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id)
);

-- How a line sends: the next free moment for what clients wait for and for what they do not, and its circuit breaker:
-- failures in a row, how often it opened without a send in between that worked, until when nothing is sent (past: until
-- somebody has asked the gateway), and until when somebody does.
-- A table of its own, because its rows change with every message and those of `channels` hardly ever.
CREATE TABLE paces (
    tenant_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    replies_from timestamptz NOT NULL,
    others_from timestamptz NOT NULL,
    failures integer NOT NULL DEFAULT 0,
    openings integer NOT NULL DEFAULT 0,
    blocked_until timestamptz,
    probing_until timestamptz,
    blocked_reason text,
    PRIMARY KEY (tenant_id, channel_id),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id)
) WITH (fillfactor = 50);

-- Webhooks that proved who they are and could not be read: without credentials, to be read again after a correction.
CREATE TABLE unread_deliveries (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    digest bytea NOT NULL,
    body bytea NOT NULL,
    path_event text,
    error text NOT NULL,
    deliveries integer NOT NULL DEFAULT 1,
    received_at timestamptz NOT NULL,
    read_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id)
);
CREATE UNIQUE INDEX unread_deliveries_digest ON unread_deliveries (tenant_id, channel_id, digest);
CREATE INDEX unread_deliveries_open ON unread_deliveries (tenant_id, id) WHERE read_at IS NULL;
