//! Faults that tests and developers switch on, to see whether a client copes.
//!
//! `POST /sandbox/faults` with a JSON object, or an array of them, switches faults on; `GET` lists the active faults and how
//! often each will still occur; `DELETE` clears them. An object has `fault`, the name, and these members:
//!
//! | fault | members besides `times` | what happens |
//! |---|---|---|
//! | `slow` | `ms` | the answer is delayed by this many milliseconds, at most a minute |
//! | `cut` | `after`, `processed` | the connection is closed after this many bytes (default 0); with `after` or `processed: true` the request takes effect first |
//! | `html` | `status` | an HTML page instead of JSON; status 200 by default |
//! | `content-type` | `value` | the real answer with another content type; `text/plain` by default |
//! | `status` | `status`, `retry_after`, `body` | this status instead of the answer, with an error document or the given JSON |
//! | `id-token-expired`, `id-token-not-yet-valid` | | its times are off by a day and more |
//! | `id-token-aud`, `id-token-iss`, `id-token-nonce`, `id-token-at-hash` | | that claim is wrong |
//! | `id-token-alg-none`, `id-token-alg-hs256` | | no signature; one with the client secret |
//! | `id-token-kid`, `id-token-signature` | | names an unknown key; signed by a different key than the named one |
//! | `id-token-missing`, `other-tokens-missing` | | the token answer lacks the member |
//! | `refresh-rotates` | | a refresh gives another refresh token and ends the old one |
//! | `refresh-rotates-strictly` | | and using the old one again ends the whole login (RFC 9700, section 4.14.2) |
//! | `token-life` | `seconds` | access tokens expire after this time |
//! | `keys-rotated`, `keys-overlap` | | another key signs; the key set has only that one, or both with the old one first |
//! | `keys-without-kid` | | key set and tokens have no `kid` |
//!
//! `times` is how many calls the fault affects; without it the fault stays on. Key faults take no `times`. The first five
//! also take `path`, a prefix of the affected paths, and `method`. They affect all routes except `/`, `/static` and
//! `/sandbox`. Of several faults that replace an answer only the first in the list applies, so a list of them is a sequence.

use serde_json::{Map, Value, json};

/// The most active faults: with more, a test has forgotten to clear them.
const MAX_FAULTS: usize = 100;
const MAX_MS: u64 = 60_000;

/// One fault that is on.
#[derive(Clone)]
struct Fault {
    name: &'static str,
    path: String,
    method: Option<String>,
    left: Option<u64>,
    settings: Map<String, Value>,
}

/// Name and settings of every fault. Those in `WIRE` also have a path and a method.
#[rustfmt::skip]
const WIRE: [(&str, &[&str]); 5] = [
    ("slow", &["ms"]),
    ("cut", &["after", "processed"]),
    ("html", &["status"]),
    ("content-type", &["value"]),
    ("status", &["status", "retry_after", "body"]),
];

/// Faults of the token endpoint; they can be counted.
const TOKENS: [&str; 15] = [
    "id-token-expired",
    "id-token-not-yet-valid",
    "id-token-aud",
    "id-token-iss",
    "id-token-nonce",
    "id-token-at-hash",
    "id-token-alg-none",
    "id-token-alg-hs256",
    "id-token-kid",
    "id-token-signature",
    "id-token-missing",
    "other-tokens-missing",
    "refresh-rotates",
    "refresh-rotates-strictly",
    "token-life",
];

/// Faults that are a state and cannot be counted.
const KEYS: [&str; 3] = ["keys-rotated", "keys-overlap", "keys-without-kid"];

/// What the active faults do to a request.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) wait_ms: u64,
    pub(crate) content_type: Option<String>,
    pub(crate) instead: Option<Instead>,
}

/// What replaces an answer.
#[derive(Debug)]
pub(crate) enum Instead {
    Cut { after: u64, processed: bool },
    Html { status: u16 },
    Status { status: u16, retry_after: Option<String>, body: Option<Value> },
}

/// The faults of the key set and the signatures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyFaults {
    /// The second key signs.
    pub(crate) rotated: bool,
    /// The first key is still in the set.
    pub(crate) overlap: bool,
    pub(crate) without_kid: bool,
}

/// All active faults, in the order in which they were switched on.
#[derive(Default)]
pub(crate) struct Faults(Vec<Fault>);

impl Faults {
    /// Switches on all faults of a document, or none: then the error is the reason.
    pub(crate) fn switch_on(&mut self, document: &Value) -> Result<(), String> {
        let asked = document.as_array().map_or(std::slice::from_ref(document), Vec::as_slice);
        let read: Vec<Fault> = asked.iter().map(Fault::read).collect::<Result<_, _>>()?;
        if self.0.len() + read.len() > MAX_FAULTS {
            return Err(format!("more than {MAX_FAULTS} faults: DELETE /sandbox/faults clears them"));
        }
        self.0.extend(read);
        Ok(())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn document(&self) -> Value {
        let faults: Vec<Value> = self.0.iter().map(Fault::document).collect();
        json!({ "faults": faults })
    }

    /// The effects on this request; counts as a use.
    pub(crate) fn meet(&mut self, method: &str, path: &str) -> Effects {
        let mut effects = Effects::default();
        for fault in &mut self.0 {
            if !fault.meets(method, path) {
                continue;
            }
            match fault.name {
                "slow" => effects.wait_ms = (effects.wait_ms + fault.number("ms", 1000)).min(MAX_MS),
                "content-type" => effects.content_type = Some(fault.text("value").unwrap_or("text/plain".into())),
                _ if effects.instead.is_some() => continue,
                _ => effects.instead = Some(fault.instead()),
            }
            fault.use_up();
        }
        self.drop_used();
        effects
    }

    /// Whether a fault of the token endpoint is on; counts as a use.
    pub(crate) fn take(&mut self, name: &str) -> bool {
        self.take_setting(name).is_some()
    }

    /// The first fault of the id_token that is on; counts as a use.
    pub(crate) fn take_id_token(&mut self) -> Option<&'static str> {
        let name = self.0.iter().map(|fault| fault.name).find(|name| name.starts_with("id-token-"))?;
        self.take(name).then_some(name)
    }

    /// How long access tokens live; counts as a use.
    pub(crate) fn take_token_life(&mut self) -> Option<i64> {
        let settings = self.take_setting("token-life")?;
        Some(settings.get("seconds").and_then(Value::as_i64).unwrap_or(1))
    }

    pub(crate) fn keys(&self) -> KeyFaults {
        let is_on = |name: &str| self.0.iter().any(|fault| fault.name == name);
        let overlap = is_on("keys-overlap");
        KeyFaults { rotated: overlap || is_on("keys-rotated"), overlap, without_kid: is_on("keys-without-kid") }
    }

    fn take_setting(&mut self, name: &str) -> Option<Map<String, Value>> {
        let fault = self.0.iter_mut().find(|fault| fault.name == name)?;
        let settings = fault.settings.clone();
        fault.use_up();
        self.drop_used();
        Some(settings)
    }

    fn drop_used(&mut self) {
        self.0.retain(|fault| fault.left != Some(0));
    }
}

impl Fault {
    fn read(document: &Value) -> Result<Self, String> {
        let object = document.as_object().ok_or("a fault is a JSON object")?;
        let asked = object.get("fault").and_then(Value::as_str).ok_or("'fault' has to be a name")?;
        let (name, settings) = known(asked).ok_or_else(|| format!("there is no fault '{asked}'"))?;
        let on_the_wire = WIRE.iter().any(|(known, _)| *known == name);
        for member in object.keys().map(String::as_str) {
            let fits = match member {
                "fault" => true,
                "times" => !KEYS.contains(&name),
                "path" | "method" => on_the_wire,
                _ => settings.contains(&member),
            };
            if !fits {
                return Err(format!("the fault '{name}' has no '{member}'"));
            }
        }
        let fault = Self {
            name,
            path: text(object, "path")?.unwrap_or_default(),
            method: text(object, "method")?.map(|method| method.to_uppercase()),
            left: whole_number(object, "times", 1, u64::MAX)?,
            settings: object.iter().filter(|(name, _)| settings.contains(&name.as_str())).map(own).collect(),
        };
        fault.check()?;
        Ok(fault)
    }

    /// Whether the settings are valid.
    fn check(&self) -> Result<(), String> {
        let settings = &self.settings;
        whole_number(settings, "ms", 0, MAX_MS)?;
        whole_number(settings, "after", 0, u64::MAX)?;
        let status = whole_number(settings, "status", 200, 599)?;
        let seconds = whole_number(settings, "seconds", 1, 172_800)?;
        if self.name == "status" && status.is_none() || self.name == "token-life" && seconds.is_none() {
            return Err(format!("the fault '{}' needs its number", self.name));
        }
        if settings.get("processed").is_some_and(|value| !value.is_boolean()) {
            return Err("'processed' has to be true or false".into());
        }
        for name in ["value", "retry_after"] {
            let text = self.text(name).unwrap_or_default();
            if text.len() > 200 || text.bytes().any(|byte| !(0x20..0x7f).contains(&byte)) {
                return Err(format!("'{name}' has to be the value of a header"));
            }
        }
        Ok(())
    }

    fn meets(&self, method: &str, path: &str) -> bool {
        let of_the_wire = WIRE.iter().any(|(known, _)| *known == self.name);
        of_the_wire && path.starts_with(&self.path) && self.method.as_ref().is_none_or(|wanted| wanted == method)
    }

    fn instead(&self) -> Instead {
        let status = |default| u16::try_from(self.number("status", default)).unwrap_or(500);
        match self.name {
            "cut" => Instead::Cut {
                after: self.number("after", 0),
                processed: self.settings.get("processed").and_then(Value::as_bool).unwrap_or(false),
            },
            "html" => Instead::Html { status: status(200) },
            _ => Instead::Status {
                status: status(500),
                retry_after: self.text("retry_after"),
                body: self.settings.get("body").cloned(),
            },
        }
    }

    fn number(&self, name: &str, default: u64) -> u64 {
        self.settings.get(name).and_then(Value::as_u64).unwrap_or(default)
    }

    /// A string; a number counts as its digits.
    fn text(&self, name: &str) -> Option<String> {
        match self.settings.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Null => None,
            other => Some(other.to_string()),
        }
    }

    fn use_up(&mut self) {
        self.left = self.left.map(|left| left.saturating_sub(1));
    }

    fn document(&self) -> Value {
        let mut document = self.settings.clone();
        document.insert("fault".into(), self.name.into());
        document.insert("times".into(), json!(self.left));
        if WIRE.iter().any(|(known, _)| *known == self.name) {
            document.insert("path".into(), self.path.as_str().into());
            document.insert("method".into(), json!(self.method));
        }
        document.into()
    }
}

fn own((name, value): (&String, &Value)) -> (String, Value) {
    (name.clone(), value.clone())
}

/// A fault's own name, and its settings.
fn known(asked: &str) -> Option<(&'static str, &'static [&'static str])> {
    let token = |name: &&'static str| **name == *asked;
    let plain = TOKENS.iter().chain(&KEYS).find(|name| token(name));
    WIRE.iter()
        .find(|(name, _)| *name == asked)
        .copied()
        .or_else(|| plain.map(|name| (*name, if *name == "token-life" { &["seconds"][..] } else { &[][..] })))
}

fn text(object: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(format!("'{name}' has to be a text")),
    }
}

fn whole_number(object: &Map<String, Value>, name: &str, least: u64, most: u64) -> Result<Option<u64>, String> {
    match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.as_u64().filter(|number| (least..=most).contains(number)) {
            Some(number) => Ok(Some(number)),
            None => Err(format!("'{name}' has to be a whole number from {least} to {most}")),
        },
    }
}

/// Every name, for the front page.
pub(crate) fn names() -> Vec<&'static str> {
    WIRE.iter().map(|(name, _)| *name).chain(TOKENS).chain(KEYS).collect()
}
