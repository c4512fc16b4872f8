-- Holds being made. Every row brings its tenant: a statement may be for holds of several salons.

-- name: hold_lock
-- Which of these have their client, their request and, against those who need calendars to themselves, what they take to
-- themselves until the transaction ends. Nobody waits here: who does not get all of it is left out.
SELECT id FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) AS h (id, client, request, calendar)
WHERE (client IS NULL OR pg_try_advisory_xact_lock(hashtextextended(client, 0)))
  AND (request IS NULL OR pg_try_advisory_xact_lock(hashtextextended(request, 0)))
  AND pg_try_advisory_xact_lock_shared(hashtextextended(calendar, 0));

-- name: hold_insert
-- Everything a hold hangs on and everything it writes, for any number of holds, one of each client and request at most. Their
-- locks were taken before, so what is read here is up to date. A reservation exists only if every claim found its place.
WITH asked AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::integer[], $5::timestamptz[], $6::uuid[], $7::uuid[],
        $8::uuid[], $9::uuid[], $10::text[], $11::text[], $12::timestamptz[], $13::timestamptz[], $14::timestamptz[],
        $15::text[], $16::text[], $17::bigint[], $18::jsonb[], $19::text[], $20::text[], $21::text[], $22::bigint[])
    AS a (tenant_id, id, changes, most_holds, now, request_id, conversation_id, contact_id, client_id, contact_name, phone,
        starts_at, ends_at, expires_at, guest_name, currency, price_minor, terms, who, why, staff_ids, claims)
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
    FROM unnest($23::uuid[], $24::uuid[], $25::timestamptz[], $26::timestamptz[]) AS w (id, calendar_id, busy_from, busy_until)
    JOIN standing AS s ON s.id = w.id
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
    SELECT h.tenant_id, p.*
    FROM unnest($27::uuid[], $28::integer[], $29::uuid[], $30::text[], $31::uuid[], $32::text[], $33::uuid[], $34::uuid[],
                $35::text[], $36::timestamptz[], $37::timestamptz[], $38::bigint[])
        AS p (id, position, service_id, service_name, staff_id, staff_name, wanted_staff_id, resource_id, resource_name,
              starts_at, ends_at, price_minor)
    JOIN complete AS h ON h.id = p.id
), noted AS (
    INSERT INTO reservation_history (tenant_id, reservation_id, at, version, status, who, why, starts_at, staff_ids)
    SELECT tenant_id, id, now, 1, 'held', who, why, starts_at, staff_ids::uuid[] FROM complete
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

-- name: claims_take_back
-- Of holds of which only a part found its place.
DELETE FROM claims AS c USING unnest($1::uuid[], $2::uuid[]) AS h (tenant_id, id)
WHERE c.tenant_id = h.tenant_id AND c.reservation_id = h.id;
