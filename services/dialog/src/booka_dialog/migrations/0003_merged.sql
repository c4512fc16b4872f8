-- Conversations whose client turned out to be somebody known: where the talk goes on. One step always leads there.
ALTER TABLE sessions ADD COLUMN merged_into uuid;
-- Empty as it is made, so that nothing waits for it for long.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX sessions_merged ON sessions (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
