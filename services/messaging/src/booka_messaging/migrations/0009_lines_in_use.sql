-- A phone number id belongs to who uses it, not to who wrote it down first (ADR 39). A line of the app that salons share is proven when
-- it is switched on, so among those in use there is one of a name; the gateway's address, which has a version in it, makes no other line.
-- One with an app of its own hears what that app hears, whatever others claim: only within a salon would a second one answer twice.
-- There are few channels, so nothing waits for this for long.
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX channels_cloud_line;
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX channels_cloud_line ON channels (tenant_id, instance) WHERE gateway = 'cloud' AND active;
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX channels_shared_line ON channels (gateway, instance) WHERE secret IS NULL AND active;
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX channels_line;
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX channels_line ON channels (lower(base_url), instance, gateway) WHERE active AND gateway <> 'cloud';

-- What comes for a line of an app that salons share while it is switched off. It is nobody's (tenant_id is NULL) until a salon proves
-- that the line is theirs, which is when they switch it on. No credentials; no salon sees it here.
CREATE TABLE held_deliveries (
    tenant_id uuid CHECK (tenant_id IS NULL),
    id uuid NOT NULL,
    gateway text NOT NULL,
    line text NOT NULL,
    digest bytea NOT NULL,
    body bytea NOT NULL,
    received_at timestamptz NOT NULL,
    PRIMARY KEY (gateway, line, id)
);
CREATE UNIQUE INDEX held_deliveries_digest ON held_deliveries (gateway, line, digest);
