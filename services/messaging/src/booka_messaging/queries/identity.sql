-- Who is who.

-- name: identity_lock
-- Who is who on a channel is settled by one transaction at a time; messages of known contacts do not come here.
SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text || 'messaging.identity', 0));

-- name: people_by_alias
-- Everybody who has one of these aliases, with all aliases of theirs on this line.
SELECT c.id AS contact_id, c.name, c.phone, v.id AS conversation_id, v.active_at,
    ARRAY(SELECT a.kind || ':' || a.value FROM contact_aliases AS a
          WHERE a.tenant_id = $1 AND a.channel_id = $2 AND a.contact_id = c.id) AS aliases
FROM contacts AS c
LEFT JOIN conversations AS v
    ON v.tenant_id = $1 AND v.channel_id = $2 AND v.contact_id = c.id AND v.merged_into IS NULL
WHERE c.tenant_id = $1 AND c.id IN (
    SELECT a.contact_id
    FROM unnest($3::text[], $4::text[]) AS w (kind, value)
    JOIN contact_aliases AS a ON a.tenant_id = $1 AND a.channel_id = $2 AND a.kind = w.kind AND a.value = w.value);

-- name: person_put
-- The contact, those of its aliases that are new, and, if $9 is an id for it, its conversation if it has none.
WITH contact AS (
    INSERT INTO contacts (tenant_id, id, name, phone, contested, created_at) VALUES ($1, $2, $3, $4, $10, $5)
    ON CONFLICT (tenant_id, id) DO UPDATE SET name = excluded.name, phone = excluded.phone, contested = excluded.contested
), aliases AS (
    INSERT INTO contact_aliases (tenant_id, channel_id, kind, value, contact_id, created_at)
    SELECT $1, $6, w.kind, w.value, $2, $5
    FROM unnest($7::text[], $8::text[]) AS w (kind, value)
    ON CONFLICT (tenant_id, channel_id, kind, value) DO NOTHING
)
INSERT INTO conversations (tenant_id, id, channel_id, contact_id, created_at, active_at)
SELECT $1, $9::uuid, $6, $2, $5, $5 WHERE $9::uuid IS NOT NULL
ON CONFLICT (tenant_id, channel_id, contact_id) WHERE merged_into IS NULL DO NOTHING;

-- name: merge_aliases
UPDATE contact_aliases SET contact_id = $2 WHERE tenant_id = $1 AND contact_id = ANY ($3::uuid[]);

-- name: merge_conversations
-- Also those that were merged into one of these before, so that one step always leads to where the talk goes on. Whoever
-- attends to one of them attends to that: of several takeovers the one that lasts longest counts. Returns whose they were.
WITH held AS MATERIALIZED (
    SELECT id, contact_id, attended_by, attended_until, takeover_id, handed_back_at, typed_at, client_at
    FROM conversations
    WHERE tenant_id = $1 AND (id = ANY ($4::uuid[]) OR merged_into = ANY ($4::uuid[]) OR id = $3)
    ORDER BY channel_id, contact_id, id
    FOR UPDATE
), other AS (
    SELECT * FROM held WHERE id IS DISTINCT FROM $3
), longest AS (
    SELECT attended_by, attended_until, takeover_id
    FROM other
    WHERE is_attended(attended_by, attended_until, $5)
    ORDER BY coalesce(attended_until, 'infinity') DESC, id
    LIMIT 1
), latest AS (
    SELECT max(client_at) AS client_at, max(handed_back_at) AS handed_back_at, max(typed_at) AS typed_at
    FROM other
), merged AS (
    UPDATE conversations AS v
    SET contact_id = $2, merged_into = $3, attended_by = NULL, attended_until = NULL
    FROM other
    WHERE v.tenant_id = $1 AND v.id = other.id
), goes_on AS (
    UPDATE conversations AS v
    SET client_at = greatest(v.client_at, latest.client_at),
        handed_back_at = greatest(v.handed_back_at, latest.handed_back_at),
        typed_at = greatest(v.typed_at, latest.typed_at),
        attended_by = CASE WHEN is_attended(v.attended_by, v.attended_until, $5) THEN v.attended_by
            ELSE coalesce(longest.attended_by, v.attended_by) END,
        takeover_id = CASE WHEN is_attended(v.attended_by, v.attended_until, $5) THEN v.takeover_id
            ELSE coalesce(longest.takeover_id, v.takeover_id) END,
        attended_until = CASE
            WHEN longest.takeover_id IS NULL THEN v.attended_until
            WHEN NOT is_attended(v.attended_by, v.attended_until, $5) THEN longest.attended_until
            WHEN v.attended_until IS NULL OR longest.attended_until IS NULL THEN NULL
            ELSE greatest(v.attended_until, longest.attended_until) END
    FROM latest LEFT JOIN longest ON true
    WHERE v.tenant_id = $1 AND v.id = $3
)
SELECT id, contact_id FROM other ORDER BY id;

-- name: merge_contacts
-- Who was blocked stays so, whatever else they turn out to be called.
WITH merged AS (
    UPDATE contacts SET merged_into = $2 WHERE tenant_id = $1 AND (id = ANY ($3::uuid[]) OR merged_into = ANY ($3::uuid[]))
    RETURNING blocked_at
)
UPDATE contacts AS c
SET blocked_at = coalesce(c.blocked_at, (SELECT min(merged.blocked_at) FROM merged))
WHERE c.tenant_id = $1 AND c.id = $2;
