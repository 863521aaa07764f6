//! `[policies.NAME]`: tables of the settings file. A wrong one refuses the start: a policy that is not understood must not let
//! anybody in.

use std::{collections::BTreeMap, time::Duration};

use config::{Value, ValueKind};
use uuid::Uuid;

use crate::{
    globus::scopes,
    settings::{
        policies::{Policies, Policy},
        reader::Reader,
        unexpanded,
    },
};

const KEY: &str = "policies";
const MEMBERS: [&str; 13] = [
    "title",
    "contact",
    "signed_in",
    "groups",
    "identity_providers",
    "identities",
    "domains",
    "mfa",
    "authentication_max_age_seconds",
    "single_domain",
    "session_policies",
    "program_scope",
    "access_token",
];
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
        "signed_in" => policy.signed_in = boolean(&value)?,
        "groups" => policy.groups = list(value, id)?,
        "identity_providers" => policy.identity_providers = list(value, id)?,
        "identities" => policy.identities = list(value, id)?,
        "domains" => policy.domains = list(value, domain)?,
        "mfa" => policy.mfa = boolean(&value)?,
        "authentication_max_age_seconds" => policy.authentication_max_age = Some(age(&value)?),
        "single_domain" => policy.single_domain = list(value, domain)?,
        "session_policies" => policy.session_policies = list(value, id)?,
        "program_scope" => policy.program_scope = Some(scope(&text(value)?)?),
        "access_token" => policy.access_token = Some(resource_server(&text(value)?)?),
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
    let ValueKind::String(text) = value.kind else { return Err("expected one text in quotes".to_owned()) };
    let text = text.trim().to_owned();
    match unexpanded::problem(&text) {
        Some(problem) => Err(problem),
        None if text.is_empty() || text.len() > 500 => Err("expected 1 to 500 characters".to_owned()),
        None => Ok(text),
    }
}

fn boolean(value: &Value) -> Result<bool, String> {
    match value.kind {
        ValueKind::Boolean(value) => Ok(value),
        _ => Err("expected true or false, without quotes".to_owned()),
    }
}

/// A shorter one would send people to Globus over and over.
fn age(value: &Value) -> Result<Duration, String> {
    let seconds = match value.kind {
        ValueKind::I64(seconds) => u64::try_from(seconds).ok().filter(|seconds| (60..=31_536_000).contains(seconds)),
        _ => None,
    };
    seconds.map(Duration::from_secs).ok_or_else(|| "expected a number of seconds from 60 to 31536000".to_owned())
}

fn scope(text: &str) -> Result<String, String> {
    match scopes::parse([text]).as_deref() {
        Ok([one]) if one.scope_string() == text => Ok(text.to_owned()),
        _ => Err("expected one scope without dependencies, as in 'https://auth.globus.org/scopes/APP_CLIENT_ID/all'"
            .to_owned()),
    }
}

fn resource_server(text: &str) -> Result<String, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    let is_one = text.bytes().all(plain);
    is_one
        .then(|| text.to_owned())
        .ok_or_else(|| "expected one resource server, as in 'transfer.api.globus.org'".to_owned())
}

/// An empty list would let in either everybody or nobody, and which one is anybody's guess.
fn list(value: Value, item: impl Fn(&str) -> Result<String, String>) -> Result<Vec<String>, String> {
    let ValueKind::Array(values) = value.kind else { return Err("expected a list of strings".to_owned()) };
    if values.is_empty() || values.len() > MOST {
        return Err(format!("expected 1 to {MOST} items: leave the line out to ask for nothing"));
    }
    values
        .into_iter()
        .map(|value| match value.kind {
            ValueKind::String(text) => item(&text),
            _ => Err("expected a list of strings".to_owned()),
        })
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
