-- Statements of llm.

-- name: settings_get
SELECT tenant_id, enabled, preferred_llm_model, llm_token_rate, daily_token_budget, history_messages, revision
FROM tenant_settings
WHERE tenant_id = $1;

-- name: settings_put
INSERT INTO tenant_settings AS s
    (tenant_id, enabled, preferred_llm_model, llm_token_rate, daily_token_budget, history_messages, revision, updated_at)
VALUES ($1, $2, $3, $4, $5, $6, 1, $7)
ON CONFLICT (tenant_id) DO UPDATE SET
    enabled = excluded.enabled,
    preferred_llm_model = excluded.preferred_llm_model,
    llm_token_rate = excluded.llm_token_rate,
    daily_token_budget = excluded.daily_token_budget,
    history_messages = excluded.history_messages,
    revision = s.revision + 1,
    updated_at = excluded.updated_at
RETURNING tenant_id, enabled, preferred_llm_model, llm_token_rate, daily_token_budget, history_messages, revision;

-- name: message_put
-- Only while the salon has the model on: the row lock lets no message slip in behind a switching off.
INSERT INTO recent_messages (tenant_id, conversation_id, message_id, turn, role, text, sent_at)
SELECT s.tenant_id, $2, $3, $4, 'client', $5, $6
FROM tenant_settings AS s
WHERE s.tenant_id = $1 AND s.enabled AND s.history_messages > 0
FOR SHARE OF s
ON CONFLICT (tenant_id, message_id) DO NOTHING;

-- name: message_prune
-- One more than a prompt holds: the newest is usually the message that is being interpreted. Nothing at all of somebody who
-- was erased: this statement comes after the row lock of `message_put`, so it knows of every erasure that was before it.
DELETE FROM recent_messages
WHERE tenant_id = $1 AND conversation_id = $2
  AND (turn <= (
          SELECT r.turn FROM recent_messages AS r
          WHERE r.tenant_id = $1 AND r.conversation_id = $2
          ORDER BY r.turn DESC
          OFFSET (SELECT s.history_messages + 1 FROM tenant_settings AS s WHERE s.tenant_id = $1)
          LIMIT 1)
      OR EXISTS (SELECT FROM forgotten_conversations AS f WHERE f.tenant_id = $1 AND f.conversation_id = $2));

-- name: message_expire
WITH forgotten AS (
    DELETE FROM forgotten_conversations WHERE tenant_id = $1 AND forgotten_at < $2
)
DELETE FROM recent_messages WHERE tenant_id = $1 AND sent_at < $2;

-- name: settings_lock
-- Waits for messages that are being kept right now; those after it find out what the holder of the lock has done.
SELECT 1 FROM tenant_settings WHERE tenant_id = $1 FOR UPDATE;

-- name: conversations_forget
WITH forgotten AS (
    INSERT INTO forgotten_conversations (tenant_id, conversation_id, forgotten_at)
    SELECT $1, c.id, $3 FROM unnest($2::uuid[]) AS c (id)
    ON CONFLICT (tenant_id, conversation_id) DO NOTHING
), asked AS (
    UPDATE jobs SET payload = payload || '{"text": ""}'
    WHERE tenant_id = $1 AND type = $4 AND payload ->> 'conversation_id' = ANY ($2::uuid[]::text[])
)
DELETE FROM recent_messages WHERE tenant_id = $1 AND conversation_id = ANY ($2::uuid[]);

-- name: message_forget
DELETE FROM recent_messages WHERE tenant_id = $1;

-- name: message_last
SELECT tenant_id, conversation_id, text
FROM recent_messages
WHERE tenant_id = $1 AND conversation_id = $2 AND sent_at >= $3
ORDER BY turn DESC
LIMIT $4;

-- name: tokens_reserve
-- The cap: one statement checks and takes, and the row lock queues whoever comes at the same time.
INSERT INTO daily_tokens AS d (tenant_id, day, reserved)
SELECT $1, $2, $3::bigint WHERE $3::bigint <= $4::bigint
ON CONFLICT (tenant_id, day) DO UPDATE SET reserved = d.reserved + excluded.reserved
WHERE d.used + d.reserved + excluded.reserved <= $4::bigint;

-- name: tokens_settle
UPDATE daily_tokens SET used = used + $4, reserved = reserved - $3 WHERE tenant_id = $1 AND day = $2;

-- name: tokens_of_day
SELECT used, reserved FROM daily_tokens WHERE tenant_id = $1 AND day = $2;

-- name: call_start
INSERT INTO llm_calls (id, tenant_id, request_id, model, status, day, reserved_tokens, created_at)
VALUES ($2, $1, $3, $4, 'started', $5, $6, $7);

-- name: call_finish
-- Guarded by the status: a call is settled once.
UPDATE llm_calls
SET status = $3, prompt_tokens = $4, completion_tokens = $5, cost = $6, latency_ms = $7, error = $8
WHERE tenant_id = $1 AND id = $2 AND status = 'started';

-- name: call_open
SELECT id, request_id, model, day, reserved_tokens
FROM llm_calls
WHERE tenant_id = $1 AND request_id = $2 AND status = 'started'
ORDER BY seq
FOR UPDATE;

-- name: call_list
SELECT id, request_id, model, status, prompt_tokens, completion_tokens, cost, latency_ms, error, created_at
FROM llm_calls
WHERE tenant_id = $1
  AND ($2::uuid IS NULL OR seq < (SELECT page.seq FROM llm_calls AS page WHERE page.tenant_id = $1 AND page.id = $2))
ORDER BY seq DESC
LIMIT $3;

-- name: usage_by_day_and_model
SELECT
    day, model, count(*) AS calls, count(*) FILTER (WHERE status = 'ok') AS answered,
    sum(prompt_tokens)::bigint AS prompt_tokens, sum(completion_tokens)::bigint AS completion_tokens,
    sum(cost)::bigint AS cost
FROM llm_calls
WHERE tenant_id = $1 AND day BETWEEN $2 AND $3
GROUP BY day, model
ORDER BY day DESC, model;
