//! nginx, with `deploy/nginx.conf`.

use std::{
    fs,
    process::{Command, Stdio},
};

use super::site::Place;
use crate::harness::{Process, find_program};

const CONFIGURATION: &str = include_str!("../../../deploy/nginx.conf");

/// The file with the test's names, ports and paths. IPv6 addresses become another loopback address, for machines without
/// IPv6.
fn adapted(place: &Place) -> String {
    let folder = place.folder();
    let mut text = place.adapted(CONFIGURATION).replace("/var/log/nginx", folder);
    for (original, port) in [(80, place.http), (443, place.https)] {
        text = text.replace(&format!("listen {original}"), &format!("listen 127.0.0.1:{port}"));
        text = text.replace(&format!("listen [::]:{original}"), &format!("listen 127.0.0.3:{port}"));
    }
    for host in ["portal.example.org", "www.example.org"] {
        text = text.replace(&format!("/etc/ssl/certs/{host}.pem"), &format!("{folder}/certificate.pem"));
        text = text.replace(&format!("/etc/ssl/private/{host}.key"), &format!("{folder}/key.pem"));
    }
    text.replace(&format!("server_name {}", place.name()), &format!("server_name {}", place.variant.host()))
}

/// Starts nginx as one process, with all its files in the folder.
pub(super) fn start(place: &Place) -> Process {
    let folder = &place.folder;
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {}/{kind};\n", folder.display()))
        .concat();
    fs::write(folder.join("site.conf"), adapted(place)).unwrap();
    let main = format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr;\nevents {{}}\n\
         http {{\n{temporary}access_log off;\ninclude {}/site.conf;\n}}\n",
        folder.display()
    );
    fs::write(folder.join("nginx.conf"), main).unwrap();
    let nginx = || {
        let mut command = Command::new(find_program("nginx").unwrap());
        command.stdin(Stdio::null()).arg("-p").arg(folder).args(["-e", "stderr"]).arg("-c");
        command.arg(folder.join("nginx.conf"));
        command
    };
    let tried = nginx().arg("-t").output().unwrap();
    let told = String::from_utf8_lossy(&tried.stderr).into_owned();
    assert!(tried.status.success() && !told.contains("[warn]"), "nginx -t: {told}");
    Process::start(&mut nginx(), &folder.join("nginx.out"))
}
