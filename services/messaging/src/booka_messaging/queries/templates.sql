-- Approved templates of lines.

-- name: template_put
-- No row: the tenant has no such channel.
INSERT INTO channel_templates AS t (tenant_id, channel_id, name, locale, provider_name, language, parameters, updated_at)
SELECT c.tenant_id, c.id, $3, $4, $5, $6, $7, $8 FROM channels AS c WHERE c.tenant_id = $1 AND c.id = $2 AND c.deleted_at IS NULL
ON CONFLICT (tenant_id, channel_id, name, locale) DO UPDATE
SET provider_name = excluded.provider_name, language = excluded.language, parameters = excluded.parameters,
    updated_at = excluded.updated_at
RETURNING t.name, t.locale, t.provider_name, t.language, t.parameters, t.updated_at;

-- name: template_get
SELECT name, locale, provider_name, language, parameters, updated_at
FROM channel_templates
WHERE tenant_id = $1 AND channel_id = $2 AND name = $3 AND locale = $4;

-- name: template_list
SELECT name, locale, provider_name, language, parameters, updated_at
FROM channel_templates
WHERE tenant_id = $1 AND channel_id = $2
ORDER BY name, locale;

-- name: template_delete
DELETE FROM channel_templates WHERE tenant_id = $1 AND channel_id = $2 AND name = $3 AND locale = $4;
