//! What can go wrong in a call, what Globus says of it, and whose fault it is.

mod call;

use std::{borrow::Cow, fmt};

use serde_json::{Map, Value};

pub use self::call::CallError;
use super::gare::to_gare;

/// Whose fault a failure is, and so what helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Globus does not answer, or answers nonsense, or is asked too often: try again later.
    TryAgain,
    /// The person's token, sign-in or session is not good enough (any longer): sign in again, with the parameters of
    /// [`to_gare`] if it gives any.
    SignInAgain,
    /// The person has to consent to more scopes: sign in again with those of [`to_gare`].
    ConsentNeeded,
    /// The person may not do this.
    NotAllowed,
    /// What was asked for is wrong or is not there: an operator or developer has to look.
    OurMistake,
}

/// The service that an answer comes from; they do not all write their errors alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Service {
    /// Globus Auth: the request id is the `id` of the listed errors.
    Auth,
    /// Globus Transfer.
    Transfer,
    /// Globus Groups.
    Groups,
    /// Any other.
    #[default]
    Other,
}

/// An error answer of a Globus service (the SDK's `GlobusAPIError`), with whatever its body tells:
///
/// - JSON:API (a non-empty list of `errors`, when the content type is `application/vnd.api+json`);
/// - "type zero", the form of Transfer: `code`, `message` and perhaps `request_id`;
/// - anything else as well as it goes: a list of `errors`, or `code` and `message`, `detail` or `title` at the top.
///
/// The body is read only when the content type says that it is JSON. Texts come from another machine and may quote
/// what was sent to it: show them as text and never log them. Printing an error, also with `{:?}`, gives its status,
/// code and request id alone.
///
/// ```
/// use globus_sdk::error::{ApiError, Fault, Service};
///
/// let body = br#"{"code": "AuthenticationFailed", "message": "Token is not active", "request_id": "UhP7t1wh2"}"#;
/// let error = ApiError::parse(Service::Transfer, 401, Some("application/json"), body);
/// assert_eq!(error.code(), Some("AuthenticationFailed"));
/// assert_eq!(error.message().as_deref(), Some("Token is not active"));
/// assert_eq!(error.fault(), Fault::SignInAgain);
/// assert_eq!(error.to_string(), "HTTP status 401, AuthenticationFailed, request UhP7t1wh2");
/// ```
#[derive(Clone)]
pub struct ApiError(Box<Parts>);

#[derive(Clone)]
struct Parts {
    service: Service,
    http_status: u16,
    body: Vec<u8>,
    raw_json: Option<Value>,
    format: Format,
    code: Option<String>,
    messages: Vec<String>,
    request_id: Option<String>,
}

/// The form of a body.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    /// No JSON object.
    None,
    JsonApi,
    TypeZero,
    Undefined,
}

impl Format {
    fn of(document: &Map<String, Value>, json_api: bool) -> Self {
        let text = |name: &str| document.get(name).is_some_and(Value::is_string);
        if json_api {
            let errors = error_list(document);
            if errors.is_some_and(|errors| !errors.is_empty()) { Self::JsonApi } else { Self::Undefined }
        } else if text("code") && text("message") && (text("request_id") || !document.contains_key("request_id")) {
            Self::TypeZero
        } else {
            Self::Undefined
        }
    }

    fn message_fields(self) -> &'static [&'static str] {
        match self {
            Self::JsonApi => &["detail", "title"],
            _ => &["message", "detail", "title"],
        }
    }
}

/// The member `errors`, if it is a list of objects and nothing else.
fn error_list(document: &Map<String, Value>) -> Option<&[Value]> {
    let errors = document.get("errors")?.as_array()?;
    errors.iter().all(Value::is_object).then_some(errors)
}

/// Which JSON a content type stands for.
enum Kind {
    Json,
    JsonApi,
}

fn json_kind(content_type: &str) -> Option<Kind> {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match essence.as_str() {
        "application/vnd.api+json" => Some(Kind::JsonApi),
        "application/json" => Some(Kind::Json),
        other if other.starts_with("application/") && other.ends_with("+json") => Some(Kind::Json),
        _ => None,
    }
}

impl ApiError {
    /// Reads an error answer. There is no input that it fails on: what cannot be read is just not there.
    #[must_use]
    pub fn parse(service: Service, status: u16, content_type: Option<&str>, body: &[u8]) -> Self {
        let kind = content_type.and_then(json_kind);
        let raw_json: Option<Value> = kind.as_ref().and_then(|_| serde_json::from_slice(body).ok());
        let document = raw_json.as_ref().and_then(Value::as_object);
        let format =
            document.map_or(Format::None, |document| Format::of(document, matches!(kind, Some(Kind::JsonApi))));
        let mut parts = Parts {
            service,
            http_status: status,
            body: body.to_vec(),
            raw_json: None,
            format,
            code: None,
            messages: Vec::new(),
            request_id: None,
        };
        if let Some(document) = document {
            parts.read(document);
        }
        parts.raw_json = raw_json;
        Self(Box::new(parts))
    }

    /// The service that answered.
    #[must_use]
    pub fn service(&self) -> Service {
        self.0.service
    }

    /// The HTTP status.
    #[must_use]
    pub fn http_status(&self) -> u16 {
        self.0.http_status
    }

    /// The word that names the error: `UNAUTHORIZED`, `AuthenticationFailed`, … The OAuth2 form has none; see
    /// [`ApiError::oauth_error`].
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The texts for people.
    #[must_use]
    pub fn messages(&self) -> &[String] {
        &self.0.messages
    }

    /// All [`messages`](ApiError::messages) as one text, joined with `; `.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        (!self.0.messages.is_empty()).then(|| self.0.messages.join("; "))
    }

    /// The number under which Globus knows the call.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// The body's JSON, whatever it is; `None` when the content type does not say JSON, or the body is none.
    #[must_use]
    pub fn raw_json(&self) -> Option<&Value> {
        self.0.raw_json.as_ref()
    }

    /// The body as it came (the SDK's `binary_content`).
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.0.body
    }

    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(&self.0.body)
    }

    /// The errors that the body lists, or else the body's whole document as the only one; none when it is no JSON
    /// object.
    #[must_use]
    pub fn errors(&self) -> Vec<ErrorSubdocument<'_>> {
        self.document().map(|document| subdocuments(document, self.0.format)).unwrap_or_default()
    }

    /// What the body tells beyond code and messages.
    #[must_use]
    pub fn info(&self) -> ErrorInfo<'_> {
        ErrorInfo { document: self.document() }
    }

    /// The body's JSON, when it is an object.
    pub(crate) fn document(&self) -> Option<&Map<String, Value>> {
        self.0.raw_json.as_ref()?.as_object()
    }

    /// The word that names the error in the form of OAuth2, `{"error": "invalid_grant"}` (RFC 6749 section 5.2).
    #[must_use]
    pub fn oauth_error(&self) -> Option<&str> {
        self.document()?.get("error")?.as_str()
    }

    /// Whether Globus Auth refused a code or refresh token: `invalid_grant`, which comes with status 400 or 401.
    #[must_use]
    pub fn is_invalid_grant(&self) -> bool {
        self.oauth_error() == Some("invalid_grant")
    }

    /// Whose fault it is. What an error says of authorization comes before its status: Transfer can say with a 502 that
    /// the person's session is not good enough.
    #[must_use]
    pub fn fault(&self) -> Fault {
        if let Some(gare) = to_gare(self) {
            let scopes = gare.authorization_parameters.required_scopes;
            let consent = scopes.is_some_and(|scopes| !scopes.is_empty());
            return if consent { Fault::ConsentNeeded } else { Fault::SignInAgain };
        }
        match (self.oauth_error(), self.0.http_status) {
            (Some("invalid_client"), _) => Fault::OurMistake,
            (Some("invalid_grant"), _) | (_, 401) => Fault::SignInAgain,
            (_, 403) => Fault::NotAllowed,
            (_, 400..=499) if !matches!(self.0.http_status, 408 | 425 | 429) => Fault::OurMistake,
            _ => Fault::TryAgain,
        }
    }
}

impl Parts {
    /// Reads the code, the messages and the request id.
    fn read(&mut self, document: &Map<String, Value>) {
        let text = |name: &str| document.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
        let errors = subdocuments(document, self.format);
        match self.format {
            Format::None => {}
            Format::JsonApi => {
                self.code = common_code(&errors);
                self.messages = messages(&errors);
            }
            Format::TypeZero => {
                self.code = text("code");
                self.messages = text("message").into_iter().collect();
                self.request_id = text("request_id");
            }
            Format::Undefined => {
                self.code = text("code").or_else(|| common_code(&errors));
                let root = [ErrorSubdocument { raw: document, message_fields: self.format.message_fields() }];
                self.messages = messages(if errors.is_empty() { &root } else { &errors });
            }
        }
        if self.service == Service::Auth {
            self.request_id = common_id(&errors).or_else(|| self.request_id.take());
        }
    }
}

fn subdocuments(document: &Map<String, Value>, format: Format) -> Vec<ErrorSubdocument<'_>> {
    let message_fields = format.message_fields();
    let subdocument = |raw| ErrorSubdocument { raw, message_fields };
    error_list(document).map_or_else(
        || vec![subdocument(document)],
        |errors| errors.iter().filter_map(Value::as_object).map(subdocument).collect(),
    )
}

fn messages(errors: &[ErrorSubdocument<'_>]) -> Vec<String> {
    errors.iter().filter_map(ErrorSubdocument::message).map(ToOwned::to_owned).collect()
}

/// The code, if all errors that have one have the same.
fn common_code(errors: &[ErrorSubdocument<'_>]) -> Option<String> {
    let mut codes = errors.iter().filter_map(ErrorSubdocument::code);
    let first = codes.next()?;
    codes.all(|code| code == first).then(|| first.to_owned())
}

/// The id, if all errors that have one have the same, and it is a text.
fn common_id(errors: &[ErrorSubdocument<'_>]) -> Option<String> {
    let mut ids = errors.iter().filter_map(|error| error.get("id")).filter(|id| !id.is_null());
    let first = ids.next()?.as_str()?;
    ids.all(|id| id.as_str() == Some(first)).then(|| first.to_owned())
}

/// Status, code and request id; nothing that a service may have quoted.
impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP status {}", self.0.http_status)?;
        if let Some(code) = self.code().or_else(|| self.oauth_error()) {
            write!(f, ", {}", plain(code))?;
        }
        match self.request_id() {
            Some(request_id) => write!(f, ", request {}", plain(request_id)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ApiError({:?}: {self})", self.0.service)
    }
}

impl std::error::Error for ApiError {}

/// One error of those that an answer lists.
#[derive(Clone, Copy)]
pub struct ErrorSubdocument<'a> {
    raw: &'a Map<String, Value>,
    message_fields: &'static [&'static str],
}

impl<'a> ErrorSubdocument<'a> {
    /// The document as it came.
    #[must_use]
    pub fn raw(&self) -> &'a Map<String, Value> {
        self.raw
    }

    /// A member of it.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a Value> {
        self.raw.get(name)
    }

    /// Its code, if that is a text.
    #[must_use]
    pub fn code(&self) -> Option<&'a str> {
        self.get("code")?.as_str()
    }

    /// Its text for people: the first that is there of `message`, `detail` and `title`; in JSON:API `message` means
    /// nothing.
    #[must_use]
    pub fn message(&self) -> Option<&'a str> {
        self.message_fields.iter().find_map(|name| self.get(name)?.as_str())
    }
}

/// Its code alone.
impl fmt::Debug for ErrorSubdocument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorSubdocument({})", plain(self.code().unwrap_or_default()))
    }
}

/// What an error tells beyond code and messages (the SDK's `ErrorInfoContainer`). [`to_gare`] knows more forms and
/// checks types.
#[derive(Clone, Copy)]
pub struct ErrorInfo<'a> {
    document: Option<&'a Map<String, Value>>,
}

impl<'a> ErrorInfo<'a> {
    /// The scopes that the person has to consent to, when the code is `ConsentRequired` and there are any: of
    /// `required_scopes`, or else the one of `required_scope`.
    #[must_use]
    pub fn consent_required(&self) -> Option<Vec<&'a str>> {
        let document = self.document?;
        if document.get("code")?.as_str()? != "ConsentRequired" {
            return None;
        }
        let list = document.get("required_scopes").and_then(Value::as_array);
        let list: Option<Vec<_>> = list.and_then(|scopes| scopes.iter().map(Value::as_str).collect());
        let scopes = match list {
            Some(scopes) => scopes,
            None => vec![document.get("required_scope")?.as_str()?],
        };
        (!scopes.is_empty()).then_some(scopes)
    }

    /// The member `authorization_parameters` as it came, when it is an object.
    #[must_use]
    pub fn authorization_parameters(&self) -> Option<&'a Map<String, Value>> {
        self.document?.get("authorization_parameters")?.as_object()
    }
}

/// What there is, and none of its texts.
impl fmt::Debug for ErrorInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorInfo")
            .field("consent_required", &self.consent_required().is_some())
            .field("authorization_parameters", &self.authorization_parameters().is_some())
            .finish()
    }
}

/// At most 80 plain characters: what comes from another machine and goes into logs.
pub(crate) fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii_graphic() || *c == ' ').take(80).collect()
}
