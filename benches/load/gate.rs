//! How fast nginx serves a file to people whom the gate lets in, beside the same nginx that asks a bare axum server which
//! always says yes.

use std::{
    fs::Permissions,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::Instant,
};

use tempfile::TempDir;

use crate::{
    client::{Connection, on_connections},
    figures::{CONNECTIONS, median, rounds},
    private_servers::{
        programs::{find_program, free_port, skip_without},
        signals::send,
    },
    servers::Server,
    stage::{Stage, log_in},
    stores::Stores,
};

const CONFIGURATION: &str = include_str!("../../deploy/nginx-gate.conf");
/// How often both are measured in turn.
const PAIRS: usize = 15;
/// How large the file is.
const BYTES: usize = 4096;

/// The rate with the gate, and the CPU time of a check.
pub fn gate(stores: &Stores, kind: &str) {
    if skip_without("the gate", &[("nginx", "nginx-light (Debian)")]) {
        return;
    }
    let stage = Stage::start_gate(stores, kind);
    let cookie = log_in(&mut stage.portal.connection());
    let yes = Server::start("bare", &[]);
    let nginx = Nginx::start(&stage.portal, &yes);
    let asks = [("/files/data.txt", &stage.portal), ("/plain-files/data.txt", &yes)];
    let requests = CONNECTIONS * (rounds() / 10);
    let measure = |(target, server): (&str, &Server)| {
        let (begun, cpu) = (Instant::now(), server.cpu());
        on_connections(nginx.address, CONNECTIONS, rounds() / 10, |connection: &mut Connection| {
            let answer = connection.get(target, &cookie);
            assert_eq!((answer.status, answer.length), (200, BYTES));
        });
        #[expect(clippy::cast_precision_loss, reason = "a count of requests")]
        let requests = requests as f64;
        (requests / begun.elapsed().as_secs_f64(), (server.cpu() - cpu) * 1e6 / requests)
    };
    // Warm up both.
    let _ = asks.map(measure);
    let pairs: Vec<_> = (0..PAIRS).map(|_| asks.map(measure)).collect();
    let middle = |value: fn(&[(f64, f64); 2]) -> f64| {
        let mut values: Vec<f64> = pairs.iter().map(value).collect();
        (median(&mut values), values[0], values[PAIRS - 1])
    };
    let (ours, bare) = (middle(|pair| pair[0].0).0, middle(|pair| pair[1].0).0);
    let (ratio, least, most) = middle(|pair| pair[0].0 / pair[1].0);
    let (cpu, bare_cpu) = (middle(|pair| pair[0].1).0, middle(|pair| pair[1].1).0);
    println!(
        "{:<40} {ours:>8.0} /s  bare {bare:>7.0} /s  ratio {ratio:.2} ({least:.2} to {most:.2}), \
         CPU of a check {cpu:.1} us, bare {bare_cpu:.1} us",
        "a file of nginx behind the gate"
    );
}

/// nginx, with as many processes as there are cores, until this is dropped.
struct Nginx {
    master: Child,
    address: std::net::SocketAddr,
    _folder: TempDir,
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Killed, it would leave its workers.
        send("TERM", self.master.id());
        let _ = self.master.wait();
    }
}

impl Nginx {
    fn start(portal: &Server, yes: &Server) -> Self {
        let folder = tempfile::tempdir().unwrap();
        // For its workers, which are not root.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let port = free_port();
        for files in ["files", "plain-files"] {
            std::fs::create_dir(folder.path().join(files)).unwrap();
            std::fs::write(folder.path().join(files).join("data.txt"), "x".repeat(BYTES)).unwrap();
        }
        let config = folder.path().join("nginx.conf");
        std::fs::write(&config, configuration(folder.path(), port, portal, yes)).unwrap();
        let mut command = Command::new(find_program("nginx").unwrap());
        command.arg("-p").arg(folder.path()).arg("-e").arg(folder.path().join("error.log")).arg("-c").arg(config);
        let master = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let nginx = Self { master, address: ([127, 0, 0, 1], port).into(), _folder: folder };
        let begun = Instant::now();
        while std::net::TcpStream::connect(nginx.address).is_err() {
            assert!(begun.elapsed().as_secs() < 30, "nginx does not listen");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        nginx
    }
}

/// The file of `deploy/` with these ports and paths and without TLS, and the same folder a second time, where `yes` is asked.
fn configuration(folder: &Path, port: u16, portal: &Server, yes: &Server) -> String {
    let path = folder.to_str().unwrap();
    let (head, rest) = CONFIGURATION.split_once("\nserver {").unwrap();
    let (_, server) = rest.split_once("\nserver {").unwrap();
    let kept = server.lines().filter(|line| !line.trim().starts_with("ssl_") && !line.contains("listen [::]"));
    let server = kept.collect::<Vec<_>>().join("\n");
    let again = |name: &str| {
        let (_, block) = server.split_once(&format!("    location {name} {{\n")).unwrap();
        let (block, _) = block.split_once("\n    }\n").unwrap_or_else(|| block.split_once("\n    }").unwrap());
        format!("    location {name} {{\n{block}\n    }}\n")
    };
    let plain = (again("/gate/") + &again("/files/"))
        .replace("/gate/", "/plain-gate/")
        .replace("/files/", "/plain-files/")
        .replace("http://globus_portal", "http://yes");
    let upstream = format!("upstream yes {{\n    server {};\n    keepalive 32;\n}}\n", yes.address);
    let site = format!("{head}\n{upstream}\nserver {{\n{plain}{server}")
        .replace("listen 443 ssl", &format!("listen 127.0.0.1:{port}"))
        .replace("server_name portal.example.org", "server_name localhost")
        .replace("127.0.0.1:5000", &portal.address.to_string())
        .replace("__Host-session", "session")
        .replace("/srv/www", path)
        .replace("/var/log/nginx", path);
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {path}/{kind};\n"))
        .concat();
    format!(
        "daemon off; worker_processes auto; pid nginx.pid; error_log error.log;\nevents {{ worker_connections 1024; }}\n\
         http {{\n{temporary}access_log off;\nkeepalive_requests 1000000000;\n{site}\n}}\n"
    )
}
