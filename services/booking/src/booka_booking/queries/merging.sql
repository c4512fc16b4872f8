-- Contacts and conversations that turned out to be one with others.

-- name: ids_resolve
-- What each of $2 stands for, in that order: itself, unless it was merged.
SELECT coalesce(m.stands_for, w.id) AS id
FROM unnest($2::uuid[]) WITH ORDINALITY AS w (id, place)
LEFT JOIN merged_ids AS m ON m.tenant_id = $1 AND m.id = w.id
ORDER BY w.place;

-- name: id_merge
-- $2 stands for $3 from now on, and so does whatever stood for $2.
WITH others AS (
    UPDATE merged_ids SET stands_for = $3 WHERE tenant_id = $1 AND stands_for = $2
)
INSERT INTO merged_ids (tenant_id, id, stands_for) VALUES ($1, $2, $3);

-- name: merged_of
-- The ids that stand for $2.
SELECT id FROM merged_ids WHERE tenant_id = $1 AND stands_for = $2 ORDER BY id;

-- name: merging_reservations_lock
-- What the clients of these contacts have booked.
SELECT r.id FROM reservations AS r
WHERE r.tenant_id = $1 AND r.client_id IN (SELECT c.id FROM clients AS c WHERE c.tenant_id = $1 AND c.contact_id = ANY ($2::uuid[]))
ORDER BY r.id FOR UPDATE;

-- name: merging_clients_lock
SELECT id, contact_id FROM clients WHERE tenant_id = $1 AND contact_id = ANY ($2::uuid[]) ORDER BY id FOR UPDATE;

-- name: client_take_contact
UPDATE clients SET contact_id = $3, version = version + 1
WHERE tenant_id = $1 AND id = $2 AND contact_id IS DISTINCT FROM $3;

-- name: client_take_reservations
UPDATE reservations SET client_id = $3 WHERE tenant_id = $1 AND client_id = $2;

-- name: client_absorb
-- What the salon knows of $2 is known of $3, where that is not known better; notes stand below each other.
WITH gone AS (
    DELETE FROM clients WHERE tenant_id = $1 AND id = $2 RETURNING name, phone, notes, created_at
)
UPDATE clients AS c
SET name = coalesce(c.name, gone.name), phone = coalesce(c.phone, gone.phone),
    notes = nullif(concat_ws(E'\n', c.notes, gone.notes), ''), created_at = least(c.created_at, gone.created_at),
    version = c.version + 1
FROM gone WHERE c.tenant_id = $1 AND c.id = $3;

-- name: reservations_rename
-- Reservations of the client $2 by the ids that are those of its contact and its conversation now.
UPDATE reservations AS r
SET contact_id = CASE WHEN r.contact_id IS NOT NULL THEN $3::uuid END,
    conversation_id = coalesce(
        (SELECT m.stands_for FROM merged_ids AS m WHERE m.tenant_id = $1 AND m.id = r.conversation_id), r.conversation_id)
WHERE r.tenant_id = $1 AND r.client_id = $2;

-- name: entries_rename
-- By id, in which order they are locked everywhere.
WITH theirs AS MATERIALIZED (
    SELECT id FROM waitlist_entries WHERE tenant_id = $1 AND contact_id = ANY ($2::uuid[]) ORDER BY id FOR UPDATE
)
UPDATE waitlist_entries AS e
SET contact_id = $3, conversation_id = coalesce(
        (SELECT m.stands_for FROM merged_ids AS m WHERE m.tenant_id = $1 AND m.id = e.conversation_id), e.conversation_id)
FROM theirs WHERE e.tenant_id = $1 AND e.id = theirs.id;
