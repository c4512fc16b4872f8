-- Conversations of people whose data was erased: what of theirs is still under way is not kept any more.
CREATE TABLE forgotten_conversations (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    forgotten_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, conversation_id)
);
CREATE INDEX forgotten_conversations_age ON forgotten_conversations (tenant_id, forgotten_at);
