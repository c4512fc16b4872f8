-- The people who write, and the talks with them.

CREATE TABLE contacts (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text,
    phone text,
    merged_into uuid,
    blocked_at timestamptz,
    erased_at timestamptz,
    -- Two ids of a kind of which people have one: perhaps two people. Somebody at the salon has a look.
    contested boolean NOT NULL DEFAULT false,
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
    -- Who of the salon answers, and until when (null: until it is handed back). `takeover_id` is what the last takeover
    -- began with: the message that was typed, or an id of its own.
    attended_by text,
    attended_until timestamptz,
    takeover_id uuid,
    -- When somebody last gave it back: what was typed before that does not take it over again.
    handed_back_at timestamptz,
    -- When somebody of the salon last typed on the phone, by the gateway's clock: they had seen what the client wrote before.
    typed_at timestamptz,
    -- When the client last wrote, by the gateway's clock: providers take free text for a while after it.
    client_at timestamptz,
    -- The client's data is gone: nothing is stored here any more.
    erased_at timestamptz,
    created_at timestamptz NOT NULL,
    active_at timestamptz NOT NULL,
    -- What `active_at` is found by: while none of its indexed columns changes, a row is written again without writing to any
    -- index. Most messages of a talk come within the same quarter of an hour.
    active_quarter timestamptz NOT NULL GENERATED ALWAYS AS (date_bin('15 minutes', active_at, 'epoch')) STORED,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id),
    FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id),
    FOREIGN KEY (tenant_id, merged_into) REFERENCES conversations (tenant_id, id),
    -- One for all that goes together, and no lists: PostgreSQL reads the text of every constraint again with every statement.
    CONSTRAINT conversations_attended CHECK (CASE
        WHEN attended_by IS NULL THEN attended_until IS NULL
        ELSE takeover_id IS NOT NULL AND (attended_by = 'phone' OR attended_by = 'console') END)
) WITH (fillfactor = 80);
CREATE INDEX conversations_merged ON conversations (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX conversations_active ON conversations (tenant_id, active_quarter) WHERE merged_into IS NULL;
-- The last one: of indexes that seem equally good, as they all do while the table is empty, PostgreSQL takes the newest, and a
-- plan that is made then is kept for a while.
CREATE UNIQUE INDEX conversations_contact ON conversations (tenant_id, channel_id, contact_id) WHERE merged_into IS NULL;

-- The quarter of an hour of `conversations.active_quarter`.
CREATE FUNCTION quarter_of(moment timestamptz) RETURNS timestamptz
LANGUAGE sql IMMUTABLE AS $$SELECT date_bin('15 minutes', moment, 'epoch')$$;

-- Whether a person of the salon answers at that moment. A takeover whose time is over has ended, whoever notices it when.
CREATE FUNCTION is_attended(attended_by text, attended_until timestamptz, at timestamptz) RETURNS boolean
LANGUAGE sql IMMUTABLE AS 'SELECT coalesce(attended_until > at, attended_by IS NOT NULL)';
