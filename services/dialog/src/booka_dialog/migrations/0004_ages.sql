-- Turns are removed by their age. They are written as they arrive, so a few bytes for each stretch of the table find the old ones.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX turns_age ON turns USING brin (arrived_at);
