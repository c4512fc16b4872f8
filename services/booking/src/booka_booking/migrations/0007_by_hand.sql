-- What the salon enters by hand: visits outside of its hours, and when what was agreed on counts as done.

-- A visit may be entered outside of the hours on purpose. Of what stands here a person knew then, so it is no conflict.
ALTER TABLE reservations ADD COLUMN outside_hours text[] NOT NULL DEFAULT '{}'
    CONSTRAINT reservations_outside_hours CHECK (outside_hours <@ ARRAY['salon_closed', 'not_working']);
