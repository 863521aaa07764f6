-- Times are whole seconds since 1970. Values named `record` and `sealed` are sealed by the portal.
CREATE TABLE sessions (
    key       BYTEA PRIMARY KEY,
    record    BYTEA NOT NULL,
    person    BYTEA NOT NULL,
    last_seen BIGINT NOT NULL,
    ends      BIGINT NOT NULL
);
CREATE INDEX sessions_by_person ON sessions (person);
CREATE INDEX sessions_by_last_seen ON sessions (last_seen);
CREATE INDEX sessions_by_end ON sessions (ends);

CREATE TABLE tokens (
    session         BYTEA NOT NULL REFERENCES sessions (key) ON DELETE CASCADE,
    resource_server TEXT NOT NULL,
    sealed          BYTEA NOT NULL,
    version         BIGINT NOT NULL,
    revoke_until    BIGINT NOT NULL,
    PRIMARY KEY (session, resource_server)
);

CREATE TABLE revocations (
    id              BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    session         BYTEA NOT NULL,
    resource_server TEXT NOT NULL,
    sealed          BYTEA NOT NULL,
    added           BIGINT NOT NULL,
    due             BIGINT NOT NULL,
    revoke_until    BIGINT NOT NULL
);
CREATE INDEX revocations_by_due ON revocations (due);
CREATE INDEX revocations_by_session ON revocations (session);

CREATE TABLE spent_states (
    state BYTEA PRIMARY KEY,
    until BIGINT NOT NULL
);
CREATE INDEX spent_states_by_end ON spent_states (until);

-- Who is just renewing a token. `until` is in milliseconds since 1970.
CREATE TABLE leases (
    name       BYTEA PRIMARY KEY,
    holder     BYTEA NOT NULL,
    until      BIGINT NOT NULL,
    taken_over BIGINT NOT NULL
);
