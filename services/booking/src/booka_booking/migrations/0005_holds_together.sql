-- Holds are written by functions, so that a batch of them is one call: one round trip and one commit (ADR 28). Every row brings its
-- tenant: a call may be for holds of several salons.

-- Everything a hold hangs on and everything it writes, for any number of holds, one of each client and request at most. Their
-- locks were taken before, so what is read here is up to date. A reservation exists only if every claim found its place.
-- `ready`: the ids of those that are to be written; NULL: all of them.
-- `ids` to `calendars`: of each hold; its calendar is that of its first claim. `holds`: an object for each, in the same order, which
-- brings its first claim along (most have no other), and its segment if it has only one.
-- `more_claims`, `parts`: an object for each claim besides that, and for each segment of those that have several.
-- `keys` to `answers`: of those that say so and plan their end at once, see `hold_together`; NULL: whoever calls does it.
CREATE FUNCTION hold_write(
    ready uuid[], ids uuid[], tenants uuid[], contacts uuid[], requests uuid[], calendars uuid[],
    holds json, more_claims json, parts json, keys text[], messages uuid[], said bytea[], answers bytea[], handed_off_for interval
) RETURNS TABLE (id uuid, verdict text, duplicate_of uuid, client_id uuid)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
RETURN QUERY
WITH asked AS (
    SELECT * FROM ROWS FROM (
        unnest(ids, tenants, contacts, requests, calendars, keys, messages, said, answers),
        json_to_recordset(holds) AS (
            changes bigint, most_holds integer, now timestamptz, conversation_id uuid, client_id uuid, contact_name text,
            phone text, starts_at timestamptz, ends_at timestamptz, expires_at timestamptz, guest_name text, currency text,
            price_minor bigint, terms jsonb, who text, why text, staff_ids uuid[], claims bigint, busy_from timestamptz,
            busy_until timestamptz, service_id uuid, service_name text, staff_id uuid, staff_name text, wanted_staff_id uuid,
            resource_id uuid, resource_name text, said_id uuid, correlation_id uuid, traceparent text,
            request text, payload_hash text, status integer, headers jsonb)
    ) AS a (id, tenant_id, contact_id, request_id, calendar_id, key, message_id, said, answer)
    WHERE ready IS NULL OR a.id = ANY (ready)
), standing AS MATERIALIZED (
    SELECT a.*,
        (SELECT p.changes FROM profiles AS p WHERE p.tenant_id = a.tenant_id) IS NOT DISTINCT FROM a.changes AS current,
        (SELECT r.id FROM reservations AS r
         WHERE r.tenant_id = a.tenant_id AND r.request_id = a.request_id) AS duplicate_of,
        a.most_holds IS NOT NULL AND a.most_holds <= (
            SELECT count(*) FROM reservations AS r
            WHERE r.tenant_id = a.tenant_id AND r.contact_id = a.contact_id AND r.status = 'held' AND r.expires_at > a.now
              -- What a client on the waiting list is being offered does not use up what they may hold. (Not as NOT EXISTS:
              -- as a join all offers would be read.)
              AND (SELECT o.entry_id FROM waitlist_offers AS o
                   WHERE o.tenant_id = r.tenant_id AND o.reservation_id = r.id) IS NULL) AS too_many
    FROM asked AS a
), wanted AS MATERIALIZED (
    SELECT s.tenant_id, s.id, s.now, s.expires_at, w.calendar_id, w.busy_from, w.busy_until,
        s.current AND s.duplicate_of IS NULL AND NOT s.too_many AS allowed
    FROM (
        SELECT id, calendar_id, busy_from, busy_until FROM asked
        UNION ALL
        SELECT * FROM json_to_recordset(more_claims)
            AS m (id uuid, calendar_id uuid, busy_from timestamptz, busy_until timestamptz)
    ) AS w JOIN standing AS s ON s.id = w.id
), seated AS (
    -- In one order, so that two of these wait for each other's claims in one direction only.
    INSERT INTO claims (tenant_id, reservation_id, active, held_until, calendar_id, busy_from, busy_until)
    SELECT tenant_id, id, true, expires_at, calendar_id, busy_from, busy_until FROM wanted
    WHERE allowed
    ORDER BY calendar_id, busy_from
    ON CONFLICT DO NOTHING
    RETURNING reservation_id
), complete AS MATERIALIZED (
    SELECT s.* FROM standing AS s
    JOIN (SELECT reservation_id, count(*) AS claims FROM seated GROUP BY reservation_id) AS c
      ON c.reservation_id = s.id AND c.claims = s.claims
), client AS (
    INSERT INTO clients AS c (tenant_id, id, contact_id, name, phone, created_at)
    SELECT tenant_id, client_id, contact_id, contact_name, phone, now FROM complete
    WHERE contact_id IS NOT NULL
    ON CONFLICT (tenant_id, contact_id) DO UPDATE
    SET name = coalesce(c.name, excluded.name), phone = coalesce(excluded.phone, c.phone)
    RETURNING c.tenant_id, c.contact_id, c.id
), reserved AS (
    INSERT INTO reservations (tenant_id, id, request_id, conversation_id, contact_id, client_id, status, version, starts_at,
        ends_at, guest_name, currency, price_minor, terms, expires_at, created_at)
    SELECT h.tenant_id, h.id, h.request_id, h.conversation_id, h.contact_id,
        CASE WHEN h.contact_id IS NULL THEN h.client_id ELSE c.id END, 'held', 1,
        h.starts_at, h.ends_at, h.guest_name, h.currency, h.price_minor, h.terms, h.expires_at, h.now
    FROM complete AS h LEFT JOIN client AS c ON c.tenant_id = h.tenant_id AND c.contact_id = h.contact_id
    RETURNING id, client_id
), parts AS (
    INSERT INTO reservation_segments (tenant_id, reservation_id, position, service_id, service_name, staff_id, staff_name,
        wanted_staff_id, resource_id, resource_name, starts_at, ends_at, price_minor)
    SELECT tenant_id, id, 0, service_id, service_name, staff_id, staff_name, wanted_staff_id, resource_id, resource_name,
        starts_at, ends_at, price_minor
    FROM complete WHERE service_id IS NOT NULL
    UNION ALL
    SELECT h.tenant_id, p.*
    FROM json_to_recordset(parts)
        AS p (id uuid, position integer, service_id uuid, service_name text, staff_id uuid, staff_name text,
              wanted_staff_id uuid, resource_id uuid, resource_name text, starts_at timestamptz, ends_at timestamptz,
              price_minor bigint)
    JOIN complete AS h ON h.id = p.id
), noted AS (
    INSERT INTO reservation_history (tenant_id, reservation_id, at, version, status, who, why, starts_at, staff_ids)
    SELECT tenant_id, id, now, 1, 'held', who, why, starts_at, coalesce(staff_ids, ARRAY[staff_id]) FROM complete
), following AS MATERIALIZED (
    SELECT h.id, h.key, h.message_id, h.said, h.answer, h.tenant_id, h.said_id, h.correlation_id, h.expires_at, h.traceparent,
        h.request, h.payload_hash, h.status, h.headers, h.client_id::text AS newcomer, r.client_id::text AS client_id
    FROM complete AS h JOIN reserved AS r ON r.id = h.id
    WHERE h.said_id IS NOT NULL
), told AS (
    INSERT INTO outbox (id, tenant_id, routing_key, correlation_id, body, next_attempt_at)
    SELECT said_id, tenant_id, 'booking.reservation.held.v1', correlation_id, said, clock_timestamp() + handed_off_for
    FROM following
), planned AS (
    INSERT INTO jobs (id, tenant_id, type, payload, scheduled_at, max_attempts, unique_key, correlation_id, traceparent)
    -- As `plan_expiry` does; this is the first end of a hold, and goes by its id.
    SELECT id, tenant_id, 'expire_hold', jsonb_build_object('reservation_id', id), expires_at, 10, concat(id, ':1'), correlation_id,
        traceparent
    FROM following
), answered AS (
    -- The answer names the client by the id that he gets if he is new.
    INSERT INTO idempotency_keys (tenant_id, key, request, payload_hash, status, headers, body)
    SELECT tenant_id, key, request, decode(payload_hash, 'hex'), status, headers,
        CASE WHEN client_id <> newcomer
            THEN convert_to(replace(convert_from(answer, 'UTF8'), newcomer, client_id), 'UTF8')
            ELSE answer
        END
    FROM following WHERE key IS NOT NULL
), heard AS (
    INSERT INTO inbox (consumer, message_id, tenant_id)
    SELECT 'booking.hold', message_id, tenant_id FROM following WHERE message_id IS NOT NULL
)
SELECT s.id,
    CASE
        WHEN r.id IS NOT NULL THEN 'held'
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
    END AS verdict,
    s.duplicate_of,
    r.client_id
FROM standing AS s LEFT JOIN reserved AS r ON r.id = s.id;
END $$;

-- A batch of holds of one claim each, with all that follows from them. Never waits for a client or a request: who does not get all of
-- it to itself is left for later (`alone`), so the order in which they are taken does not matter; a calendar is kept from those who
-- need it to themselves, and from no other hold: between those the constraint decides.
-- `bound`: what has bound the tenants of the batch, so that this cannot happen later (`Database.shared_call`).
-- `keys`, `messages`: what makes a hold happen once, an Idempotency-Key or a message; NULL: nothing does.
-- `said`, `answers`: what is said of each, and what is answered under its key, as they go over the wire. They are no part of `holds`,
-- because nothing in here has to read them.
CREATE FUNCTION hold_together(
    bound text, ids uuid[], tenants uuid[], contacts uuid[], requests uuid[], calendars uuid[], keys text[], messages uuid[],
    said bytea[], answers bytea[], handed_off_for interval, holds json, more_claims json, parts json
) RETURNS TABLE (id uuid, verdict text, duplicate_of uuid, client_id uuid)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    ready uuid[];
    done uuid[];
BEGIN
    -- Where one alone would wait for seconds, many do not. Everything goes by keys, so one plan is good for all batches.
    PERFORM set_config('lock_timeout', '500ms', true), set_config('plan_cache_mode', 'force_generic_plan', true);
    ready := ARRAY(
        SELECT h.id FROM unnest(ids, tenants, contacts, requests, calendars) AS h (id, tenant_id, contact_id, request_id, calendar_id)
        WHERE (contact_id IS NULL OR pg_try_advisory_xact_lock(hashtextextended(concat(tenant_id, ':contact:', contact_id), 0)))
          AND (request_id IS NULL OR pg_try_advisory_xact_lock(hashtextextended(concat(tenant_id, ':request:', request_id), 0)))
          AND pg_try_advisory_xact_lock_shared(hashtextextended(concat(tenant_id, ':', calendar_id), 0)));
    IF keys IS NOT NULL THEN
        done := ready;
        ready := ARRAY(
            SELECT h.id FROM unnest(ids, tenants, keys) AS h (id, tenant_id, key)
            WHERE h.id = ANY (done) AND (key IS NULL OR pg_try_advisory_xact_lock(
                hashtextextended(concat_ws(':', current_schema(), tenant_id, 'idempotency', key), 0))));
        RETURN QUERY SELECT d, 'in_progress', NULL::uuid, NULL::uuid FROM unnest(done) AS d WHERE d <> ALL (ready);
    END IF;
    -- In a statement after the locks: what was done just before them is seen.
    done := ARRAY(
        SELECT h.id FROM unnest(ids, tenants, keys, messages) AS h (id, tenant_id, key, message_id)
        WHERE key IS NOT NULL AND (
            SELECT k.status FROM idempotency_keys AS k WHERE k.tenant_id = h.tenant_id AND k.key = h.key) IS NOT NULL
        OR message_id IS NOT NULL AND (
            SELECT i.tenant_id FROM inbox AS i WHERE i.consumer = 'booking.hold' AND i.message_id = h.message_id) IS NOT NULL);
    IF done <> '{}' THEN
        RETURN QUERY SELECT d, 'done', NULL::uuid, NULL::uuid FROM unnest(done) AS d WHERE d = ANY (ready);
        ready := ARRAY(SELECT r FROM unnest(ready) AS r WHERE r <> ALL (done));
    END IF;
    RETURN QUERY SELECT * FROM hold_write(
        ready, ids, tenants, contacts, requests, calendars, holds, more_claims, parts, keys, messages, said, answers, handed_off_for);
END $$;
