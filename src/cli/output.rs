//! What a command prints.

use std::{
    error::Error as _,
    io::{self, Write as _},
    sync::LazyLock,
};

use super::failure::Failure;
use crate::telemetry::{self, output::Output};

/// Prints to standard output, and ignores a closed one.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stdout(), "{text}");
}

/// Prints a line of a command that serves, without blocking on a full pipe.
pub(super) fn announce(line: &str) {
    static STDOUT: LazyLock<Output> = LazyLock::new(|| Output::start("stdout", io::stdout(), |_| String::new()));
    STDOUT.push(line);
}

/// Says on standard error why a command failed.
pub(super) fn report(failure: &Failure) {
    let mut text = format!("globus-portal: {failure}");
    let mut source = failure.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text.lines().for_each(|line| telemetry::STDERR.push(&telemetry::plain(line)));
}
