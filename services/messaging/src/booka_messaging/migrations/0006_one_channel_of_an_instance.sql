-- An instance of Evolution in use belongs to one channel. A second one would find all that is said there missing, in the gateway's
-- store, and answer it once more, or show it to another salon. There are few channels, so nothing waits for this for long.
-- squawk-ignore require-concurrent-index-creation
CREATE UNIQUE INDEX channels_evolution_line ON channels (lower(base_url), instance) WHERE gateway = 'evolution' AND active;
