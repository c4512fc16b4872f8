-- Who waits may have a visit already, which is to be moved to what becomes free.

-- No foreign keys: to check them would wait for the visit's row under the locks of calendars. A visit that does not stand any
-- more is passed over.
ALTER TABLE waitlist_entries ADD COLUMN replaces uuid;
-- As the client was told with the offer, whatever the entry says by now; it never changes.
ALTER TABLE waitlist_offers ADD COLUMN replaces uuid;
