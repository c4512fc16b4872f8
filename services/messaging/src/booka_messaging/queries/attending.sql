-- Who answers in a conversation. What was merged into another one is attended where the talk goes on.

-- name: typed_take_over
-- Messages that people of the salon typed on their phone, just stored: one row of $1 … $7 for each. They take their
-- conversation over until then (null: until it is handed back), unless they may be the echo of one of ours whose outcome is
-- not known yet (nothing is tried for longer than three days), that time is over, or they were typed before somebody handed the
-- conversation back. Gateways' times have no fractions: what was typed in the second of a hand-back may have come after it.
-- `takeover_id`: which of the messages it began with, if it did.
WITH item AS (
    SELECT i.*
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::timestamptz[], $7::timestamptz[])
        AS i (tenant_id, conversation_id, id, text, sent_at, until, received_at)
    WHERE NOT EXISTS (
        SELECT FROM conversations AS w JOIN messages AS m ON m.tenant_id = w.tenant_id AND m.conversation_id = w.id
        WHERE w.tenant_id = i.tenant_id AND (w.id = i.conversation_id OR w.merged_into = i.conversation_id)
          AND m.attempted_at BETWEEN i.sent_at - interval '3 days' AND i.sent_at + interval '5 minutes'
          AND m.provider_id IS NULL AND m.text = i.text)
)
UPDATE conversations AS v
SET typed_at = greatest(v.typed_at, f.sent_at),
    attended_by = CASE
        WHEN is_attended(v.attended_by, v.attended_until, f.received_at) OR NOT f.lasts
            OR f.sent_at + interval '1 second' <= v.handed_back_at THEN v.attended_by
        ELSE 'phone' END,
    takeover_id = CASE
        WHEN is_attended(v.attended_by, v.attended_until, f.received_at) OR NOT f.lasts
            OR f.sent_at + interval '1 second' <= v.handed_back_at THEN v.takeover_id
        ELSE f.id END,
    attended_until = CASE
        WHEN NOT f.lasts OR f.sent_at + interval '1 second' <= v.handed_back_at THEN v.attended_until
        WHEN f.until IS NULL OR v.attended_by IS NOT NULL AND v.attended_until IS NULL THEN NULL
        ELSE greatest(v.attended_until, f.until) END
FROM (SELECT tenant_id, conversation_id, (array_agg(id ORDER BY id))[1] AS id, max(sent_at) AS sent_at,
          max(received_at) AS received_at, nullif(max(coalesce(until, 'infinity')), 'infinity') AS until,
          coalesce(max(coalesce(until, 'infinity')) > max(received_at), false) AS lasts
      FROM item GROUP BY tenant_id, conversation_id) AS f
WHERE v.tenant_id = f.tenant_id AND v.id = f.conversation_id
RETURNING v.id AS conversation_id, v.attended_until AS until, CASE WHEN v.takeover_id = f.id THEN f.id END AS takeover_id,
    is_attended(v.attended_by, v.attended_until, f.received_at) AS attended, v.typed_at;

-- name: conversation_take_over
-- Who attends already goes on doing so, for longer. No row: there is no such conversation, or it is being merged.
UPDATE conversations AS v
SET attended_by = CASE WHEN is_attended(v.attended_by, v.attended_until, $5) THEN v.attended_by ELSE $3 END,
    takeover_id = CASE WHEN is_attended(v.attended_by, v.attended_until, $5) THEN v.takeover_id ELSE $4 END,
    attended_until = CASE WHEN c.takeover_minutes IS NULL OR v.attended_by IS NOT NULL AND v.attended_until IS NULL THEN NULL
        ELSE greatest(v.attended_until, $5 + make_interval(mins => c.takeover_minutes)) END
FROM channels AS c
WHERE v.tenant_id = $1 AND v.merged_into IS NULL AND v.erased_at IS NULL
  AND v.id = (SELECT coalesce(w.merged_into, w.id) FROM conversations AS w WHERE w.tenant_id = $1 AND w.id = $2)
  AND c.tenant_id = v.tenant_id AND c.id = v.channel_id
RETURNING v.id AS conversation_id, v.attended_by AS by, v.attended_until AS until, v.takeover_id = $4 AS begun;

-- name: conversation_take_over_until
-- Somebody in the console says until when (null: until it is handed back), whatever was said before.
UPDATE conversations AS v
SET attended_by = $3, attended_until = $6,
    takeover_id = CASE WHEN is_attended(v.attended_by, v.attended_until, $5) THEN v.takeover_id ELSE $4 END
WHERE v.tenant_id = $1 AND v.merged_into IS NULL AND v.erased_at IS NULL
  AND v.id = (SELECT coalesce(w.merged_into, w.id) FROM conversations AS w WHERE w.tenant_id = $1 AND w.id = $2)
RETURNING v.id AS conversation_id, v.takeover_id, v.takeover_id = $4 AS begun;

-- name: conversation_hand_back
-- No row: nobody attends, there is no such conversation, or it is being merged.
UPDATE conversations AS v
SET attended_by = NULL, attended_until = NULL, handed_back_at = $3
WHERE v.tenant_id = $1 AND v.merged_into IS NULL AND v.attended_by IS NOT NULL
  AND v.id = (SELECT coalesce(w.merged_into, w.id) FROM conversations AS w WHERE w.tenant_id = $1 AND w.id = $2)
RETURNING v.id AS conversation_id, v.takeover_id;

-- name: takeover_end
-- A takeover whose time is over. What was typed before its end and comes late still counts, so this is no `handed_back_at`.
UPDATE conversations AS v
SET attended_by = NULL, attended_until = NULL
WHERE v.tenant_id = $1 AND v.merged_into IS NULL AND v.takeover_id = $3 AND v.attended_until <= $4
  AND v.id = (SELECT coalesce(w.merged_into, w.id) FROM conversations AS w WHERE w.tenant_id = $1 AND w.id = $2)
RETURNING v.id;

-- name: takeover_until
SELECT v.attended_until
FROM conversations AS w
JOIN conversations AS v ON v.tenant_id = w.tenant_id AND v.id = coalesce(w.merged_into, w.id)
WHERE w.tenant_id = $1 AND w.id = $2 AND v.takeover_id = $3;

-- name: conversation_known
SELECT merged_into IS NOT NULL AS merged FROM conversations WHERE tenant_id = $1 AND id = $2;
