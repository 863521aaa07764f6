-- Written to see whether the database takes writes.
CREATE TABLE probes (
    id     BIGINT PRIMARY KEY,
    filler BYTEA NOT NULL
);

-- Sessions that have ended a moment ago, for portals behind a pooler, where LISTEN does not work. `at` is in milliseconds
-- since 1970, by the clock of the database.
CREATE TABLE recent_ends (
    key BYTEA PRIMARY KEY,
    at  BIGINT NOT NULL
);
CREATE INDEX recent_ends_by_time ON recent_ends (at);
