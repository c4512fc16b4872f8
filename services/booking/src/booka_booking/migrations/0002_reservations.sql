-- Clients, their reservations, and the time that these take of people and resources.

-- Who came by a conversation has a contact; whom the salon wrote in by hand may have none.
CREATE TABLE clients (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    contact_id uuid,
    name text,
    phone text,
    notes text,
    erased_at timestamptz,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
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
    moves integer NOT NULL DEFAULT 0 CHECK (moves >= 0),
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
CREATE INDEX reservations_by_client ON reservations (tenant_id, client_id, starts_at, id);
CREATE INDEX reservations_held_by_contact ON reservations (tenant_id, contact_id) WHERE status = 'held';

-- What a visit consists of, with names and price as they were when it was booked. `wanted_staff_id` is whom the client
-- asked for; NULL: anyone.
CREATE TABLE reservation_segments (
    tenant_id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    position integer NOT NULL,
    service_id uuid NOT NULL,
    service_name text NOT NULL,
    staff_id uuid NOT NULL,
    staff_name text NOT NULL,
    wanted_staff_id uuid,
    resource_id uuid,
    resource_name text,
    starts_at timestamptz NOT NULL,
    ends_at timestamptz NOT NULL,
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    PRIMARY KEY (tenant_id, reservation_id, position),
    CONSTRAINT segments_span CHECK (starts_at < ends_at),
    CONSTRAINT segments_reservation FOREIGN KEY (tenant_id, reservation_id) REFERENCES reservations (tenant_id, id),
    CONSTRAINT segments_service FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id),
    CONSTRAINT segments_staff FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id),
    CONSTRAINT segments_resource FOREIGN KEY (tenant_id, resource_id) REFERENCES resources (tenant_id, id)
);
CREATE INDEX segments_by_staff ON reservation_segments (tenant_id, staff_id, starts_at);

-- What is taken of somebody's or something's time, buffers included; while `active`, nobody else gets it.
-- Range operators are not leakproof, so under row level security no index can serve them: reads go by busy_from, which
-- is bounded because no claim is longer than a day; `during` is there for the constraint.
CREATE TABLE claims (
    tenant_id uuid NOT NULL,
    calendar_id uuid NOT NULL,
    busy_from timestamptz NOT NULL,
    busy_until timestamptz NOT NULL,
    during tstzrange NOT NULL GENERATED ALWAYS AS (tstzrange(busy_from, busy_until, '[)')) STORED,
    reservation_id uuid NOT NULL,
    active boolean NOT NULL,
    held_until timestamptz,
    CONSTRAINT claims_not_empty CHECK (busy_from < busy_until),
    CONSTRAINT claims_within_a_day CHECK (busy_until - busy_from <= interval '24 hours'),
    CONSTRAINT claims_one_at_a_time EXCLUDE USING gist (tenant_id WITH =, calendar_id WITH =, during WITH &&) WHERE (active),
    -- Deferred: a hold of which only a part found its place is taken back before the end of its transaction.
    CONSTRAINT claims_reservation FOREIGN KEY (tenant_id, reservation_id) REFERENCES reservations (tenant_id, id)
        DEFERRABLE INITIALLY DEFERRED
);
-- Whatever the index of the constraint compares it copies first, if it is packed: that was half of what a claim costs it.
ALTER TABLE claims ALTER COLUMN during SET STORAGE PLAIN;
COMMENT ON COLUMN claims.calendar_id IS 'a staff member or a resource';
CREATE INDEX claims_busy ON claims (tenant_id, calendar_id, busy_from) WHERE active;
CREATE INDEX claims_by_reservation ON claims (tenant_id, reservation_id);

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
CREATE INDEX deposits_by_reservation ON deposits (tenant_id, reservation_id);

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

-- Append-only, but for this: what a client asks to have erased is gone from the history too. An entry may lose its text, and
-- nothing else of it may change.
CREATE FUNCTION history_is_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_LEVEL = 'ROW' AND NEW.why = 'erased'
       AND to_jsonb(NEW) - 'why' = to_jsonb(OLD) - 'why' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'reservation_history is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON reservation_history
FOR EACH STATEMENT EXECUTE FUNCTION history_is_append_only();
CREATE TRIGGER only_erased BEFORE UPDATE ON reservation_history
FOR EACH ROW EXECUTE FUNCTION history_is_append_only();
