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
-- Whoever stores an echo of ours as somebody's words, and whoever records at that moment that we sent it, meet here.
CREATE UNIQUE INDEX messages_provider ON messages (tenant_id, channel_id, provider_id) WHERE provider_id IS NOT NULL;

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

-- What is known to be ours from now on was written by nobody at the salon: an echo of it that was faster is forgotten (it has to
-- go first, see `messages_provider`), and so is the takeover that began with it, unless somebody did type since. One call for any
-- number of messages: `tenants`, `channels` and `provider_ids` have an element for each.
-- One row is looked up after the other, whatever PostgreSQL believes of tables that were empty when it planned; the limits tell it
-- that there are few to look up.
CREATE FUNCTION forget_echoes(tenants uuid[], channels uuid[], provider_ids text[], now timestamptz) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    echoes uuid[];
    homes uuid[];
BEGIN
    echoes := ARRAY(
        SELECT m.id
        FROM (SELECT * FROM unnest(tenants, channels, provider_ids) AS i (tenant_id, channel_id, provider_id)
              LIMIT cardinality(tenants)) AS i
        CROSS JOIN LATERAL (
            SELECT m.id FROM messages AS m
            WHERE m.tenant_id = i.tenant_id AND m.channel_id = i.channel_id AND m.provider_id = i.provider_id
              AND m.author = 'salon' AND m.request_id IS NULL
            LIMIT 1) AS m);
    IF echoes = '{}' THEN
        RETURN;
    END IF;
    homes := ARRAY(
        SELECT coalesce(w.merged_into, w.id)
        FROM messages AS m JOIN conversations AS w ON w.tenant_id = m.tenant_id AND w.id = m.conversation_id
        WHERE m.tenant_id = ANY (tenants) AND m.id = ANY (echoes));
    -- Conversations come before messages, as everywhere, and in the order that everybody keeps to; all of a person's talk, merged or
    -- not. Whoever types in one of them has done so before the next statement, or comes after it.
    PERFORM FROM conversations AS v
    WHERE v.tenant_id = ANY (tenants) AND (v.id = ANY (homes) OR v.merged_into = ANY (homes))
    ORDER BY v.tenant_id, v.channel_id, v.contact_id, v.id
    FOR NO KEY UPDATE OF v;
    WITH echo AS (
        DELETE FROM messages AS m
        WHERE m.tenant_id = ANY (tenants) AND m.id = ANY (echoes)
        RETURNING m.id, m.tenant_id, (SELECT coalesce(w.merged_into, w.id) FROM conversations AS w
            WHERE w.tenant_id = m.tenant_id AND w.id = m.conversation_id) AS goes_to
    ), typed AS (
        SELECT e.tenant_id, e.id, e.goes_to, max(t.sent_at) FILTER (WHERE t.request_id IS NULL) AS last_at, coalesce(bool_or(t.id > e.id), false) AS since
        FROM echo AS e
        JOIN conversations AS w ON w.tenant_id = e.tenant_id AND (w.id = e.goes_to OR w.merged_into = e.goes_to)
        LEFT JOIN messages AS t ON t.tenant_id = w.tenant_id AND t.conversation_id = w.id AND t.author = 'salon'
            AND t.id <> ALL (echoes)
        GROUP BY e.tenant_id, e.id, e.goes_to
    )
    UPDATE conversations AS v
    SET attended_until = forget_echoes.now, typed_at = typed.last_at
    FROM typed
    WHERE v.tenant_id = typed.tenant_id AND v.id = typed.goes_to AND v.takeover_id = typed.id AND v.attended_by IS NOT NULL
      AND NOT typed.since;
END $$;
