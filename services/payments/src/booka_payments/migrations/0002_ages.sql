-- What is removed by its age. Empty as it is made, so that nothing waits for it for long.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX ended_reservations_age ON ended_reservations (ended_at);
