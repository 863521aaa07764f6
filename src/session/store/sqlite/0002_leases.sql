-- When tokens were put on the list: tries to revoke them come less often as time passes.
ALTER TABLE revocations ADD COLUMN added INTEGER NOT NULL DEFAULT 0;

-- Who is just renewing a token. `until` is in milliseconds since 1970.
CREATE TABLE leases (
    name       BLOB PRIMARY KEY NOT NULL,
    holder     BLOB NOT NULL,
    until      INTEGER NOT NULL,
    taken_over INTEGER NOT NULL
) WITHOUT ROWID;
