//! How tokens are written by serde: with their secrets, and in the members of the Python SDK's token files.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use time::OffsetDateTime;

use crate::secret::{AccessToken, IdToken, RefreshToken};

pub(super) fn access_token<S: Serializer>(token: &AccessToken, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(token.expose_secret())
}

pub(super) fn refresh_token<S: Serializer>(token: &Option<RefreshToken>, serializer: S) -> Result<S::Ok, S::Error> {
    token.as_ref().map(RefreshToken::expose_secret).serialize(serializer)
}

pub(super) fn id_token<S: Serializer>(token: &Option<IdToken>, serializer: S) -> Result<S::Ok, S::Error> {
    token.as_ref().map(IdToken::expose_secret).serialize(serializer)
}

/// Scopes, as one text with spaces between them.
pub(super) fn write_scope<S: Serializer>(scopes: &[String], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&scopes.join(" "))
}

pub(super) fn read_scope<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let scopes = String::deserialize(deserializer)?;
    Ok(scopes.split_whitespace().map(ToOwned::to_owned).collect())
}

/// A time, in whole seconds since 1970.
pub(super) fn write_seconds<S: Serializer>(time: &OffsetDateTime, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_i64(time.unix_timestamp())
}

pub(super) fn read_seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<OffsetDateTime, D::Error> {
    OffsetDateTime::from_unix_timestamp(i64::deserialize(deserializer)?).map_err(D::Error::custom)
}
