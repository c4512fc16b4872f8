-- The waiting list. Entries are the last that a transaction locks: after one of them it waits for nothing else.

-- name: entry_insert
INSERT INTO waitlist_entries (tenant_id, id, request_id, conversation_id, contact_id, contact_name, phone, wants, first_day,
    last_day, from_minute, until_minute, status, offers, version, created_at, replaces)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17);

-- name: entry_get
SELECT id, request_id, conversation_id, contact_id, contact_name, phone, wants, first_day, last_day, from_minute,
    until_minute, created_at, status, offers, version, replaces
FROM waitlist_entries WHERE tenant_id = $1 AND id = $2;

-- name: entry_lock
SELECT id, request_id, conversation_id, contact_id, contact_name, phone, wants, first_day, last_day, from_minute,
    until_minute, created_at, status, offers, version, replaces
FROM waitlist_entries WHERE tenant_id = $1 AND id = $2
FOR UPDATE;

-- name: entry_by_request
SELECT id FROM waitlist_entries WHERE tenant_id = $1 AND request_id = $2;

-- name: entry_put_status
UPDATE waitlist_entries SET status = $3, version = version + 1
WHERE tenant_id = $1 AND id = $2 AND status IN ('waiting', 'offered') AND status <> $3;

-- name: entry_put_replaces
UPDATE waitlist_entries SET replaces = $3, version = version + 1
WHERE tenant_id = $1 AND id = $2 AND status IN ('waiting', 'offered')
RETURNING version;

-- name: entries_of_contact
SELECT id, request_id, conversation_id, contact_id, contact_name, phone, wants, first_day, last_day, from_minute,
    until_minute, created_at, status, offers, version, replaces
FROM waitlist_entries WHERE tenant_id = $1 AND contact_id = $2 AND status IN ('waiting', 'offered')
ORDER BY created_at, id;

-- name: entries_of_conversation
SELECT id, request_id, conversation_id, contact_id, contact_name, phone, wants, first_day, last_day, from_minute,
    until_minute, created_at, status, offers, version, replaces
FROM waitlist_entries WHERE tenant_id = $1 AND conversation_id = $2 AND status IN ('waiting', 'offered')
ORDER BY created_at, id;

-- name: entries_waiting
-- $2, $3: who waits for one of these days. $4: and nobody but this one.
SELECT e.id, e.request_id, e.conversation_id, e.contact_id, e.contact_name, e.phone, e.wants, e.first_day, e.last_day,
    e.from_minute, e.until_minute, e.created_at, e.status, e.offers, e.version, e.replaces,
    ARRAY(SELECT o.starts_at FROM waitlist_offers AS o WHERE o.tenant_id = e.tenant_id AND o.entry_id = e.id) AS offered
FROM waitlist_entries AS e
WHERE e.tenant_id = $1 AND e.status IN ('waiting', 'offered') AND e.status = 'waiting'
  AND e.last_day >= $2 AND e.first_day <= $3 AND ($4::uuid IS NULL OR e.id = $4);

-- name: entries_page
SELECT id, request_id, conversation_id, contact_id, contact_name, phone, wants, first_day, last_day, from_minute,
    until_minute, created_at, status, offers, version, replaces
FROM waitlist_entries
WHERE tenant_id = $1 AND ($2::date IS NULL OR $2 BETWEEN first_day AND last_day) AND ($3::text IS NULL OR status = $3)
  AND ($4::uuid IS NULL OR contact_id = $4)
  AND ($5::timestamptz IS NULL OR (created_at, id) > ($5, $6::uuid))
ORDER BY created_at, id
LIMIT $7;

-- name: entries_count
SELECT count(*) FROM waitlist_entries
WHERE tenant_id = $1 AND status IN ('waiting', 'offered') AND last_day >= $2 AND first_day <= $3;

-- name: offer_make
-- Nothing is written if the entry does not wait any more.
WITH entry AS (
    UPDATE waitlist_entries SET status = 'offered', offers = offers + 1, version = version + 1
    WHERE tenant_id = $1 AND id = $2 AND status = 'waiting'
    RETURNING id
)
INSERT INTO waitlist_offers (tenant_id, reservation_id, entry_id, starts_at, made_at, outcome, replaces)
SELECT $1::uuid, $3::uuid, entry.id, $4::timestamptz, $5::timestamptz, 'open', $6::uuid FROM entry;

-- name: offer_lock
-- A reservation and, if it is an offer in place of a visit, that visit too: by id, in which order they are locked everywhere.
SELECT id FROM reservations
WHERE tenant_id = $1 AND id = ANY (ARRAY(
    SELECT $2::uuid
    UNION ALL
    SELECT replaces FROM waitlist_offers WHERE tenant_id = $1 AND reservation_id = $2 AND replaces IS NOT NULL))
ORDER BY id
FOR UPDATE;

-- name: offer_end
-- A reservation has changed. $3: what became of it if it is an offer (NULL: nothing). A deposit that came too late books what
-- was counted as unanswered. $4, $5: does anybody wait for the days on which it left time behind? $6: does this contact wait?
WITH ended AS (
    UPDATE waitlist_offers SET outcome = $3::text
    WHERE tenant_id = $1 AND reservation_id = $2 AND $3::text IS NOT NULL
      AND (outcome = 'open' OR (outcome = 'unanswered' AND $3::text = 'booked'))
    RETURNING entry_id
)
SELECT (SELECT entry_id FROM ended) AS entry_id,
    -- In an order, though one is as good as any: told only to find one, the planner may look for it from end to end.
    (SELECT true FROM waitlist_entries
     WHERE tenant_id = $1 AND status IN ('waiting', 'offered') AND last_day >= $4::date AND first_day <= $5::date
     ORDER BY last_day LIMIT 1) IS NOT NULL AS awaited,
    (SELECT true FROM waitlist_entries
     WHERE tenant_id = $1 AND contact_id = $6 AND status IN ('waiting', 'offered') LIMIT 1) IS NOT NULL AS waits;

-- name: offers_open
SELECT reservation_id FROM waitlist_offers WHERE tenant_id = $1 AND entry_id = ANY ($2::uuid[]) AND outcome = 'open'
ORDER BY reservation_id;

-- name: offers_list
SELECT reservation_id, starts_at, made_at, outcome, replaces FROM waitlist_offers WHERE tenant_id = $1 AND entry_id = $2
ORDER BY made_at, reservation_id;

-- name: offer_next_end
-- When the first of those who wait for these days, and are being offered something, may be waiting again.
SELECT min(r.expires_at)
FROM waitlist_entries AS e
JOIN waitlist_offers AS o ON o.tenant_id = e.tenant_id AND o.entry_id = e.id AND o.outcome = 'open'
JOIN reservations AS r ON r.tenant_id = o.tenant_id AND r.id = o.reservation_id
WHERE e.tenant_id = $1 AND e.status IN ('waiting', 'offered') AND e.status = 'offered'
  AND e.last_day >= $2 AND e.first_day <= $3 AND e.id <> ALL ($4::uuid[]);

-- name: waitlist_zone
SELECT zone FROM profiles WHERE tenant_id = $1;
