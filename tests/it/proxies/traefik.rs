//! Traefik, with `deploy/traefik.yml` and `deploy/traefik-dynamic.yml`.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::site::Place;
use crate::harness::{Process, find_program};

const STATIC: &str = include_str!("../../../deploy/traefik.yml");
const DYNAMIC: &str = include_str!("../../../deploy/traefik-dynamic.yml");

/// The static file with the test's ports and paths. Nothing asks an ACME authority for certificates.
fn adapted(place: &Place) -> String {
    let (text, _) = STATIC.split_once("# Certificates from an ACME authority").unwrap();
    text.replace("\":80\"", &format!("127.0.0.1:{}", place.http))
        .replace("\":443\"", &format!("127.0.0.1:{}", place.https))
        .replace("/etc/traefik", place.folder())
        .replace("/var/log/traefik", place.folder())
}

/// The routes with the test's name and certificate.
fn routes(place: &Place) -> String {
    let folder = place.folder();
    let host = format!("Host(`{}`)", place.variant.host());
    let text = place.adapted(DYNAMIC).replace(&format!("Host(`{}`)", place.name()), &host);
    let text = text.replace("certResolver: acme", "options: default");
    format!("{text}\ntls:\n  certificates:\n    - {{certFile: {folder}/certificate.pem, keyFile: {folder}/key.pem}}\n")
}

/// Starts Traefik, with all its files in the folder.
pub(super) fn start(place: &Place) -> Process {
    let folder = &place.folder;
    fs::write(folder.join("traefik.yml"), adapted(place)).unwrap();
    fs::write(folder.join("dynamic.yml"), routes(place)).unwrap();
    let mut command = Command::new(find_program("traefik").unwrap());
    command.env_clear().current_dir(folder).stdin(Stdio::null());
    command.arg("--configFile").arg(folder.join("traefik.yml"));
    Process::start(&mut command, &folder.join("traefik.out"))
}
