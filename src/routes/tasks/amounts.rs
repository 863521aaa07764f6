//! Amounts and times for people.

/// A number of bytes by powers of 1000: `1.2 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 1000 {
        return count(bytes, "byte");
    }
    let (mut unit, mut tenths) = (0, bytes / 100);
    while tenths >= 9995 && unit + 1 < UNITS.len() {
        tenths = (tenths + 500) / 1000;
        unit += 1;
    }
    let name = UNITS[unit];
    if tenths >= 1000 { format!("{} {name}", tenths / 10) } else { format!("{}.{} {name}", tenths / 10, tenths % 10) }
}

/// "1 file", "3 files".
pub(super) fn count(number: u64, unit: &str) -> String {
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// A time that is only roughly known: "about 5 minutes".
pub(super) fn about(seconds: u64) -> String {
    let words = match seconds {
        0..90 => count(seconds.max(1), "second"),
        90..5_400 => count((seconds + 30) / 60, "minute"),
        5_400..129_600 => count((seconds + 1_800) / 3_600, "hour"),
        _ => count((seconds + 43_200) / 86_400, "day"),
    };
    format!("about {words}")
}

#[cfg(test)]
mod tests {
    use super::{about, bytes};

    #[test]
    fn amounts_are_said_in_few_digits() {
        let said = [0, 1, 999, 1_000, 999_499, 2_147_483_648].map(bytes);
        assert_eq!(said, ["0 bytes", "1 byte", "999 bytes", "1.0 kB", "999 kB", "2.1 GB"]);
        assert_eq!(bytes(u64::MAX), "18.4 EB");
        let said = [0, 60, 90, 3_600, 7_200, 200_000].map(about);
        let words = [
            "about 1 second",
            "about 60 seconds",
            "about 2 minutes",
            "about 60 minutes",
            "about 2 hours",
            "about 2 days",
        ];
        assert_eq!(said, words);
    }
}
