-- A channel that was deleted stays as what its conversations belong to. It is not in use, so its line is free, and its secrets are gone
-- (empty, where a column has to have one).
-- squawk-ignore adding-required-field
ALTER TABLE channels ADD COLUMN deleted_at timestamptz;
