//! Documents of the services: the members that people use have types, and nothing else is lost.
//!
//! Globus adds members, leaves some out and sends null for others. An optional member that is missing, or of another type
//! than expected, counts as absent: one odd member does not spoil a list of a hundred good ones. Where a required one is
//! missing or odd, the error names it, and never a value: that may be a token.

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor, value::MapAccessDeserializer},
};
use serde_json::{Value, error::Category};

use crate::text::plain;

/// An object of JSON. serde's derived types would take a list as well, with the members in their order.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// The objects of a list.
pub(super) fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}

/// Reads a document. The error says what is wrong and where: it names the member and quotes no value.
pub(super) fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let document = serde_path_to_error::deserialize(&mut deserializer)
        .map_err(|error| problem(&error.path().to_string(), error.inner()))?;
    deserializer.end().map_err(|error| problem(".", &error))?;
    Ok(document)
}

/// What is wrong with a document. serde's own message may quote the document, so that only the parts are taken that come
/// from our own types.
fn problem(path: &str, error: &serde_json::Error) -> String {
    let message = error.to_string();
    let kind = match error.classify() {
        Category::Io | Category::Eof => "it ends too early".to_owned(),
        Category::Syntax if message.starts_with("recursion limit") => "it is nested too deeply".to_owned(),
        Category::Syntax => "it is not JSON".to_owned(),
        Category::Data => member_problem(path, &message),
    };
    format!("{kind} (line {}, column {})", error.line(), error.column())
}

fn member_problem(path: &str, message: &str) -> String {
    let path = plain(path);
    let inner = |name: &str| if path == "." { name.to_owned() } else { format!("{path}.{name}") };
    let named = |kind: &str| Some(inner(message.strip_prefix(kind)?.strip_prefix('`')?.split_once('`')?.0));
    if let Some(member) = named("missing field ") {
        return format!("{member} is missing");
    }
    if let Some(member) = named("duplicate field ") {
        return format!("{member} is there twice");
    }
    let member = if path == "." { "the document".to_owned() } else { path };
    match message.rsplit_once(", expected ") {
        Some((_, expected)) => format!("{member} is not {}", kind_of(expected)),
        None => format!("{member} cannot be read"),
    }
}

/// The kind of value that serde expected, in the words of JSON.
fn kind_of(expected: &str) -> &'static str {
    let is = |words: &[&str]| words.iter().any(|word| expected.starts_with(word));
    if is(&["a string", "a borrowed string", "string"]) {
        "a string"
    } else if is(&["a sequence", "sequence", "an array"]) {
        "a list"
    } else if is(&["struct", "a map", "map"]) {
        "an object"
    } else if is(&["a bool", "bool"]) {
        "true or false"
    } else if is(&["i", "u", "f"]) {
        "a number"
    } else {
        "what was expected"
    }
}

/// A member that is there, whatever its value: `null` is not the same as absent.
pub(super) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn readable<T: DeserializeOwned>(item: Value) -> Option<T> {
    serde_json::from_value::<Object<T>>(item).ok().map(|Object(value)| value)
}

/// The objects of a list that can be read; none where the value is no list.
pub(super) fn lenient_items<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    match Value::deserialize(deserializer)? {
        Value::Array(items) => Ok(items.into_iter().filter_map(readable).collect()),
        _ => Ok(Vec::new()),
    }
}

/// The same for a list that a document cannot do without.
pub(super) fn readable_items<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let items = Vec::<Value>::deserialize(deserializer)?;
    Ok(items.into_iter().filter_map(readable).collect())
}

/// A member's value, or its default where the value is of another type.
pub(super) fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// Declares documents. Their members are lenient, and `more` holds those that have no field. In brackets stands the list
/// of a document that is one: `DATA`, without which it is no such document at all.
macro_rules! documents {
    ($(
        $(#[$doc:meta])*
        $name:ident $([$list:ident: $items:ty])? { $($(#[$about:meta])* $field:ident: $type:ty,)* }
    )*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize, serde::Serialize)]
        #[non_exhaustive]
        pub struct $name {
            $(
                /// What is listed, in Globus's order.
                #[serde(rename = "DATA")]
                pub $list: $items,
            )?
            $(
                $(#[$about])*
                #[serde(default, deserialize_with = "crate::document::lenient")]
                pub $field: $type,
            )*
            /// All other members.
            #[serde(flatten)]
            pub more: std::collections::BTreeMap<String, serde_json::Value>,
        }
    )*};
}
