//! Private servers for the stores that need one. Each has its own port and folder, and ends with its test;
//! the shared ones end with the test process, however that ends.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;
use tokio::sync::OnceCell;

use super::{
    find_program, free_port, needs,
    signals::{family, is_running, send, stand_still},
    until,
};

/// How many databases a Redis server has, and so how many tests may share it.
const DATABASES: u32 = 4096;

/// Starts a server, prints its process id, and ends it as soon as the other end of the pipe is closed: statics are not
/// dropped, and a test process may be killed. A signal to the whole group ends the wait, and so the server. For the same
/// reason it deletes the folder of a shared server.
const WATCH: &str = r#"
trap : INT TERM HUP
end=$1 folder=$2
shift 2
"$@" </dev/null >&2 &
echo $!
cat
kill -$end $! 2>/dev/null
kill -CONT $! 2>/dev/null
wait $!
[ -z "$folder" ] || rm -rf "$folder"
"#;

/// How a server ends.
#[derive(Clone, Copy, Debug)]
enum Ends {
    WithItsTest,
    /// With the process, and its folder with it.
    WithAllTests,
}

/// A server that is watched.
#[derive(Debug)]
struct Watched {
    shell: Child,
    id: u32,
}

impl Watched {
    /// Starts a server through a shell; that signal ends it. Its output goes to a file in its folder.
    fn start(shell: &mut Command, signal: &str, ends: Ends, server: &[String], log: &Path) -> Self {
        let file = File::create(log).unwrap();
        let to_remove = log.parent().filter(|_| matches!(ends, Ends::WithAllTests)).unwrap_or(Path::new(""));
        let command = shell.args(["-c", WATCH, "sh", signal]).arg(to_remove).args(server);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file);
        let mut shell = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut id = String::new();
        BufReader::new(shell.stdout.take().unwrap()).read_line(&mut id).unwrap();
        Self { id: id.trim().parse().unwrap(), shell }
    }

    /// Ends the server, and waits until it has ended.
    fn end(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().unwrap();
    }

    /// Waits until its log contains this text.
    async fn says(&mut self, text: &str, log: &Path) {
        let shell = &mut self.shell;
        until(text, || {
            // In this order, so that its last output is not missed.
            let ended = !is_running(self.id) || shell.try_wait().unwrap().is_some();
            let written = fs::read_to_string(log).unwrap_or_default();
            let said = written.contains(text);
            assert!(said || !ended, "it ended before it said {text:?}:\n{written}");
            said.then_some(())
        })
        .await;
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.end();
    }
}

/// A Redis or a Valkey server.
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    arguments: Vec<String>,
    ends: Ends,
    // Dropped in this order: the server ends before its folder goes.
    running: Option<Watched>,
    folder: TempDir,
}

fn redis_program() -> Option<PathBuf> {
    ["redis-server", "valkey-server"].into_iter().find_map(find_program)
}

/// Whether a test must be skipped because there is no Redis; as [`super::skip_without`].
pub fn skip_without_redis(test: &str) -> bool {
    !needs(test, redis_program().is_some(), "redis-server is not here; install redis-server (Debian)")
}

/// A database of the shared Redis server, for one test only.
pub async fn fresh_redis() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let database = NEXT.fetch_add(1, Ordering::Relaxed);
    assert!(database < DATABASES, "the shared Redis has no database left");
    RedisServer::shared().await.url(database)
}

impl RedisServer {
    pub async fn start() -> Self {
        Self::start_in(TempDir::new().unwrap(), &[]).await
    }

    /// Starts one in a folder, which may hold its certificates, with its own arguments.
    pub async fn start_in(folder: TempDir, arguments: &[String]) -> Self {
        Self::start_until(Ends::WithItsTest, folder, arguments).await
    }

    async fn start_until(ends: Ends, folder: TempDir, arguments: &[String]) -> Self {
        let mut server = Self { port: free_port(), arguments: arguments.to_vec(), ends, running: None, folder };
        server.restart().await;
        server
    }

    /// One for all tests of this process.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<RedisServer> = OnceCell::const_new();
        SHARED.get_or_init(|| Self::start_until(Ends::WithAllTests, TempDir::new().unwrap(), &[])).await
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self, database: u32) -> String {
        format!("redis://127.0.0.1:{}/{database}", self.port)
    }

    /// Queries the server directly, bypassing every store.
    pub async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        let client = redis::Client::open(self.url(0)).unwrap();
        let mut connection = client.get_multiplexed_async_connection().await.unwrap();
        redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await.unwrap()
    }

    /// Pauses it.
    pub fn stand_still(&self) {
        stand_still(self.running.as_ref().unwrap().id);
    }

    /// Resumes it.
    pub fn go_on(&self) {
        send("CONT", self.running.as_ref().unwrap().id);
    }

    /// Kills it, and waits until it has ended.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Starts it again with the same port and data.
    pub async fn restart(&mut self) {
        self.stop();
        let log = self.folder.path().join("redis.log");
        let line = self.command_line();
        let mut watched = Watched::start(&mut Command::new("sh"), "KILL", self.ends, &line, &log);
        watched.says("Ready to accept connections", &log).await;
        self.running = Some(watched);
    }

    fn command_line(&self) -> Vec<String> {
        let program = redis_program().unwrap();
        let mut line = vec![program.to_string_lossy().into_owned()];
        let settings = [
            ("port", self.port.to_string()),
            ("bind", "127.0.0.1".to_owned()),
            ("dir", self.folder.path().to_string_lossy().into_owned()),
            ("logfile", String::new()),
            ("databases", DATABASES.to_string()),
            ("appendonly", "yes".to_owned()),
            // Each write is with the system before it is answered, so a kill loses none. With `everysec` writes wait for a sync
            // on a busy disk.
            ("appendfsync", "no".to_owned()),
            ("save", String::new()),
            ("daemonize", "no".to_owned()),
        ];
        for (name, value) in settings {
            line.extend([format!("--{name}"), value]);
        }
        line.extend(self.arguments.iter().map(|argument| argument.replace("{port}", &self.port.to_string())));
        line
    }
}

/// A PgBouncer in front of a PostgreSQL server.
#[derive(Debug)]
pub struct Pooler {
    port: u16,
    // Dropped in this order: it ends before its folder goes.
    _running: Watched,
    _folder: TempDir,
}

/// Whether a test must be skipped because there is no PgBouncer; as [`super::skip_without`].
pub fn skip_without_pgbouncer(test: &str) -> bool {
    let there = find_program("pgbouncer").is_some();
    skip_without_postgres(test) || !needs(test, there, "pgbouncer is not here; install pgbouncer (Debian)")
}

impl Pooler {
    /// Starts one in a mode, `session` or `transaction`, with additional settings.
    pub async fn start(server: &PostgresServer, mode: &str, more: &str) -> Self {
        let (folder, port) = (TempDir::new().unwrap(), free_port());
        // In session mode each connection of a portal holds a server connection.
        let size = if mode == "session" { 80 } else { 8 };
        let config = format!(
            "[databases]\n* = host=127.0.0.1 port={} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n\
             default_pool_size = {size}\nmax_client_conn = 200\n{more}\n",
            server.port
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, config).unwrap();
        if let Some((user, group)) = postgres_user() {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let program = find_program("pgbouncer").unwrap().to_string_lossy().into_owned();
        let log = folder.path().join("pgbouncer.log");
        let mut command = as_postgres("sh");
        command.current_dir(folder.path());
        let line = [program, file.to_string_lossy().into_owned()];
        let mut running = Watched::start(&mut command, "KILL", Ends::WithItsTest, &line, &log);
        running.says("process up", &log).await;
        Self { port, _running: running, _folder: folder }
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }
}

/// A PostgreSQL server that trusts all users.
#[derive(Debug)]
pub struct PostgresServer {
    port: u16,
    fsync: bool,
    ends: Ends,
    running: Option<Watched>,
    folder: TempDir,
}

/// Debian has a separate folder with the programs of each PostgreSQL version; those on the path are only wrappers.
fn postgres_program(name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<_> = versions.map(|version| version.path().join("bin").join(name)).collect();
    found.retain(|program| program.is_file());
    found.sort();
    found.pop().or_else(|| find_program(name))
}

/// Whether a test must be skipped because there is no PostgreSQL; as [`super::skip_without`].
pub fn skip_without_postgres(test: &str) -> bool {
    let there = ["initdb", "postgres", "psql"].iter().all(|name| postgres_program(name).is_some());
    !needs(test, there, "initdb, postgres and psql are not here; install postgresql (Debian)")
}

/// A database of the shared PostgreSQL server, for one test only.
pub async fn fresh_postgres() -> String {
    let server = PostgresServer::shared().await;
    server.url(&server.create_database())
}

fn number_from(command: &mut Command) -> Option<u32> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

/// The user that the server runs as: it refuses to run as root.
fn postgres_user() -> Option<(u32, u32)> {
    let id = |arguments: &[&str]| number_from(Command::new("id").args(arguments));
    if id(&["-u"]) != Some(0) {
        return None;
    }
    let user = ["postgres", "nobody"].into_iter().find(|name| id(&["-u", name]).is_some());
    let user = user.unwrap_or_else(|| panic!("PostgreSQL does not run as root, and there is no other user"));
    id(&["-u", user]).zip(id(&["-g", user]))
}

fn as_postgres(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    if let Some((user, group)) = postgres_user() {
        command.uid(user).gid(group);
    }
    command
}

impl PostgresServer {
    pub async fn start() -> Self {
        Self::start_until(Ends::WithItsTest, false).await
    }

    /// Starts one with `fsync` on.
    pub async fn start_durable() -> Self {
        Self::start_until(Ends::WithItsTest, true).await
    }

    async fn start_until(ends: Ends, fsync: bool) -> Self {
        let folder = TempDir::new().unwrap();
        if let Some((user, group)) = postgres_user() {
            chown(folder.path(), Some(user), Some(group)).unwrap();
        }
        let mut server = Self { port: free_port(), fsync, ends, running: None, folder };
        server.init();
        server.restart().await;
        server
    }

    /// One for all tests of this process.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<PostgresServer> = OnceCell::const_new();
        SHARED.get_or_init(|| Self::start_until(Ends::WithAllTests, false)).await
    }

    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The same database through the server's Unix socket.
    pub fn socket_url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&port={}&user=postgres", self.folder.path().display(), self.port)
    }

    /// Creates an empty database; returns its name.
    pub fn create_database(&self) -> String {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("fresh_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.sql("postgres", &format!("CREATE DATABASE {name} TEMPLATE template0"));
        name
    }

    /// Runs SQL in a database; returns the bare values of the result.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        let mut command = Command::new(postgres_program("psql").unwrap());
        // Nothing from this process's environment, such as another server.
        command.env_clear().args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, &self.url(database)]);
        let output = command.current_dir("/").stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim_end().to_owned()
    }

    /// A dump of a database by `pg_dump`; `None` where that is missing.
    pub fn dump(&self, database: &str) -> Option<Vec<u8>> {
        let mut command = Command::new(postgres_program("pg_dump")?);
        command.env_clear().arg(self.url(database)).current_dir("/").stdin(Stdio::null());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Some(output.stdout)
    }

    /// Pauses all its processes; each serves one connection.
    pub fn stand_still(&self) {
        let id = self.running.as_ref().unwrap().id;
        // The parent first, so that it starts no more of them.
        stand_still(id);
        family(id).into_iter().skip(1).for_each(stand_still);
    }

    /// Resumes them.
    pub fn go_on(&self) {
        family(self.running.as_ref().unwrap().id).into_iter().for_each(|process| _ = send("CONT", process));
    }

    /// Ends it like a crash, and waits until it has ended.
    pub fn stop(&mut self) {
        if let Some(watched) = &self.running {
            family(watched.id).into_iter().skip(1).for_each(|child| _ = send("CONT", child));
        }
        self.running = None;
    }

    /// Shuts it down cleanly, without waiting for its clients.
    pub async fn stop_fast(&mut self) {
        let id = self.running.as_ref().unwrap().id;
        send("INT", id);
        until("the end of PostgreSQL", || (!is_running(id)).then_some(())).await;
        self.running = None;
    }

    /// Starts it again with the same port and data.
    pub async fn restart(&mut self) {
        self.stop();
        let log = self.folder.path().join("postgres.log");
        let mut command = as_postgres("sh");
        command.current_dir(self.folder.path());
        let mut watched = Watched::start(&mut command, "QUIT", self.ends, &self.command_line(), &log);
        watched.says("ready to accept connections", &log).await;
        self.running = Some(watched);
    }

    fn data(&self) -> String {
        self.folder.path().join("data").to_string_lossy().into_owned()
    }

    fn init(&self) {
        let mut command = as_postgres(postgres_program("initdb").unwrap());
        command.args([
            "--pgdata",
            &self.data(),
            "--username=postgres",
            "--auth=trust",
            "-N",
            "--no-locale",
            "-E",
            "UTF8",
        ]);
        let output = command.current_dir(self.folder.path()).output().unwrap();
        assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn command_line(&self) -> Vec<String> {
        let program = postgres_program("postgres").unwrap();
        let mut line = vec![program.to_string_lossy().into_owned(), "-D".to_owned(), self.data()];
        let settings = [
            ("port", self.port.to_string()),
            ("listen_addresses", "127.0.0.1".to_owned()),
            ("unix_socket_directories", self.folder.path().to_string_lossy().into_owned()),
            ("max_connections", "300".to_owned()),
            ("fsync", if self.fsync { "on" } else { "off" }.to_owned()),
        ];
        line.extend(settings.iter().flat_map(|(name, value)| ["-c".to_owned(), format!("{name}={value}")]));
        line
    }
}
