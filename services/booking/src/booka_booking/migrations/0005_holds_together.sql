-- Holds are written by functions, so that a batch of them is one call: one round trip and one commit (ADR 28). Every row brings its
-- tenant: a call may be for holds of several salons.

-- A hold that has been decided on, with its first claim (most have no other), with its segment if it has only one, and with what
-- follows from it. A row, and no JSON: that took PostgreSQL three times as long to read (ADR 41).
CREATE TYPE new_hold AS (
    id uuid,
    tenant_id uuid,
    contact_id uuid,
    request_id uuid,
    conversation_id uuid,
    -- Given to a contact who is new to the salon; without a contact, that of a known client.
    client_id uuid,
    contact_name text,
    phone text,
    guest_name text,
    -- Of the catalogue that was decided on.
    changes bigint,
    -- As many as the client may have; NULL: any number.
    most_holds integer,
    now timestamptz,
    starts_at timestamptz,
    ends_at timestamptz,
    expires_at timestamptz,
    currency text,
    price_minor bigint,
    terms text,
    who text,
    why text,
    staff_ids uuid[],
    claims integer,
    calendar_id uuid,
    busy_from timestamptz,
    busy_until timestamptz,
    service_id uuid,
    service_name text,
    staff_id uuid,
    staff_name text,
    wanted_staff_id uuid,
    resource_id uuid,
    resource_name text,
    -- What is said of it, and what makes it happen once: an Idempotency-Key or a message; NULL: nothing does.
    said_id uuid,
    correlation_id uuid,
    said bytea,
    traceparent text,
    message_id uuid,
    key text,
    -- Columns of `idempotency_keys`.
    request text,
    payload_hash text,
    status integer,
    headers text,
    answer bytea
);

-- Everything a hold hangs on and everything it writes, for any number of holds, one of each client and request at most. Their
-- locks were taken before, so what is read here is up to date. A reservation exists only if every claim found its place.
-- `more_claims`, `parts`: an object for each claim besides the first, and for each segment of those that have several; NULL: none.
-- `handed_off_for`: of those that say so and plan their end at once, see `hold_together`; NULL: whoever calls does it.
CREATE FUNCTION hold_write(holds new_hold[], more_claims json, parts json, handed_off_for interval)
RETURNS TABLE (id uuid, verdict text, duplicate_of uuid, client_id uuid)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    ids uuid[];
    verdicts text[];
    duplicates uuid[];
    granted uuid[];
    clients uuid[];
BEGIN
    -- Rows are wide, so each step takes of them what it needs: carried from one step to the next, they would be copied every time.
    WITH standing AS MATERIALIZED (
        SELECT h.id, h.tenant_id, h.now, h.expires_at, h.claims, h.calendar_id, h.busy_from, h.busy_until,
            (SELECT p.changes FROM profiles AS p WHERE p.tenant_id = h.tenant_id) IS NOT DISTINCT FROM h.changes AS current,
            (SELECT r.id FROM reservations AS r
             WHERE r.tenant_id = h.tenant_id AND r.request_id = h.request_id) AS duplicate_of,
            h.most_holds IS NOT NULL AND h.most_holds <= (
                SELECT count(*) FROM reservations AS r
                WHERE r.tenant_id = h.tenant_id AND r.contact_id = h.contact_id AND r.status = 'held' AND r.expires_at > h.now
                  -- What a client on the waiting list is being offered does not use up what they may hold. (Not as NOT EXISTS:
                  -- as a join all offers would be read.)
                  AND (SELECT o.entry_id FROM waitlist_offers AS o
                       WHERE o.tenant_id = r.tenant_id AND o.reservation_id = r.id) IS NULL) AS too_many
        FROM unnest(holds) AS h
    ), wanted AS MATERIALIZED (
        SELECT s.tenant_id, s.id, s.now, s.expires_at, s.calendar_id, s.busy_from, s.busy_until,
            s.current AND s.duplicate_of IS NULL AND NOT s.too_many AS allowed
        FROM standing AS s
        UNION ALL
        SELECT s.tenant_id, s.id, s.now, s.expires_at, m.calendar_id, m.busy_from, m.busy_until,
            s.current AND s.duplicate_of IS NULL AND NOT s.too_many
        FROM json_to_recordset(more_claims) AS m (id uuid, calendar_id uuid, busy_from timestamptz, busy_until timestamptz)
        JOIN standing AS s ON s.id = m.id
    ), seated AS (
        -- In one order, so that two of these wait for each other's claims in one direction only.
        INSERT INTO claims (tenant_id, reservation_id, active, held_until, calendar_id, busy_from, busy_until)
        SELECT tenant_id, id, true, expires_at, calendar_id, busy_from, busy_until FROM wanted
        WHERE allowed
        ORDER BY calendar_id, busy_from
        ON CONFLICT DO NOTHING
        RETURNING reservation_id
    ), judged AS (
        SELECT s.id, s.duplicate_of,
            CASE
                WHEN c.claims = s.claims THEN 'held'
                WHEN NOT s.current THEN 'outdated'
                WHEN s.duplicate_of IS NOT NULL THEN 'duplicate'
                WHEN s.too_many THEN 'too_many_holds'
                WHEN EXISTS (
                    -- LIMIT keeps the planner from joining all claims of everybody at once.
                    SELECT FROM wanted AS w, LATERAL (
                        SELECT FROM claims AS c
                        WHERE c.tenant_id = w.tenant_id AND c.calendar_id = w.calendar_id AND c.active
                          AND c.busy_from > w.busy_from - interval '24 hours' AND c.busy_from < w.busy_until
                          AND c.busy_until > w.busy_from AND c.held_until <= w.now
                        LIMIT 1) AS over
                    WHERE w.id = s.id) THEN 'lapsed'
                ELSE 'taken'
            END AS verdict
        FROM standing AS s
        LEFT JOIN (SELECT reservation_id, count(*) AS claims FROM seated GROUP BY reservation_id) AS c ON c.reservation_id = s.id
    )
    SELECT array_agg(j.id), array_agg(j.verdict), array_agg(j.duplicate_of) INTO ids, verdicts, duplicates FROM judged AS j;

    IF 'held' <> ALL (verdicts) THEN
        RETURN QUERY SELECT j.*, NULL::uuid FROM unnest(ids, verdicts, duplicates) AS j;
        RETURN;
    ELSIF 'held' <> ANY (verdicts) THEN
        granted := ARRAY(SELECT j.id FROM unnest(ids, verdicts) AS j (id, verdict) WHERE j.verdict = 'held');
        holds := ARRAY(SELECT h FROM unnest(holds) AS h WHERE h.id = ANY (granted));
    END IF;

    WITH client AS (
        INSERT INTO clients AS c (tenant_id, id, contact_id, name, phone, created_at)
        SELECT h.tenant_id, h.client_id, h.contact_id, h.contact_name, h.phone, h.now FROM unnest(holds) AS h
        WHERE h.contact_id IS NOT NULL
        ON CONFLICT (tenant_id, contact_id) DO UPDATE
        SET name = coalesce(c.name, excluded.name), phone = coalesce(excluded.phone, c.phone)
        RETURNING c.tenant_id, c.contact_id, c.id
    ), reserved AS (
        INSERT INTO reservations (tenant_id, id, request_id, conversation_id, contact_id, client_id, status, version, starts_at,
            ends_at, guest_name, currency, price_minor, terms, expires_at, created_at)
        SELECT h.tenant_id, h.id, h.request_id, h.conversation_id, h.contact_id,
            CASE WHEN h.contact_id IS NULL THEN h.client_id ELSE c.id END, 'held', 1,
            h.starts_at, h.ends_at, h.guest_name, h.currency, h.price_minor, h.terms::jsonb, h.expires_at, h.now
        FROM unnest(holds) AS h LEFT JOIN client AS c ON c.tenant_id = h.tenant_id AND c.contact_id = h.contact_id
        RETURNING id, client_id
    )
    SELECT array_agg(r.id), array_agg(r.client_id) INTO granted, clients FROM reserved AS r;

    INSERT INTO reservation_segments (tenant_id, reservation_id, position, service_id, service_name, staff_id, staff_name,
        wanted_staff_id, resource_id, resource_name, starts_at, ends_at, price_minor)
    SELECT h.tenant_id, h.id, 0, h.service_id, h.service_name, h.staff_id, h.staff_name, h.wanted_staff_id, h.resource_id,
        h.resource_name, h.starts_at, h.ends_at, h.price_minor
    FROM unnest(holds) AS h WHERE h.service_id IS NOT NULL;
    IF parts IS NOT NULL THEN
        INSERT INTO reservation_segments (tenant_id, reservation_id, position, service_id, service_name, staff_id, staff_name,
            wanted_staff_id, resource_id, resource_name, starts_at, ends_at, price_minor)
        SELECT h.tenant_id, p.*
        FROM json_to_recordset(parts)
            AS p (id uuid, position integer, service_id uuid, service_name text, staff_id uuid, staff_name text,
                  wanted_staff_id uuid, resource_id uuid, resource_name text, starts_at timestamptz, ends_at timestamptz,
                  price_minor bigint)
        JOIN unnest(holds) AS h ON h.id = p.id;
    END IF;
    INSERT INTO reservation_history (tenant_id, reservation_id, at, version, status, who, why, starts_at, staff_ids)
    SELECT h.tenant_id, h.id, h.now, 1, 'held', h.who, h.why, h.starts_at, coalesce(h.staff_ids, ARRAY[h.staff_id])
    FROM unnest(holds) AS h;

    IF handed_off_for IS NOT NULL THEN
        INSERT INTO outbox (id, tenant_id, routing_key, correlation_id, body, next_attempt_at)
        SELECT h.said_id, h.tenant_id, 'booking.reservation.held.v1', h.correlation_id, h.said, clock_timestamp() + handed_off_for
        FROM unnest(holds) AS h;
        INSERT INTO jobs (id, tenant_id, type, payload, scheduled_at, max_attempts, unique_key, correlation_id, traceparent)
        -- As `plan_expiry` does; this is the first end of a hold, and goes by its id.
        SELECT h.id, h.tenant_id, 'expire_hold', jsonb_build_object('reservation_id', h.id), h.expires_at, 10, concat(h.id, ':1'),
            h.correlation_id, h.traceparent
        FROM unnest(holds) AS h;
        -- The answer names the client by the id that he gets if he is new.
        INSERT INTO idempotency_keys (tenant_id, key, request, payload_hash, status, headers, body)
        SELECT h.tenant_id, h.key, h.request, decode(h.payload_hash, 'hex'), h.status, h.headers::jsonb,
            CASE WHEN r.client_id <> h.client_id
                THEN convert_to(replace(convert_from(h.answer, 'UTF8'), h.client_id::text, r.client_id::text), 'UTF8')
                ELSE h.answer
            END
        FROM unnest(holds) AS h JOIN unnest(granted, clients) AS r (id, client_id) ON r.id = h.id
        WHERE h.key IS NOT NULL;
        INSERT INTO inbox (consumer, message_id, tenant_id)
        SELECT 'booking.hold', h.message_id, h.tenant_id FROM unnest(holds) AS h WHERE h.message_id IS NOT NULL;
    END IF;

    RETURN QUERY SELECT j.id, j.verdict, j.duplicate_of, r.client_id
    FROM unnest(ids, verdicts, duplicates) AS j (id, verdict, duplicate_of)
    LEFT JOIN unnest(granted, clients) AS r (id, client_id) ON r.id = j.id;
END $$;

-- A batch of holds of one claim each, with all that follows from them. Never waits for a client or a request: who does not get all of
-- it to itself is left for later (not returned), so the order in which they are taken does not matter; a calendar is kept from those
-- who need it to themselves, and from no other hold: between those the constraint decides.
-- `bound`: what has bound the tenants of the batch, so that this cannot happen later (`Database.shared_call`).
-- `handed_off_for`: how long what is said is left to the caller to publish.
CREATE FUNCTION hold_together(bound text, holds new_hold[], parts json, handed_off_for interval)
RETURNS TABLE (id uuid, verdict text, duplicate_of uuid, client_id uuid)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    ready uuid[];
    busy uuid[];
    done uuid[];
BEGIN
    -- Where one alone would wait for seconds, many do not. Everything goes by keys, so one plan is good for all batches.
    PERFORM set_config('lock_timeout', '500ms', true), set_config('plan_cache_mode', 'force_generic_plan', true);
    SELECT array_agg(mine.id) FILTER (WHERE mine.ready), array_agg(mine.id) FILTER (WHERE NOT mine.ready) INTO ready, busy
    FROM (
        SELECT h.id, h.key IS NULL OR pg_try_advisory_xact_lock(
            hashtextextended(concat_ws(':', current_schema(), h.tenant_id, 'idempotency', h.key), 0)) AS ready
        FROM unnest(holds) AS h
        WHERE (h.contact_id IS NULL
               OR pg_try_advisory_xact_lock(hashtextextended(concat(h.tenant_id, ':contact:', h.contact_id), 0)))
          AND (h.request_id IS NULL
               OR pg_try_advisory_xact_lock(hashtextextended(concat(h.tenant_id, ':request:', h.request_id), 0)))
          AND pg_try_advisory_xact_lock_shared(hashtextextended(concat(h.tenant_id, ':', h.calendar_id), 0))
    ) AS mine;
    -- In a statement after the locks: what was done just before them is seen.
    done := ARRAY(
        SELECT h.id FROM unnest(holds) AS h
        WHERE h.key IS NOT NULL AND (
            SELECT k.status FROM idempotency_keys AS k WHERE k.tenant_id = h.tenant_id AND k.key = h.key) IS NOT NULL
        OR h.message_id IS NOT NULL AND (
            SELECT i.tenant_id FROM inbox AS i WHERE i.consumer = 'booking.hold' AND i.message_id = h.message_id) IS NOT NULL);
    IF busy IS NOT NULL OR done <> '{}' THEN
        RETURN QUERY SELECT b, 'in_progress', NULL::uuid, NULL::uuid FROM unnest(busy) AS b;
        RETURN QUERY SELECT d, 'done', NULL::uuid, NULL::uuid FROM unnest(done) AS d WHERE d = ANY (ready);
        ready := ARRAY(SELECT r FROM unnest(ready) AS r WHERE r <> ALL (done));
    END IF;
    IF coalesce(cardinality(ready), 0) = 0 THEN
        RETURN;
    ELSIF cardinality(ready) < cardinality(holds) THEN
        holds := ARRAY(SELECT h FROM unnest(holds) AS h WHERE h.id = ANY (ready));
    END IF;
    RETURN QUERY SELECT * FROM hold_write(holds, NULL, parts, handed_off_for);
END $$;
