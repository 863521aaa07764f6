//! The log: its format, its output, and the one line per request.
//!
//! A line has the method, the path without its query, the status, the time, the request ID, the peer, and the person if known.
//! Logins, step-ups, logouts, renewals and the ends of sessions are events of their own.
//! Queries, headers, bodies and cookies are never logged, because they contain codes, states and tokens. The one exception is
//! why Globus refused a login (`error` and `error_description`).
//!
//! The log cannot block the portal. A separate thread writes the lines, so that a full disk, a closed pipe or a stalled
//! reader costs lines but no requests; lines that were lost are counted, and reported once writing works again.

pub(crate) mod output;
mod peer;
mod request;
mod request_id;
mod text;

use std::{
    borrow::Cow,
    io::{self, IsTerminal as _, Write},
    panic::PanicHookInfo,
    sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use tracing::Dispatch;
use tracing_subscriber::{EnvFilter, util::SubscriberInitExt as _};

use self::output::Output;
pub(crate) use self::{request::Line, request_id::REQUEST_ID, text::shortened};
pub use self::{request::RequestFacts, request_id::RequestId};
use crate::settings::LogFormat;

/// How long the last lines may take at a stop.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// Standard error, for the log and for the last message of a command.
pub(crate) static STDERR: LazyLock<Output> = LazyLock::new(|| Output::start("log", io::stderr(), lost_lines_notice));
static LOOK: OnceLock<Look> = OnceLock::new();

/// How the log looks.
#[derive(Clone, Copy, Debug)]
struct Look {
    format: LogFormat,
    colours: bool,
}

/// Starts the log, on standard error. `RUST_LOG` chooses the level; `info` is the default.
pub fn start(format: LogFormat) {
    // Colours only on a terminal, and not if NO_COLOR is set (https://no-color.org).
    let colours = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let look = *LOOK.get_or_init(|| Look { format, colours });
    // A second start, as in tests, keeps the first.
    if dispatch(look, |line| STDERR.push(line)).try_init().is_err() {
        return;
    }
    std::panic::set_hook(Box::new(log_panic));
    if let Some(Err(error)) = std::env::var_os(EnvFilter::DEFAULT_ENV).map(|_| EnvFilter::try_from_default_env()) {
        tracing::warn!(error = %error, "RUST_LOG cannot be read; logging at info");
    }
}

/// A text for a terminal, made safe like a log line.
pub(crate) fn plain(text: &str) -> Cow<'_, str> {
    text::safe_line(text, LogFormat::Pretty, false)
}

/// Waits until the log is written, but at most two seconds: standard error may be blocked.
pub fn flush() {
    STDERR.flush(FLUSH_WITHIN);
}

/// How many lines of the log could not be written since the process started.
#[must_use]
pub fn lost_lines() -> u64 {
    STDERR.lost()
}

/// The subscriber that formats events and passes each line to `push`.
fn dispatch(look: Look, push: impl Fn(&str) + Clone + Send + Sync + 'static) -> Dispatch {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || LineWriter { look, push: push.clone() })
        .with_ansi(look.colours)
        // It would report failures on standard error, and panic where that is closed.
        .log_internal_errors(false);
    match look.format {
        LogFormat::Pretty => builder.finish().into(),
        LogFormat::Json => builder.json().flatten_event(true).with_span_list(false).finish().into(),
    }
}

/// Takes lines from the formatter, which writes each in one call.
struct LineWriter<P> {
    look: Look,
    push: P,
}

impl<P: Fn(&str)> Write for LineWriter<P> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        (self.push)(&text::safe_line(text, self.look.format, self.look.colours));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The line that says how many lines were lost, as the log would write it.
fn lost_lines_notice(lost: u64) -> String {
    const TEXT: &str = "log lines were lost: standard error was blocked or could not be written";
    let Some(look) = LOOK.get() else { return format!("globus-portal: {lost} {TEXT}") };
    let notice = Arc::new(Mutex::new(String::new()));
    let written = notice.clone();
    let push = move |line: &str| written.lock().unwrap_or_else(PoisonError::into_inner).push_str(line);
    tracing::dispatcher::with_default(&dispatch(*look, push), || tracing::warn!(lost, "{TEXT}"));
    let mut notice = notice.lock().unwrap_or_else(PoisonError::into_inner);
    std::mem::take(&mut *notice)
}

/// Logs a panic through the log thread: writing to standard error directly could block on a full pipe.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string);
    tracing::error!(panic = panic.payload_as_str().unwrap_or("not a text"), place, "a task panicked");
}
