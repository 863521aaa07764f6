-- Times are whole seconds since 1970. Values named `record` and `sealed` are sealed by the portal.
CREATE TABLE sessions (
    key       BLOB PRIMARY KEY NOT NULL,
    record    BLOB NOT NULL,
    person    BLOB NOT NULL,
    last_seen INTEGER NOT NULL,
    ends      INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX sessions_by_person ON sessions (person);
CREATE INDEX sessions_by_last_seen ON sessions (last_seen);
CREATE INDEX sessions_by_end ON sessions (ends);

CREATE TABLE tokens (
    session         BLOB NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    resource_server TEXT NOT NULL,
    sealed          BLOB NOT NULL,
    version         INTEGER NOT NULL,
    revoke_until    INTEGER NOT NULL,
    PRIMARY KEY (session, resource_server)
) WITHOUT ROWID;

CREATE TABLE revocations (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    session         BLOB NOT NULL,
    resource_server TEXT NOT NULL,
    sealed          BLOB NOT NULL,
    due             INTEGER NOT NULL,
    revoke_until    INTEGER NOT NULL
);
CREATE INDEX revocations_by_due ON revocations (due);
CREATE INDEX revocations_by_session ON revocations (session);

CREATE TABLE spent_states (
    state BLOB PRIMARY KEY NOT NULL,
    until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX spent_states_by_end ON spent_states (until);
