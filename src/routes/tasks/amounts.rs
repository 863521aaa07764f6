//! Counts and times for people.

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
    use super::about;

    #[test]
    fn times_are_said_in_their_largest_unit() {
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
