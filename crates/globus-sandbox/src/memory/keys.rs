//! The signing key of `id_token`s, and JSON Web Signatures (RFC 7515, RFC 7518 section 3.3).

use std::sync::{Arc, OnceLock};
use std::thread;

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::sync::watch;

/// An RSA key with its key id.
pub(crate) struct SigningKey {
    pair: KeyPair,
    kid: String,
}

/// A key that may still be being generated.
#[derive(Clone)]
pub(crate) struct ComingKey(watch::Receiver<Option<Arc<SigningKey>>>);

/// The key could not be generated or could not sign.
#[derive(Debug)]
pub(crate) struct NoKey;

impl ComingKey {
    /// Starts generating the key in its own thread, so that only those who need the key wait for it.
    ///
    /// All sandboxes of one process share the key: generating one takes about as long as a hundred logins, and a test run
    /// starts hundreds of sandboxes. Their tokens still differ by issuer.
    pub(crate) fn begin() -> Self {
        static KEY: OnceLock<ComingKey> = OnceLock::new();
        Self::made_once(&KEY)
    }

    /// The key after a rotation. It is generated when it is first asked for.
    pub(crate) fn second() -> Self {
        static KEY: OnceLock<ComingKey> = OnceLock::new();
        Self::made_once(&KEY)
    }

    fn made_once(key: &OnceLock<Self>) -> Self {
        key.get_or_init(|| {
            let (sender, receiver) = watch::channel(None);
            thread::spawn(move || {
                if let Ok(key) = SigningKey::generate() {
                    sender.send_replace(Some(Arc::new(key)));
                }
            });
            Self(receiver)
        })
        .clone()
    }

    /// Waits for the key.
    pub(crate) async fn ready(&self) -> Result<Arc<SigningKey>, NoKey> {
        let mut receiver = self.0.clone();
        // An error means that the thread ended without a key; a key that was sent stays available after the thread ends.
        let key = receiver.wait_for(Option::is_some).await;
        key.ok().and_then(|key| key.clone()).ok_or(NoKey)
    }
}

impl SigningKey {
    fn generate() -> Result<Self, NoKey> {
        let started = std::time::Instant::now();
        let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| NoKey)?;
        tracing::debug!(elapsed = ?started.elapsed(), "sandbox: generated the signing key");
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().map_err(|_| NoKey)?;
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der.as_ref());
        // Key ids of Globus are digits. This one is derived from the key, so a new key has a new id.
        let kid = hash.as_ref()[..5].iter().fold(0_u64, |number, &byte| number << 8 | u64::from(byte));
        Ok(Self { pair, kid: kid.to_string() })
    }

    /// The public key as a member of a key set (RFC 7517, section 4).
    fn jwk(&self, with_kid: bool) -> Value {
        let public = self.pair.public_key();
        let text = |number: &[u8]| URL_SAFE_NO_PAD.encode(number);
        let mut key = json!({
            "alg": "RS512",
            "e": text(public.exponent().big_endian_without_leading_zero()),
            "kty": "RSA",
            "n": text(public.modulus().big_endian_without_leading_zero()),
            "use": "sig",
        });
        if with_kid {
            key["kid"] = json!(self.kid);
        }
        key
    }

    /// Signs claims as a compact JSON Web Token.
    pub(crate) fn sign(&self, claims: &impl Serialize, seal: &Seal) -> Result<String, NoKey> {
        let kid = match seal {
            Seal::WithKid => Some(self.kid.as_str()),
            Seal::WithKidOf(other) => Some(other.kid.as_str()),
            Seal::UnknownKid => Some("1"),
            Seal::WithoutKid | Seal::None | Seal::Hmac(_) => None,
        };
        let alg = match seal {
            Seal::None => "none",
            Seal::Hmac(_) => "HS256",
            _ => "RS512",
        };
        let input = format!("{}.{}", part(&Header { typ: "JWT", alg, kid })?, part(claims)?);
        let signature = match seal {
            Seal::None => vec![],
            Seal::Hmac(secret) => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
                hmac::sign(&key, input.as_bytes()).as_ref().to_vec()
            }
            _ => self.rs512(&input)?,
        };
        Ok(format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    fn rs512(&self, input: &str) -> Result<Vec<u8>, NoKey> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        let random = SystemRandom::new();
        self.pair.sign(&RSA_PKCS1_SHA512, &random, input.as_bytes(), &mut signature).map_err(|_| NoKey)?;
        Ok(signature)
    }
}

/// The key set (RFC 7517, section 5).
pub(crate) fn jwks(keys: &[Arc<SigningKey>], with_kid: bool) -> Value {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk(with_kid)).collect();
    json!({ "keys": keys })
}

/// The header of a JSON Web Token.
#[derive(Serialize)]
struct Header<'a> {
    typ: &'a str,
    alg: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

/// How a token is signed: correctly, or in a way that a verifier must reject.
pub(crate) enum Seal {
    WithKid,
    WithoutKid,
    /// Names a different key than the one that signs.
    WithKidOf(Arc<SigningKey>),
    UnknownKid,
    /// RFC 8725, section 3.1.
    None,
    Hmac(String),
}

fn part(value: &impl Serialize) -> Result<String, NoKey> {
    let json = serde_json::to_vec(value).map_err(|_| NoKey)?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}
