//! A choice that a person makes in Globus's web app: what it is for travels there and back in a ticket, sealed for the session
//! and good once. The ticket names a token that the browser keeps in a cookie; whoever comes back spends it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use time::{Duration, OffsetDateTime};

use super::{
    seal::{KeyRing, Purpose, SealError},
    store::SessionKey,
};
use crate::secret::random_bytes;

/// How long a person may take.
const GOOD_FOR: Duration = Duration::hours(1);
/// The most bytes of the fields: the ticket is twice in a URL.
const MAX_FIELDS: usize = 1 << 10;
/// How many choices a browser can have under way.
const UNDER_WAY: usize = 4;
const TOKEN: usize = 12;
const TIME: usize = 8;

/// What a choice is for: the fields of the form that it belongs to, form-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The fields.
    pub fields: String,
    token: [u8; TOKEN],
}

impl Choice {
    /// Begins one; `None` if the fields are too long for a URL.
    #[must_use]
    pub fn begin(fields: String) -> Option<Self> {
        (fields.len() <= MAX_FIELDS).then(|| Self { fields, token: random_bytes() })
    }

    /// The ticket, as text for a URL.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn ticket(&self, keys: &KeyRing, session: SessionKey, now: OffsetDateTime) -> Result<String, SealError> {
        let at = now.unix_timestamp().to_be_bytes();
        let plain = [&at[..], &self.token, self.fields.as_bytes()].concat();
        Ok(URL_SAFE_NO_PAD.encode(keys.seal(Purpose::Choice, &session.0, &plain)?))
    }

    /// Opens a ticket of this session that is less than an hour old.
    #[must_use]
    pub fn open(keys: &KeyRing, session: SessionKey, ticket: &str, now: OffsetDateTime) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(ticket).ok()?;
        let opened = keys.open(Purpose::Choice, &session.0, &sealed)?;
        let (at, rest) = opened.plain.split_first_chunk::<TIME>()?;
        let (token, fields) = rest.split_first_chunk::<TOKEN>()?;
        let at = OffsetDateTime::from_unix_timestamp(i64::from_be_bytes(*at)).ok()?;
        let fields = String::from_utf8(fields.to_vec()).ok()?;
        (now - at < GOOD_FOR).then_some(Self { fields, token: *token })
    }
}

/// The tokens of the choices that a browser has under way, as its cookie keeps them. The ticket proves where a token comes
/// from, so the cookie needs no proof of its own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnderWay(Vec<[u8; TOKEN]>);

impl UnderWay {
    /// Reads the cookie.
    #[must_use]
    pub fn read(cookie: &str) -> Self {
        let bytes = URL_SAFE_NO_PAD.decode(cookie).unwrap_or_default();
        Self(bytes.chunks_exact(TOKEN).take(UNDER_WAY).filter_map(|token| token.try_into().ok()).collect())
    }

    /// With one more; the oldest gives way.
    #[must_use]
    pub fn with(mut self, choice: &Choice) -> Self {
        let from = (self.0.len() + 1).saturating_sub(UNDER_WAY);
        self.0.drain(..from);
        self.0.push(choice.token);
        self
    }

    /// Without this one; `None` if it is not among them, so that it has been spent.
    #[must_use]
    pub fn spend(mut self, choice: &Choice) -> Option<Self> {
        let at = self.0.iter().position(|token| *token == choice.token)?;
        self.0.remove(at);
        Some(self)
    }

    /// The cookie.
    #[must_use]
    pub fn cookie(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0.concat())
    }
}

#[cfg(test)]
mod tests {
    use super::{Choice, UnderWay};

    #[test]
    fn a_choice_is_spent_once_and_the_oldest_of_many_gives_way() {
        let choices: Vec<_> = (0..5).filter_map(|number| Choice::begin(format!("n={number}"))).collect();
        let all = choices.iter().fold(UnderWay::default(), UnderWay::with);
        let read = UnderWay::read(&all.cookie());
        assert_eq!(read, all);
        assert_eq!(read.clone().spend(&choices[0]), None, "it gave way");
        let rest = read.spend(&choices[4]).unwrap_or_default();
        assert_eq!((rest.clone().spend(&choices[4]), rest.0.len()), (None, 3), "it is spent");
        assert_eq!(
            UnderWay::read("no base64!").0.len() + UnderWay::read("").0.len() + UnderWay::read("AAAA").0.len(),
            0
        );
        assert!(Choice::begin("x".repeat(2000)).is_none());
    }
}
