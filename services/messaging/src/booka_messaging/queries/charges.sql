-- What providers charge for.

-- name: charge_put
-- No row: this message's price was told before.
INSERT INTO charges (tenant_id, channel_id, provider_id, category, model, billable, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT DO NOTHING
RETURNING true;

-- name: charge_sums
-- By day in UTC, from $2 until before $3.
SELECT (at AT TIME ZONE 'UTC')::date AS day, channel_id, category, billable, count(*) AS messages
FROM charges
WHERE tenant_id = $1 AND at >= $2 AND at < $3
GROUP BY 1, channel_id, category, billable
ORDER BY 1, channel_id, category, billable;
