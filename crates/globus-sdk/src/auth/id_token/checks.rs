//! The claims that decide whom to trust (OpenID Connect Core section 3.1.3.7), each judged strictly.

use std::borrow::Cow;

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::refusal::{EXPIRED_LEEWAY, Expected, IdTokenError};
use crate::{
    clock_difference::LEEWAY,
    document,
    secret::{AccessToken, equal},
};

/// The longest subject (OpenID Connect Core section 2).
const MAX_SUBJECT: usize = 255;

/// Claims that are checked, as they come. They decide whom to trust: each is judged strictly.
#[derive(Deserialize)]
pub(super) struct Checked {
    #[serde(default, deserialize_with = "document::present")]
    iss: Option<Value>,
    #[serde(default, deserialize_with = "document::present")]
    sub: Option<Value>,
    #[serde(default, deserialize_with = "document::present")]
    aud: Option<Value>,
    #[serde(default, deserialize_with = "document::present")]
    azp: Option<Value>,
    #[serde(default, deserialize_with = "document::present")]
    exp: Option<Value>,
    #[serde(default, deserialize_with = "document::present")]
    iat: Option<Value>,
    #[serde(default, deserialize_with = "document::present")]
    nbf: Option<Value>,
    #[serde(default, deserialize_with = "document::present")]
    nonce: Option<Value>,
    #[serde(default, deserialize_with = "document::present")]
    at_hash: Option<Value>,
}

/// One claim, and what it is.
#[derive(Clone, Copy)]
struct Claim<'a> {
    name: &'static str,
    value: Option<&'a Value>,
}

impl<'a> Claim<'a> {
    fn of(name: &'static str, value: Option<&'a Value>) -> Self {
        Self { name, value }
    }

    fn refused(self, problem: impl Into<Cow<'static, str>>) -> IdTokenError {
        IdTokenError::Claim { name: self.name, problem: problem.into() }
    }

    fn ensure(self, holds: bool, problem: &'static str) -> Result<(), IdTokenError> {
        if holds { Ok(()) } else { Err(self.refused(problem)) }
    }

    fn required(self) -> Result<&'a Value, IdTokenError> {
        self.value.ok_or_else(|| self.refused("is missing"))
    }

    fn text(self) -> Result<&'a str, IdTokenError> {
        self.required()?.as_str().ok_or_else(|| self.refused("is not a string"))
    }

    /// A whole number of seconds since 1970. Fractions, texts and numbers beyond 2^53 are refused: Globus sends none.
    fn seconds(self) -> Result<i64, IdTokenError> {
        let value = self.required()?;
        if !value.is_number() {
            return Err(self.refused("is not a number"));
        }
        let seconds = value.as_i64().filter(|seconds| (0..1 << 53).contains(seconds));
        seconds.ok_or_else(|| self.refused("is not a whole number of seconds since 1970"))
    }

    /// A time that must not be further in the future than the clocks may differ.
    fn is_not_ahead(self, now: i64) -> Result<(), IdTokenError> {
        let ahead = self.seconds()? - now;
        if ahead <= LEEWAY.whole_seconds() {
            return Ok(());
        }
        Err(self.refused(format!("is {ahead} seconds in the future by this machine's clock")))
    }

    /// A time that must not be further in the past than an expiry may be.
    fn is_not_past(self, now: i64) -> Result<(), IdTokenError> {
        let past = now - self.seconds()?;
        if past < EXPIRED_LEEWAY.whole_seconds() {
            return Ok(());
        }
        Err(self.refused(format!("was {past} seconds ago by this machine's clock")))
    }
}

pub(super) fn check_claims(
    claims: &Checked,
    issuer: &str,
    client_id: &str,
    expected: &Expected<'_>,
    now: OffsetDateTime,
) -> Result<(), IdTokenError> {
    // Section 3.1.3.7, step 2.
    let iss = Claim::of("iss", claims.iss.as_ref());
    iss.ensure(iss.text()? == issuer, "is not the issuer that the discovery document names")?;
    check_audience(claims, client_id)?;
    // Steps 9 and 10.
    let now = now.unix_timestamp();
    Claim::of("exp", claims.exp.as_ref()).is_not_past(now)?;
    Claim::of("iat", claims.iat.as_ref()).is_not_ahead(now)?;
    if claims.nbf.is_some() {
        Claim::of("nbf", claims.nbf.as_ref()).is_not_ahead(now)?;
    }
    // Step 11.
    if !expected.of_a_refresh {
        check_nonce(Claim::of("nonce", claims.nonce.as_ref()), expected.nonce)?;
    }
    check_at_hash(Claim::of("at_hash", claims.at_hash.as_ref()), expected.access_token)?;
    check_subject(Claim::of("sub", claims.sub.as_ref()))
}

/// Section 3.1.3.7, steps 3 to 5.
fn check_audience(claims: &Checked, client_id: &str) -> Result<(), IdTokenError> {
    let aud = Claim::of("aud", claims.aud.as_ref());
    let audiences: Option<Vec<&str>> = match aud.required()? {
        Value::String(one) => Some(vec![one]),
        Value::Array(many) => many.iter().map(Value::as_str).collect(),
        _ => None,
    };
    let audiences = audiences.ok_or_else(|| aud.refused("is neither a string nor a list of strings"))?;
    aud.ensure(audiences.contains(&client_id), "does not name this app's client id")?;
    let azp = Claim::of("azp", claims.azp.as_ref());
    if azp.value.is_none() {
        return azp.ensure(audiences.len() == 1, "is missing, and aud names several apps");
    }
    azp.ensure(azp.text()? == client_id, "is not this app's client id")
}

fn check_nonce(nonce: Claim<'_>, sent: Option<&str>) -> Result<(), IdTokenError> {
    match (nonce.value, sent) {
        (None, None) => Ok(()),
        (Some(_), None) => Err(nonce.refused("is there, and none was sent")),
        (_, Some(sent)) => {
            nonce.ensure(equal(nonce.text()?.as_bytes(), sent.as_bytes()), "is not the one that this login has sent")
        }
    }
}

/// Section 3.1.3.6.
fn check_at_hash(at_hash: Claim<'_>, access_token: Option<&AccessToken>) -> Result<(), IdTokenError> {
    if at_hash.value.is_none() {
        return Ok(());
    }
    let given = at_hash.text()?;
    let Some(access_token) = access_token else { return Ok(()) };
    let hash = digest::digest(&digest::SHA512, access_token.expose_secret().as_bytes());
    let left_half = URL_SAFE_NO_PAD.encode(&hash.as_ref()[..32]);
    at_hash.ensure(equal(given.as_bytes(), left_half.as_bytes()), "is not that of the access token")
}

/// Section 2.
fn check_subject(sub: Claim<'_>) -> Result<(), IdTokenError> {
    let subject = sub.text()?;
    sub.ensure(!subject.is_empty(), "is empty")?;
    sub.ensure(subject.len() <= MAX_SUBJECT, "is longer than 255 characters")?;
    sub.ensure(subject.bytes().all(|b| b.is_ascii_graphic()), "has other characters than visible ASCII")
}
