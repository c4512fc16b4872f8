-- What clients write.

-- name: messages_take
-- The whole intake of messages from people who are known, in one round trip: one row of $1 … $14 for each message, one of
-- $15 … $17 for each alias of its author. It does nothing for a message that is there already (`duplicate`), and nothing
-- if an alias is unknown, the aliases belong to several contacts, or the name is new (`conversation_id` is null): then the
-- contact is settled first. The row locks on the conversations number their turns, and are taken in one order by
-- everybody. Of two concurrent deliveries, the later one counts a turn and stores nothing (`stored` is false): it must be
-- rolled back. A message of a blocked contact gets no turn.
-- What somebody of the salon answered on the phone, before it came here, is attended.
WITH item AS (
    SELECT * FROM unnest($1::integer[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::integer[], $7::timestamptz[],
        $8::uuid[], $9::text[], $10::text[], $11::text[], $12::text[], $13::jsonb[], $14::timestamptz[])
        AS i (item, tenant_id, channel_id, provider_id, name, wanted, received_at, id, author, kind, text, choice_id,
            metadata, sent_at)
), known AS (
    SELECT i.item, min(a.contact_id::text)::uuid AS contact_id
    FROM item AS i
    JOIN unnest($15::integer[], $16::text[], $17::text[]) AS w (item, kind, value) ON w.item = i.item
    LEFT JOIN contact_aliases AS a
        ON a.tenant_id = i.tenant_id AND a.channel_id = i.channel_id AND a.kind = w.kind AND a.value = w.value
    GROUP BY i.item
    HAVING count(*) = count(a.contact_id) AND count(DISTINCT a.contact_id) = 1
), fresh AS (
    SELECT i.*, c.id AS contact_id, c.name AS contact_name, c.phone,
        CASE WHEN c.blocked_at IS NULL THEN i.wanted ELSE 0 END AS counts,
        sum(i.wanted) OVER (PARTITION BY i.tenant_id, i.channel_id, c.id ORDER BY i.item) AS nth
    FROM known
    JOIN item AS i ON i.item = known.item
    JOIN contacts AS c ON c.tenant_id = i.tenant_id AND c.id = known.contact_id
    WHERE (i.name IS NULL OR c.name = i.name)
      AND NOT EXISTS (SELECT FROM messages AS m
          WHERE m.tenant_id = i.tenant_id AND m.channel_id = i.channel_id AND m.provider_id = i.provider_id)
), turned AS (
    UPDATE conversations AS v
    SET turns = v.turns + f.counts, active_at = greatest(v.active_at, f.received_at),
        client_at = greatest(v.client_at, f.client_at)
    FROM (SELECT tenant_id, channel_id, contact_id, sum(counts) AS counts, max(received_at) AS received_at,
              max(CASE author WHEN 'client' THEN sent_at END) AS client_at
          FROM fresh GROUP BY tenant_id, channel_id, contact_id ORDER BY tenant_id, channel_id, contact_id) AS f
    WHERE v.tenant_id = f.tenant_id AND v.channel_id = f.channel_id AND v.contact_id = f.contact_id
      AND v.merged_into IS NULL AND v.erased_at IS NULL
    RETURNING v.id, v.tenant_id, v.channel_id, v.contact_id, v.turns - f.counts AS turns_before,
        is_attended(v.attended_by, v.attended_until, f.received_at) AS attended, v.typed_at
), taken AS (
    SELECT f.*, t.id AS conversation_id, (t.turns_before + f.nth)::integer AS turn,
        t.attended OR coalesce(f.sent_at < t.typed_at, false) AS attended
    FROM fresh AS f
    JOIN turned AS t ON t.tenant_id = f.tenant_id AND t.channel_id = f.channel_id AND t.contact_id = f.contact_id
), stored AS (
    INSERT INTO messages (tenant_id, id, channel_id, conversation_id, direction, author, provider_id, kind, text, choice_id,
        metadata, status, turn, sent_at, received_at)
    SELECT tenant_id, id, channel_id, conversation_id, CASE author WHEN 'client' THEN 'in' ELSE 'out' END, author,
        provider_id, kind, text, choice_id, metadata, CASE author WHEN 'client' THEN 'received' ELSE 'sent' END,
        CASE WHEN counts > 0 THEN turn END, sent_at, received_at
    FROM taken
    ON CONFLICT (tenant_id, channel_id, provider_id, author) WHERE provider_id IS NOT NULL DO NOTHING
    RETURNING id
)
SELECT item.item, stored.id IS NOT NULL AS stored, taken.conversation_id, taken.contact_id, taken.turn,
    taken.contact_name AS name, taken.phone, taken.counts > 0 AS counted, taken.attended,
    taken.item IS NULL AND EXISTS (SELECT FROM messages AS m
        WHERE m.tenant_id = item.tenant_id AND m.channel_id = item.channel_id AND m.provider_id = item.provider_id)
        AS duplicate
FROM item
LEFT JOIN taken ON taken.item = item.item
LEFT JOIN stored ON stored.id = item.id
ORDER BY item.item;
