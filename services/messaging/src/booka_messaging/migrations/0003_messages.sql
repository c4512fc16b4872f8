-- What was said, what became of it, and what it cost.

-- `author`: the client, a person of the salon (on their own phone; in the console if there is a request), or Booka.
-- `attempted_at`, `tried_at`: set before the first and the latest call to the gateway of which it is not known what became.
-- `paced_at`: the moment that it has on its line; null once that is used. `as_template`: it is known that nothing else goes.
CREATE TABLE messages (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    channel_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    direction text NOT NULL,
    author text NOT NULL,
    provider_id text,
    kind text NOT NULL,
    text text NOT NULL,
    choice_id text,
    metadata jsonb NOT NULL DEFAULT '{}',
    -- The same as buttons or as a list, and as an approved template, where the line takes those.
    choices jsonb,
    template jsonb,
    status text NOT NULL CHECK (status IN ('received', 'queued', 'sent', 'failed', 'delivered', 'read')),
    turn integer,
    request_id uuid,
    purpose text,
    -- Who of the salon wrote it in the console.
    written_by text,
    failure text,
    attempted_at timestamptz,
    tried_at timestamptz,
    paced_at timestamptz,
    as_template boolean NOT NULL DEFAULT false,
    sent_at timestamptz,
    edited_at timestamptz,
    deleted_at timestamptz,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, conversation_id) REFERENCES conversations (tenant_id, id),
    CONSTRAINT messages_author CHECK (CASE author
        WHEN 'client' THEN direction = 'in' AND request_id IS NULL
        WHEN 'salon' THEN direction = 'out'
        WHEN 'booka' THEN direction = 'out' AND request_id IS NOT NULL
        ELSE false END)
);
CREATE UNIQUE INDEX messages_request ON messages (tenant_id, request_id) WHERE request_id IS NOT NULL;
CREATE UNIQUE INDEX messages_turn ON messages (tenant_id, conversation_id, turn) WHERE turn IS NOT NULL;
CREATE INDEX messages_conversation ON messages (tenant_id, conversation_id, id);
-- It comes last for the reason that `conversations_contact` does.
-- The author is part of it because the echo of our own message may come in before its id is recorded here.
CREATE UNIQUE INDEX messages_provider ON messages (tenant_id, channel_id, provider_id, author) WHERE provider_id IS NOT NULL;

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

-- Messages that the provider charges for, as its receipts say. A message is counted once, when its price is first told.
CREATE TABLE charges (
    tenant_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    provider_id text NOT NULL,
    category text NOT NULL,
    model text NOT NULL,
    billable boolean NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, channel_id, provider_id),
    FOREIGN KEY (tenant_id, channel_id) REFERENCES channels (tenant_id, id)
);
CREATE INDEX charges_at ON charges (tenant_id, at);
