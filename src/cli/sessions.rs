//! `globus-portal sessions`: lists and ends sessions.

use std::time::Duration;

use clap::{Args, Subcommand};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{config::Config, failure::Failure, output::say};
use crate::{
    clock::Clock,
    session::{records::KnownSession, store::StoreError},
    settings::{Settings, StoreKind},
    state::{AppState, BuildError},
    telemetry::plain,
};

/// A running portal on the same SQLite file notices a write within this time.
const SEEN_AFTER: Duration = Duration::from_millis(500);
const MOMENT: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute]Z");

#[derive(Debug, Subcommand)]
pub(super) enum Action {
    /// List sessions, most recently used first: person, start, last use, address, browser
    List(Which),
    /// End sessions immediately on every portal that shares the store, and revoke their tokens
    End(Which),
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
    /// All sessions
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(action: Action) -> Result<(), Failure> {
    match action {
        Action::List(which) => list(which).await,
        Action::End(which) => end(which).await,
    }
}

async fn list(which: Which) -> Result<(), Failure> {
    let (app, sessions) = find(which).await?;
    for session in &sessions {
        say(&line(session));
    }
    app.vault.close().await;
    Ok(())
}

async fn end(which: Which) -> Result<(), Failure> {
    let (app, sessions) = find(which).await?;
    let keys: Vec<_> = sessions.iter().map(|session| session.key).collect();
    let (ended, result) = app.records.end_from_elsewhere(&keys).await;
    let count = ended.count;
    say(&format!("ended {count} session{}", if count == 1 { "" } else { "s" }));
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
    refuse_memory(&settings)?;
    let app = AppState::build(settings, Clock::system()).await?;
    let mut sessions = app.records.all().await.map_err(BuildError::from)?;
    if let Some(name) = &which.of.user {
        sessions.retain(|session| session.user.is_called(name));
    }
    sessions.sort_by_key(|session| std::cmp::Reverse(session.last_seen));
    Ok((app, sessions))
}

fn refuse_memory(settings: &Settings) -> Result<(), Failure> {
    match settings.session_store {
        StoreKind::Memory => Err(Failure::OwnMemory),
        _ => Ok(()),
    }
}

/// One line with tabs between the texts, in which control characters are escaped.
fn line(session: &KnownSession) -> String {
    let claims = &session.user.claims;
    let address = session.user.address.map_or_else(|| "-".to_owned(), |address| address.to_string());
    let fields = [
        claims.preferred_username.as_deref().unwrap_or("-"),
        &claims.sub,
        &moment(session.user.began),
        &moment(session.last_seen),
        &address,
        session.user.browser.as_deref().unwrap_or("-"),
    ];
    fields.map(plain).join("\t")
}

fn moment(moment: OffsetDateTime) -> String {
    moment.format(MOMENT).unwrap_or_default()
}
