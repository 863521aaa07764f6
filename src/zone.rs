//! The site's time zone: pages say times in it, and in UTC.

use std::fmt;

use jiff::{Timestamp, tz::TimeZone};
use time::{
    OffsetDateTime, UtcOffset, error::Format, format_description::BorrowedFormatItem, macros::format_description,
};

const DATE_AND_TIME: &[BorrowedFormatItem<'_>] =
    format_description!("[day padding:none] [month repr:short] [year], [hour]:[minute]");
const TIME: &[BorrowedFormatItem<'_>] = format_description!("[hour]:[minute]");

/// A time zone of the IANA database.
#[derive(Clone)]
pub struct Zone(TimeZone);

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}

impl Zone {
    /// UTC.
    pub const UTC: Self = Self(TimeZone::UTC);

    /// The zone of a name such as `Europe/Berlin`, by the database of the machine or, where it has none, by our own copy.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        TimeZone::get(name).ok().map(Self)
    }

    /// A moment in words: `21 Nov 2026, 15:05 CET (14:05 UTC)`.
    ///
    /// # Errors
    /// If a part of it cannot be written.
    pub fn words(&self, moment: OffsetDateTime) -> Result<String, Format> {
        let utc = moment.to_offset(UtcOffset::UTC);
        let Some((local, name)) = self.local(utc) else { return Ok(format!("{} UTC", utc.format(DATE_AND_TIME)?)) };
        let same_day = local.date() == utc.date();
        let in_utc = utc.format(if same_day { TIME } else { DATE_AND_TIME })?;
        Ok(format!("{} {name} ({in_utc} UTC)", local.format(DATE_AND_TIME)?))
    }

    /// The moment by the clocks there, and what they call their time; `None` where that is UTC.
    fn local(&self, utc: OffsetDateTime) -> Option<(OffsetDateTime, String)> {
        let at = Timestamp::from_second(utc.unix_timestamp()).ok()?;
        let info = self.0.to_offset_info(at);
        let offset = UtcOffset::from_whole_seconds(info.offset().seconds()).ok()?;
        let local = utc.checked_to_offset(offset)?;
        (info.abbreviation() != "UTC").then(|| (local, info.abbreviation().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::Zone;

    fn words(zone: &str, moment: time::OffsetDateTime) -> Option<String> {
        Zone::named(zone)?.words(moment).ok()
    }

    #[test]
    fn times_are_said_by_the_clocks_of_the_zone_and_in_utc() {
        let (winter, summer) = (datetime!(2026-11-21 23:05:59 UTC), datetime!(2026-07-01 09:00 +05:30));
        let berlin = words("Europe/Berlin", winter);
        assert_eq!(berlin.as_deref(), Some("22 Nov 2026, 00:05 CET (21 Nov 2026, 23:05 UTC)"));
        assert_eq!(words("Europe/Berlin", summer).as_deref(), Some("1 Jul 2026, 05:30 CEST (03:30 UTC)"));
        let chicago = words("America/Chicago", winter);
        assert_eq!(chicago.as_deref(), Some("21 Nov 2026, 17:05 CST (23:05 UTC)"));
        assert_eq!(words("UTC", winter).as_deref(), Some("21 Nov 2026, 23:05 UTC"));
        assert_eq!(Zone::UTC.words(winter).ok().as_deref(), Some("21 Nov 2026, 23:05 UTC"));
        let end_of_days = words("Pacific/Kiritimati", datetime!(9999-12-31 23:59 UTC));
        assert_eq!(end_of_days.as_deref(), Some("31 Dec 9999, 23:59 UTC"), "there is no later day");
        assert!(Zone::named("Europe/Nowhere").is_none() && Zone::named("../../etc/passwd").is_none());
    }
}
