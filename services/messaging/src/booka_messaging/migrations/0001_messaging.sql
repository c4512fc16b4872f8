-- Channels, the people who write on them, their conversations and messages. Rights and row level security are added by
-- booka_common.migrate.

CREATE TABLE channels (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    gateway text NOT NULL CHECK (gateway IN ('evolution')),
    instance text NOT NULL,
    base_url text NOT NULL,
    api_key bytea NOT NULL,
    auth_mode text NOT NULL CHECK (auth_mode IN ('hmac', 'header', 'jwt')),
    secret bytea NOT NULL,
    previous_secret bytea,
    previous_until timestamptz,
    active boolean NOT NULL DEFAULT true,
    state text,
    state_reason text,
    state_at timestamptz,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT channels_previous_expires CHECK ((previous_secret IS NULL) = (previous_until IS NULL))
);
-- The one uniqueness across tenants: a webhook names its channel before its tenant is known.
CREATE UNIQUE INDEX channels_endpoint ON channels (id);

CREATE TABLE contacts (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text,
    phone text,
    merged_into uuid,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, merged_into) REFERENCES contacts (tenant_id, id)
);

-- A contact is the set of its aliases: gateways name the same person by phone number, LID or business-scoped id.
CREATE TABLE contact_aliases (
    tenant_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('pn', 'lid', 'bsuid')),
    value text NOT NULL,
    contact_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, kind, value),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)
);
CREATE INDEX contact_aliases_contact ON contact_aliases (tenant_id, contact_id);

-- `turns` counts the client's messages that were said on the broker. A conversation whose contact turned out to be
-- somebody known keeps its id and history; `merged_into` says where the talk goes on.
CREATE TABLE conversations (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    -- Positions of what was asked to be said: known without a gap, and the highest seen.
    asked_through integer NOT NULL DEFAULT 0,
    asked_highest integer NOT NULL DEFAULT 0,
    turns integer NOT NULL DEFAULT 0,
    merged_into uuid,
    created_at timestamptz NOT NULL,
    active_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    FOREIGN KEY (tenant_id, merged_into) REFERENCES conversations (tenant_id, id)
);
CREATE UNIQUE INDEX conversations_contact ON conversations (tenant_id, channel_id, contact_id) WHERE merged_into IS NULL;
CREATE INDEX conversations_merged ON conversations (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX conversations_active ON conversations (tenant_id, active_at, id) WHERE merged_into IS NULL;

-- `author`: the client, a person of the salon on their own phone, or Booka.
-- `attempted_at`: set before the first call to the gateway; set without an outcome means the outcome is not known.
CREATE TABLE messages (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    direction text NOT NULL CHECK (direction IN ('in', 'out')),
    author text NOT NULL CHECK (author IN ('client', 'salon', 'booka')),
    provider_id text,
    kind text NOT NULL,
    text text NOT NULL,
    choice_id text,
    metadata jsonb NOT NULL DEFAULT '{}',
    status text NOT NULL CHECK (status IN ('received', 'queued', 'sent', 'failed', 'delivered', 'read')),
    turn integer,
    request_id uuid,
    purpose text,
    failure text,
    attempted_at timestamptz,
    sent_at timestamptz,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id),
    CONSTRAINT messages_direction CHECK ((direction = 'in') = (author = 'client')),
    CONSTRAINT messages_requested CHECK ((author = 'booka') = (request_id IS NOT NULL))
);
-- The author is part of it because the echo of our own message may come in before its id is recorded here.
CREATE UNIQUE INDEX messages_provider ON messages (tenant_id, channel_id, provider_id, author) WHERE provider_id IS NOT NULL;
CREATE UNIQUE INDEX messages_request ON messages (tenant_id, request_id) WHERE request_id IS NOT NULL;
CREATE UNIQUE INDEX messages_turn ON messages (tenant_id, conversation_id, turn) WHERE turn IS NOT NULL;
CREATE INDEX messages_conversation ON messages (tenant_id, conversation_id, id);

-- What is known of an outgoing message by its gateway's id. The gateway may report the delivery before its answer to the
-- send is recorded here: whoever comes second meets the first one on this row.
CREATE TABLE receipts (
    tenant_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    provider_id text NOT NULL,
    status text NOT NULL CHECK (status IN ('sent', 'failed', 'delivered', 'read')),
    message_id uuid,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, provider_id),
    FOREIGN KEY (tenant_id, message_id) REFERENCES messages (tenant_id, id)
);
