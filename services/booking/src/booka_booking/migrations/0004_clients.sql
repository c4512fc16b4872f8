-- What a client asks to have erased is gone from the history too, which is append-only in every other respect: an entry may
-- lose its text, and nothing else of it may change.

CREATE OR REPLACE FUNCTION history_is_append_only() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
BEGIN
    IF TG_LEVEL = 'ROW' AND NEW.why = 'erased'
       AND to_jsonb(NEW) - 'why' = to_jsonb(OLD) - 'why' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'reservation_history is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

DROP TRIGGER append_only ON reservation_history;
CREATE TRIGGER append_only BEFORE DELETE OR TRUNCATE ON reservation_history
FOR EACH STATEMENT EXECUTE FUNCTION history_is_append_only();
CREATE TRIGGER only_erased BEFORE UPDATE ON reservation_history
FOR EACH ROW EXECUTE FUNCTION history_is_append_only();

CREATE INDEX deposits_by_reservation ON deposits (tenant_id, reservation_id);

COMMENT ON COLUMN staff.feed_version IS
    'of the calendar address: odd while one is valid, even while there is none; it only goes up, so that no address comes back';
