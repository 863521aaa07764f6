//! Sessions in an SQLite file: its permissions, its folder, restarts, and a full disk.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use globus_portal::{
    session::store::{Spent, SqliteStore, Store as _},
    settings::StoreKind,
};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;

use crate::{
    harness::{
        Browser, Portal, Provider, machine_allows,
        steps::{assert_anonymous, assert_logged_in, key_of, log_in_at},
    },
    stores::contract::{about, at, bounds::spend, claim_all, entry, key, session, token, winners},
};

/// Row E8.
#[tokio::test]
async fn an_sqlite_file_holds_everything_over_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    {
        let store = SqliteStore::open(&path).await.unwrap();
        store.create_session(key(1), &session("record"), &[token("api", "sealed", 1)]).await.unwrap();
        store.replace_token(key(1), &token("api", "renewed", 1)).await.unwrap();
        store.create_session(key(2), &session("ended"), &[token("api", "to revoke", 1)]).await.unwrap();
        store.end_session(key(2), at(1), None).await.unwrap();
        spend(&store, [1; 32], at(100)).await;
        store.probe().await.unwrap();
    }
    let store = SqliteStore::open(&path).await.unwrap();
    assert_eq!(store.session(key(1)).await.unwrap(), Some(session("record")));
    assert_eq!(store.tokens(key(1)).await.unwrap(), [token("api", "renewed", 2)]);
    assert_eq!(store.session(key(2)).await.unwrap(), None);
    assert_eq!(about(&claim_all(&store, at(1)).await), [entry(2, "api", "to revoke")]);
    assert_eq!(spend(&store, [1; 32], at(100)).await, Spent::Again);
    assert_eq!(count(&path, "spent_states").await, 1);
}

async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap()
}

async fn count(path: &Path, table: &'static str) -> i64 {
    let sql = match table {
        "spent_states" => "SELECT count(*) FROM spent_states",
        _ => "SELECT count(*) FROM tokens",
    };
    sqlx::query_scalar(sql).fetch_one(&mut connect(path).await).await.unwrap()
}

#[tokio::test]
async fn two_stores_on_one_sqlite_file_keep_the_contract_together() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let stores = [SqliteStore::open(&path).await.unwrap(), SqliteStore::open(&path).await.unwrap()].map(Arc::new);
    let spent = winners(64, |i| {
        let store = stores[i % 2].clone();
        async move { spend(&*store, [1; 32], at(100)).await == Spent::First }
    });
    assert_eq!(spent.await, 1);
    stores[0].create_session(key(1), &session("record"), &[token("api", "sealed", 1)]).await.unwrap();
    let replaced = winners(64, |i| {
        let store = stores[i % 2].clone();
        async move { store.replace_token(key(1), &token("api", &format!("writer {i}"), 1)).await.unwrap() }
    });
    assert_eq!(replaced.await, 1);
    stores[1].end_session(key(1), at(1), None).await.unwrap();
    assert!(!stores[0].update_record(key(1), b"late").await.unwrap());
    assert_eq!(count(&path, "tokens").await, 0);
}

#[tokio::test]
async fn the_files_of_sqlite_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.create_session(key(1), &session("record"), &[]).await.unwrap();
    for name in ["sessions.db", "sessions.db-wal", "sessions.db-shm"] {
        let mode = fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}: {mode:o}");
    }
}

#[tokio::test]
async fn the_files_of_sqlite_that_others_may_read_are_narrowed() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    store.create_session(key(1), &session("record"), &[]).await.unwrap();
    let files = ["sessions.db", "sessions.db-wal", "sessions.db-shm"].map(|name| folder.path().join(name));
    for mode in [0o644, 0o666, 0o660, 0o604] {
        for file in &files {
            fs::set_permissions(file, PermissionsExt::from_mode(mode)).unwrap();
        }
        let again = SqliteStore::open(&path).await.unwrap();
        assert_eq!(again.session(key(1)).await.unwrap(), Some(session("record")));
        for file in &files {
            let mode = fs::metadata(file).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}: {mode:o}", file.display());
        }
    }
}

#[tokio::test]
async fn a_database_in_a_folder_that_is_missing_or_takes_no_files_is_an_error_that_names_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let refusal = async |path: &Path| SqliteStore::open(path).await.unwrap_err().to_string();
    let missing = folder.path().join("no such folder");
    let error = refusal(&missing.join("sessions.db")).await;
    assert!(error.contains(&format!("the folder {} does not exist", missing.display())), "{error}");
    let file = folder.path().join("a file");
    fs::write(&file, "").unwrap();
    let error = refusal(&file.join("sessions.db")).await;
    assert!(error.contains(&format!("{} is not a folder", file.display())), "{error}");
    // A folder in which no one can create files, not even root.
    let error = refusal(Path::new("/proc/sessions.db")).await;
    assert!(error.contains("the folder /proc (") && error.contains("give it to the user"), "{error}");
}

#[tokio::test]
async fn a_file_that_cannot_be_written_or_is_no_database_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    drop(SqliteStore::open(&path).await.unwrap());
    let mut connection = connect(&path).await;
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    // An unknown write version makes a file read-only for everyone, root included (SQLite file format,
    // section 1.3.3).
    let mut bytes = fs::read(&path).unwrap();
    bytes[18] = 3;
    let read_only = folder.path().join("read-only.db");
    fs::write(&read_only, &bytes).unwrap();
    let store = SqliteStore::open(&read_only).await.unwrap();
    assert!(store.probe().await.is_err());
    assert!(store.create_session(key(1), &session("record"), &[]).await.is_err());
    assert_eq!(store.session(key(1)).await.unwrap(), None);

    let no_database = folder.path().join("text.db");
    fs::write(&no_database, "this is a text and no database, and it is longer than the header of one is").unwrap();
    assert!(SqliteStore::open(&no_database).await.is_err());
    assert!(SqliteStore::open(folder.path()).await.is_err());
    assert!(SqliteStore::open(&folder.path().join("no such folder/sessions.db")).await.is_err());
}

/// Row E6.
#[tokio::test]
async fn a_probe_fails_while_the_table_it_writes_is_gone_and_works_again_after() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sessions.db");
    let store = SqliteStore::open(&path).await.unwrap();
    let mut connection = connect(&path).await;
    sqlx::query("ALTER TABLE spent_states RENAME TO elsewhere").execute(&mut connection).await.unwrap();
    assert!(store.probe().await.is_err());
    sqlx::query("ALTER TABLE elsewhere RENAME TO spent_states").execute(&mut connection).await.unwrap();
    store.probe().await.unwrap();
}

/// A separate disk with room for a few logins.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// `None`, with a message, where mounting is not allowed.
    fn mount(test: &str) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|done| done.status.success());
        machine_allows(test, mounted, "a small disk cannot be mounted; that takes root").then_some(Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn filler(&self) -> PathBuf {
        self.path().join("filler")
    }

    /// Fills it to the last byte.
    fn fill(&self) {
        let mut filler = File::options().create(true).append(true).open(self.filler()).unwrap();
        for size in [4096, 1] {
            while filler.write(&vec![7; size]).is_ok_and(|written| written > 0) {}
        }
    }

    fn make_room(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Also while the database is open.
        let _ = Command::new("umount").arg("--lazy").arg(self.path()).output();
    }
}

/// Row E6.
#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_a_portal_is_not_ready_and_a_logout_is_done_or_refused_as_a_whole() {
    let name = "on_a_full_disk_a_portal_is_not_ready_and_a_logout_is_done_or_refused_as_a_whole";
    let Some(disk) = SmallDisk::mount(name) else { return };
    let provider = Provider::start().await;
    let store = format!("sqlite:{}", disk.path().join("sessions.db").display());
    let portal = Portal::with().provider(&provider).set("SESSION_STORE", &store).start().await;
    assert!(matches!(portal.app.settings.session_store, StoreKind::Sqlite(_)));
    let browsers: Vec<_> = (0..6).map(|_| Browser::new()).collect();
    for browser in &browsers {
        log_in_at(&portal, &provider, browser, "person-1").await;
    }
    let ready = async || Browser::new().get(&portal.url("/readyz")).await;
    for _ in 0..3 {
        assert_eq!(ready().await.status, 200);
        disk.fill();
        for _ in 0..3 {
            let ready = ready().await;
            assert_eq!((ready.status.as_u16(), ready.body.contains("session store")), (503, true), "{}", ready.body);
        }
        disk.make_room();
    }
    disk.fill();
    let mut refused = Vec::new();
    for browser in &browsers {
        let key = key_of(&portal, browser);
        let status = browser.submit(&portal.url("/logout"), &[]).await.status;
        let is_there = portal.store.session(key).await.unwrap().is_some();
        match status.as_u16() {
            303 => assert!(!is_there),
            503 => {
                assert!(is_there);
                refused.push(browser);
            }
            other => panic!("{other}"),
        }
    }
    disk.make_room();
    for browser in refused {
        assert_logged_in(&portal, browser).await;
        assert_eq!(browser.submit(&portal.url("/logout"), &[]).await.status, 303);
    }
    for browser in &browsers {
        assert_anonymous(&portal, browser).await;
    }
    assert_eq!(ready().await.status, 200);
    assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 3, "the probe leaves nothing beside the database");
}
