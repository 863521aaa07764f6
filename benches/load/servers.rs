//! The servers under load, each a process of its own: this program, called with what it is to be.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    process::{Child, Command, ExitCode, Stdio},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::Path,
    http::StatusCode,
    response::{Html, Redirect},
    routing::get,
};
use globus_portal::{
    error::AppError,
    globus::{scopes, transfer::LsQuery},
    routes::logged_in::LoggedIn,
    state::AppState,
};

use crate::{client::Connection, provider};

/// What a child process is to be.
pub fn be(role: &str) -> ExitCode {
    match role {
        "bare" => serve(bare()),
        "provider" => serve(provider::router()),
        "portal" => globus_portal::cli::run(pages()),
        other => panic!("no such server: {other}"),
    }
}

fn listen_port() -> u16 {
    std::env::var("LOAD_PORT").unwrap().parse().unwrap()
}

fn serve(router: Router) -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, listen_port())).await.unwrap();
        axum::serve(listener, router).await.unwrap();
    });
    ExitCode::SUCCESS
}

/// What is compared with: axum and nothing else.
fn bare() -> Router {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(0);
    let page: &'static str = "x".repeat(number("LOAD_PAGE")).leak();
    let target: &'static str = format!("/{}", "x".repeat(number("LOAD_LOCATION"))).leak();
    Router::new()
        .route("/empty", get(|| async { StatusCode::NO_CONTENT }))
        .route("/page", get(move || async move { Html(page) }))
        .route("/redirect", get(move || async move { Redirect::to(target) }))
        .route("/oauth2/auth/{policy}", get(|| async { StatusCode::ACCEPTED }))
}

/// Custom pages, as any program may add them.
fn pages() -> Router<AppState> {
    Router::new().route("/check", get(check)).route("/token", get(token)).route("/ls/{collection}", get(ls))
}

/// Prints the names in a folder, as the README's example does.
async fn ls(user: LoggedIn, Path(collection): Path<String>) -> Result<String, AppError> {
    let folder = user.transfer().await?.operation_ls(&collection, &LsQuery::new()).await?;
    Ok(folder.files.into_iter().map(|entry| entry.name + "\n").collect())
}

/// Says yes to a live session.
async fn check(_: LoggedIn) -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Needs a token; the provider's tokens are always about to expire, so each request renews it.
async fn token(user: LoggedIn) -> Result<StatusCode, AppError> {
    user.token(scopes::transfer::RESOURCE_SERVER).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A server that runs until this value is dropped.
pub struct Server {
    child: Child,
    pub address: SocketAddr,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    pub fn start(role: &str, variables: &[(String, String)]) -> Self {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.env("LOAD_ROLE", role).env("LOAD_PORT", port.to_string()).stdout(Stdio::null());
        command.env("GLOBUS_PORTAL_LISTEN", address.to_string());
        command.env("GLOBUS_PORTAL_SERVER_NAME", format!("localhost:{port}"));
        command.envs(variables.iter().cloned());
        let server = Self { child: command.spawn().unwrap(), address };
        let deadline = Instant::now() + Duration::from_secs(30);
        while std::net::TcpStream::connect(address).is_err() {
            assert!(Instant::now() < deadline, "{role} does not listen");
            std::thread::sleep(Duration::from_micros(200));
        }
        server
    }

    pub fn connection(&self) -> Connection {
        Connection::open(self.address)
    }

    /// The processor time that the process has used so far, in seconds: user and system.
    pub fn cpu(&self) -> f64 {
        let fields = self.stat();
        // Fields 14 and 15 of proc(5), in hundredths of a second on Linux.
        (fields[11] + fields[12]) / 100.0
    }

    fn stat(&self) -> Vec<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let after_name = text.rsplit_once(") ").unwrap().1;
        after_name.split(' ').map(|field| field.trim().parse().unwrap_or_default()).collect()
    }

    /// Resident memory, in bytes.
    pub fn memory(&self) -> usize {
        self.bytes("status", "VmRSS:")
    }

    /// Resident memory in bytes, of which pages that others have too count in proportion.
    pub fn proportional_memory(&self) -> usize {
        self.bytes("smaps_rollup", "Pss:")
    }

    fn bytes(&self, file: &str, name: &str) -> usize {
        let text = std::fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap();
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    }
}
