-- Processes remember salons, and know by one number whether what they remember still holds (store/salons.py). It is counted
-- here, whoever changes a row and by whatever way, in the same transaction: nobody can forget to. `revision` is another one:
-- it numbers what is told to the other services.

ALTER TABLE profiles ADD COLUMN changes bigint NOT NULL DEFAULT 0;

CREATE FUNCTION catalogue_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE profiles SET changes = changes + 1 WHERE tenant_id = coalesce(NEW.tenant_id, OLD.tenant_id);
    RETURN NULL;
END $$;

-- The list of columns keeps this counting, and what is told of the salon, from being counted.
CREATE TRIGGER revised AFTER UPDATE OF name, locale, zone, currency, slot_grid_minutes, lead_minutes, horizon_days, assignment
ON profiles FOR EACH ROW EXECUTE FUNCTION catalogue_changed();
-- Nor is a new address of somebody's calendar, which is changed without the catalogue's lock.
CREATE TRIGGER revised AFTER INSERT OR UPDATE OF name, active OR DELETE
ON staff FOR EACH ROW EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER revised AFTER INSERT OR UPDATE OR DELETE ON opening_hours FOR EACH ROW EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER revised AFTER INSERT OR UPDATE OR DELETE ON opening_exceptions FOR EACH ROW EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER revised AFTER INSERT OR UPDATE OR DELETE ON resource_pools FOR EACH ROW EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER revised AFTER INSERT OR UPDATE OR DELETE ON resources FOR EACH ROW EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER revised AFTER INSERT OR UPDATE OR DELETE ON services FOR EACH ROW EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER revised AFTER INSERT OR UPDATE OR DELETE ON staff_services FOR EACH ROW EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER revised AFTER INSERT OR UPDATE OR DELETE ON staff_hours FOR EACH ROW EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER revised AFTER INSERT OR UPDATE OR DELETE ON time_off FOR EACH ROW EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER revised AFTER INSERT OR UPDATE OR DELETE ON policies FOR EACH ROW EXECUTE FUNCTION catalogue_changed();
