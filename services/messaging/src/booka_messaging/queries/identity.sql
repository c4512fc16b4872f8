-- Who is who.

-- name: identity_lock
-- Who is who on a channel is settled by one transaction at a time; messages of known contacts do not come here.
SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text || 'messaging.identity', 0));

-- name: people_by_alias
SELECT c.id AS contact_id, c.name, c.phone, v.id AS conversation_id, v.active_at
FROM contacts AS c
LEFT JOIN conversations AS v
    ON v.tenant_id = $1 AND v.channel_id = $2 AND v.contact_id = c.id AND v.merged_into IS NULL
WHERE c.tenant_id = $1 AND c.id IN (
    SELECT a.contact_id
    FROM unnest($3::text[], $4::text[]) AS w (kind, value)
    JOIN contact_aliases AS a ON a.tenant_id = $1 AND a.channel_id = $2 AND a.kind = w.kind AND a.value = w.value);

-- name: person_put
-- The contact, those of its aliases that are new, and its conversation if it has none.
WITH contact AS (
    INSERT INTO contacts (tenant_id, id, name, phone, created_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, phone = excluded.phone
), aliases AS (
    INSERT INTO contact_aliases (tenant_id, channel_id, kind, value, contact_id, created_at)
    SELECT $1, $6, w.kind, w.value, $2, $5
    FROM unnest($7::text[], $8::text[]) AS w (kind, value)
    ON CONFLICT (tenant_id, channel_id, kind, value) DO NOTHING
)
INSERT INTO conversations (tenant_id, id, channel_id, contact_id, created_at, active_at) VALUES ($1, $9, $6, $2, $5, $5)
ON CONFLICT (tenant_id, channel_id, contact_id) WHERE merged_into IS NULL DO NOTHING;

-- name: merge_aliases
UPDATE contact_aliases SET contact_id = $2 WHERE tenant_id = $1 AND contact_id = ANY ($3::uuid[]);

-- name: merge_conversations
-- Also those that were merged into one of these before, so that one step always leads to where the talk goes on.
UPDATE conversations SET contact_id = $2, merged_into = $3
WHERE tenant_id = $1 AND (id = ANY ($4::uuid[]) OR merged_into = ANY ($4::uuid[]));

-- name: merge_contacts
UPDATE contacts SET merged_into = $2 WHERE tenant_id = $1 AND (id = ANY ($3::uuid[]) OR merged_into = ANY ($3::uuid[]));
