//! `globus-portal sessions`: lists and ends sessions.

use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;
use time::{
    OffsetDateTime,
    format_description::{BorrowedFormatItem, well_known::Rfc3339},
    macros::format_description,
};

use super::{config::Config, failure::Failure, output::say};
use crate::{
    clock::Clock,
    session::{records::KnownSession, store::StoreError},
    settings::{Settings, StoreKind},
    state::{AppState, BuildError},
    telemetry::plain,
};

/// A running portal uses nothing that it knew of the same SQLite file before, after this time.
const SEEN_AFTER: Duration = Duration::from_millis(500);
const MOMENT: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute]Z");

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// List sessions, most recently used first
    List(List),
    /// End sessions immediately on every portal that shares the store, and revoke their tokens
    End(Which),
}

#[derive(Args, Debug)]
pub(super) struct List {
    #[command(flatten)]
    which: Which,
    /// Print a JSON array, with times as RFC 3339 has them
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub(super) struct Which {
    #[command(flatten)]
    config: Config,
    #[command(flatten)]
    of: Of,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct Of {
    /// Sessions of one person, by the ID or username of any linked identity
    #[arg(long, value_name = "NAME_OR_ID")]
    user: Option<String>,
    /// One session, by its ID in the list
    #[arg(long, value_name = "ID")]
    session: Option<String>,
    /// All sessions
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(action: Action) -> Result<(), Failure> {
    match action {
        Action::List(List { which, json }) => Box::pin(list(which, json)).await,
        Action::End(which) => Box::pin(end(which)).await,
    }
}

async fn list(which: Which, json: bool) -> Result<(), Failure> {
    let (app, sessions) = Box::pin(find(which)).await?;
    match json {
        true => say(&serde_json::Value::from_iter(sessions.iter().map(document)).to_string()),
        false => table(&sessions).iter().for_each(|line| say(line)),
    }
    app.vault.close().await;
    Ok(())
}

async fn end(which: Which) -> Result<(), Failure> {
    let (app, sessions) = Box::pin(find(which)).await?;
    let keys: Vec<_> = sessions.iter().map(|session| session.key).collect();
    let (ended, result) = app.records.end_from_elsewhere(&keys).await;
    let count = ended.count;
    let (plural, store) = (if count == 1 { "" } else { "s" }, name_of(&app.settings.session_store));
    say(&format!("ended {count} session{plural} in {store}"));
    // Also where some could not be ended: the tokens of the others are revoked before this process is gone.
    let revoking = ended.revoking.await.unwrap_or_else(|error| Err(StoreError::from_cause(error)));
    result.map_err(BuildError::from)?;
    let left = revoking.map_err(BuildError::from)?;
    if left > 0 {
        say(&format!("{left} tokens could not be revoked yet: a running portal will retry"));
    }
    if matches!(app.settings.session_store, StoreKind::Sqlite(_)) {
        tokio::time::sleep(SEEN_AFTER).await;
    }
    app.vault.close().await;
    Ok(())
}

/// The selected sessions, most recently used first.
async fn find(which: Which) -> Result<(AppState, Vec<KnownSession>), Failure> {
    let settings = Settings::load(&which.config.sources(None)).map_err(Failure::Settings)?;
    refuse_other_stores(&settings.session_store)?;
    let app = AppState::build(settings, Clock::system()).await?;
    let mut sessions = app.records.all().await.map_err(BuildError::from)?;
    let Of { user, session, all } = which.of;
    if let Some(name) = &user {
        sessions.retain(|session| session.user.is_called(name));
    }
    if let Some(id) = &session {
        sessions.retain(|session| session.handle() == *id);
    }
    if sessions.is_empty() && !all {
        app.vault.close().await;
        return Err(Failure::NoSession(user.or(session).unwrap_or_default(), name_of(&app.settings.session_store)));
    }
    sessions.sort_by_key(|session| std::cmp::Reverse(session.last_seen));
    Ok((app, sessions))
}

/// Refuses a store that only another process has, and one that does not exist: a wrong folder must not make an empty one.
fn refuse_other_stores(store: &StoreKind) -> Result<(), Failure> {
    match store {
        StoreKind::Memory => Err(Failure::OwnMemory),
        StoreKind::Sqlite(path) if !path.exists() => Err(Failure::NoStore(path.clone())),
        _ => Ok(()),
    }
}

fn name_of(store: &StoreKind) -> String {
    match store {
        StoreKind::Memory => "memory".to_owned(),
        StoreKind::Sqlite(path) => path.display().to_string(),
        StoreKind::Postgres(_) => "PostgreSQL".to_owned(),
        StoreKind::Redis(_) => "Redis".to_owned(),
    }
}

const HEADER: [&str; 7] = ["SESSION", "USERNAME", "USER ID", "BEGAN", "LAST USED", "ADDRESS", "BROWSER"];

/// The lines of a table, in which control characters are escaped.
fn table(sessions: &[KnownSession]) -> Vec<String> {
    let rows: Vec<_> = std::iter::once(HEADER.map(ToOwned::to_owned)).chain(sessions.iter().map(row)).collect();
    let widths: [usize; 7] =
        std::array::from_fn(|at| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or_default());
    let line = |row: &[String; 7]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn row(session: &KnownSession) -> [String; 7] {
    let user = &session.user;
    let or_dash = |text: Option<&str>| plain(text.unwrap_or("-")).into_owned();
    [
        session.handle(),
        or_dash(user.claims.preferred_username.as_deref()),
        plain(&user.claims.sub).into_owned(),
        moment(user.began),
        moment(session.last_seen),
        user.address.map_or_else(|| "-".to_owned(), |address| address.to_string()),
        or_dash(user.browser.as_deref()),
    ]
}

fn document(session: &KnownSession) -> serde_json::Value {
    let user = &session.user;
    let moment = |moment: OffsetDateTime| moment.format(&Rfc3339).unwrap_or_default();
    json!({
        "session": session.handle(),
        "username": user.claims.preferred_username,
        "sub": user.claims.sub,
        "began": moment(user.began),
        "last_used": moment(session.last_seen),
        "ends": moment(session.ends),
        "address": user.address,
        "browser": user.browser,
    })
}

fn moment(moment: OffsetDateTime) -> String {
    moment.format(MOMENT).unwrap_or_default()
}
