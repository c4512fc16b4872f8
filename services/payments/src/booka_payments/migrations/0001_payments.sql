-- Deposits, what providers say about them, and money that goes back. Amounts are integer minor units (ISO 4217).

CREATE TABLE transactions (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    reservation_id uuid NOT NULL,
    reservation_version integer NOT NULL,
    conversation_id uuid,
    correlation_id uuid NOT NULL,
    provider text NOT NULL CHECK (provider IN ('stripe')),
    attempt integer NOT NULL CHECK (attempt > 0),
    status text NOT NULL CHECK (
        status IN ('requested', 'open', 'paid', 'expired', 'failed', 'refunding', 'refunded', 'mismatched')
    ),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    description text NOT NULL,
    locale text NOT NULL,
    hold_expires_at timestamptz NOT NULL,
    -- What is sent to the provider is fixed before the first call, so that a repetition is the very same request.
    idempotency_key text NOT NULL,
    expires_at timestamptz NOT NULL,
    session_id text,
    payment_intent text,
    url text,
    ended_at timestamptz,
    paid_minor bigint CHECK (paid_minor >= 0),
    paid_currency text,
    paid_at timestamptz,
    failure text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT transactions_attempt UNIQUE (tenant_id, reservation_id, attempt),
    CONSTRAINT transactions_key UNIQUE (tenant_id, idempotency_key),
    CONSTRAINT transactions_open_has_session CHECK (status <> 'open' OR session_id IS NOT NULL),
    CONSTRAINT transactions_paid_is_known CHECK (
        status NOT IN ('paid', 'refunding', 'refunded')
        OR (paid_minor IS NOT NULL AND paid_currency IS NOT NULL AND paid_at IS NOT NULL)
    )
);
CREATE UNIQUE INDEX transactions_seq ON transactions (tenant_id, seq);

CREATE TABLE refunds (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    transaction_id uuid NOT NULL,
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    reason text NOT NULL CHECK (reason IN ('deposit_unusable', 'cancelled', 'operator')),
    status text NOT NULL CHECK (status IN ('requested', 'pending', 'succeeded', 'failed')),
    idempotency_key text NOT NULL,
    provider_ref text,
    note text,
    failure text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, transaction_id) REFERENCES transactions (tenant_id, id),
    CONSTRAINT refunds_key UNIQUE (tenant_id, idempotency_key),
    CONSTRAINT refunds_provider_ref UNIQUE (tenant_id, provider_ref)
);
CREATE INDEX refunds_transaction ON refunds (tenant_id, transaction_id);

-- Messages of one reservation come through several queues, so its end may be heard before its deposit is.
CREATE TABLE ended_reservations (
    tenant_id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    version integer NOT NULL,
    ended_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, reservation_id)
);

-- Everything a provider said, once. tenant_id is NULL while nobody can tell whose it is.
CREATE TABLE payment_events (
    tenant_id uuid,
    provider text NOT NULL,
    event_id text NOT NULL,
    type text NOT NULL,
    transaction_id uuid,
    object_id text,
    occurred_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    body jsonb NOT NULL,
    handled_at timestamptz,
    outcome text,
    PRIMARY KEY (provider, event_id),
    CONSTRAINT payment_events_owner CHECK ((tenant_id IS NULL) = (transaction_id IS NULL))
);
CREATE INDEX payment_events_transaction ON payment_events (tenant_id, transaction_id, received_at);
CREATE INDEX payment_events_unmatched ON payment_events (received_at) WHERE tenant_id IS NULL;
