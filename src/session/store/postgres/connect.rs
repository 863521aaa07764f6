//! Connecting to the database: the URL, the detection of a pooler, and the tables.

use std::str::FromStr as _;

use sqlx::{
    ConnectOptions as _, Connection as _, Executor as _, PgConnection, Row as _, migrate::Migrator,
    postgres::PgConnectOptions,
};
use url::Url;

use super::super::{error::StoreError, migrations::migrator, sql::within};
use crate::{secret::random_text, settings::store_url};

const MIGRATIONS: [(i64, &str, &str); 3] = [
    (1, "sessions", include_str!("0001_sessions.sql")),
    (2, "bounds", include_str!("0002_bounds.sql")),
    (3, "probes", include_str!("0003_probes.sql")),
];
const SCHEMA: &str = "globus_portal";
/// The settings of a connection at its start. Behind a pooler no connection is ours alone.
const SETTINGS: [(&str, &str); 2] = [("statement_timeout", "4s"), ("idle_in_transaction_session_timeout", "10s")];
/// The setting that shows whether startup options took effect.
const MARK: &str = "globus_portal.connection";
/// The accepted parameters of a URL. sqlx would log others with their values.
const PARAMETERS: &[&str] = &[
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];

/// How the database is reached.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) options: PgConnectOptions,
    /// Whether a pooler is in between, which may give each transaction another connection. Then no setting, statement or
    /// subscription is kept on one.
    pub(super) is_pooled: bool,
}

/// Connects to the database, and migrates its tables. The errors quote only the host and port of the URL.
pub(super) async fn connect(url: &str) -> Result<Way, StoreError> {
    let options = read(url)?;
    let place = match options.get_socket() {
        Some(folder) => format!("{}", folder.display()),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let found = within(async {
        let (way, mut connection) = find(options, wants_no_statements(url)).await?;
        migrate(&mut connection).await?;
        connection.close().await?;
        Ok(way)
    });
    found.await.map_err(|error| error.within(&format!("cannot use PostgreSQL at {place}")))
}

/// Reads a URL. Any part of an invalid one may hold a password, so errors quote nothing of it.
fn read(url: &str) -> Result<PgConnectOptions, StoreError> {
    let invalid = |why: &str| StoreError::new(format!("the PostgreSQL URL is invalid: {why}"));
    if store_url::has_stray_at(url) {
        return Err(invalid(store_url::ENCODE));
    }
    let parsed = Url::parse(url).map_err(|error| invalid(&error.to_string()))?;
    let is_known = |name: &str| PARAMETERS.contains(&name) || name.starts_with("options[");
    if !parsed.query_pairs().all(|(name, _)| is_known(&name)) {
        return Err(invalid(&format!("it has a parameter other than {}", PARAMETERS.join(", "))));
    }
    let options = PgConnectOptions::from_str(url).map_err(|_| invalid("a value in it cannot be read"))?;
    // Poolers reject this parameter, and no number here has a fraction.
    Ok(options.application_name("globus-portal").extra_float_digits(None).disable_statement_logging())
}

/// Whether the URL says that statements do not outlive a transaction, with sqlx's parameter.
fn wants_no_statements(url: &str) -> bool {
    let named = |url: &Url| url.query_pairs().any(|(name, value)| name == "statement-cache-capacity" && value == "0");
    Url::parse(url).is_ok_and(|url| named(&url))
}

/// Connects, and finds out whether startup options take effect. A pooler rejects them or drops them.
async fn find(options: PgConnectOptions, pooled: bool) -> Result<(Way, PgConnection), StoreError> {
    let mark = random_text::<12>();
    let told = options.clone().options(SETTINGS).options([(MARK, &mark)]);
    if !pooled {
        match told.clone().statement_cache_capacity(0).connect().await {
            Ok(mut connection) => {
                if is_in_force(&mut connection, &mark).await? {
                    return Ok((Way { options: told, is_pooled: false }, connection));
                }
                connection.close().await?;
            }
            Err(sqlx::Error::Database(error)) if is_refusal_of_options(error.code().as_deref()) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let options = options.statement_cache_capacity(0);
    let connection = options.connect().await?;
    tracing::info!("PostgreSQL is behind a pooler: each statement is a transaction, and logouts are polled for");
    Ok((Way { options, is_pooled: true }, connection))
}

/// Whether an error means that startup options are rejected: a protocol violation from PgBouncer, an unsupported feature from
/// others.
fn is_refusal_of_options(code: Option<&str>) -> bool {
    matches!(code, Some("08P01" | "0A000"))
}

async fn is_in_force(connection: &mut PgConnection, mark: &str) -> Result<bool, StoreError> {
    let sql = "SELECT current_setting('globus_portal.connection', true), current_setting('statement_timeout')";
    let row = connection.fetch_one(sql).await?;
    let (known, timeout): (Option<String>, String) = (row.try_get(0)?, row.try_get(1)?);
    Ok(known.as_deref() == Some(mark) && timeout == SETTINGS[0].1)
}

/// Creates the schema and the tables in one transaction, because of poolers. A lock makes portals that start at the same time
/// wait. Applied migrations are recorded in sqlx's table.
async fn migrate(connection: &mut PgConnection) -> Result<(), StoreError> {
    let migrations = migrator(&MIGRATIONS);
    let cannot = |error: StoreError| error.within("cannot create the tables");
    let mut transaction = connection.begin().await?;
    let migrated = migrate_in(&mut transaction, &migrations).await;
    migrated.map_err(cannot)?;
    transaction.commit().await.map_err(|error| cannot(error.into()))
}

async fn migrate_in(connection: &mut PgConnection, migrations: &Migrator) -> Result<(), StoreError> {
    connection.execute("SELECT pg_advisory_xact_lock(hashtext('globus_portal migrations'))").await?;
    // CREATE SCHEMA needs a right that the portal's role may lack, so it runs only if the schema is missing.
    let there = sqlx::query("SELECT 1 FROM pg_namespace WHERE nspname = $1").persistent(false).bind(SCHEMA);
    if there.fetch_optional(&mut *connection).await?.is_none() {
        connection.execute("CREATE SCHEMA globus_portal").await?;
    }
    connection.execute("SET LOCAL search_path = globus_portal").await?;
    let there = connection.fetch_one("SELECT to_regclass('globus_portal._sqlx_migrations') IS NOT NULL").await?;
    if !there.try_get(0)? {
        connection.execute(DONE).await?;
    }
    let done =
        sqlx::query("SELECT version, checksum FROM globus_portal._sqlx_migrations WHERE success").persistent(false);
    let done: Vec<(i64, Vec<u8>)> = done
        .fetch_all(&mut *connection)
        .await?
        .iter()
        .map(|row| Ok::<_, sqlx::Error>((row.try_get(0)?, row.try_get(1)?)))
        .collect::<Result<_, _>>()?;
    for migration in migrations.iter() {
        match done.iter().find(|(version, _)| *version == migration.version) {
            Some((_, checksum)) if *checksum == *migration.checksum => {}
            Some((version, _)) => {
                return Err(StoreError::new(format!("the applied migration {version} differs from this portal's")));
            }
            None => {
                connection.execute(migration.sql.clone()).await?;
                let sql = "INSERT INTO globus_portal._sqlx_migrations \
                           (version, description, success, checksum, execution_time) VALUES ($1, $2, true, $3, 0)";
                let note = sqlx::query(sql).persistent(false).bind(migration.version).bind(&*migration.description);
                note.bind(&*migration.checksum).execute(&mut *connection).await?;
            }
        }
    }
    Ok(())
}

/// sqlx's table of applied migrations.
const DONE: &str = "CREATE TABLE globus_portal._sqlx_migrations (\
                    version BIGINT PRIMARY KEY, description TEXT NOT NULL, \
                    installed_on TIMESTAMPTZ NOT NULL DEFAULT now(), success BOOLEAN NOT NULL, \
                    checksum BYTEA NOT NULL, execution_time BIGINT NOT NULL)";
