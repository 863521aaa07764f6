//! How long tasks take.

use serde_json::{Map, Value, json};

use crate::memory::entry::Amount;
use crate::memory::work::Work;

const DAY: u64 = 86_400_000;
/// The longest that a task takes, however much it moves.
const MOST: u64 = 30 * DAY;
const GIGABYTE: u64 = 1_000_000_000;
const NAMES: [&str; 4] = ["transfer_ms", "delete_ms", "ms_per_file", "ms_per_gigabyte"];

/// Milliseconds of a transfer, of a deletion, and in addition for each file, and for each gigabyte that is transferred.
pub(crate) struct Pace([u64; 4]);

impl Default for Pace {
    fn default() -> Self {
        Self([2_000, 1_000, 0, 0])
    }
}

impl Pace {
    /// Reads a document: members that are missing have their default.
    pub(crate) fn read(document: &Value) -> Result<Self, String> {
        let members = document.as_object().ok_or("expected a JSON object")?;
        if let Some(unknown) = members.keys().find(|name| !NAMES.contains(&name.as_str())) {
            return Err(format!("there is no member {unknown:?}; there are {}", NAMES.join(", ")));
        }
        let mut pace = Self::default();
        for (value, name) in pace.0.iter_mut().zip(NAMES) {
            if let Some(given) = members.get(name) {
                let bounded = given.as_u64().filter(|number| *number <= DAY);
                *value = bounded.ok_or_else(|| format!("{name} must be a whole number from 0 to {DAY}"))?;
            }
        }
        Ok(pace)
    }

    pub(crate) fn document(&self) -> Value {
        let members = NAMES.iter().zip(self.0).map(|(name, value)| ((*name).to_owned(), json!(value)));
        Value::Object(members.collect::<Map<_, _>>())
    }

    /// How many milliseconds a task takes.
    pub(crate) fn of(&self, work: &Work, amount: Amount) -> i64 {
        let [transfer, delete, file, gigabyte] = self.0;
        let of_files = file.saturating_mul(amount.files);
        let of_bytes = u128::from(gigabyte) * u128::from(amount.bytes) / u128::from(GIGABYTE);
        let all = match work {
            Work::Transfer { .. } => {
                transfer.saturating_add(of_files).saturating_add(u64::try_from(of_bytes).unwrap_or(MOST))
            }
            Work::Delete { .. } => delete.saturating_add(of_files),
        };
        i64::try_from(all.min(MOST)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{MOST, Pace};
    use crate::memory::entry::Amount;
    use crate::memory::work::Work;

    #[test]
    fn a_transfer_takes_longer_the_more_it_moves_but_never_more_than_a_month() {
        let pace = Pace::read(&json!({"transfer_ms": 5, "ms_per_file": 2, "ms_per_gigabyte": 1_000})).unwrap();
        let work = Work::Transfer { source: String::new(), destination: String::new(), items: vec![] };
        let amount = |files, bytes| Amount { files, folders: 0, bytes };
        assert_eq!(pace.of(&work, amount(10, 1_500_000_000)), 5 + 20 + 1_500);
        assert_eq!(pace.of(&work, amount(u64::MAX, u64::MAX)), i64::try_from(MOST).unwrap());
        let delete = Work::Delete {
            collection: String::new(),
            paths: vec![],
            recursive: true,
            ignore_missing: false,
            globs: false,
        };
        assert_eq!(pace.of(&delete, amount(10, 1_500_000_000)), 1_000 + 20);
    }
}
