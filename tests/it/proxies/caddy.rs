//! Caddy, with `deploy/Caddyfile`.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::site::Place;
use crate::harness::{Process, find_program};

const CONFIGURATION: &str = include_str!("../../../deploy/Caddyfile");
/// What an operator leaves to Caddy, and a test must not: nothing but loopback is contacted or listened on.
const LOOPBACK_ONLY: &str = "admin off\n\tpersist_config off\n\tauto_https off\n\tdefault_bind 127.0.0.1";

/// The file with the test's names, ports and certificate, and only one variant.
fn adapted(place: &Place) -> String {
    let parts: Vec<&str> = CONFIGURATION.split("# --- Variant ").collect();
    let [common, own_name, path] = parts[..] else { panic!("{} variants", parts.len() - 1) };
    let variant = if place.variant.is_path() { path } else { own_name };
    let (folder, Place { http, https, .. }) = (place.folder(), place);
    let (name, host) = (place.name(), place.variant.host());
    let variant = variant.replace(&format!("http://{name}"), &format!("http://{host}:{http}")).replace(
        &format!("https://{name} {{"),
        &format!("https://{host}:{https} {{\n\ttls {folder}/certificate.pem {folder}/key.pem"),
    );
    let ports = format!("{LOOPBACK_ONLY}\n\thttp_port {http}\n\thttps_port {https}");
    let common = common.replace("email admin@example.org", &ports).replace("/var/log/caddy", folder);
    place.adapted(&format!("{common}# {variant}"))
}

/// Starts Caddy, with all its files in the folder.
pub(super) fn start(place: &Place) -> Process {
    let file = place.folder.join("Caddyfile");
    fs::write(&file, adapted(place)).unwrap();
    let caddy = |action: &str| {
        let mut command = Command::new(find_program("caddy").unwrap());
        command.args([action, "--adapter", "caddyfile", "--config"]).arg(&file).stdin(Stdio::null());
        command.env_clear();
        for variable in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"] {
            command.env(variable, &place.folder);
        }
        command
    };
    let tried = caddy("validate").output().unwrap();
    let told = String::from_utf8_lossy(&tried.stderr).into_owned();
    assert!(tried.status.success(), "caddy validate: {told}");
    Process::start(&mut caddy("run"), &place.folder.join("caddy.out"))
}
