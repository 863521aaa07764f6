//! Migrates the tables of a SQL store. The files are compiled in by `include_str!`: sqlx's own macro would build the drivers a
//! second time, for the compiler.
//!
//! Never edit a migration, not even its comments: sqlx refuses a database whose applied migrations have other checksums.

use sqlx::{
    SqlSafeStr as _,
    migrate::{Migration, MigrationType, Migrator},
};

/// Migrations by version, description and SQL, as sqlx reads them from `<version>_<description>.sql`.
pub(super) fn migrator(files: &[(i64, &'static str, &'static str)]) -> Migrator {
    let migration = |&(version, description, sql): &(i64, &'static str, &'static str)| {
        Migration::new(version, description.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    Migrator::with_migrations(files.iter().map(migration).collect())
}
