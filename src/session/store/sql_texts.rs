//! The statements that SQLite and PostgreSQL share.

/// Where the dialects of SQLite and PostgreSQL differ.
#[derive(Clone, Copy, Debug)]
pub(super) struct Words {
    /// The schema of the tables, with a trailing dot.
    pub(super) schema: &'static str,
    /// The database's time in milliseconds.
    pub(super) now: &'static str,
    /// The functions that return the least and the greatest of their arguments.
    pub(super) least: &'static str,
    pub(super) greatest: &'static str,
    /// Lets callers that claim at the same time skip each other's rows.
    pub(super) skip_locked: &'static str,
    /// Makes a statement that reads a session wait for one that ends it.
    pub(super) while_it_lasts: &'static str,
    /// What precedes and follows a statement that may reach the disk a little later.
    pub(super) soon: (&'static str, &'static str),
}

/// The statements.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) sessions: Sessions,
    pub(super) tokens: Tokens,
    pub(super) revocations: Revocations,
    pub(super) upkeep: Upkeep,
}

#[derive(Debug)]
pub(super) struct Sessions {
    pub(super) find: String,
    pub(super) update_record: String,
    pub(super) touch: String,
    pub(super) of_person: String,
    pub(super) after: String,
    pub(super) aged: String,
    pub(super) find_note: String,
    pub(super) delete_note: String,
}

#[derive(Debug)]
pub(super) struct Tokens {
    pub(super) find: String,
    pub(super) of_session: String,
    pub(super) insert: String,
    pub(super) replace: String,
    pub(super) remove: String,
}

#[derive(Debug)]
pub(super) struct Revocations {
    pub(super) add: String,
    pub(super) claim: String,
    pub(super) finish: String,
}

#[derive(Debug)]
pub(super) struct Upkeep {
    pub(super) take_lease: String,
    pub(super) release_lease: String,
    /// When the state at a place ends, counted from the newest and from the oldest.
    pub(super) newest_state: String,
    pub(super) oldest_state: String,
    pub(super) raise_floor: String,
    pub(super) delete_states: String,
    pub(super) newest_note: String,
    pub(super) delete_notes: String,
    pub(super) delete_revocations: String,
    pub(super) delete_leases: String,
    pub(super) probe: String,
    pub(super) probe_states: String,
}

impl Texts {
    pub(super) fn new(words: &Words) -> Self {
        Self {
            sessions: Sessions::new(words),
            tokens: Tokens::new(words),
            revocations: Revocations::new(words),
            upkeep: Upkeep::new(words),
        }
    }
}

impl Sessions {
    fn new(Words { schema, soon: (before, after), .. }: &Words) -> Self {
        let row = "record, person, last_seen, ends";
        let touch = format!("UPDATE {schema}sessions SET last_seen = $1 WHERE key = $2 RETURNING 1");
        Self {
            find: format!("SELECT {row} FROM {schema}sessions WHERE key = $1"),
            update_record: format!("UPDATE {schema}sessions SET record = $1 WHERE key = $2"),
            touch: format!("{before}{touch}{after}"),
            of_person: format!(
                "SELECT key, {row} FROM {schema}sessions WHERE person = $1 \
                 ORDER BY last_seen DESC, ends DESC, key LIMIT $2"
            ),
            after: format!("SELECT key, {row} FROM {schema}sessions WHERE key > $1 ORDER BY key LIMIT $2"),
            aged: format!("SELECT key FROM {schema}sessions WHERE ends <= $1 OR last_seen <= $2 LIMIT $3"),
            find_note: format!("SELECT 1 FROM {schema}ended_notes WHERE key = $1 AND until > $2"),
            delete_note: format!("DELETE FROM {schema}ended_notes WHERE key = $1"),
        }
    }
}

impl Tokens {
    fn new(Words { schema, while_it_lasts, .. }: &Words) -> Self {
        let row = "resource_server, sealed, version, revoke_until";
        Self {
            find: format!("SELECT {row} FROM {schema}tokens WHERE session = $1 AND resource_server = $2"),
            of_session: format!("SELECT {row} FROM {schema}tokens WHERE session = $1"),
            insert: format!(
                "INSERT INTO {schema}tokens (session, resource_server, sealed, version, revoke_until) \
                 SELECT key, $2, $3, 1, $4 FROM {schema}sessions WHERE key = $1{while_it_lasts} ON CONFLICT DO NOTHING"
            ),
            replace: format!(
                "UPDATE {schema}tokens SET sealed = $1, version = version + 1, revoke_until = $2 \
                 WHERE session = $3 AND resource_server = $4 AND version = $5"
            ),
            remove: format!("DELETE FROM {schema}tokens WHERE session = $1 AND resource_server = $2 AND version = $3"),
        }
    }
}

impl Revocations {
    fn new(Words { schema, least, greatest, skip_locked, .. }: &Words) -> Self {
        Self {
            add: format!(
                "INSERT INTO {schema}revocations (session, resource_server, sealed, added, due, revoke_until) \
                 VALUES ($1, $2, $3, $4, $4, $5)"
            ),
            claim: format!(
                "UPDATE {schema}revocations SET due = $1 + {greatest}($2, {least}($3, ($1 - added) / 2)) \
                 WHERE id IN (SELECT id FROM {schema}revocations WHERE due <= $1 AND session = coalesce($4, session) \
                 ORDER BY due, id LIMIT $5{skip_locked}) RETURNING id, session, resource_server, sealed"
            ),
            finish: format!("DELETE FROM {schema}revocations WHERE id = $1"),
        }
    }
}

impl Upkeep {
    fn new(Words { schema, now, soon: (before, after), .. }: &Words) -> Self {
        Self {
            take_lease: format!(
                "INSERT INTO {schema}leases (name, holder, until, taken_over) VALUES ($1, $2, {now} + $3, 0) \
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until, taken_over = 1 \
                 WHERE leases.until <= {now} RETURNING taken_over"
            ),
            release_lease: format!("DELETE FROM {schema}leases WHERE name = $1 AND holder = $2"),
            newest_state: format!("SELECT until FROM {schema}spent_states ORDER BY until DESC LIMIT 1 OFFSET $1"),
            oldest_state: format!("SELECT until FROM {schema}spent_states ORDER BY until LIMIT 1 OFFSET $1"),
            raise_floor: format!("UPDATE {schema}state_floor SET until = $1 WHERE until < $1"),
            delete_states: format!("DELETE FROM {schema}spent_states WHERE until <= $1"),
            newest_note: format!("SELECT until FROM {schema}ended_notes ORDER BY until DESC LIMIT 1 OFFSET $1"),
            delete_notes: format!("DELETE FROM {schema}ended_notes WHERE until <= $1"),
            delete_revocations: format!("DELETE FROM {schema}revocations WHERE revoke_until <= $1"),
            delete_leases: format!("DELETE FROM {schema}leases WHERE until <= {now} - $1"),
            probe: format!(
                "{before}INSERT INTO {schema}probes (id, filler) VALUES ($1, $2) \
                 ON CONFLICT (id) DO UPDATE SET filler = excluded.filler{after}"
            ),
            probe_states: format!("DELETE FROM {schema}spent_states WHERE until < 0"),
        }
    }
}
