-- Lines to gateways.

-- name: channel_by_id
-- cross-tenant: runs under the system role, because a webhook names its channel before its tenant is known.
SELECT id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, verify_token,
    active, takeover_minutes, messages_per_minute, show_typing, transcribe, state, state_reason, state_at, heard_at,
    swept_through, silent_since, created_at, updated_at
FROM channels
WHERE id = $1;

-- name: channel_put
-- Replacing a channel with another secret ends the old one at once; rotation is what keeps both for a while.
INSERT INTO channels (tenant_id, id, gateway, instance, base_url, api_key, auth_mode, secret, active, created_at, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
ON CONFLICT (tenant_id, id) DO UPDATE
SET gateway = excluded.gateway, instance = excluded.instance, base_url = excluded.base_url, api_key = excluded.api_key,
    auth_mode = excluded.auth_mode, secret = excluded.secret, active = excluded.active, updated_at = excluded.updated_at,
    previous_secret = NULL, previous_until = NULL
RETURNING id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, verify_token,
    active, takeover_minutes, messages_per_minute, show_typing, transcribe, state, state_reason, state_at, heard_at,
    swept_through, silent_since, created_at, updated_at;

-- name: channel_rotate
UPDATE channels
SET previous_secret = secret, previous_until = $4, secret = $3, updated_at = $5
WHERE tenant_id = $1 AND id = $2
RETURNING id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, verify_token,
    active, takeover_minutes, messages_per_minute, show_typing, transcribe, state, state_reason, state_at, heard_at,
    swept_through, silent_since, created_at, updated_at;

-- name: channel_get
SELECT id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, verify_token,
    active, takeover_minutes, messages_per_minute, show_typing, transcribe, state, state_reason, state_at, heard_at,
    swept_through, silent_since, created_at, updated_at
FROM channels
WHERE tenant_id = $1 AND id = $2;

-- name: channel_list
SELECT id, tenant_id, gateway, instance, base_url, api_key, auth_mode, secret, previous_secret, previous_until, verify_token,
    active, takeover_minutes, messages_per_minute, show_typing, transcribe, state, state_reason, state_at, heard_at,
    swept_through, silent_since, created_at, updated_at
FROM channels
WHERE tenant_id = $1
ORDER BY created_at, id;

-- name: channel_connection
UPDATE channels SET state = $3, state_reason = $4, state_at = $5 WHERE tenant_id = $1 AND id = $2;
