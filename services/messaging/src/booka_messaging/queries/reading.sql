-- For those who look at conversations. Most conditions are left open most of the time, so these statements are planned for the
-- values they get (see store/reading.py).

-- name: conversation_page
-- Which conversations, the last active first; $4: only among these. Answered is what a message of ours that did not fail came
-- after.
SELECT v.id, v.active_at AS at
FROM conversations AS v
JOIN contacts AS c ON c.tenant_id = $1 AND c.id = v.contact_id
WHERE v.tenant_id = $1 AND v.merged_into IS NULL
  AND ($2::timestamptz IS NULL OR v.active_quarter <= quarter_of($2) AND (v.active_at, v.id) < ($2, $3::uuid))
  AND ($4::uuid[] IS NULL OR v.id = ANY ($4))
  AND ($5::timestamptz IS NULL OR v.active_quarter >= quarter_of($5) AND v.active_at >= $5)
  AND ($6::timestamptz IS NULL OR v.active_quarter <= quarter_of($6) AND v.active_at < $6)
  AND ($7::uuid IS NULL OR v.channel_id = $7)
  AND ($8::boolean IS NULL OR $8 = is_attended(v.attended_by, v.attended_until, $9))
  AND ($10::boolean IS NULL OR $10 = (c.blocked_at IS NOT NULL))
  AND ($11::boolean IS NULL OR $11 = coalesce('in' = (
      SELECT m.direction FROM messages AS m
      WHERE m.tenant_id = $1 AND m.conversation_id = v.id AND m.status <> 'failed'
      ORDER BY m.id DESC LIMIT 1), false))
ORDER BY v.active_quarter DESC, v.active_at DESC, v.id DESC
LIMIT $12;

-- name: conversation_moved
-- Those that have come to stand before the end of the page at $3, $4 since the past was settled ($2), with where they stood then.
SELECT v.id, least(coalesce(said.at, v.created_at), $2) AS at
FROM conversations AS v
CROSS JOIN LATERAL (
    SELECT max(m.received_at) AS at
    FROM messages AS m
    WHERE m.tenant_id = $1 AND m.conversation_id = v.id AND m.author <> 'booka' AND m.received_at <= $2) AS said
WHERE v.tenant_id = $1 AND v.merged_into IS NULL AND v.active_quarter >= quarter_of(greatest($2, $3)) AND v.active_at > $2
  AND (v.active_at, v.id) >= ($3, $4::uuid);

-- name: conversation_views
-- What there is to be seen of conversations. The last message may be one of a conversation that was merged into this one.
SELECT v.id, v.channel_id, v.turns, v.active_at, v.created_at, v.client_at, v.attended_by, v.attended_until,
    h.gateway, c.id AS contact_id, c.name, c.phone, c.contested, c.blocked_at, c.erased_at,
    last.id AS last_id, last.author AS last_author, last.kind AS last_kind, last.text AS last_text, last.status AS last_status,
    last.deleted_at AS last_deleted_at, last.received_at AS last_at, waiting.unanswered
FROM unnest($2::uuid[]) WITH ORDINALITY AS w (id, place)
JOIN conversations AS v ON v.tenant_id = $1 AND v.id = w.id
JOIN contacts AS c ON c.tenant_id = $1 AND c.id = v.contact_id
JOIN channels AS h ON h.tenant_id = $1 AND h.id = v.channel_id
LEFT JOIN LATERAL (
    SELECT newest.*
    FROM (SELECT v.id UNION ALL SELECT o.id FROM conversations AS o WHERE o.tenant_id = $1 AND o.merged_into = v.id) AS part (id)
    CROSS JOIN LATERAL (
        SELECT m.id, m.author, m.kind, left(m.text, $3) AS text, m.status, m.deleted_at, m.received_at
        FROM messages AS m
        WHERE m.tenant_id = $1 AND m.conversation_id = part.id
        ORDER BY m.id DESC LIMIT 1) AS newest
    ORDER BY newest.id DESC LIMIT 1) AS last ON true
CROSS JOIN LATERAL (
    SELECT answers.id
    FROM (
        (SELECT a.id FROM messages AS a
         WHERE a.tenant_id = $1 AND a.conversation_id = v.id AND a.direction = 'out' AND a.status <> 'failed'
         ORDER BY a.id DESC LIMIT 1)
        UNION ALL SELECT '00000000-0000-0000-0000-000000000000') AS answers (id)
    ORDER BY answers.id DESC LIMIT 1) AS answer
CROSS JOIN LATERAL (
    SELECT count(*)::integer AS unanswered
    FROM (
        SELECT FROM messages AS m
        WHERE m.tenant_id = $1 AND m.conversation_id = v.id AND m.id > answer.id AND m.direction = 'in'
        LIMIT 99) AS m) AS waiting
ORDER BY w.place;

-- name: conversation_find
-- Where words occur: in the name ($2, a pattern of folded text), the numbers ($3, patterns of digits), or one of the newest
-- messages ($5 of them). No index: under row level security PostgreSQL uses none for LIKE, because LIKE may tell what it saw.
WITH found AS (
    SELECT c.id
    FROM contacts AS c
    WHERE c.tenant_id = $1 AND c.merged_into IS NULL AND (c.phone LIKE ANY ($3::text[])
        OR CASE WHEN octet_length(c.name) = length(c.name) THEN lower(c.name)
                ELSE regexp_replace(normalize(lower(c.name), NFKD), '[\u0300-\u036f]', '', 'g') END LIKE $2)
    UNION
    SELECT a.contact_id
    FROM contact_aliases AS a
    WHERE a.tenant_id = $1 AND a.kind = 'pn' AND a.value LIKE ANY ($3)
), recent AS (
    SELECT m.id, m.conversation_id, m.text
    FROM messages AS m
    WHERE m.tenant_id = $1 AND m.received_at <= $4
    ORDER BY m.id DESC
    LIMIT $5
), said AS (
    SELECT r.conversation_id, max(r.id::text)::uuid AS message_id
    FROM recent AS r
    WHERE CASE WHEN octet_length(r.text) = length(r.text) THEN lower(r.text)
               ELSE regexp_replace(normalize(lower(r.text), NFKD), '[\u0300-\u036f]', '', 'g') END LIKE $2
    GROUP BY r.conversation_id
)
SELECT v.id, NULL::uuid AS message_id
FROM found
JOIN channels AS h ON h.tenant_id = $1
JOIN conversations AS v
    ON v.tenant_id = $1 AND v.channel_id = h.id AND v.contact_id = found.id AND v.merged_into IS NULL
UNION ALL
SELECT coalesce(v.merged_into, v.id), said.message_id
FROM said
JOIN conversations AS v ON v.tenant_id = $1 AND v.id = said.conversation_id;

-- name: conversation_get
SELECT id, merged_into FROM conversations WHERE tenant_id = $1 AND id = $2;

-- name: message_page
-- With the messages of conversations that were merged into this one; $3: older than that one.
SELECT m.*
FROM conversations AS v
CROSS JOIN LATERAL (
    SELECT m.id, m.conversation_id, m.direction, m.author, m.kind, m.text, m.choice_id, m.status, m.turn, m.purpose, m.written_by,
        m.failure, m.provider_id, m.request_id, m.metadata, m.choices, m.template, m.sent_at, m.edited_at, m.deleted_at,
        m.received_at
    FROM messages AS m
    WHERE m.tenant_id = $1 AND m.conversation_id = v.id AND ($3::uuid IS NULL OR m.id < $3)
    ORDER BY m.id DESC
    LIMIT $4) AS m
WHERE v.tenant_id = $1 AND (v.id = $2 OR v.merged_into = $2)
ORDER BY m.id DESC
LIMIT $4;

-- name: message_news
-- What came after $3 and is none of $4, oldest first.
SELECT m.*
FROM conversations AS v
CROSS JOIN LATERAL (
    SELECT m.id, m.conversation_id, m.direction, m.author, m.kind, m.text, m.choice_id, m.status, m.turn, m.purpose, m.written_by,
        m.failure, m.provider_id, m.request_id, m.metadata, m.choices, m.template, m.sent_at, m.edited_at, m.deleted_at,
        m.received_at
    FROM messages AS m
    WHERE m.tenant_id = $1 AND m.conversation_id = v.id AND m.id > $3 AND m.id <> ALL ($4::uuid[])
    ORDER BY m.id
    LIMIT $5) AS m
WHERE v.tenant_id = $1 AND (v.id = $2 OR v.merged_into = $2)
ORDER BY m.id
LIMIT $5;

-- name: message_texts
SELECT id, author, text, received_at FROM messages WHERE tenant_id = $1 AND id = ANY ($2::uuid[]);

-- name: message_get
SELECT m.id, coalesce(v.merged_into, v.id) AS conversation_id, m.direction, m.author, m.kind, m.text, m.choice_id, m.status,
    m.turn, m.purpose, m.written_by, m.failure, m.provider_id, m.request_id, m.metadata, m.choices, m.template, m.sent_at,
    m.edited_at, m.deleted_at, m.received_at
FROM messages AS m
JOIN conversations AS v ON v.tenant_id = $1 AND v.id = m.conversation_id
WHERE m.tenant_id = $1 AND m.id = $2;

-- name: contact_page
-- The newest first; $3: a pattern of folded text, $4: patterns of digits. Those who became part of somebody are left out.
SELECT c.id, c.name, c.phone, c.contested, c.blocked_at, c.erased_at, c.created_at
FROM contacts AS c
WHERE c.tenant_id = $1 AND c.merged_into IS NULL
  AND ($2::uuid IS NULL OR c.id < $2)
  AND ($5::boolean IS NULL OR $5 = (c.blocked_at IS NOT NULL))
  AND ($3::text IS NULL
      OR CASE WHEN octet_length(c.name) = length(c.name) THEN lower(c.name)
              ELSE regexp_replace(normalize(lower(c.name), NFKD), '[\u0300-\u036f]', '', 'g') END LIKE $3
      OR c.phone LIKE ANY ($4::text[])
      OR EXISTS (SELECT FROM contact_aliases AS a
          WHERE a.tenant_id = $1 AND a.contact_id = c.id AND a.kind = 'pn' AND a.value LIKE ANY ($4)))
ORDER BY c.id DESC
LIMIT $6;

-- name: contact_get
-- Whoever became part of somebody is that person.
SELECT c.id, c.name, c.phone, c.contested, c.blocked_at, c.erased_at, c.created_at,
    ARRAY(SELECT a.kind || ':' || a.value FROM contact_aliases AS a
          WHERE a.tenant_id = $1 AND a.contact_id = c.id ORDER BY a.created_at, a.kind, a.value) AS aliases,
    ARRAY(SELECT v.id FROM channels AS h
          JOIN conversations AS v
              ON v.tenant_id = $1 AND v.channel_id = h.id AND v.contact_id = c.id AND v.merged_into IS NULL
          WHERE h.tenant_id = $1 ORDER BY v.id) AS conversations
FROM (
    SELECT f.id FROM contacts AS f WHERE f.tenant_id = $1 AND f.id = $2 AND f.merged_into IS NULL
    UNION ALL SELECT f.merged_into FROM contacts AS f WHERE f.tenant_id = $1 AND f.id = $2 AND f.merged_into IS NOT NULL
) AS who (id)
JOIN contacts AS c ON c.tenant_id = $1 AND c.id = who.id;

-- name: conversation_reach
-- Whether and how the client of a conversation can be written to, where the talk goes on.
SELECT v.id, h.gateway, h.active, h.deleted_at IS NOT NULL AS deleted, v.client_at, c.blocked_at, coalesce(c.erased_at, v.erased_at) AS erased_at,
    EXISTS (SELECT FROM contact_aliases AS a
        WHERE a.tenant_id = $1 AND a.channel_id = v.channel_id AND a.contact_id = v.contact_id) AS has_address,
    coalesce((SELECT jsonb_agg(jsonb_build_object('name', t.name, 'locale', t.locale, 'parameters', t.parameters)
            ORDER BY t.name, t.locale)
        FROM channel_templates AS t WHERE t.tenant_id = $1 AND t.channel_id = v.channel_id), '[]') AS templates
FROM (
    SELECT f.id FROM conversations AS f WHERE f.tenant_id = $1 AND f.id = $2 AND f.merged_into IS NULL
    UNION ALL
    SELECT f.merged_into FROM conversations AS f WHERE f.tenant_id = $1 AND f.id = $2 AND f.merged_into IS NOT NULL
) AS talk (id)
JOIN conversations AS v ON v.tenant_id = $1 AND v.id = talk.id
JOIN channels AS h ON h.tenant_id = $1 AND h.id = v.channel_id
JOIN contacts AS c ON c.tenant_id = $1 AND c.id = v.contact_id;
