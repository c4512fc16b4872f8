-- Conversations of people whose data was erased: their sessions are empty and stay so.
ALTER TABLE sessions ADD COLUMN forgotten_at timestamptz;
