-- Which gateways there are, and how their webhooks prove themselves, is declared in `providers`; a line of one that a version does not
-- know is refused there, and stops no other.
-- squawk-ignore ban-drop-constraint
ALTER TABLE channels DROP CONSTRAINT channels_gateway_check;
-- squawk-ignore ban-drop-constraint
ALTER TABLE channels DROP CONSTRAINT channels_auth_mode_check;

-- What holds of an instance of Evolution in use (0006) holds of a line of any gateway: it belongs to one channel. Lines of an app that
-- salons share are found by their gateway's name of them. There are few channels, so nothing waits for this for long.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX channels_line ON channels (lower(base_url), instance, gateway) WHERE active;
-- squawk-ignore require-concurrent-index-creation
CREATE INDEX channels_shared ON channels (gateway, instance) WHERE secret IS NULL;
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX channels_evolution_line;
