-- When a reservation was heard of last: what is known of it is removed once it is long over.
ALTER TABLE reservations ADD COLUMN heard_at timestamptz NOT NULL DEFAULT now();
-- Empty as it is made, so that nothing waits for it for long.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX reservations_age ON reservations (heard_at);
