//! Verification of id_tokens: the checks of OpenID Connect Core section 3.1.3.7, in an order that trusts no claim
//! before the signature holds.

mod checks;
mod refusal;

use std::sync::Arc;

use self::checks::{Checked, check_claims};
pub use self::refusal::{EXPIRED_LEEWAY, Expected, IdTokenError};
pub use super::claims::{IdTokenClaims, LinkedIdentity};
use super::{
    app::AppAuthClient,
    kept::ProviderError,
    provider::{Discovery, JwkSet, Provider},
    tokens::TokenResponse,
};
pub use crate::clock_difference::LEEWAY;
use crate::{
    clock::Clock,
    document::{self, Object},
    secret::IdToken,
};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// The longest id_token that is looked at, in bytes: with 2,000 linked identities it has about a million.
pub const MAX_LENGTH: usize = 1280 << 10;
/// How often a newer key set is looked for, where each lacks the key.
const NEWER_KEY_SETS: usize = 2;

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

    async fn keys(&self) -> Result<Arc<JwkSet>, ProviderError> {
        match self {
            Self::Provider(provider) => provider.keys().await,
            Self::Given(_, keys) => Ok(keys.clone()),
        }
    }

    async fn keys_newer_than(&self, known: &Arc<JwkSet>) -> Result<Arc<JwkSet>, ProviderError> {
        match self {
            Self::Provider(provider) => provider.keys_newer_than(known).await,
            Self::Given(_, keys) => Ok(keys.clone()),
        }
    }
}

/// Members of the header, as they come: an odd one is a refusal that names it, and `null` is not the same as absent.
#[derive(Deserialize)]
struct Header {
    #[serde(default, deserialize_with = "document::present")]
    alg: Option<Value>,
    #[serde(default, deserialize_with = "document::present")]
    kid: Option<Value>,
    #[serde(default, deserialize_with = "document::present")]
    crit: Option<Value>,
    #[serde(default, deserialize_with = "document::present")]
    zip: Option<Value>,
    #[serde(default, deserialize_with = "document::present")]
    enc: Option<Value>,
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
        let claims = decoded(parts.claims, "its claims")?;
        let checked: Checked = read(&claims, "its claims")?;
        let issuer = self.documents.discovery().await?.issuer.clone();
        check_claims(&checked, &issuer, &self.client_id, expected, self.clock.now())?;
        // What is for people to read may be there twice, or be of any type.
        let claims: Value = read(&claims, "its claims")?;
        IdTokenClaims::deserialize(claims).map_err(|_| IdTokenError::Form("its claims".to_owned()))
    }

    /// The signature, with the keys we have; where none fits, with the keys of today.
    async fn check_signature(&self, parts: &Parts<'_>) -> Result<(), IdTokenError> {
        let header: Header = read(&decoded(parts.header, "its header")?, "its header")?;
        let kid = header.check()?;
        let mut keys = self.documents.keys().await?;
        for _ in 0..NEWER_KEY_SETS {
            if parts.signed_by_one_of(&keys, kid) {
                return Ok(());
            }
            let newer = self.documents.keys_newer_than(&keys).await?;
            if Arc::ptr_eq(&newer, &keys) {
                return Err(IdTokenError::Signature);
            }
            keys = newer;
        }
        if parts.signed_by_one_of(&keys, kid) { Ok(()) } else { Err(IdTokenError::Signature) }
    }
}

impl Header {
    /// Whether this verifier can judge a token with this header; gives the id of its key.
    fn check(&self) -> Result<Option<&str>, IdTokenError> {
        let refuse = |name, problem| Err(IdTokenError::Header { name, problem });
        if self.crit.is_some() {
            return refuse("crit", "is present, but no critical extensions are supported");
        }
        if self.zip.is_some() {
            return refuse("zip", "is present, but compression is not supported");
        }
        if self.enc.is_some() {
            return refuse("enc", "is present, but encryption is not supported");
        }
        match &self.alg {
            None => return refuse("alg", "is missing"),
            Some(Value::String(alg)) if alg == "RS512" => {}
            Some(Value::String(_)) => return Err(IdTokenError::Algorithm),
            Some(_) => return refuse("alg", "is not a string"),
        }
        match &self.kid {
            None => Ok(None),
            Some(Value::String(kid)) => Ok(Some(kid)),
            Some(_) => refuse("kid", "is not a string"),
        }
    }
}

struct Parts<'a> {
    message: &'a str,
    header: &'a str,
    claims: &'a str,
    /// Empty where it is not base64url: no key verifies that.
    signature: Vec<u8>,
}

impl<'a> Parts<'a> {
    fn of(token: &'a str) -> Result<Self, IdTokenError> {
        if token.len() > MAX_LENGTH {
            return Err(IdTokenError::Form(format!("it is longer than {MAX_LENGTH} bytes")));
        }
        let form = || IdTokenError::Form("it is not a JSON Web Signature of three parts".to_owned());
        let (message, signature) = token.rsplit_once('.').ok_or_else(form)?;
        let (header, claims) = message.split_once('.').ok_or_else(form)?;
        if claims.contains('.') {
            return Err(form());
        }
        Ok(Self { message, header, claims, signature: URL_SAFE_NO_PAD.decode(signature).unwrap_or_default() })
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

    /// RS512: RSASSA-PKCS1-v1_5 with SHA-512, by a key of 2,048 bits or more (RFC 7518 section 3.3).
    fn signed_by(&self, key: &Key) -> bool {
        let (message, signature) = (self.message.as_bytes(), &self.signature);
        key.public.verify(&RSA_PKCS1_2048_8192_SHA512, message, signature).is_ok()
    }
}

struct Key {
    kid: Option<String>,
    public: RsaPublicKeyComponents<Vec<u8>>,
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
        let number = |name: &str| URL_SAFE_NO_PAD.decode(value[name].as_str()?).ok();
        let public = RsaPublicKeyComponents { n: number("n")?, e: number("e")? };
        Some(Self { kid: value["kid"].as_str().map(ToOwned::to_owned), public })
    }
}

fn decoded(part: &str, which: &str) -> Result<Vec<u8>, IdTokenError> {
    URL_SAFE_NO_PAD.decode(part).map_err(|_| IdTokenError::Form(format!("{which}: not base64url")))
}

fn read<T: DeserializeOwned>(json: &[u8], which: &str) -> Result<T, IdTokenError> {
    document::read(json).map(|Object(value)| value).map_err(|problem| IdTokenError::Form(format!("{which}: {problem}")))
}

impl<K> AppAuthClient<K> {
    /// Verifies id_tokens that Globus Auth makes for this app. It keeps the provider's documents in memory: make one, and
    /// keep it.
    #[must_use]
    pub fn id_token_verifier(&self) -> IdTokenVerifier {
        let provider = Provider::new(self, self.clock.clone());
        IdTokenVerifier::new(Arc::new(provider), self.client_id.clone())
    }
}

impl TokenResponse {
    /// Verifies the id_token and gives its claims. `nonce` is the one that the login was begun with, if it was begun with
    /// one.
    ///
    /// # Errors
    /// [`IdTokenError`]; [`IdTokenError::Missing`] when `openid` was not granted.
    pub async fn decode_id_token(
        &self,
        verifier: &IdTokenVerifier,
        nonce: Option<&str>,
    ) -> Result<IdTokenClaims, IdTokenError> {
        let id_token = self.id_token().ok_or(IdTokenError::Missing)?;
        let expected = Expected { nonce, access_token: Some(self.access_token()), of_a_refresh: false };
        verifier.verify(id_token, &expected).await.map_err(|error| error.explained_by(self.difference))
    }
}
