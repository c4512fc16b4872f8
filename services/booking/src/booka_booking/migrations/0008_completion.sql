-- When a confirmed visit counts as one that took place, though nobody has said so.

-- Not among what `revised` on profiles goes by (0004): nobody decides about a hold by it.
ALTER TABLE profiles ADD COLUMN complete_after_hours integer DEFAULT 24
    CONSTRAINT profiles_complete_after CHECK (complete_after_hours BETWEEN 1 AND 720);

-- Those that are agreed on and not judged yet, by when they are over: few of a salon's visits at any time.
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX reservations_to_complete ON reservations (tenant_id, ends_at) WHERE status = 'confirmed';
