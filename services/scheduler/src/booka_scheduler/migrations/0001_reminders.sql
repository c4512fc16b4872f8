-- What is known of each reservation, the reminders planned for it, and what a salon wants to be reminded when.

CREATE TABLE reservations (
    tenant_id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    version integer NOT NULL,
    starts_at timestamptz,
    cancelled boolean NOT NULL,
    PRIMARY KEY (tenant_id, reservation_id),
    -- Version 0 exists only inside the transaction that claims a reservation never heard of before.
    CONSTRAINT reservations_start_unless_cancelled CHECK (version = 0 OR cancelled = (starts_at IS NULL))
);

CREATE TABLE reminders (
    id uuid PRIMARY KEY,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    reservation_version integer NOT NULL,
    minutes_before integer NOT NULL CHECK (minutes_before > 0),
    starts_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL,
    status text NOT NULL CHECK (status IN ('planned', 'sent', 'cancelled', 'skipped')),
    created_at timestamptz NOT NULL,
    settled_at timestamptz,
    CONSTRAINT reminders_once UNIQUE (tenant_id, reservation_id, minutes_before, reservation_version),
    CONSTRAINT reminders_settled CHECK ((status = 'planned') = (settled_at IS NULL))
);
CREATE INDEX reminders_newest ON reminders (tenant_id, seq);

CREATE TABLE reminder_settings (
    tenant_id uuid PRIMARY KEY,
    minutes_before integer[] NOT NULL,
    updated_at timestamptz NOT NULL
);
