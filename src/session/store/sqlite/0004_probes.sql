-- Written to see whether the database takes writes.
CREATE TABLE probes (
    id     INTEGER PRIMARY KEY,
    filler BLOB NOT NULL
);
