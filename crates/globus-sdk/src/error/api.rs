//! An error answer of a service, and what its body says.

use std::{borrow::Cow, time::Duration};

use reqwest::header::HeaderMap;
use serde_json::{Map, Value};

use super::subdocument::{ErrorInfo, ErrorSubdocument};

/// The service that an answer comes from; they do not all write their errors alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
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

/// An error answer of a Globus service (the SDK's `GlobusAPIError`), with what its body says:
///
/// - JSON:API (a non-empty list of `errors`, when the content type is `application/vnd.api+json`);
/// - "type zero", the form of Transfer: `code`, `message` and perhaps `request_id`;
/// - anything else as well as it goes: a list of `errors`, or `code` and `message`, `detail` or `title` at the top.
///
/// The body is read only when the content type says that it is JSON. Its texts come from another machine and may quote
/// what was sent, secrets included: show them to the person who made the call, as text and not as HTML, and keep them out
/// of logs. `{}` prints the message of the service too; [`for_log`](Self::for_log) and `{:?}` leave it out.
///
/// ```
/// use globus_sdk::{error::{ApiError, Service}, fault::Fault};
///
/// let body = br#"{"code": "AuthenticationFailed", "message": "Token is not active", "request_id": "UhP7t1wh2"}"#;
/// let error = ApiError::parse(Service::Transfer, 401, Some("application/json"), body);
/// assert_eq!(error.code(), Some("AuthenticationFailed"));
/// assert_eq!(error.message().as_deref(), Some("Token is not active"));
/// assert_eq!(error.fault(), Fault::SignInAgain);
/// assert_eq!(error.to_string(), "HTTP status 401, AuthenticationFailed: Token is not active (request UhP7t1wh2)");
/// assert_eq!(error.for_log(), "HTTP status 401, AuthenticationFailed, request UhP7t1wh2");
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
    headers: HeaderMap,
    call: Option<String>,
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
    /// Reads an error answer. It never fails: what cannot be read is absent.
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
            headers: HeaderMap::new(),
            call: None,
        };
        if let Some(document) = document {
            parts.read(document);
        }
        parts.raw_json = raw_json;
        Self(Box::new(parts))
    }

    /// The same error with the headers of its answer, and the call that was answered: its method and path.
    #[must_use]
    pub(crate) fn of_call(mut self, call: &str, headers: HeaderMap) -> Self {
        self.0.headers = headers;
        self.0.call = Some(call.to_owned());
        self
    }

    /// The path of the call's URL, percent-encoded and without the query: `/v0.10/operation/endpoint/…/ls`. `None` when
    /// the error was not the answer to a call.
    #[must_use]
    pub fn path(&self) -> Option<&str> {
        self.0.call.as_deref()?.split_once(' ').map(|(_, path)| path)
    }

    /// A header of the answer, by its name in any case: `retry-after`. `None` when it is missing or holds other than
    /// visible ASCII; the first where there are several of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.0.headers.get(name)?.to_str().ok()
    }

    /// How long the service asks to wait before the next try (RFC 9110 section 10.2.3). Where it names a date, that counts
    /// from the `Date` of the answer. `None` when it does not ask for it.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let value = self.header("retry-after")?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let date = |text: &str| httpdate::parse_http_date(text).ok();
        Some(date(value)?.duration_since(date(self.header("date")?)?).unwrap_or_default())
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

    /// The messages for people.
    #[must_use]
    pub fn messages(&self) -> &[String] {
        &self.0.messages
    }

    /// All [`messages`](ApiError::messages) as one text, joined with `; `.
    #[must_use]
    pub fn message(&self) -> Option<String> {
        (!self.0.messages.is_empty()).then(|| self.0.messages.join("; "))
    }

    /// Globus's id of the call: that of the body, or else that of the header `x-request-id`.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref().or_else(|| self.header("x-request-id"))
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

    /// What the body says beyond code and messages.
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
