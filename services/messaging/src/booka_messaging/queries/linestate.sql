-- Whether lines can send and receive.

-- name: line_state
-- No row: nothing is new. `changed` is false if only the reason is. The lock makes concurrent news count one after the other.
WITH before AS (
    SELECT tenant_id, id, state, state_reason FROM channels WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE
)
UPDATE channels AS c
SET state = $3, state_reason = $4,
    state_at = CASE WHEN before.state IS DISTINCT FROM $3 THEN $5 ELSE c.state_at END
FROM before
WHERE c.tenant_id = before.tenant_id AND c.id = before.id
  AND (before.state, before.state_reason) IS DISTINCT FROM ($3, $4)
RETURNING before.state, before.state IS DISTINCT FROM $3 AS changed;
