//! The current time, and times in the formats of Globus.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

/// Seconds since 1970.
pub(crate) fn now() -> i64 {
    now_millis() / 1000
}

/// Milliseconds since 1970: the only place where the sandbox reads the clock.
#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox shares no clock with the portal, as the real Globus does not"
)]
pub(crate) fn now_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// `2026-02-17T08:30:00+00:00`: tasks.
pub(crate) fn iso(seconds: i64) -> String {
    print(seconds, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+00:00"))
}

/// `2026-02-17T08:30:00.000000+00:00`: consents.
pub(crate) fn iso_with_micros(seconds: i64) -> String {
    print(seconds, format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].000000+00:00"))
}

/// `2026-02-17 08:30:00+00:00`: files.
pub(crate) fn of_file(seconds: i64) -> String {
    print(seconds, format_description!("[year]-[month]-[day] [hour]:[minute]:[second]+00:00"))
}

/// `Tue, 17 Feb 2026 08:30:00 GMT`: headers.
pub(crate) fn http_date(seconds: i64) -> String {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    print(seconds, format)
}

fn print(seconds: i64, format: &[BorrowedFormatItem<'_>]) -> String {
    OffsetDateTime::from_unix_timestamp(seconds).ok().and_then(|moment| moment.format(format).ok()).unwrap_or_default()
}
