-- A salon's settings for the model, the messages kept for context, the calls and the day's tokens.

CREATE TABLE tenant_settings (
    tenant_id uuid PRIMARY KEY,
    enabled boolean NOT NULL,
    preferred_llm_model text,
    llm_token_rate bigint NOT NULL CHECK (llm_token_rate >= 0),
    daily_token_budget bigint NOT NULL CHECK (daily_token_budget >= 0),
    history_messages integer NOT NULL CHECK (history_messages BETWEEN 0 AND 20),
    revision integer NOT NULL CHECK (revision > 0),
    updated_at timestamptz NOT NULL
);

CREATE TABLE recent_messages (
    tenant_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    message_id uuid NOT NULL,
    turn integer NOT NULL,
    role text NOT NULL CHECK (role IN ('client')),
    text text NOT NULL CHECK (octet_length(text) <= 500),
    sent_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, message_id)
);
CREATE INDEX recent_messages_last ON recent_messages (tenant_id, conversation_id, turn);
CREATE INDEX recent_messages_age ON recent_messages (tenant_id, sent_at);

CREATE TABLE llm_calls (
    id uuid PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id uuid NOT NULL,
    request_id uuid NOT NULL,
    model text NOT NULL,
    status text NOT NULL CHECK (status IN ('started', 'ok', 'refused', 'invalid', 'failed', 'timeout', 'lost')),
    day date NOT NULL,
    reserved_tokens bigint NOT NULL,
    prompt_tokens bigint NOT NULL DEFAULT 0,
    completion_tokens bigint NOT NULL DEFAULT 0,
    cost bigint NOT NULL DEFAULT 0,
    latency_ms integer,
    error text,
    created_at timestamptz NOT NULL
);
CREATE INDEX llm_calls_newest ON llm_calls (tenant_id, seq);
CREATE INDEX llm_calls_day ON llm_calls (tenant_id, day);
CREATE INDEX llm_calls_open ON llm_calls (tenant_id, request_id) WHERE status = 'started';

CREATE TABLE daily_tokens (
    tenant_id uuid NOT NULL,
    day date NOT NULL,
    used bigint NOT NULL DEFAULT 0,
    reserved bigint NOT NULL DEFAULT 0 CHECK (reserved >= 0),
    PRIMARY KEY (tenant_id, day)
);
