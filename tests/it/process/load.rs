//! Visitors who never log in leave nothing behind.

use std::path::Path;

use sqlx::{Connection as _, Row as _, SqliteConnection, sqlite::SqliteConnectOptions};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::harness::{Browser, MIRA, Process, decide, portal_at, start_sandbox};

const VISITORS: usize = 8;
const VISITS: usize = 250;

/// The number of rows in all tables except that of the migrations.
async fn rows(file: &Path) -> i64 {
    let mut database = SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(file)).await.unwrap();
    let mut rows = 0;
    for table in ["sessions", "tokens", "revocations", "spent_states"] {
        let counted = sqlx::query(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")));
        rows += counted.fetch_one(&mut database).await.unwrap().get::<i64, _>(0);
    }
    rows
}

/// Visits a page again and again, without ever sending back a cookie.
async fn visit(url: String, cookie: Option<&'static str>, status: u16) {
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
    for _ in 0..VISITS {
        let request = cookie.into_iter().fold(client.get(&url), |request, cookie| request.header("cookie", cookie));
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), status, "{url}");
        answer.bytes().await.unwrap();
    }
}

/// Row K4.
#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_logins_that_are_only_begun_leave_the_store_empty() {
    let folder = TempDir::new().unwrap();
    let globus = start_sandbox().await;
    let (mut command, base) = portal_at(folder.path(), &globus);
    command.env("GLOBUS_PORTAL_SESSION_STORE", "sqlite:sessions.db").env("RUST_LOG", "warn");
    let mut process = Process::start(&mut command, &folder.path().join("printed"));
    process.says("Listening on").await;

    let mut visitors = JoinSet::new();
    for _ in 0..VISITORS {
        visitors.spawn(visit(format!("{base}/login"), None, 303));
    }
    visitors.spawn(visit(format!("{base}/endpoints"), Some("session=AAAAAAAAAAAAAAAAAAAAAA"), 303));
    visitors.spawn(visit(format!("{base}/login?error=access_denied&state=made-up"), None, 400));
    visitors.spawn(visit(format!("{base}/login?code=made-up&state=made-up"), Some("login=made-up"), 400));
    visitors.join_all().await;
    let file = folder.path().join("sessions.db");
    assert_eq!(rows(&file).await, 0);

    // One that is completed does count.
    let browser = Browser::new();
    let authorize = browser.get(&format!("{base}/login")).await.location();
    let back = decide(&globus, &browser, &authorize, MIRA, "allow").await;
    assert_eq!(browser.get(back.as_str()).await.status, 303);
    assert!(rows(&file).await > 0);
}
