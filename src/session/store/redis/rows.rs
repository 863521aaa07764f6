//! Rows, read from Redis's values and turned into them.

use hex::FromHex as _;
use time::OffsetDateTime;

use super::super::{
    error::StoreError,
    rows::{RevocationRow, SessionKey, SessionRow, TokenRow},
};

pub(super) fn corrupt(what: &str) -> StoreError {
    StoreError::new(format!("cannot read {what} in Redis"))
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

fn time(text: &[u8]) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(number(text)?).ok()
}

fn key(text: &[u8]) -> Option<[u8; 32]> {
    <[u8; 32]>::from_hex(text).ok()
}

/// The values of a hash or a script: texts that may be missing.
pub(super) type Values = Vec<Option<Vec<u8>>>;

/// A session from the values of its hash: record, person, last_seen, ends. `None` if all are missing.
pub(super) fn session_row(values: &Values) -> Result<Option<SessionRow>, StoreError> {
    if values.iter().all(Option::is_none) {
        return Ok(None);
    }
    let row = match &values[..] {
        [Some(record), Some(person), Some(last_seen), Some(ends)] => (|| {
            let (person, last_seen, ends) = (key(person)?, time(last_seen)?, time(ends)?);
            Some(SessionRow { record: record.clone(), person, last_seen, ends })
        })(),
        _ => None,
    };
    row.map(Some).ok_or_else(|| corrupt("a session"))
}

/// A session preceded by its key.
pub(super) fn keyed_row(mut values: Values) -> Result<(SessionKey, SessionRow), StoreError> {
    let row = if values.is_empty() { Values::new() } else { values.split_off(1) };
    let name = values.pop().flatten().and_then(|name| key(&name)).map(SessionKey);
    name.zip(session_row(&row)?).ok_or_else(|| corrupt("a session"))
}

/// The stored value of tokens.
pub(super) fn token_value(row: &TokenRow, version: i64) -> Vec<u8> {
    let mut value = format!("{version} {} ", row.revoke_until.unix_timestamp()).into_bytes();
    value.extend_from_slice(&row.sealed);
    value
}

pub(super) fn token_row(resource_server: &str, value: &[u8]) -> Result<TokenRow, StoreError> {
    let mut parts = value.splitn(3, |byte| *byte == b' ');
    let mut next = || parts.next().ok_or_else(|| corrupt("tokens"));
    let (version, revoke_until, sealed) = (next()?, next()?, next()?);
    Ok(TokenRow {
        resource_server: resource_server.to_owned(),
        sealed: sealed.to_vec(),
        version: number(version).ok_or_else(|| corrupt("tokens"))?,
        revoke_until: time(revoke_until).ok_or_else(|| corrupt("tokens"))?,
    })
}

/// Tokens to revoke: number, session, resource server, sealed.
pub(super) fn revocation_row(values: &Values) -> Option<RevocationRow> {
    let [Some(id), Some(session), Some(resource_server), Some(sealed)] = &values[..] else { return None };
    Some(RevocationRow {
        id: number(id)?,
        session: SessionKey(key(session)?),
        resource_server: String::from_utf8(resource_server.clone()).ok()?,
        sealed: sealed.clone(),
    })
}
