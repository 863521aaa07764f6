//! Who is logged in: typed access to the record of a session.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use time::OffsetDateTime;
use tower_sessions::{Session, session::Error};

use crate::globus::id_token::IdTokenClaims;

const KEY: &str = "user";

/// What a session says about its person. Written at login and not changed afterwards.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct UserSession {
    /// What the id_token said.
    pub claims: IdTokenClaims,
    /// When the person logged in.
    #[serde(with = "time::serde::timestamp")]
    pub began: OffsetDateTime,
}

impl UserSession {
    /// Who is logged in; `None` only when nobody is. A record of a form that this version does not know is nobody's.
    ///
    /// # Errors
    /// When the store does not answer: then nothing is known.
    pub async fn load(session: &Session) -> Result<Option<Self>, Error> {
        match session.get(KEY).await {
            Err(Error::SerdeJson(_)) => Ok(None),
            other => other,
        }
    }

    /// Begins a session under a new id, in the store when this returns. A session that the browser had before must have
    /// been ended.
    ///
    /// # Errors
    /// When the store does not answer.
    pub async fn begin(self, session: &Session) -> Result<(), Error> {
        session.insert(KEY, self).await?;
        session.save().await
    }

    /// The name to show: the person's, or the username, or the id.
    #[must_use]
    pub fn display_name(&self) -> &str {
        let claims = &self.claims;
        let names = [&claims.name, &claims.preferred_username];
        names.into_iter().flatten().find(|name| !name.trim().is_empty()).unwrap_or(&claims.sub)
    }
}

/// The identity of the person in a record; empty for a record that has none.
pub(super) fn person_of(data: &HashMap<String, Value>) -> &str {
    data.get(KEY).and_then(|user| user["claims"]["sub"].as_str()).unwrap_or_default()
}
