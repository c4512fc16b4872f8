-- The salon, its catalogue and its policies, and the reservations that take up its people's time.
-- Rights and row level security are added by booka_common.migrate.

CREATE TABLE profiles (
    tenant_id uuid PRIMARY KEY,
    name text NOT NULL,
    locale text NOT NULL,
    zone text NOT NULL,
    currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    slot_grid_minutes integer NOT NULL CHECK (slot_grid_minutes BETWEEN 1 AND 1440),
    lead_minutes integer NOT NULL CHECK (lead_minutes >= 0),
    horizon_days integer NOT NULL CHECK (horizon_days BETWEEN 1 AND 400),
    revision bigint NOT NULL DEFAULT 1 CHECK (revision >= 1),
    announced boolean NOT NULL DEFAULT false
);

-- Hours are minutes of the local day, so that 24:00 can be said; weekday 1 is Monday.
CREATE TABLE opening_hours (
    tenant_id uuid NOT NULL,
    weekday integer NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    opens integer NOT NULL CHECK (opens >= 0),
    closes integer NOT NULL CHECK (closes <= 1440),
    PRIMARY KEY (tenant_id, weekday, opens),
    CONSTRAINT opening_hours_not_empty CHECK (opens < closes)
);

-- Replaces the weekly hours of one day. A closed day is the one empty span 0-0.
CREATE TABLE opening_exceptions (
    tenant_id uuid NOT NULL,
    day date NOT NULL,
    opens integer NOT NULL CHECK (opens >= 0),
    closes integer NOT NULL CHECK (closes <= 1440),
    PRIMARY KEY (tenant_id, day, opens),
    CONSTRAINT opening_exceptions_span CHECK (opens < closes OR (opens = 0 AND closes = 0))
);

CREATE TABLE services (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    duration_minutes integer NOT NULL CHECK (duration_minutes BETWEEN 1 AND 720),
    buffer_before_minutes integer NOT NULL CHECK (buffer_before_minutes BETWEEN 0 AND 240),
    buffer_after_minutes integer NOT NULL CHECK (buffer_after_minutes BETWEEN 0 AND 240),
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    active boolean NOT NULL,
    position integer NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE staff (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    active boolean NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE staff_services (
    tenant_id uuid NOT NULL,
    staff_id uuid NOT NULL,
    service_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, staff_id, service_id),
    CONSTRAINT staff_services_staff FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id),
    CONSTRAINT staff_services_service FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id)
);
CREATE INDEX staff_services_by_service ON staff_services (tenant_id, service_id);

-- Somebody without rows works whenever the salon is open; with rows, only where both are.
CREATE TABLE staff_hours (
    tenant_id uuid NOT NULL,
    staff_id uuid NOT NULL,
    weekday integer NOT NULL CHECK (weekday BETWEEN 1 AND 7),
    opens integer NOT NULL CHECK (opens >= 0),
    closes integer NOT NULL CHECK (closes <= 1440),
    PRIMARY KEY (tenant_id, staff_id, weekday, opens),
    CONSTRAINT staff_hours_not_empty CHECK (opens < closes),
    CONSTRAINT staff_hours_staff FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id)
);

-- The tenant's default has no service. A NULL means: as the default says, or as the software says.
CREATE TABLE policies (
    tenant_id uuid NOT NULL,
    service_id uuid,
    deposit_kind text CHECK (deposit_kind IN ('none', 'fixed', 'percent')),
    deposit_value bigint CHECK (deposit_value >= 0),
    hold_seconds integer CHECK (hold_seconds BETWEEN 1 AND 86400),
    deposit_deadline_seconds integer CHECK (deposit_deadline_seconds BETWEEN 1 AND 604800),
    cancel_notice_hours integer CHECK (cancel_notice_hours BETWEEN 0 AND 720),
    max_holds_per_client integer CHECK (max_holds_per_client BETWEEN 1 AND 20),
    CONSTRAINT policies_one UNIQUE NULLS NOT DISTINCT (tenant_id, service_id),
    CONSTRAINT policies_deposit CHECK ((deposit_kind IS NULL) = (deposit_value IS NULL)),
    CONSTRAINT policies_service FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id)
);

CREATE TABLE clients (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    name text,
    phone text,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT clients_contact UNIQUE (tenant_id, contact_id)
);

CREATE TABLE reservations (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    request_id uuid,
    conversation_id uuid,
    contact_id uuid,
    client_id uuid,
    status text NOT NULL CHECK (status IN ('held', 'confirmed', 'completed', 'no_show', 'cancelled', 'expired')),
    version integer NOT NULL CHECK (version >= 1),
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    any_staff boolean NOT NULL,
    guest_name text,
    currency text NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    terms jsonb NOT NULL,
    expires_at timestamptz,
    deposit_due_at timestamptz,
    transaction_id uuid,
    paid_minor bigint NOT NULL DEFAULT 0 CHECK (paid_minor >= 0),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT reservations_span CHECK (starts_at < ends_at),
    CONSTRAINT reservations_holds_expire CHECK (status <> 'held' OR expires_at IS NOT NULL),
    CONSTRAINT reservations_request UNIQUE (tenant_id, request_id),
    CONSTRAINT reservations_client FOREIGN KEY (tenant_id, client_id) REFERENCES clients (tenant_id, id)
);
CREATE INDEX reservations_by_start ON reservations (tenant_id, starts_at, id);
CREATE INDEX reservations_held_by_contact ON reservations (tenant_id, contact_id) WHERE status = 'held';

-- What a visit consists of and whose time it takes. `during` includes the buffers; while `active`, nobody else gets it.
-- Range operators are not leakproof, so under row level security no index can serve them: reads go by busy_from, which
-- is bounded because no segment takes longer than a day; `during` is there for the constraint.
CREATE TABLE reservation_segments (
    tenant_id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    position integer NOT NULL,
    service_id uuid NOT NULL,
    service_name text NOT NULL,
    staff_id uuid NOT NULL,
    staff_name text NOT NULL,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    busy_from timestamptz NOT NULL,
    busy_until timestamptz NOT NULL,
    during tstzrange NOT NULL GENERATED ALWAYS AS (tstzrange(busy_from, busy_until, '[)')) STORED,
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    active boolean NOT NULL,
    held_until timestamptz,
    PRIMARY KEY (tenant_id, reservation_id, position),
    CONSTRAINT segments_not_empty CHECK (NOT isempty(during)),
    CONSTRAINT segments_inside_busy CHECK (busy_from <= starts_at AND starts_at < ends_at AND ends_at <= busy_until),
    CONSTRAINT segments_within_a_day CHECK (busy_until - busy_from <= interval '24 hours'),
    CONSTRAINT segments_one_at_a_time EXCLUDE USING gist (tenant_id WITH =, staff_id WITH =, during WITH &&) WHERE (active),
    CONSTRAINT segments_reservation FOREIGN KEY (tenant_id, reservation_id) REFERENCES reservations (tenant_id, id),
    CONSTRAINT segments_service FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id),
    CONSTRAINT segments_staff FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id)
);
CREATE INDEX segments_busy ON reservation_segments (tenant_id, staff_id, busy_from) WHERE active;

-- A payment is judged once: it pays for a visit, or it goes back.
CREATE TABLE deposits (
    tenant_id uuid NOT NULL,
    transaction_id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    amount_minor bigint NOT NULL,
    currency text NOT NULL,
    paid_at timestamptz NOT NULL,
    unusable_because text,
    PRIMARY KEY (tenant_id, transaction_id)
);

CREATE TABLE reservation_history (
    tenant_id uuid NOT NULL,
    seq bigint GENERATED ALWAYS AS IDENTITY,
    reservation_id uuid NOT NULL,
    at timestamptz NOT NULL,
    version integer NOT NULL,
    status text NOT NULL,
    who text NOT NULL,
    why text NOT NULL,
    starts_at timestamptz NOT NULL,
    staff_ids uuid[] NOT NULL,
    PRIMARY KEY (tenant_id, reservation_id, seq)
);

CREATE FUNCTION history_is_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    RAISE EXCEPTION 'reservation_history is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON reservation_history
FOR EACH STATEMENT EXECUTE FUNCTION history_is_append_only();
