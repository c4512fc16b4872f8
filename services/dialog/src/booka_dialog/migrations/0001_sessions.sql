-- The conversations, the client turns that wait to be taken, and what is known of the salons.

CREATE TABLE sessions (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    state jsonb NOT NULL,
    turns_taken integer NOT NULL DEFAULT 0,
    said integer NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (tenant_id, conversation_id)
);

-- One row for every client turn; its key also keeps a repeated delivery from being taken twice. The payload (what the
-- client wrote) is emptied once the turn has been taken.
CREATE TABLE turns (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    turn integer NOT NULL CHECK (turn > 0),
    payload jsonb,
    arrived_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    taken_at timestamptz,
    PRIMARY KEY (tenant_id, conversation_id, turn),
    CONSTRAINT turns_payload_while_pending CHECK ((payload IS NULL) = (taken_at IS NOT NULL))
);
CREATE INDEX turns_pending ON turns (tenant_id, conversation_id, turn) WHERE taken_at IS NULL;

-- A copy of what booking and llm published last; the revisions keep late messages from undoing newer ones.
CREATE TABLE salons (
    tenant_id uuid PRIMARY KEY,
    catalogue jsonb,
    revision integer NOT NULL DEFAULT 0,
    llm_enabled boolean NOT NULL DEFAULT false,
    llm_revision integer NOT NULL DEFAULT 0,
    updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
