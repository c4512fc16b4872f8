-- Every statement of the dialog service.

-- name: conversations_arrive
-- One row of $1 … $6 for each message; it is claimed ($4: who consumes it) or a turn ($5 with its payload $6). Locks the
-- conversations that are free and claims what is for them. Whoever has another one in hand may find its turn, which is
-- kept here; or we wait for them after committing it.
WITH heard AS (
    SELECT *
    FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::integer[], $6::jsonb[])
        WITH ORDINALITY AS h (tenant_id, conversation_id, message_id, consumer, turn, payload, number)
), locked AS MATERIALIZED (
    SELECT conversation_id, pg_try_advisory_xact_lock(hashtextextended('dialog:' || conversation_id::text, 0)) AS ours
    FROM (SELECT DISTINCT conversation_id FROM heard) AS conversations
), claimed AS (
    INSERT INTO inbox (tenant_id, consumer, message_id)
    SELECT h.tenant_id, h.consumer, h.message_id FROM heard AS h JOIN locked AS l USING (conversation_id)
    WHERE l.ours AND h.consumer IS NOT NULL
    ON CONFLICT (consumer, message_id) DO NOTHING
    RETURNING message_id
), kept AS (
    INSERT INTO turns (tenant_id, conversation_id, turn, payload)
    SELECT h.tenant_id, h.conversation_id, h.turn, h.payload FROM heard AS h JOIN locked AS l USING (conversation_id)
    WHERE NOT l.ours AND h.turn IS NOT NULL
    ON CONFLICT (tenant_id, conversation_id, turn) DO NOTHING
)
SELECT CASE WHEN NOT l.ours THEN 'busy' WHEN h.turn IS NOT NULL OR c.message_id IS NOT NULL THEN 'fresh' ELSE 'known' END AS state
FROM heard AS h JOIN locked AS l USING (conversation_id) LEFT JOIN claimed AS c USING (message_id)
ORDER BY h.number;

-- name: conversations_load
-- One round trip: the sessions, the salons, the turns that wait, and which turns from $3 on are known. The catalogue comes
-- only if it is not the one that is remembered ($4). A statement of its own, after the locks, so that it sees what their
-- previous holders committed.
SELECT w.tenant_id, w.conversation_id, s.state, coalesce(s.turns_taken, 0) AS turns_taken, coalesce(s.said, 0) AS said,
    s.forgotten_at IS NOT NULL AS forgotten, s.merged_into, coalesce(c.llm_enabled, false) AS llm_enabled, c.catalogue IS NOT NULL AS published,
    CASE WHEN c.revision IS DISTINCT FROM w.revision THEN c.catalogue END AS catalogue,
    (SELECT jsonb_agg(jsonb_build_object('turn', t.turn, 'payload', t.payload) ORDER BY t.turn)
     FROM turns AS t
     WHERE t.tenant_id = w.tenant_id AND t.conversation_id = w.conversation_id AND t.taken_at IS NULL) AS pending,
    ARRAY(SELECT t.turn FROM turns AS t
          WHERE t.tenant_id = w.tenant_id AND t.conversation_id = w.conversation_id AND t.turn >= w.since) AS known
FROM unnest($1::uuid[], $2::uuid[], $3::integer[], $4::integer[]) AS w (tenant_id, conversation_id, since, revision)
LEFT JOIN sessions AS s ON s.tenant_id = w.tenant_id AND s.conversation_id = w.conversation_id
LEFT JOIN salons AS c ON c.tenant_id = w.tenant_id;

-- name: sessions_save
-- One row of $2 … $6 for each session, and one of $7 … $10 for each of their turns, which has been taken if it has no
-- payload. Most have never been written before.
WITH turned AS (
    INSERT INTO turns AS t (tenant_id, conversation_id, turn, payload, taken_at)
    SELECT n.tenant_id, n.conversation_id, n.turn, n.payload, CASE WHEN n.payload IS NULL THEN $1::timestamptz END
    FROM unnest($7::uuid[], $8::uuid[], $9::integer[], $10::jsonb[]) AS n (tenant_id, conversation_id, turn, payload)
    ON CONFLICT (tenant_id, conversation_id, turn) DO UPDATE
    SET payload = NULL, taken_at = excluded.taken_at
    WHERE t.taken_at IS NULL AND excluded.payload IS NULL
)
INSERT INTO sessions (tenant_id, conversation_id, state, turns_taken, said, created_at, updated_at)
SELECT n.tenant_id, n.conversation_id, n.state, n.turns_taken, n.said, $1, $1
FROM unnest($2::uuid[], $3::uuid[], $4::jsonb[], $5::integer[], $6::integer[])
    AS n (tenant_id, conversation_id, state, turns_taken, said)
ON CONFLICT (tenant_id, conversation_id) DO UPDATE
SET state = excluded.state, turns_taken = excluded.turns_taken, said = excluded.said, version = sessions.version + 1,
    updated_at = excluded.updated_at;

-- name: turns_prune
-- cross-tenant: housekeeping, as the system role.
-- A turn that was taken keeps repeated deliveries from being answered again, as long as the inbox does it for other messages.
DELETE FROM turns WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM turns WHERE arrived_at < clock_timestamp() - $1::interval AND taken_at IS NOT NULL LIMIT 10000));

-- name: session_forget
-- The row stays, so that what is still under way finds out that there is nobody to talk to.
WITH turned AS (
    UPDATE turns SET payload = NULL, taken_at = $4 WHERE tenant_id = $1 AND conversation_id = $2 AND taken_at IS NULL
)
INSERT INTO sessions (tenant_id, conversation_id, state, forgotten_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $4, $4)
ON CONFLICT (tenant_id, conversation_id) DO UPDATE
SET state = excluded.state, version = sessions.version + 1, updated_at = excluded.updated_at,
    forgotten_at = coalesce(sessions.forgotten_at, excluded.forgotten_at);

-- name: session_merge
-- What comes for $2 is for $3 from now on, and so is what comes for those that were merged into $2.
WITH others AS (
    UPDATE sessions SET merged_into = $3 WHERE tenant_id = $1 AND merged_into = $2
)
INSERT INTO sessions (tenant_id, conversation_id, state, merged_into, created_at, updated_at) VALUES ($1, $2, $4, $3, $5, $5)
ON CONFLICT (tenant_id, conversation_id) DO UPDATE
SET state = excluded.state, merged_into = excluded.merged_into, version = sessions.version + 1, updated_at = excluded.updated_at;

-- name: sessions_resolve
-- Where the talk of each of $2 goes on, in that order.
SELECT coalesce(s.merged_into, w.id) AS id
FROM unnest($2::uuid[]) WITH ORDINALITY AS w (id, place)
LEFT JOIN sessions AS s ON s.tenant_id = $1 AND s.conversation_id = w.id
ORDER BY w.place;

-- name: sessions_merged_into
SELECT conversation_id AS id FROM sessions WHERE tenant_id = $1 AND merged_into = ANY ($2::uuid[]) ORDER BY conversation_id;

-- name: conversations_try_lock
-- Without a tenant, as in `conversations_arrive`: no table is looked into, and ids are unique.
SELECT bool_and(pg_try_advisory_xact_lock(hashtextextended('dialog:' || id::text, 0))) FROM unnest($1::uuid[]) AS w (id);

-- name: session_get
-- Where the talk goes on, if it was merged.
SELECT state, turns_taken, version, updated_at FROM sessions
WHERE tenant_id = $1 AND conversation_id = coalesce(
    (SELECT m.merged_into FROM sessions AS m WHERE m.tenant_id = $1 AND m.conversation_id = $2), $2);

-- name: catalogue_put
INSERT INTO salons (tenant_id, catalogue, revision) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id) DO UPDATE
SET catalogue = excluded.catalogue, revision = excluded.revision, updated_at = clock_timestamp()
WHERE salons.revision < excluded.revision;

-- name: llm_put
INSERT INTO salons (tenant_id, llm_enabled, llm_revision) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id) DO UPDATE
SET llm_enabled = excluded.llm_enabled, llm_revision = excluded.llm_revision, updated_at = clock_timestamp()
WHERE salons.llm_revision < excluded.llm_revision;
