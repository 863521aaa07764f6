//! `[policies.NAME]`: tables of the settings file. A wrong one refuses the start: a policy that is not understood must not let
//! anybody in.

use std::{collections::BTreeMap, time::Duration};

use config::{Value, ValueKind};
use uuid::Uuid;

use crate::settings::{
    policies::{Policies, Policy},
    reader::Reader,
    unexpanded,
};

const KEY: &str = "policies";
const MEMBERS: [&str; 7] = ["title", "contact", "signed_in", "groups", "identity_providers", "identities", "domains"];
/// The most items of a list.
const MOST: usize = 1_000;

/// How long somebody who has left a group may still pass, in seconds.
const GROUPS_MAX_AGE_SECONDS: u32 = 300;

/// The policies, and how long a list of somebody's groups counts.
pub(super) fn read(reader: &mut Reader) -> (Policies, Duration) {
    let max_age = reader.seconds("GROUPS_MAX_AGE_SECONDS", GROUPS_MAX_AGE_SECONDS, (0, 3600, "3600"));
    (policies(reader), Duration::from_secs(max_age.into()))
}

fn policies(reader: &mut Reader) -> Policies {
    let Some((tables, origin)) = reader.named_tables(KEY) else { return Policies::default() };
    let mut policies = BTreeMap::new();
    for (name, table) in tables {
        let key = format!("{KEY}.{name}");
        if !is_name(&name) {
            let text = "expected a name of lower-case letters, digits and hyphens: it stands in addresses";
            reader.problem(&key, Some(origin.clone()), text);
            continue;
        }
        let mut policy = Policy::default();
        for (member, value) in table {
            if let Err(text) = set(&mut policy, &member, value) {
                reader.problem(&format!("{key}.{member}"), Some(origin.clone()), text);
            }
        }
        policies.insert(name, policy);
    }
    Policies(policies)
}

fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=64).contains(&name.len()) && name.chars().all(plain)
}

fn set(policy: &mut Policy, member: &str, value: Value) -> Result<(), String> {
    match member {
        "title" => policy.title = Some(text(value)?),
        "contact" => policy.contact = Some(text(value)?),
        "signed_in" => policy.signed_in = value.into_bool().map_err(|_| "expected true or false".to_owned())?,
        "groups" => policy.groups = list(value, id)?,
        "identity_providers" => policy.identity_providers = list(value, id)?,
        "identities" => policy.identities = list(value, id)?,
        "domains" => policy.domains = list(value, domain)?,
        other => return Err(unknown(other)),
    }
    Ok(())
}

fn unknown(name: &str) -> String {
    let likeness = |known: &str| strsim::jaro(known, name);
    let near = MEMBERS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|near| likeness(near) > 0.7);
    let hint = near.map(|near| format!(": did you mean {near}?")).unwrap_or_default();
    format!("a policy has no such condition{hint}")
}

fn text(value: Value) -> Result<String, String> {
    let text = value.into_string().map_err(|_| "expected one text".to_owned())?.trim().to_owned();
    match unexpanded::problem(&text) {
        Some(problem) => Err(problem),
        None if text.is_empty() || text.len() > 500 => Err("expected 1 to 500 characters".to_owned()),
        None => Ok(text),
    }
}

/// An empty list would let in either everybody or nobody, and which one is anybody's guess.
fn list(value: Value, item: impl Fn(&str) -> Result<String, String>) -> Result<Vec<String>, String> {
    let ValueKind::Array(values) = value.kind else { return Err("expected a list of strings".to_owned()) };
    if values.is_empty() || values.len() > MOST {
        return Err(format!("expected 1 to {MOST} items: leave the line out to ask for nothing"));
    }
    values
        .into_iter()
        .map(|value| item(&value.into_string().map_err(|_| "expected a list of strings".to_owned())?))
        .collect()
}

fn id(text: &str) -> Result<String, String> {
    Uuid::parse_str(text.trim()).map(|id| id.to_string()).map_err(|_| format!("{text:?} is not a UUID"))
}

fn domain(text: &str) -> Result<String, String> {
    let domain = text.trim().to_ascii_lowercase();
    let is_label =
        |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if domain.split('.').all(is_label) && domain.contains('.') {
        Ok(domain)
    } else {
        Err(format!("{text:?} is not a domain such as uni.example"))
    }
}
