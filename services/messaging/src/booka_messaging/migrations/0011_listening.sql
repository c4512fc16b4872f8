-- Since when somebody has been there to take receipts without a gap, and when that was last said. One row, of the installation;
-- tenant_id is NULL.
CREATE TABLE listening (
    tenant_id uuid CHECK (tenant_id IS NULL),
    one boolean NOT NULL DEFAULT true CHECK (one),
    since timestamptz NOT NULL,
    said_at timestamptz NOT NULL,
    PRIMARY KEY (one)
);
