//! What introspection says of a token (RFC 7662 section 2.2), checked.

use serde_json::{Value, json};
use time::{Duration, OffsetDateTime};

use super::token::TokenHash;
use crate::globus::{auth::Introspection, id_token::IdTokenClaims};

/// How far the clock of Globus Auth may be ahead of ours; what the id_tokens of logins may have too.
const LEEWAY: Duration = Duration::minutes(5);
/// The longest `sub` and `client_id`: they are UUIDs.
const MAX_ID: usize = 255;

/// A caller whose token is for the portal.
#[derive(Clone, Debug)]
pub struct Program {
    /// The hash of the token.
    pub token: TokenHash,
    /// The identity that the token acts for, and those that are linked with it.
    pub claims: IdTokenClaims,
    /// The scopes of the token.
    pub scopes: Vec<String>,
    /// The app that the token was made for.
    pub client_id: String,
    /// When the token expires.
    pub expires_at: OffsetDateTime,
}

impl Program {
    /// Whether the token has exactly this scope.
    #[must_use]
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }
}

/// A caller, and the scope by which it was let in.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Who it is.
    pub program: std::sync::Arc<Program>,
    /// The scope that was required.
    pub scope: String,
}

/// What introspection must agree with.
#[derive(Debug)]
pub(super) struct Expected {
    /// The portal's client id, which is its name as a resource server.
    pub(super) client_id: String,
    /// The issuer: Globus Auth.
    pub(super) issuer: String,
}

/// Why a token does not name a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// The token is not good here.
    Refused(&'static str),
    /// The document does not say what it must.
    Malformed(&'static str),
}

impl Expected {
    /// The program that a document names.
    pub(super) fn read(
        &self,
        document: &Introspection,
        token: TokenHash,
        now: OffsetDateTime,
    ) -> Result<Program, Unfit> {
        if !document.active {
            return Err(Unfit::Refused("it is not active"));
        }
        let id = |value: &Option<String>| value.clone().filter(|id| (1..=MAX_ID).contains(&id.len()));
        let sub = id(&document.sub).ok_or(Unfit::Malformed("sub"))?;
        let client_id = id(&document.client_id).ok_or(Unfit::Malformed("client_id"))?;
        let scope = document.scope.as_deref().ok_or(Unfit::Malformed("scope"))?;
        let expires_at = document.exp.and_then(time_of).ok_or(Unfit::Malformed("exp"))?;
        if document.iss.as_deref().map(|iss| iss.trim_end_matches('/')) != Some(&*self.issuer) {
            return Err(Unfit::Malformed("iss"));
        }
        if !self.is_audience(&document.aud, &client_id) {
            return Err(Unfit::Refused("it is for another service"));
        }
        if expires_at <= now {
            return Err(Unfit::Refused("it has expired"));
        }
        if document.nbf.is_some_and(|nbf| time_of(nbf).is_none_or(|nbf| nbf - LEEWAY > now)) {
            return Err(Unfit::Refused("it is not valid yet"));
        }
        let claims = claims(document, &sub).ok_or(Unfit::Malformed("sub"))?.abridged();
        let scopes = scope.split_ascii_whitespace().map(ToOwned::to_owned).collect();
        Ok(Program { token, claims, scopes, client_id, expires_at })
    }

    /// Whether a token is for the portal. `aud` of Globus Auth names the resource server and also the app that the token was
    /// made for. So a token of the portal for another service has the portal in its `aud` too, beside that service; one that
    /// the portal has for itself names nothing else.
    fn is_audience(&self, aud: &[String], client_id: &str) -> bool {
        let is_portal = |id: &str| id.eq_ignore_ascii_case(&self.client_id);
        match is_portal(client_id) {
            true => !aud.is_empty() && aud.iter().all(|id| is_portal(id)),
            false => aud.iter().any(|id| is_portal(id)),
        }
    }
}

fn time_of(seconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

/// The same claims as of a login. `identity_set_detail` has the members that an id_token has in `identity_set`.
fn claims(document: &Introspection, sub: &str) -> Option<IdTokenClaims> {
    let set = document.more.get("identity_set_detail").unwrap_or(&Value::Null);
    let own = set.as_array().into_iter().flatten().find(|identity| identity["sub"] == sub).unwrap_or(&Value::Null);
    let claims = json!({
        "sub": sub,
        "name": document.name,
        "preferred_username": document.username,
        "email": document.email,
        "organization": own["organization"],
        "identity_provider": own["identity_provider"],
        "identity_provider_display_name": own["identity_provider_display_name"],
        "last_authentication": own["last_authentication"],
        "identity_set": set.as_array().map_or(&[][..], Vec::as_slice),
    });
    serde_json::from_value(claims).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use time::OffsetDateTime;

    use super::{super::token::BearerToken, Expected, Program, Unfit};

    const PORTAL: &str = "4d8f1a52-7c3e-4b09-9f61-2ac05e7d8b34";
    const OTHER: &str = "e1e0a7a4-b49f-4758-a9d2-5fa12f5d5aed";
    const NOW: i64 = 1_700_000_000;

    fn read(change: impl FnOnce(&mut Value)) -> Result<Program, Unfit> {
        let mut document = json!({
            "active": true, "scope": "a b", "client_id": OTHER, "username": "mira@uni.edu", "name": "Mira", "email": "m@uni.edu",
            "exp": NOW + 60, "iat": NOW, "nbf": NOW, "sub": "s", "aud": [PORTAL, OTHER], "iss": "https://auth.globus.org",
            "identity_set_detail": [
                {"sub": "t", "username": "m@other.org", "identity_provider": "q"}, "nonsense", {"username": "no id"},
                {"sub": "s", "username": "mira@uni.edu", "identity_provider": "p", "organization": "Uni", "last_authentication": 7},
            ],
        });
        change(&mut document);
        let expected = Expected { client_id: PORTAL.to_owned(), issuer: "https://auth.globus.org".to_owned() };
        let (document, token) = (serde_json::from_value(document).unwrap(), BearerToken::parse("a").unwrap().hash);
        expected.read(&document, token, OffsetDateTime::from_unix_timestamp(NOW).unwrap())
    }

    #[test]
    fn the_identities_are_those_that_a_login_would_give() {
        let program = read(|_| ()).unwrap();
        let claims = &program.claims;
        assert_eq!((&*claims.sub, claims.identity_provider.as_deref()), ("s", Some("p")));
        assert_eq!((claims.organization.as_deref(), claims.last_authentication), (Some("Uni"), Some(7)));
        let linked: Vec<_> = claims.identity_set.iter().map(|identity| &*identity.sub).collect();
        assert_eq!(linked, ["t", "s"]);
        assert!(
            program.has_scope("a") && program.has_scope("b") && !program.has_scope("a b") && !program.has_scope("")
        );
    }

    #[test]
    fn a_token_that_the_portal_has_for_another_service_is_not_one_for_the_portal() {
        let with = |aud: Value, client_id: &str| {
            read(|document| {
                document["aud"] = aud;
                document["client_id"] = client_id.into();
            })
            .is_ok()
        };
        assert!(with(json!([PORTAL.to_uppercase(), OTHER]), OTHER) && with(json!(PORTAL), OTHER));
        assert!(with(json!([PORTAL, PORTAL]), PORTAL) && with(json!([PORTAL]), PORTAL), "its own, for itself");
        assert!(!with(json!(["auth.globus.org", PORTAL]), PORTAL));
        assert!(!with(json!(["transfer.api.globus.org", OTHER]), OTHER));
        assert!(!with(json!([]), OTHER) && !with(json!([]), PORTAL));
    }

    #[test]
    fn what_is_missing_is_malformed_and_what_is_wrong_is_refused() {
        for name in ["sub", "client_id", "scope", "exp", "iss"] {
            let found = read(|document| drop(document.as_object_mut().unwrap().remove(name)));
            assert_eq!(found.unwrap_err(), Unfit::Malformed(name));
        }
        let set = |name: &'static str, value: Value| read(|document| document[name] = value).map(|_| ()).unwrap_err();
        for (name, value) in [
            ("sub", json!("")),
            ("sub", json!("s".repeat(256))),
            ("exp", json!("soon")),
            ("exp", json!(1e300)),
            ("exp", json!(i64::MAX)),
            ("iss", json!("https://auth.globus.org.evil")),
        ] {
            assert_eq!(set(name, value), Unfit::Malformed(name));
        }
        for (name, value) in [
            ("active", json!(false)),
            ("exp", json!(NOW)),
            ("exp", json!(-1)),
            ("nbf", json!(NOW + 301)),
            ("nbf", json!(i64::MAX)),
            ("aud", json!(7)),
        ] {
            assert!(matches!(set(name, value.clone()), Unfit::Refused(_)), "{name} {value}");
        }
        assert!(read(|document| document["nbf"] = (NOW + 300).into()).is_ok());
    }
}
