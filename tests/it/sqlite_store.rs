//! What is particular to sessions in an SQLite file: a disk that is full.

use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

use globus_portal::settings::StoreKind;
use tempfile::TempDir;

use crate::harness::{
    Browser, Portal, Provider, needs,
    steps::{assert_anonymous, assert_logged_in, key_of, log_in_at},
};

/// A disk of its own, as large as a few logins.
struct SmallDisk(TempDir);

impl SmallDisk {
    /// Nothing, with a word, where we may not mount one.
    fn mount(test: &str) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|done| done.status.success());
        needs(test, mounted, "a small disk cannot be mounted; that takes root").then_some(Self(folder))
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
        let is_there = portal.app.vault.store.session(key).await.unwrap().is_some();
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
