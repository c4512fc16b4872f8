-- Taking in what clients write: the whole of it in one call, which is one round trip and one commit for a batch (ADR 27).

-- Stores messages from people who are known and tells the broker of them. Returns a row for each message that it stored, and
-- does nothing for the others: those that are there already, whose author is not known by all of its aliases as one person, or by
-- another name, and all but one of those that turn out to be of one conversation. The caller looks into these one after the other.
-- `bound`: what has bound the tenants of the batch, so that this cannot happen later (`Database.shared_call`).
-- `batch`: an object for each message. `kind1` and `value1` are one of its author's aliases, `kind2` and `value2` another one, `kinds`
-- and `values` all further ones; null if there are none. `counts`: 1 if it gets the conversation's next turn; it does not if its
-- author is blocked. What somebody of the salon answered on the phone, before it came here, is attended.
-- `said`: for each message the envelope for the broker as far as it is known before, up to what is left of `data`, or null. `rest` is
-- that, and is null if nothing was said. The envelope's id is the message's.
-- The row locks on the conversations number their turns, and are taken in one order by everybody. Of two concurrent deliveries
-- the later one violates `messages_provider`, and all of its batch is undone.
-- LIMIT 1: looked up for each row, whatever the planner thinks of the sizes of tables.
CREATE FUNCTION take_messages(bound text, batch json, said bytea[], handed_off_for interval)
RETURNS TABLE (
    item integer, conversation_id uuid, contact_id uuid, turn integer, name text, phone text, attended boolean, rest bytea
)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
RETURN QUERY
WITH taken AS (
    UPDATE conversations AS v
    SET turns = v.turns + f.turned, active_at = greatest(v.active_at, f.received_at),
        client_at = CASE f.author WHEN 'client' THEN greatest(v.client_at, f.sent_at) ELSE v.client_at END
    FROM (
        SELECT i.item, i.tenant_id, i.channel_id, i.received_at, i.id, i.provider_id, i.author, i.kind, i.text, i.choice_id,
            i.metadata, i.sent_at, c.id AS contact_id, c.name AS contact_name, c.phone,
            CASE WHEN c.blocked_at IS NULL THEN i.counts ELSE 0 END AS turned
        FROM json_to_recordset(batch) AS i (
            item integer, tenant_id uuid, channel_id uuid, kind1 text, value1 text, kind2 text, value2 text, kinds text[],
            "values" text[], name text, counts integer, received_at timestamptz, id uuid, provider_id text, author text, kind text,
            text text, choice_id text, metadata jsonb, sent_at timestamptz)
        CROSS JOIN LATERAL (
            SELECT a.contact_id FROM contact_aliases AS a
            WHERE a.tenant_id = i.tenant_id AND a.channel_id = i.channel_id AND a.kind = i.kind1 AND a.value = i.value1
            LIMIT 1) AS a
        CROSS JOIN LATERAL (
            SELECT c.id, c.name, c.phone, c.blocked_at FROM contacts AS c
            WHERE c.tenant_id = i.tenant_id AND c.id = a.contact_id
            LIMIT 1) AS c
        WHERE (i.name IS NULL OR c.name = i.name)
          AND (i.kind2 IS NULL OR a.contact_id = (
              SELECT b.contact_id FROM contact_aliases AS b
              WHERE b.tenant_id = i.tenant_id AND b.channel_id = i.channel_id AND b.kind = i.kind2 AND b.value = i.value2
              LIMIT 1))
          AND (i.kinds IS NULL OR NOT EXISTS (
              SELECT FROM unnest(i.kinds, i."values") AS w (kind, value)
              LEFT JOIN contact_aliases AS b
                  ON b.tenant_id = i.tenant_id AND b.channel_id = i.channel_id AND b.kind = w.kind AND b.value = w.value
              WHERE b.contact_id IS DISTINCT FROM a.contact_id))
          AND NOT EXISTS (
              SELECT FROM messages AS m
              WHERE m.tenant_id = i.tenant_id AND m.channel_id = i.channel_id AND m.provider_id = i.provider_id)
        ORDER BY i.tenant_id, i.channel_id, c.id
    ) AS f
    WHERE v.tenant_id = f.tenant_id AND v.channel_id = f.channel_id AND v.contact_id = f.contact_id
      AND v.merged_into IS NULL AND v.erased_at IS NULL
    RETURNING f.*, v.id AS conversation_id, CASE WHEN f.turned > 0 THEN v.turns END AS turn,
        is_attended(v.attended_by, v.attended_until, f.received_at) OR coalesce(f.sent_at < v.typed_at, false) AS attended
), stored AS (
    INSERT INTO messages (tenant_id, id, channel_id, conversation_id, direction, author, provider_id, kind, text, choice_id,
        metadata, status, turn, sent_at, received_at)
    SELECT tenant_id, id, channel_id, conversation_id, CASE author WHEN 'client' THEN 'in' ELSE 'out' END, author,
        provider_id, kind, text, choice_id, metadata, CASE author WHEN 'client' THEN 'received' ELSE 'sent' END,
        turn, sent_at, received_at
    FROM taken
), found AS (
    SELECT t.*, said[t.item + 1] AS said, CASE WHEN t.turn IS NOT NULL AND said[t.item + 1] IS NOT NULL THEN
        convert_to(concat(',"conversation_id":"', t.conversation_id, '","contact_id":"', t.contact_id, '","turn":', t.turn,
            ',"contact_name":', coalesce(to_json(t.contact_name)::text, 'null'),
            ',"phone":', coalesce(to_json(t.phone)::text, 'null'), ',"attended":', t.attended::text, '}}'), 'UTF8') END AS rest
    FROM taken AS t
), told AS (
    INSERT INTO outbox (id, tenant_id, routing_key, correlation_id, body, next_attempt_at)
    SELECT id, tenant_id, 'messaging.message.received.v1', id, said || rest, clock_timestamp() + handed_off_for
    FROM found
    WHERE rest IS NOT NULL
)
SELECT item, conversation_id, contact_id, turn, contact_name, phone, attended, rest
FROM found;
END $$;
