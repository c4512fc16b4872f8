-- The hours of somebody on one date, instead of those of their week: what they work by exception, or do not. Empty: nothing.
CREATE TABLE special_hours (
    tenant_id uuid NOT NULL,
    staff_id uuid NOT NULL,
    day date NOT NULL,
    opens integer[] NOT NULL,
    closes integer[] NOT NULL,
    reason text,
    version integer NOT NULL DEFAULT 1 CHECK (version >= 1),
    PRIMARY KEY (tenant_id, staff_id, day),
    CONSTRAINT special_hours_pairs CHECK (cardinality(opens) = cardinality(closes)),
    CONSTRAINT special_hours_minutes CHECK (0 <= ALL (opens) AND 1440 >= ALL (closes)),
    CONSTRAINT special_hours_staff FOREIGN KEY (tenant_id, staff_id) REFERENCES staff (tenant_id, id)
);
CREATE TRIGGER revised AFTER INSERT OR UPDATE OR DELETE ON special_hours FOR EACH ROW EXECUTE FUNCTION catalogue_changed();
