//! Token responses: one token per resource server.

use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::stored;
use crate::{
    clock_difference::ClockDifference,
    document::objects,
    error::{ApiError, CallError},
    scopes::{self, Scope, Scopes},
    secret::{AccessToken, IdToken, RefreshToken},
    service::answer::Answer,
};

/// Why the token endpoint gave no tokens.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The code or refresh token is unknown, used, expired, revoked, or was made for something else: `invalid_grant`
    /// (RFC 6749 section 5.2). Globus says so with status 401 for codes and 400 for refresh tokens.
    #[error("Globus refuses the grant: {0}")]
    InvalidGrant(#[source] ApiError),
    /// Globus does not accept our client id and secret.
    #[error("Globus does not accept the client id and secret: {0}")]
    ClientRefused(#[source] ApiError),
    /// Anything else.
    #[error(transparent)]
    Call(CallError),
}

impl From<CallError> for TokenError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Api(error) if error.is_invalid_grant() => Self::InvalidGrant(error),
            CallError::Api(error) if error.http_status() == 401 => Self::ClientRefused(error),
            error => Self::Call(error),
        }
    }
}

impl TokenError {
    /// The error for a log: as it prints, but without the texts of the service ([`ApiError::for_log`]).
    #[must_use]
    pub fn for_log(&self) -> String {
        match self {
            Self::InvalidGrant(error) => format!("Globus refuses the grant: {}", error.for_log()),
            Self::ClientRefused(error) => {
                format!("Globus does not accept the client id and secret: {}", error.for_log())
            }
            Self::Call(error) => error.for_log(),
        }
    }

    /// The failed call, without the distinction.
    #[must_use]
    pub fn into_call_error(self) -> CallError {
        match self {
            Self::InvalidGrant(error) | Self::ClientRefused(error) => CallError::Api(error),
            Self::Call(error) => error,
        }
    }
}

/// The token of one resource server.
///
/// serde writes it and reads it again, for programs that keep tokens: with `scope`, `access_token`, `refresh_token`,
/// `expires_at_seconds` and `resource_server`, the members that the Python SDK writes too. What is written is secret: keep
/// it as you would a password, encrypted or in a file that its owner alone can read. The time is cut to whole seconds.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Token {
    /// Whose API it is for: `transfer.api.globus.org`, a client id, …
    pub resource_server: String,
    /// The scopes that were granted, in Globus's order.
    #[serde(rename = "scope", serialize_with = "stored::write_scope", deserialize_with = "stored::read_scope")]
    pub scopes: Vec<String>,
    /// The access token.
    #[serde(serialize_with = "stored::access_token")]
    pub access_token: AccessToken,
    /// The refresh token, when offline access was requested.
    #[serde(serialize_with = "stored::refresh_token")]
    pub refresh_token: Option<RefreshToken>,
    /// When the access token expires.
    #[serde(
        rename = "expires_at_seconds",
        serialize_with = "stored::write_seconds",
        deserialize_with = "stored::read_seconds"
    )]
    pub expires_at: OffsetDateTime,
}

/// What the token endpoint answers to a grant (Globus Auth developer guide, "token response"; RFC 6749 section 5.1).
///
/// serde writes it and reads it again. What is written is secret, as of a [`Token`], and is not the document that Globus
/// sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TokenResponse {
    #[serde(serialize_with = "stored::access_token")]
    access_token: AccessToken,
    tokens: Vec<Token>,
    #[serde(serialize_with = "stored::id_token")]
    id_token: Option<IdToken>,
    /// How far the clocks differed when it came.
    #[serde(skip)]
    pub(super) difference: Option<ClockDifference>,
}

/// The document as it is sent. Members that this crate does not use are passed over. What a token is, whose it is and how
/// long it is good is required; `null` for a refresh token or an id_token is the same as none.
#[derive(Deserialize)]
struct Document {
    access_token: AccessToken,
    refresh_token: Option<RefreshToken>,
    token_type: String,
    scope: String,
    resource_server: String,
    #[serde(default)]
    expires_in: f64,
    #[serde(deserialize_with = "objects")]
    other_tokens: Vec<TokenDocument>,
    id_token: Option<IdToken>,
}

/// One token of such a document.
#[derive(Deserialize)]
struct TokenDocument {
    access_token: AccessToken,
    refresh_token: Option<RefreshToken>,
    token_type: String,
    scope: String,
    resource_server: String,
    #[serde(default)]
    expires_in: f64,
}

impl TokenResponse {
    pub(super) fn read(answer: &Answer, now: OffsetDateTime) -> Result<Self, CallError> {
        let document: Document = answer.document()?;
        let top = TokenDocument {
            access_token: document.access_token.clone(),
            refresh_token: document.refresh_token,
            token_type: document.token_type,
            scope: document.scope,
            resource_server: document.resource_server,
            expires_in: document.expires_in,
        };
        let documents = std::iter::once(top).chain(document.other_tokens);
        let tokens = by_resource_server(documents, now).map_err(|problem| answer.malformed(problem))?;
        let difference = answer.clock_difference(now);
        Ok(Self { access_token: document.access_token, tokens, id_token: document.id_token, difference })
    }

    /// The access token at the top of the response: the one that `at_hash` of the id_token is about (OpenID Connect
    /// Core section 3.1.3.6), whatever other tokens there are.
    #[must_use]
    pub fn access_token(&self) -> &AccessToken {
        &self.access_token
    }

    /// The tokens in Globus's order: each resource server once. Where a response names one twice, the later
    /// document counts, in the place of the first.
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// The token of a resource server.
    #[must_use]
    pub fn by_resource_server(&self, resource_server: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.resource_server == resource_server)
    }

    /// The one token that has all these scopes; `None` when a scope was not granted, when the scopes belong to more than one
    /// resource server, when there are none, or when the text cannot be parsed. Only the names of the top-level scopes are
    /// compared: a token lists neither dependencies nor the mark of optional scopes.
    #[must_use]
    pub fn by_scopes(&self, scopes: impl Into<Scopes>) -> Option<&Token> {
        by_scopes(&self.tokens, scopes)
    }

    /// The id_token, when `openid` was granted: not verified.
    #[must_use]
    pub fn id_token(&self) -> Option<&IdToken> {
        self.id_token.as_ref()
    }
}

/// What the token endpoint answers to a dependent token grant: one token for each service that is depended on, and
/// never an id_token. serde writes it and reads it again. What is written is secret, as of a [`Token`].
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DependentTokenResponse {
    tokens: Vec<Token>,
}

impl DependentTokenResponse {
    pub(super) fn read(answer: &Answer, now: OffsetDateTime) -> Result<Self, CallError> {
        let documents: Vec<TokenDocument> = answer.list()?;
        Ok(Self { tokens: by_resource_server(documents, now).map_err(|problem| answer.malformed(problem))? })
    }

    /// As [`TokenResponse::tokens`].
    #[must_use]
    pub fn tokens(&self) -> &[Token] {
        &self.tokens
    }

    /// As [`TokenResponse::by_resource_server`].
    #[must_use]
    pub fn by_resource_server(&self, resource_server: &str) -> Option<&Token> {
        self.tokens.iter().find(|token| token.resource_server == resource_server)
    }

    /// As [`TokenResponse::by_scopes`].
    #[must_use]
    pub fn by_scopes(&self, scopes: impl Into<Scopes>) -> Option<&Token> {
        by_scopes(&self.tokens, scopes)
    }
}

fn by_resource_server(
    documents: impl IntoIterator<Item = TokenDocument>,
    now: OffsetDateTime,
) -> Result<Vec<Token>, &'static str> {
    let mut tokens: Vec<Token> = Vec::new();
    for document in documents {
        let token = Token::new(document, now)?;
        match tokens.iter_mut().find(|known| known.resource_server == token.resource_server) {
            Some(known) => *known = token,
            None => tokens.push(token),
        }
    }
    Ok(tokens)
}

fn by_scopes(tokens: &[Token], scopes: impl Into<Scopes>) -> Option<&Token> {
    let wanted = scopes::parse(scopes).ok()?;
    let has = |token: &Token, scope: &Scope| token.scopes.iter().any(|granted| granted == scope.scope_string());
    let mut holders = wanted.iter().map(|scope| tokens.iter().rfind(|token| has(token, scope)));
    let first = holders.next()??;
    holders.all(|holder| holder.is_some_and(|token| token.resource_server == first.resource_server)).then_some(first)
}

impl Token {
    fn new(document: TokenDocument, now: OffsetDateTime) -> Result<Self, &'static str> {
        if !document.token_type.eq_ignore_ascii_case("bearer") {
            return Err("token_type is not Bearer");
        }
        Ok(Self {
            scopes: document.scope.split_whitespace().map(ToOwned::to_owned).collect(),
            expires_at: now.saturating_add(Duration::saturating_seconds_f64(document.expires_in.max(0.0))),
            resource_server: document.resource_server,
            access_token: document.access_token,
            refresh_token: document.refresh_token,
        })
    }
}
