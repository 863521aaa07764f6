//! What all lists of Transfer share: filters, orders, and pages ("Globus Transfer documentation", List Directory
//! Contents and Get Task List).
//!
//! A filter is made of clauses, `field:value,value/field:value`. All clauses must hold. A clause holds if one of its values
//! matches and no value with `!` does. The prefix of a value selects the comparison: `~` is a pattern with `*` and `?`, `!`
//! a negation, `=` an exact match, and `<`, `<=`, `>` and `>=` compare numbers. Dates take two values, the start and the
//! end of a period; either may be empty.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::{Map, Value};

use crate::ground::params::Params;
use crate::ground::patterns::fits;
use crate::transfer::access::{Outcome, Problem};

/// The fields by which a list can be filtered and ordered, and which of them are dates.
pub(crate) struct Fields {
    pub(crate) names: &'static [&'static str],
    pub(crate) dates: &'static [&'static str],
}

impl Fields {
    fn check(&self, name: &str) -> Outcome<&'static str> {
        let known = self.names.iter().find(|known| **known == name);
        known.copied().ok_or_else(|| Problem::bad_request(format!("Invalid field '{name}'")))
    }
}

/// A whole filter.
#[derive(Default)]
pub(crate) struct Filter(Vec<Clause>);

struct Clause {
    field: &'static str,
    test: Test,
}

enum Test {
    Values(Vec<Match>),
    Between(String, String),
}

struct Match {
    contrary: bool,
    kind: Kind,
    value: String,
    number: Option<i64>,
}

enum Kind {
    Equal,
    Pattern,
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Filter {
    /// Adds the clauses of one filter text.
    pub(crate) fn add(&mut self, text: &str, fields: &Fields) -> Outcome<()> {
        for clause in text.split('/').filter(|clause| !clause.is_empty()) {
            let (name, values) = clause
                .split_once(':')
                .ok_or_else(|| Problem::bad_request(format!("Invalid filter clause '{clause}'")))?;
            let field = fields.check(name)?;
            let test = if fields.dates.contains(&field) {
                let (first, last) = values.split_once(',').unwrap_or((values, ""));
                // An ISO date may have a T where documents have a space, or the other way round.
                Test::Between(first.replace('T', " "), last.replace('T', " "))
            } else {
                Test::Values(values.split(',').map(Match::read).collect())
            };
            self.0.push(Clause { field, test });
        }
        Ok(())
    }

    pub(crate) fn admits(&self, document: &Map<String, Value>) -> bool {
        self.admits_by(|field| Cow::Owned(text(document.get(field))))
    }

    /// The same for what is not a document yet; `text` gives the text of a field.
    pub(crate) fn admits_by<'a>(&self, text: impl Fn(&'static str) -> Cow<'a, str>) -> bool {
        self.0.iter().all(|clause| clause.test.holds(&text(clause.field)))
    }
}

impl Test {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Values(values) => {
                let mut wanted = values.iter().filter(|value| !value.contrary).peekable();
                (wanted.peek().is_none() || wanted.any(|value| value.is(text)))
                    && !values.iter().any(|value| value.contrary && value.is(text))
            }
            Self::Between(first, last) => {
                let text = text.replace('T', " ");
                *first <= text && (last.is_empty() || text <= *last)
            }
        }
    }
}

impl Match {
    fn read(text: &str) -> Self {
        let (contrary, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
        let marks = [
            ("~", Kind::Pattern),
            ("=", Kind::Equal),
            ("<=", Kind::AtMost),
            (">=", Kind::AtLeast),
            ("<", Kind::Below),
            (">", Kind::Above),
        ];
        for (mark, kind) in marks {
            if let Some(value) = text.strip_prefix(mark) {
                return Self { contrary, kind, value: value.into(), number: value.parse().ok() };
            }
        }
        Self { contrary, kind: Kind::Equal, value: text.into(), number: None }
    }

    fn is(&self, text: &str) -> bool {
        let order = || Some(text.parse::<i64>().ok()?.cmp(&self.number?));
        match self.kind {
            Kind::Equal => text == self.value,
            Kind::Pattern => fits(text, &self.value),
            Kind::Below => order() == Some(Ordering::Less),
            Kind::Above => order() == Some(Ordering::Greater),
            Kind::AtMost => order().is_some_and(Ordering::is_le),
            Kind::AtLeast => order().is_some_and(Ordering::is_ge),
        }
    }
}

/// A sort order: fields, each with whether it is descending.
pub(crate) struct Order(Vec<(&'static str, bool)>);

impl Order {
    /// Reads `field,field DESC`.
    pub(crate) fn read(text: &str, fields: &Fields) -> Outcome<Self> {
        let mut order = Vec::new();
        for option in text.split(',').map(str::trim).filter(|option| !option.is_empty()) {
            let (name, direction) = option.split_once(' ').unwrap_or((option, "ASC"));
            let down = match direction.trim() {
                "ASC" | "asc" => false,
                "DESC" | "desc" => true,
                _ => return Err(Problem::bad_request(format!("Invalid orderby '{option}'"))),
            };
            order.push((fields.check(name)?, down));
        }
        Ok(Self(order))
    }

    /// The fields, the least important first.
    pub(crate) fn last_first(&self) -> impl Iterator<Item = (&'static str, bool)> {
        self.0.iter().rev().copied()
    }

    pub(crate) fn sort(&self, documents: &mut [Map<String, Value>]) {
        documents.sort_by(|left, right| {
            let each = self.0.iter().map(|(field, down)| {
                let order = compare(left.get(*field), right.get(*field));
                if *down { order.reverse() } else { order }
            });
            each.fold(Ordering::Equal, Ordering::then)
        });
    }
}

fn compare(left: Option<&Value>, right: Option<&Value>) -> Ordering {
    match (left.and_then(Value::as_i64), right.and_then(Value::as_i64)) {
        (Some(left), Some(right)) => left.cmp(&right),
        _ => text(left).cmp(&text(right)),
    }
}

/// A field as the text that filters compare.
fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

/// A part of a list.
pub(crate) struct Page {
    pub(crate) limit: usize,
    pub(crate) offset: usize,
}

impl Page {
    /// Reads `limit` and `offset`. A limit above `most` is an error; a missing one is `default`.
    pub(crate) fn read(params: &Params, default: usize, most: usize) -> Outcome<Self> {
        let page = Self { limit: number(params, "limit", default)?, offset: number(params, "offset", 0)? };
        if (1..=most).contains(&page.limit) {
            return Ok(page);
        }
        Err(Problem::bad_request(format!("limit must be from 1 to {most}")))
    }

    pub(crate) fn cut<T>(&self, all: Vec<T>) -> Vec<T> {
        all.into_iter().skip(self.offset).take(self.limit).collect()
    }
}

/// A parameter that must be a whole number.
pub(crate) fn number(params: &Params, name: &str, default: usize) -> Outcome<usize> {
    match params.get(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| Problem::bad_request(format!("{name} must be a whole number"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Fields, Filter};

    const FIELDS: Fields = Fields { names: &["name", "size", "when"], dates: &["when"] };

    fn admits(filter: &str) -> bool {
        let document = json!({"name": "a b.txt", "size": 20, "when": "2026-02-17 08:30:00+00:00"});
        let mut read = Filter::default();
        read.add(filter, &FIELDS).is_ok() && read.admits(document.as_object().unwrap())
    }

    #[test]
    fn clauses_must_all_hold_and_values_are_alternatives() {
        for filter in ["name:~*.txt,!x", "name:x,a b.txt", "name:!x", "name:~a*/size:>19", "size:<=20/name:!~*.dat", ""]
        {
            assert!(admits(filter), "{filter}");
        }
        for filter in ["name:a", "name:!~*.txt", "name:~*.txt/size:<20", "nonsense", "color:red", "name:=x"] {
            assert!(!admits(filter), "{filter}");
        }
    }

    #[test]
    fn dates_are_between_two_moments() {
        for filter in ["when:2026-01-01,", "when:,2027-01-01", "when:2026-02-17T08:00:00,2026-02-18"] {
            assert!(admits(filter), "{filter}");
        }
        assert!(!admits("when:,2026-01-01") && !admits("when:2026-03-01"));
    }
}
