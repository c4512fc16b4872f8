-- Lines to gateways.

-- name: channel_by_id
-- cross-tenant: runs under the system role, because a webhook names its channel before its tenant is known.
SELECT id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, verify_token,
    active, takeover_minutes, messages_per_minute, show_typing, transcribe, state, state_reason, state_at, heard_at,
    swept_through, silent_since, created_at, updated_at
FROM channels
WHERE id = $1 AND deleted_at IS NULL;

-- name: channels_by_line
-- cross-tenant: runs under the system role. Lines of the installation's own app at a gateway; others have an address of their own.
SELECT id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, verify_token,
    active, takeover_minutes, messages_per_minute, show_typing, transcribe, state, state_reason, state_at, heard_at,
    swept_through, silent_since, created_at, updated_at
FROM channels
WHERE gateway = $1 AND instance = ANY ($2::text[]) AND secret IS NULL AND deleted_at IS NULL
ORDER BY instance, active DESC, id;

-- name: shared_line_exists
-- cross-tenant: runs under the system role.
SELECT EXISTS (SELECT FROM channels WHERE gateway = $1 AND secret IS NULL AND deleted_at IS NULL);

-- name: channel_put
-- Replacing a channel with another secret ends the old one at once; rotation is what keeps both for a while. No row: it was deleted.
INSERT INTO channels (tenant_id, id, gateway, instance, base_url, api_key, auth_mode, secret, verify_token, active,
    takeover_minutes, messages_per_minute, show_typing, transcribe, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $15)
ON CONFLICT (tenant_id, id) DO UPDATE
SET gateway = excluded.gateway, instance = excluded.instance, base_url = excluded.base_url, api_key = excluded.api_key,
    auth_mode = excluded.auth_mode, secret = excluded.secret, verify_token = excluded.verify_token, active = excluded.active,
    takeover_minutes = excluded.takeover_minutes, messages_per_minute = excluded.messages_per_minute,
    show_typing = excluded.show_typing, transcribe = excluded.transcribe, updated_at = excluded.updated_at,
    previous_secret = NULL, previous_until = NULL
WHERE channels.deleted_at IS NULL
RETURNING id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, verify_token,
    active, takeover_minutes, messages_per_minute, show_typing, transcribe, state, state_reason, state_at, heard_at,
    swept_through, silent_since, created_at, updated_at;

-- name: channel_set
-- What is null stays as it is; $4 says whether $5 is meant, which may be null itself.
UPDATE channels
SET active = coalesce($3, active), takeover_minutes = CASE WHEN $4 THEN $5::integer ELSE takeover_minutes END,
    messages_per_minute = coalesce($6, messages_per_minute), show_typing = coalesce($7, show_typing),
    transcribe = coalesce($8, transcribe), updated_at = $9
WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL
RETURNING id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, verify_token,
    active, takeover_minutes, messages_per_minute, show_typing, transcribe, state, state_reason, state_at, heard_at,
    swept_through, silent_since, created_at, updated_at;

-- name: channel_rotate
UPDATE channels
SET previous_secret = secret, previous_until = $4, secret = $3, updated_at = $5
WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL
RETURNING id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, verify_token,
    active, takeover_minutes, messages_per_minute, show_typing, transcribe, state, state_reason, state_at, heard_at,
    swept_through, silent_since, created_at, updated_at;

-- name: channel_get
SELECT id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, verify_token,
    active, takeover_minutes, messages_per_minute, show_typing, transcribe, state, state_reason, state_at, heard_at,
    swept_through, silent_since, created_at, updated_at
FROM channels
WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL;

-- name: channel_list
SELECT id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, verify_token,
    active, takeover_minutes, messages_per_minute, show_typing, transcribe, state, state_reason, state_at, heard_at,
    swept_through, silent_since, created_at, updated_at
FROM channels
WHERE tenant_id = $1 AND deleted_at IS NULL
ORDER BY created_at, id;

-- name: channel_heard
UPDATE channels SET heard_at = greatest(heard_at, $3), silent_since = NULL WHERE tenant_id = $1 AND id = $2;

-- name: channel_delete
-- Returns it as it was. What it was opened with goes at once, but for the gateway's key: that is how its webhook is taken back.
WITH before AS (
    SELECT id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, verify_token,
        active, takeover_minutes, messages_per_minute, show_typing, transcribe, state, state_reason, state_at, heard_at,
        swept_through, silent_since, created_at, updated_at
    FROM channels
    WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL
    FOR NO KEY UPDATE
), templates AS (
    DELETE FROM channel_templates AS t USING before AS b WHERE t.tenant_id = $1 AND t.channel_id = b.id
), unread AS (
    DELETE FROM unread_deliveries AS u USING before AS b WHERE u.tenant_id = $1 AND u.channel_id = b.id
), deleted AS (
    UPDATE channels AS c
    SET deleted_at = $3, active = false, secret = CASE WHEN c.secret IS NOT NULL THEN ''::bytea END, previous_secret = NULL,
        previous_until = NULL, verify_token = NULL, updated_at = $3
    FROM before AS b
    WHERE c.tenant_id = $1 AND c.id = b.id
)
SELECT * FROM before;

-- name: channel_deleted_line
-- No row: there is no such deleted channel, or all is done.
SELECT gateway, instance, base_url, api_key
FROM channels
WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NOT NULL AND api_key <> '';

-- name: channel_forget_key
UPDATE channels SET api_key = '' WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NOT NULL;
