//! Documents of the services: the members that people use have types, and nothing else is lost.
//!
//! Globus adds members, leaves some out and sends null for others. A member that is missing, or of another type than
//! expected, is as if it had not been told: one odd member does not spoil a list of a hundred good ones.

use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::Value;

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
                #[serde(default, deserialize_with = "crate::globus::document::lenient")]
                pub $field: $type,
            )*
            /// Everything else that was told, as it came.
            #[serde(flatten)]
            pub more: std::collections::BTreeMap<String, serde_json::Value>,
        }
    )*};
}
