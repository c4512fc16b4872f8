-- Ids of contacts, and of their conversations, that turned out to be those of somebody known: what each stands for now. One step
-- always leads there.
CREATE TABLE merged_ids (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    stands_for uuid NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT merged_ids_of_another CHECK (stands_for <> id)
);
CREATE INDEX merged_ids_by_what_stays ON merged_ids (tenant_id, stands_for);
