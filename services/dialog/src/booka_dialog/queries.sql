-- Every statement of the dialog service.

-- name: turn_arrived
-- Keeps the turn, and tells whether this transaction got the conversation at once. If it did not, somebody is answering
-- right now and will find the turn, or we wait for them after committing it.
WITH arrived AS (
    INSERT INTO turns (tenant_id, conversation_id, turn, payload)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant_id, conversation_id, turn) DO NOTHING
)
SELECT pg_try_advisory_xact_lock(hashtextextended('dialog:' || $2::uuid::text, 0));

-- name: commit_relaxed
-- The broker still has the message until the turn is answered, so this commit need not wait for the disk.
SET LOCAL synchronous_commit = off;

-- name: conversation_lock
SELECT pg_advisory_xact_lock(hashtextextended('dialog:' || $1::uuid::text, 0));

-- name: conversation_load
-- One round trip: the session, the salon and the turns that wait. A statement of its own, after the lock, so that it
-- sees what the previous holder committed.
SELECT s.state, coalesce(s.turns_taken, 0) AS turns_taken, coalesce(s.said, 0) AS said, coalesce(s.version, 0) AS version,
    s.forgotten_at IS NOT NULL AS forgotten, c.catalogue, coalesce(c.llm_enabled, false) AS llm_enabled,
    (SELECT jsonb_agg(jsonb_build_object('turn', t.turn, 'payload', t.payload) ORDER BY t.turn)
     FROM turns AS t
     WHERE t.tenant_id = $1 AND t.conversation_id = $2 AND t.taken_at IS NULL) AS pending
FROM (SELECT 1) AS one
LEFT JOIN sessions AS s ON s.tenant_id = $1 AND s.conversation_id = $2
LEFT JOIN salons AS c ON c.tenant_id = $1;

-- name: session_save
-- Writes the session and marks the taken turns in one round trip.
WITH taken AS (
    UPDATE turns SET payload = NULL, taken_at = $6
    WHERE tenant_id = $1 AND conversation_id = $2 AND turn = ANY ($5::integer[]) AND taken_at IS NULL
)
INSERT INTO sessions (tenant_id, conversation_id, state, turns_taken, said, created_at, updated_at)
VALUES ($1, $2, $3, $4, $7, $6, $6)
ON CONFLICT (tenant_id, conversation_id) DO UPDATE
SET state = excluded.state, turns_taken = excluded.turns_taken, said = excluded.said, version = sessions.version + 1, updated_at = excluded.updated_at;

-- name: session_forget
-- The row stays, so that what is still under way finds out that there is nobody to talk to.
WITH turned AS (
    UPDATE turns SET payload = NULL, taken_at = $4 WHERE tenant_id = $1 AND conversation_id = $2 AND taken_at IS NULL
)
INSERT INTO sessions (tenant_id, conversation_id, state, forgotten_at, created_at, updated_at) VALUES ($1, $2, $3, $4, $4, $4)
ON CONFLICT (tenant_id, conversation_id) DO UPDATE
SET state = excluded.state, version = sessions.version + 1, updated_at = excluded.updated_at,
    forgotten_at = coalesce(sessions.forgotten_at, excluded.forgotten_at);

-- name: session_get
SELECT state, turns_taken, version, updated_at FROM sessions WHERE tenant_id = $1 AND conversation_id = $2;

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
