-- States whose time ends at or before this are too old: those that were spent may have been forgotten. One row.
CREATE TABLE state_floor (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    until BIGINT NOT NULL
);
INSERT INTO state_floor (id, until) VALUES (1, 0);

-- Sessions that somebody else than their person has ended, until their cookies are no longer shown.
CREATE TABLE ended_notes (
    key   BYTEA PRIMARY KEY,
    until BIGINT NOT NULL
);
CREATE INDEX ended_notes_by_end ON ended_notes (until);
