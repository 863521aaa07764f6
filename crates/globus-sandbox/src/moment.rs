//! Moments in the ways that Globus prints them.

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// `2026-02-17T08:30:00+00:00`: tasks.
pub(super) fn iso(seconds: i64) -> String {
    print(seconds, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+00:00"))
}

/// `2026-02-17T08:30:00.000000+00:00`: consents.
pub(super) fn iso_with_micros(seconds: i64) -> String {
    print(seconds, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].000000+00:00"))
}

/// `2026-02-17 08:30:00+00:00`: files.
pub(super) fn of_file(seconds: i64) -> String {
    print(seconds, format_description!("[year]-[month]-[day] [hour]:[minute]:[second]+00:00"))
}

fn print(seconds: i64, format: &[BorrowedFormatItem<'_>]) -> String {
    OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|moment| moment.format(format).ok()).unwrap_or_default()
}
