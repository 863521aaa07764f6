//! What an id_token or userinfo says about a person.
//!
//! Only `sub` decides anything. Everything else is for people to read: a claim of another type than expected counts as
//! absent, and never keeps anybody out.

use serde::{Deserialize, Serialize};

use crate::document::{lenient, lenient_items};

/// How much of one text a session keeps, in bytes.
const MAX_TEXT: usize = 4 << 10;
/// How much of the linked identities a session keeps, in bytes of JSON: about 300 of them.
const MAX_IDENTITIES: usize = 96 << 10;

/// What an id_token, or userinfo, says about a person. Which members are there depends on the scopes that were granted.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct IdTokenClaims {
    /// The identity: the one name of a person that never changes and is never given to another.
    pub sub: String,
    /// The person's name (scope `profile`).
    #[serde(default, deserialize_with = "lenient")]
    pub name: Option<String>,
    /// The Globus username, `name@domain` (scope `profile`). It may change hands: never a key.
    #[serde(default, deserialize_with = "lenient")]
    pub preferred_username: Option<String>,
    /// The person's institution (scope `profile`).
    #[serde(default, deserialize_with = "lenient")]
    pub organization: Option<String>,
    /// The id of the identity provider (scope `profile`).
    #[serde(default, deserialize_with = "lenient")]
    pub identity_provider: Option<String>,
    /// The name of the identity provider (scope `profile`).
    #[serde(default, deserialize_with = "lenient")]
    pub identity_provider_display_name: Option<String>,
    /// The e-mail address (scope `email`). It may change hands: never a key.
    #[serde(default, deserialize_with = "lenient")]
    pub email: Option<String>,
    /// When the person last authenticated, in seconds since 1970.
    #[serde(default, deserialize_with = "lenient")]
    pub last_authentication: Option<i64>,
    /// All linked identities, including `sub`. Malformed entries are left out.
    #[serde(default, deserialize_with = "lenient_items")]
    pub identity_set: Vec<LinkedIdentity>,
    /// How many linked identities [`abridged`](Self::abridged) has left out.
    #[serde(default, deserialize_with = "lenient")]
    pub identities_left_out: usize,
}

/// One of a person's linked identities.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[non_exhaustive]
pub struct LinkedIdentity {
    /// Its id.
    pub sub: String,
    /// Its username, `name@domain`.
    #[serde(default, deserialize_with = "lenient")]
    pub username: Option<String>,
    /// The person's name there.
    #[serde(default, deserialize_with = "lenient")]
    pub name: Option<String>,
    /// The institution.
    #[serde(default, deserialize_with = "lenient")]
    pub organization: Option<String>,
    /// The id of the identity provider.
    #[serde(default, deserialize_with = "lenient")]
    pub identity_provider: Option<String>,
    /// The name of the identity provider.
    #[serde(default, deserialize_with = "lenient")]
    pub identity_provider_display_name: Option<String>,
    /// The e-mail address there.
    #[serde(default, deserialize_with = "lenient")]
    pub email: Option<String>,
    /// When it was last used to authenticate, in seconds since 1970; nothing for one that never was.
    #[serde(default, deserialize_with = "lenient")]
    pub last_authentication: Option<i64>,
}

impl IdTokenClaims {
    /// The same claims in the space that a session has for them. Long texts are cut. Where there are more linked identities
    /// than fit, those stay that were used last, the one that is logged in first; the others are counted.
    #[must_use]
    pub fn abridged(mut self) -> Self {
        let texts = [
            &mut self.name,
            &mut self.preferred_username,
            &mut self.organization,
            &mut self.identity_provider,
            &mut self.identity_provider_display_name,
            &mut self.email,
        ];
        texts.into_iter().flatten().for_each(cut);
        let sizes: Vec<usize> = self.identity_set.iter().map(LinkedIdentity::size).collect();
        self.identities_left_out = 0;
        if sizes.iter().sum::<usize>() > MAX_IDENTITIES {
            self.leave_out_identities();
        }
        self
    }

    fn leave_out_identities(&mut self) {
        let all = std::mem::take(&mut self.identity_set);
        let total = all.len();
        let mut all = all;
        all.sort_by_key(|identity| {
            (identity.sub != self.sub, std::cmp::Reverse(identity.last_authentication.unwrap_or_default()))
        });
        let mut left = MAX_IDENTITIES;
        self.identity_set = all
            .into_iter()
            .take_while(|identity| {
                let fits = identity.size() <= left;
                left = left.saturating_sub(identity.size());
                fits
            })
            .collect();
        self.identities_left_out = total - self.identity_set.len();
    }
}

impl LinkedIdentity {
    /// How much space it takes as JSON, in bytes.
    fn size(&self) -> usize {
        serde_json::to_vec(self).map_or(0, |json| json.len() + 1)
    }
}

/// Cuts a text, between two characters.
fn cut(text: &mut String) {
    text.truncate(text.floor_char_boundary(MAX_TEXT));
}
