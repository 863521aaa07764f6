//! Verification of id_tokens: the checks of OpenID Connect Core section 3.1.3.7, in an order that trusts no claim
//! before the signature holds.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use time::{Duration, OffsetDateTime};

use super::provider::{Discovery, JwkSet, Provider, ProviderError};
use crate::{
    clock::Clock,
    secret::{AccessToken, IdToken, equal},
};

/// How far the clocks of Globus and of this machine may differ.
pub const LEEWAY: Duration = Duration::seconds(60);
/// The longest id_token that is looked at, in bytes.
pub const MAX_LENGTH: usize = 64 << 10;
/// The longest subject (OpenID Connect Core section 2).
const MAX_SUBJECT: usize = 255;

/// What an id_token, or userinfo, says about a person. Which members are there depends on the scopes that were granted.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct IdTokenClaims {
    /// The identity: the one name of a person that never changes and is never given to another.
    pub sub: String,
    /// The person's name (scope `profile`).
    pub name: Option<String>,
    /// The Globus username, `name@domain` (scope `profile`). It may change hands: never a key.
    pub preferred_username: Option<String>,
    /// The person's institution (scope `profile`).
    pub organization: Option<String>,
    /// The id of the identity provider (scope `profile`).
    pub identity_provider: Option<String>,
    /// The name of the identity provider (scope `profile`).
    pub identity_provider_display_name: Option<String>,
    /// The e-mail address (scope `email`). It may change hands: never a key.
    pub email: Option<String>,
    /// When the person last authenticated, in seconds since 1970.
    pub last_authentication: Option<i64>,
    /// All linked identities, `sub` among them.
    #[serde(default)]
    pub identity_set: Vec<LinkedIdentity>,
}

/// One of a person's linked identities.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LinkedIdentity {
    /// Its id.
    pub sub: String,
    /// Its username, `name@domain`.
    pub username: Option<String>,
    /// The person's name there.
    pub name: Option<String>,
    /// The institution.
    pub organization: Option<String>,
    /// The id of the identity provider.
    pub identity_provider: Option<String>,
    /// The name of the identity provider.
    pub identity_provider_display_name: Option<String>,
    /// The e-mail address there.
    pub email: Option<String>,
    /// When it was last used to authenticate, in seconds since 1970; nothing for one that never was.
    pub last_authentication: Option<i64>,
}

/// Why an id_token is refused.
#[derive(Debug, thiserror::Error)]
pub enum IdTokenError {
    /// It is not three base64url parts of a JSON Web Signature, or longer than [`MAX_LENGTH`].
    #[error("it is no JSON Web Signature in compact form")]
    Form,
    /// The algorithm is not RS512, the only one Globus announces (RFC 8725 section 3.1).
    #[error("it is not signed with RS512")]
    Algorithm,
    /// No key of Globus, or more than one, verifies the signature.
    #[error("its signature is not by a key of Globus")]
    Signature,
    /// A claim is missing, of another type, or not what it has to be.
    #[error("the claim {0} is not what it has to be")]
    Claim(&'static str),
    /// There is none to verify.
    #[error("there is no id_token: was the scope openid asked for?")]
    Missing,
    /// The provider's documents could not be had.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// What an id_token must fit to.
#[derive(Clone, Copy, Debug, Default)]
pub struct Expected<'a> {
    /// The nonce of this login. Where none was sent, an id_token with one belongs to another login and is refused.
    pub nonce: Option<&'a str>,
    /// The access token that came with it; without one, `at_hash` is not looked at.
    pub access_token: Option<&'a AccessToken>,
    /// Whether it came with a refresh: then a nonce, which should not be in it, is that of the login long ago, and is not
    /// looked at (section 12.2).
    pub of_a_refresh: bool,
}

/// Verifies id_tokens that Globus Auth made for one app.
#[derive(Debug)]
pub struct IdTokenVerifier {
    documents: Documents,
    client_id: String,
    clock: Clock,
}

/// Where the discovery document and the key set come from.
#[derive(Debug)]
enum Documents {
    /// Asked for, and asked for again when a key is missing.
    Provider(Arc<Provider>),
    /// As they were given, for good.
    Given(Arc<Discovery>, Arc<JwkSet>),
}

impl Documents {
    async fn discovery(&self) -> Result<Arc<Discovery>, ProviderError> {
        match self {
            Self::Provider(provider) => provider.discovery().await,
            Self::Given(discovery, _) => Ok(discovery.clone()),
        }
    }

    async fn keys(&self, again: bool) -> Result<Arc<JwkSet>, ProviderError> {
        match self {
            Self::Provider(provider) => provider.keys(again).await,
            Self::Given(_, keys) => Ok(keys.clone()),
        }
    }
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
    zip: Option<Value>,
    enc: Option<Value>,
}

/// Claims that are checked and not kept. Values are taken as they come and judged one by one, so that an odd one is a
/// refusal that names the claim.
#[derive(Deserialize)]
struct Checked {
    iss: Option<Value>,
    sub: Option<Value>,
    aud: Option<Value>,
    azp: Option<Value>,
    exp: Option<Value>,
    iat: Option<Value>,
    nbf: Option<Value>,
    nonce: Option<Value>,
    at_hash: Option<Value>,
}

impl IdTokenVerifier {
    /// A verifier for the app `client_id`, with the documents and the clock of `provider`.
    #[must_use]
    pub fn new(provider: Arc<Provider>, client_id: String) -> Self {
        let clock = provider.clock().clone();
        Self { documents: Documents::Provider(provider), client_id, clock }
    }

    /// A verifier for the app `client_id` with documents that the caller has: it makes no call, and it knows no key that is
    /// made later.
    #[must_use]
    pub fn from_documents(openid_configuration: Discovery, jwk: JwkSet, client_id: String, clock: Clock) -> Self {
        Self { documents: Documents::Given(Arc::new(openid_configuration), Arc::new(jwk)), client_id, clock }
    }

    /// Verifies an id_token and gives its claims (OpenID Connect Core section 3.1.3.7).
    ///
    /// # Errors
    /// [`IdTokenError`].
    pub async fn verify(&self, token: &IdToken, expected: &Expected<'_>) -> Result<IdTokenClaims, IdTokenError> {
        let parts = Parts::of(token.expose_secret())?;
        self.check_signature(&parts).await?;
        let checked: Checked = decode(parts.claims)?;
        let issuer = self.documents.discovery().await?.issuer.clone();
        check_claims(&checked, &issuer, &self.client_id, expected, self.clock.now())?;
        decode(parts.claims)
    }

    /// The signature, with the keys we have; where none fits, with the keys of today.
    async fn check_signature(&self, parts: &Parts<'_>) -> Result<(), IdTokenError> {
        let header: Header = decode(parts.header)?;
        if header.crit.is_some() || header.zip.is_some() || header.enc.is_some() {
            return Err(IdTokenError::Form);
        }
        if header.alg != "RS512" {
            return Err(IdTokenError::Algorithm);
        }
        let kid = header.kid.as_deref();
        if parts.signed_by_one_of(&*self.documents.keys(false).await?, kid) {
            return Ok(());
        }
        let keys = self.documents.keys(true).await?;
        if parts.signed_by_one_of(&keys, kid) { Ok(()) } else { Err(IdTokenError::Signature) }
    }
}

struct Parts<'a> {
    message: &'a str,
    header: &'a str,
    claims: &'a str,
    signature: &'a str,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Self, IdTokenError> {
        if token.len() > MAX_LENGTH {
            return Err(IdTokenError::Form);
        }
        let (message, signature) = token.rsplit_once('.').ok_or(IdTokenError::Form)?;
        let (header, claims) = message.split_once('.').ok_or(IdTokenError::Form)?;
        if claims.contains('.') {
            return Err(IdTokenError::Form);
        }
        Ok(Self { message, header, claims, signature })
    }

    /// Whether exactly one usable key of the set verifies the signature. A key with another `kid` than the token's is
    /// no candidate; where token or key has none, the signature alone decides (Globus has sent both forms).
    fn signed_by_one_of(&self, set: &JwkSet, kid: Option<&str>) -> bool {
        let candidates = set.keys.iter().filter_map(Key::read).filter(|key| match (kid, &key.kid) {
            (Some(wanted), Some(kid)) => wanted == kid,
            _ => true,
        });
        candidates.filter(|key| self.signed_by(key)).count() == 1
    }

    fn signed_by(&self, key: &Key) -> bool {
        crypto::verify(self.signature, self.message.as_bytes(), &key.key, Algorithm::RS512).unwrap_or(false)
    }
}

struct Key {
    kid: Option<String>,
    key: DecodingKey,
}

impl Key {
    /// A key of a set, when it is an RSA key that may sign with RS512; any other is passed over.
    fn read(value: &Value) -> Option<Self> {
        let usable = value["kty"] == "RSA"
            && (value["use"].is_null() || value["use"] == "sig")
            && (value["alg"].is_null() || value["alg"] == "RS512");
        if !usable {
            return None;
        }
        let key = DecodingKey::from_rsa_components(value["n"].as_str()?, value["e"].as_str()?).ok()?;
        Some(Self { kid: value["kid"].as_str().map(ToOwned::to_owned), key })
    }
}

fn decode<T: DeserializeOwned>(part: &str) -> Result<T, IdTokenError> {
    let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| IdTokenError::Form)?;
    serde_json::from_slice(&bytes).map_err(|_| IdTokenError::Form)
}

fn check_claims(
    claims: &Checked,
    issuer: &str,
    client_id: &str,
    expected: &Expected<'_>,
    now: OffsetDateTime,
) -> Result<(), IdTokenError> {
    let ensure = |holds: bool, claim: &'static str| if holds { Ok(()) } else { Err(IdTokenError::Claim(claim)) };
    // Section 3.1.3.7, steps 2 to 5.
    ensure(text(claims.iss.as_ref()) == Some(issuer), "iss")?;
    let audiences = audiences(claims.aud.as_ref()).ok_or(IdTokenError::Claim("aud"))?;
    ensure(audiences.contains(&client_id), "aud")?;
    ensure(claims.azp.is_none() || text(claims.azp.as_ref()) == Some(client_id), "azp")?;
    ensure(audiences.len() == 1 || claims.azp.is_some(), "azp")?;
    // Steps 9 and 10.
    let now = now.unix_timestamp();
    let leeway = LEEWAY.whole_seconds();
    ensure(seconds(claims.exp.as_ref()).is_some_and(|exp| now < exp.saturating_add(leeway)), "exp")?;
    ensure(seconds(claims.iat.as_ref()).is_some_and(|iat| iat <= now + leeway), "iat")?;
    ensure(claims.nbf.is_none() || seconds(claims.nbf.as_ref()).is_some_and(|nbf| nbf <= now + leeway), "nbf")?;
    // Step 11.
    ensure(expected.of_a_refresh || nonce_holds(claims.nonce.as_ref(), expected.nonce), "nonce")?;
    // Section 3.1.3.6.
    ensure(at_hash_holds(claims.at_hash.as_ref(), expected.access_token), "at_hash")?;
    // Section 2.
    let subject = text(claims.sub.as_ref()).unwrap_or_default();
    ensure(!subject.is_empty() && subject.len() <= MAX_SUBJECT && subject.bytes().all(|b| b.is_ascii_graphic()), "sub")
}

fn text(value: Option<&Value>) -> Option<&str> {
    value.and_then(Value::as_str)
}

fn audiences(aud: Option<&Value>) -> Option<Vec<&str>> {
    match aud? {
        Value::String(one) => Some(vec![one]),
        Value::Array(many) if !many.is_empty() => many.iter().map(Value::as_str).collect(),
        _ => None,
    }
}

/// A whole number of seconds since 1970. Fractions, texts and numbers beyond 2^53 are refused: Globus sends none.
fn seconds(value: Option<&Value>) -> Option<i64> {
    value.and_then(Value::as_i64).filter(|seconds| (0..1 << 53).contains(seconds))
}

fn nonce_holds(given: Option<&Value>, sent: Option<&str>) -> bool {
    match (given, sent) {
        (None, None) => true,
        (Some(given), Some(sent)) => given.as_str().is_some_and(|given| equal(given.as_bytes(), sent.as_bytes())),
        _ => false,
    }
}

fn at_hash_holds(at_hash: Option<&Value>, access_token: Option<&AccessToken>) -> bool {
    let (Some(at_hash), Some(access_token)) = (at_hash, access_token) else { return true };
    let hash = digest::digest(&digest::SHA512, access_token.expose_secret().as_bytes());
    let left_half = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..32]);
    at_hash.as_str().is_some_and(|given| equal(given.as_bytes(), left_half.as_bytes()))
}
