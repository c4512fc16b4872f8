-- The salon: its profile and hours, what it offers, who works there with what, and on which terms.
-- `version` of a row goes up with every change of it, so that two people editing it do not overwrite each other.
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
    assignment text NOT NULL CHECK (assignment IN ('fair', 'last_first')),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
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

-- Chairs, rooms, machines: a service needs one of a pool, or none.
CREATE TABLE resource_pools (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE resources (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    pool_id uuid NOT NULL,
    name text NOT NULL,
    active boolean NOT NULL,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT resources_pool FOREIGN KEY (tenant_id, pool_id) REFERENCES resource_pools (tenant_id, id)
);
CREATE INDEX resources_by_pool ON resources (tenant_id, pool_id);

-- `duration_minutes` is the client's time; in the gap, which lies inside it, whoever does it is free for others.
CREATE TABLE services (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    category text,
    duration_minutes integer NOT NULL CHECK (duration_minutes BETWEEN 1 AND 720),
    buffer_before_minutes integer NOT NULL CHECK (buffer_before_minutes BETWEEN 0 AND 240),
    buffer_after_minutes integer NOT NULL CHECK (buffer_after_minutes BETWEEN 0 AND 240),
    gap_start_minutes integer NOT NULL CHECK (gap_start_minutes >= 0),
    gap_minutes integer NOT NULL CHECK (gap_minutes >= 0),
    pool_id uuid,
    price_minor bigint NOT NULL CHECK (price_minor >= 0),
    active boolean NOT NULL,
    online boolean NOT NULL,
    position integer NOT NULL,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT services_gap_inside CHECK (gap_minutes = 0 OR (gap_start_minutes > 0 AND gap_start_minutes + gap_minutes < duration_minutes)),
    CONSTRAINT services_pool FOREIGN KEY (tenant_id, pool_id) REFERENCES resource_pools (tenant_id, id)
);

CREATE TABLE staff (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    name text NOT NULL,
    active boolean NOT NULL,
    feed_version integer NOT NULL DEFAULT 0 CHECK (feed_version >= 0),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    PRIMARY KEY (tenant_id, id)
);
COMMENT ON COLUMN staff.feed_version IS
    'of the calendar address: odd while one is valid, even while there is none; it only goes up, so that no address comes back';

-- A duration or price of its own where it differs from the service's.
CREATE TABLE staff_services (
    tenant_id uuid NOT NULL,
    staff_id uuid NOT NULL,
    service_id uuid NOT NULL,
    duration_minutes integer CHECK (duration_minutes BETWEEN 1 AND 720),
    price_minor bigint CHECK (price_minor >= 0),
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

-- When somebody does not work although the week says so: `[from_minute, until_minute)` of every day (or of the weekdays
-- named) from `starts_on` to `ends_on`, both included; without an end, for good.
CREATE TABLE time_off (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    staff_id uuid NOT NULL,
    starts_on date NOT NULL,
    ends_on date,
    weekdays integer[],
    from_minute integer NOT NULL CHECK (from_minute >= 0),
    until_minute integer NOT NULL CHECK (until_minute <= 1440),
    reason text,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT time_off_days CHECK (ends_on IS NULL OR starts_on <= ends_on),
    CONSTRAINT time_off_weekdays CHECK (weekdays IS NULL OR (cardinality(weekdays) > 0 AND weekdays <@ ARRAY[1, 2, 3, 4, 5, 6, 7])),
    CONSTRAINT time_off_not_empty CHECK (from_minute < until_minute),
    CONSTRAINT time_off_staff FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id)
);
CREATE INDEX time_off_by_staff ON time_off (tenant_id, staff_id, starts_on);

-- The tenant's default has no service. A NULL means: as the default says, or as the software says.
CREATE TABLE policies (
    tenant_id uuid NOT NULL,
    service_id uuid,
    deposit_kind text CHECK (deposit_kind IN ('none', 'fixed', 'percent')),
    deposit_value bigint CHECK (deposit_value >= 0),
    hold_seconds integer CHECK (hold_seconds BETWEEN 1 AND 86400),
    deposit_deadline_seconds integer CHECK (deposit_deadline_seconds BETWEEN 1 AND 604800),
    deposit_for text CHECK (deposit_for IN ('all', 'new_clients')),
    deposit_waived_after integer CHECK (deposit_waived_after BETWEEN 0 AND 1000),
    cancel_notice_hours integer CHECK (cancel_notice_hours BETWEEN 0 AND 720),
    late_kind text CHECK (late_kind IN ('refund_share', 'fee')),
    late_value bigint CHECK (late_value >= 0),
    reschedule_limit integer CHECK (reschedule_limit BETWEEN 0 AND 100),
    max_holds_per_client integer CHECK (max_holds_per_client BETWEEN 1 AND 20),
    waitlist_offer_seconds integer CHECK (waitlist_offer_seconds BETWEEN 60 AND 86400),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    CONSTRAINT policies_one UNIQUE NULLS NOT DISTINCT (tenant_id, service_id),
    CONSTRAINT policies_deposit CHECK ((deposit_kind IS NULL) = (deposit_value IS NULL)),
    CONSTRAINT policies_late CHECK ((late_kind IS NULL) = (late_value IS NULL)),
    CONSTRAINT policies_service FOREIGN KEY (tenant_id, service_id) REFERENCES services (tenant_id, id)
);
