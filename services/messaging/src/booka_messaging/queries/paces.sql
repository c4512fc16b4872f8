-- When lines send, and whether they can.

-- name: sends_pace
-- A new moment, not before $3, for messages whose own has passed or was given up; the lines in one order. What a line did not
-- send before $4 is lost to it.
WITH item AS (
    SELECT m.tenant_id, m.channel_id, m.id, m.purpose IS NOT DISTINCT FROM 'reminder' AS reminder, c.messages_per_minute,
        row_number() OVER (PARTITION BY m.tenant_id, m.channel_id, m.purpose IS NOT DISTINCT FROM 'reminder' ORDER BY i.place) AS place
    FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS i (tenant_id, id, place)
    JOIN messages AS m ON m.tenant_id = i.tenant_id AND m.id = i.id
    JOIN channels AS c ON c.tenant_id = m.tenant_id AND c.id = m.channel_id
), line AS (
    INSERT INTO paces AS p (tenant_id, channel_id, replies_from, others_from)
    SELECT tenant_id, channel_id,
        $4::timestamptz + count(*) FILTER (WHERE NOT reminder) * make_interval(secs => 60 / (messages_per_minute * $5::float8)),
        $4 + count(*) FILTER (WHERE reminder) * make_interval(secs => 60 / (messages_per_minute * $6::float8))
    FROM item
    GROUP BY tenant_id, channel_id, messages_per_minute
    ORDER BY tenant_id, channel_id
    ON CONFLICT (tenant_id, channel_id) DO UPDATE
    SET replies_from = greatest(p.replies_from, $4) + (excluded.replies_from - $4),
        others_from = greatest(p.others_from, $4) + (excluded.others_from - $4)
    RETURNING p.tenant_id, p.channel_id, p.replies_from, p.others_from
), placed AS (
    SELECT i.tenant_id, i.id, greatest($3, CASE
        WHEN i.reminder THEN l.others_from - (count(*) OVER stream - i.place + 1) * make_interval(secs => 60 / (i.messages_per_minute * $6::float8))
        ELSE l.replies_from - (count(*) OVER stream - i.place + 1) * make_interval(secs => 60 / (i.messages_per_minute * $5::float8))
        END) AS paced_at
    FROM item AS i
    JOIN line AS l ON l.tenant_id = i.tenant_id AND l.channel_id = i.channel_id
    WINDOW stream AS (PARTITION BY i.tenant_id, i.channel_id, i.reminder)
)
UPDATE messages AS m SET paced_at = placed.paced_at
FROM placed
WHERE m.tenant_id = placed.tenant_id AND m.id = placed.id
RETURNING m.id, m.paced_at;

-- name: sends_hasten
-- What a reply would have to wait for, because it comes before it in its conversation, goes at the reply's pace as well: the
-- first at the reply's moment $4, the others and the reply at the next ones. Returns the reply's.
WITH waiting AS (
    SELECT j.id, (j.payload ->> 'message_id')::uuid AS message_id, count(*) OVER () AS n,
        row_number() OVER (ORDER BY j.lane_order, j.seq) AS place
    FROM jobs AS j
    WHERE j.tenant_id = $1 AND j.lane = $2 AND j.type = $3 AND j.status IN ('ready', 'running') AND j.lease_token IS NULL
      AND j.attempts = 0 AND j.scheduled_at > $4 AND j.lane_order < $5
), line AS (
    UPDATE paces AS p
    SET replies_from = p.replies_from + w.n * make_interval(secs => 60 / (c.messages_per_minute * $7::float8))
    FROM (SELECT max(n) AS n FROM waiting) AS w, channels AS c
    WHERE p.tenant_id = $1 AND p.channel_id = $6 AND w.n > 0 AND c.tenant_id = p.tenant_id AND c.id = p.channel_id
    RETURNING p.replies_from, make_interval(secs => 60 / (c.messages_per_minute * $7::float8)) AS step
), placed AS (
    SELECT w.id, w.message_id, CASE WHEN w.place = 1 THEN $4 ELSE greatest($4, l.replies_from - (w.n - w.place + 2) * l.step) END AS at
    FROM waiting AS w, line AS l
), moved AS (
    UPDATE jobs AS j SET scheduled_at = p.at FROM placed AS p WHERE j.id = p.id AND j.tenant_id = $1 AND j.lease_token IS NULL
), told AS (
    UPDATE messages AS m SET paced_at = p.at FROM placed AS p WHERE m.tenant_id = $1 AND m.id = p.message_id
)
SELECT greatest($4, replies_from - step) AS at FROM line;

-- name: circuit_lock
-- The line's circuit, for whoever changes it next. A line that never sent has a row from now on.
INSERT INTO paces AS p (tenant_id, channel_id, replies_from, others_from) VALUES ($1, $2, $3, $3)
ON CONFLICT (tenant_id, channel_id) DO UPDATE SET failures = p.failures
RETURNING p.failures, p.openings, p.blocked_until;

-- name: circuit_put
UPDATE paces SET failures = $3, openings = $4, blocked_until = $5, blocked_reason = $6, probing_until = NULL
WHERE tenant_id = $1 AND channel_id = $2;

-- name: probe_begin
-- No row: it is too early, or somebody else asks.
UPDATE paces SET probing_until = $4
WHERE tenant_id = $1 AND channel_id = $2 AND blocked_until <= $3 AND coalesce(probing_until <= $3, true)
RETURNING channel_id;
