-- Who would like to be told when something becomes free, and what they were offered.

CREATE TABLE waitlist_entries (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    request_id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    contact_id uuid NOT NULL,
    contact_name text,
    phone text,
    wants jsonb NOT NULL,
    first_day date NOT NULL,
    last_day date NOT NULL,
    from_minute integer NOT NULL CHECK (from_minute >= 0),
    until_minute integer NOT NULL CHECK (until_minute <= 1440),
    status text NOT NULL CHECK (status IN ('waiting', 'offered', 'booked', 'left', 'over')),
    offers integer NOT NULL DEFAULT 0 CHECK (offers >= 0),
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT waitlist_days CHECK (first_day <= last_day),
    CONSTRAINT waitlist_part_of_day CHECK (from_minute < until_minute),
    CONSTRAINT waitlist_request UNIQUE (tenant_id, request_id)
);
-- Asked whenever time becomes free: does anybody wait for that day?
CREATE INDEX waitlist_live ON waitlist_entries (tenant_id, last_day) WHERE status IN ('waiting', 'offered');
CREATE INDEX waitlist_by_contact ON waitlist_entries (tenant_id, contact_id);
CREATE INDEX waitlist_by_conversation ON waitlist_entries (tenant_id, conversation_id);
CREATE INDEX waitlist_by_time ON waitlist_entries (tenant_id, created_at, id);

-- An offer is a hold. The same start is offered to the same entry once. `declined` by the client, `withdrawn` by the salon.
CREATE TABLE waitlist_offers (
    tenant_id uuid NOT NULL,
    reservation_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    starts_at timestamptz NOT NULL,
    made_at timestamptz NOT NULL,
    outcome text NOT NULL CHECK (outcome IN ('open', 'booked', 'declined', 'unanswered', 'withdrawn')),
    PRIMARY KEY (tenant_id, reservation_id),
    CONSTRAINT waitlist_offers_once UNIQUE (tenant_id, entry_id, starts_at),
    CONSTRAINT waitlist_offers_entry FOREIGN KEY (tenant_id, entry_id) REFERENCES waitlist_entries (tenant_id, id),
    CONSTRAINT waitlist_offers_reservation FOREIGN KEY (tenant_id, reservation_id) REFERENCES reservations (tenant_id, id)
);
CREATE UNIQUE INDEX waitlist_offers_one_open ON waitlist_offers (tenant_id, entry_id) WHERE outcome = 'open';
