//! What happened to a task.

use serde_json::{Map, Value, json};

use crate::ground::moment;
use crate::memory::mishaps::Mishap;

/// The most events of one task; a new one removes the second, because the first says when it started.
const MAX_EVENTS: usize = 1_000;

/// The events of one task, in their order.
#[derive(Default)]
pub(crate) struct Events {
    list: Vec<Event>,
    errors: usize,
}

struct Event {
    at: i64,
    code: &'static str,
    description: &'static str,
    details: String,
    is_error: bool,
}

impl Events {
    pub(crate) fn note(&mut self, at: i64, code: &'static str, description: &'static str, details: &str) {
        self.add(Event { at, code, description, details: details.to_owned(), is_error: false });
    }

    pub(crate) fn note_mishap(&mut self, at: i64, mishap: Mishap, details: &str) {
        let Mishap { code, description } = mishap;
        self.errors += 1;
        self.add(Event { at, code, description, details: details.to_owned(), is_error: true });
    }

    fn add(&mut self, event: Event) {
        if self.list.len() >= MAX_EVENTS {
            self.list.remove(1);
        }
        self.list.push(event);
    }

    /// How many errors there were.
    pub(crate) fn errors(&self) -> usize {
        self.errors
    }

    /// Their documents, the latest first.
    pub(crate) fn documents(&self) -> Vec<Map<String, Value>> {
        let document = |event: &Event| {
            [
                ("DATA_TYPE", json!("event")),
                ("code", json!(event.code)),
                ("description", json!(event.description)),
                ("details", json!(event.details)),
                ("is_error", json!(event.is_error)),
                ("time", json!(moment::iso(event.at / 1000))),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
        };
        self.list.iter().rev().map(document).collect()
    }
}
