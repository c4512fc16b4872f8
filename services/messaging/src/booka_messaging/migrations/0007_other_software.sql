-- Whether a message went out through the gateway's API and is not one of ours in a conversation: other software sent it, or a line was
-- tried with it. The gateway's store does not tell it from what a person typed on the phone.
ALTER TABLE receipts ADD COLUMN by_software boolean NOT NULL DEFAULT false;
