-- Holds being made. How they are written is a function, see migrations/0005_holds_together.sql.

-- name: hold_insert
SELECT * FROM hold_write($1, $2, $3, NULL);

-- name: claims_take_back
-- Of holds of which only a part found its place.
DELETE FROM claims AS c USING unnest($1::uuid[], $2::uuid[]) AS h (tenant_id, id)
WHERE c.tenant_id = h.tenant_id AND c.reservation_id = h.id;
