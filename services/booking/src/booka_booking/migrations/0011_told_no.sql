-- Whoever is told no is told by two calls, one that looks and one that keeps the answers (ADR 42).

-- When each calendar is taken, in seconds since 1970, by anything but `besides` and holds whose time is up at `now`. Two arrays for a
-- calendar instead of a row for a claim: reading rows would cost the process more than everything it does with them.
-- No claim is longer than a day, so the index is read from a day before the window.
-- In SQL and STABLE, so that it is a part of the statement that calls it and costs nothing by itself.
CREATE FUNCTION busy_spans(tenant uuid, calendars uuid[], since timestamptz, until timestamptz, besides uuid, now timestamptz)
RETURNS TABLE (calendar_id uuid, begins double precision[], ends double precision[])
LANGUAGE sql STABLE AS $$
    SELECT k.calendar_id, b.begins, b.ends
    FROM unnest(calendars) AS k (calendar_id), LATERAL (
        SELECT array_agg(date_part('epoch', c.busy_from) ORDER BY c.busy_from) AS begins,
               array_agg(date_part('epoch', c.busy_until) ORDER BY c.busy_from) AS ends
        FROM claims AS c
        WHERE c.tenant_id = tenant AND c.calendar_id = k.calendar_id AND c.active
          AND c.busy_from > since - interval '24 hours' AND c.busy_from < until AND c.busy_until > since
          AND c.reservation_id IS DISTINCT FROM besides AND (c.held_until IS NULL OR c.held_until > now)
    ) AS b
    WHERE b.begins IS NOT NULL
$$;

-- What those have to know who tell people of one salon that they do not get what they wanted: how often the catalogue has changed, which of
-- their requests were granted before, and `busy_spans`; all as of one moment. At least one row: without anything taken, it names no
-- calendar.
-- `bound`: what has bound the tenant, so that this cannot happen later (`Database.shared_call`).
CREATE FUNCTION as_things_stand(bound text, tenant uuid, requests uuid[], calendars uuid[], since timestamptz, until timestamptz,
    now timestamptz)
RETURNS TABLE (changes bigint, granted uuid[], calendar_id uuid, begins double precision[], ends double precision[])
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN QUERY
    SELECT (SELECT p.changes FROM profiles AS p WHERE p.tenant_id = tenant),
        ARRAY(SELECT r.id FROM reservations AS r WHERE r.tenant_id = tenant AND r.request_id = ANY (requests)),
        b.calendar_id, b.begins, b.ends
    FROM (SELECT) AS once LEFT JOIN busy_spans(tenant, calendars, since, until, NULL, now) AS b ON true;
END $$;
