//! Where a visitor wanted to go.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use percent_encoding::percent_decode_str;

use crate::{
    session::return_path::ReturnPath,
    settings::{AppHost, Settings},
};

const METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const ORIGINAL_URL: HeaderName = HeaderName::from_static("x-original-url");
const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");

/// The visitor's request, as Caddy and Traefik write it.
pub(super) struct Original<'a> {
    pub(super) method: Method,
    /// The host of an app that it is for; `None` is the portal's own.
    pub(super) on: Option<&'a AppHost>,
    /// The page, if a login may lead back to it.
    pub(super) page: Option<ReturnPath>,
}

/// Reads it; `None` unless all of it is there, once, and about this site or the host of an app.
pub(super) fn original<'a>(headers: &HeaderMap, settings: &'a Settings) -> Option<Original<'a>> {
    let [method, proto, host, uri] = [&METHOD, &PROTO, &HOST, &URI].map(|name| only(headers, name));
    let (method, proto, host, uri) = (method?, proto?, host?, uri?);
    let on = if is_host(host, settings) { None } else { Some(settings.app_hosts.named(host)?) };
    let is_path = uri.starts_with('/') && uri.bytes().all(|byte| byte.is_ascii_graphic());
    let method = Method::from_bytes(method.as_bytes()).ok()?;
    (proto.eq_ignore_ascii_case(&settings.scheme) && is_path).then(|| Original {
        method,
        on,
        page: path(uri, settings, on),
    })
}

/// The page that the visitor of nginx wants, if a login may lead back to it, and the method; without a word of it, GET. Nothing
/// is decided by it but where a login leads: nginx does not keep a visitor from asking for the page by themselves.
pub(super) fn by_nginx(headers: &HeaderMap, settings: &Settings, on: Option<&AppHost>) -> (Option<ReturnPath>, Method) {
    let method = only(headers, &ORIGINAL_METHOD).and_then(|method| Method::from_bytes(method.as_bytes()).ok());
    let page = only(headers, &ORIGINAL_URL).and_then(|url| page(url, settings, on));
    (page, method.unwrap_or(Method::GET))
}

/// A header that is there once, and that `Connection` does not drop on the way (RFC 9110 section 7.6.1).
fn only<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return None };
    let names = |value: &HeaderValue| {
        value
            .as_bytes()
            .split(|byte| *byte == b',')
            .any(|item| item.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
    };
    let is_dropped = headers.get_all(header::CONNECTION).iter().any(names);
    value.to_str().ok().filter(|value| !value.is_empty() && !is_dropped)
}

/// Whether this is our host; the port may stand there though it is the scheme's own.
fn is_host(host: &str, settings: &Settings) -> bool {
    let port = if settings.is_https() { ":443" } else { ":80" };
    let own = |host: &str| host.eq_ignore_ascii_case(&settings.server_name);
    own(host) || host.strip_suffix(port).is_some_and(own)
}

/// The page that `rd` names in the query of `/oauth2/start`, which is visited `on` the host of an app or the portal's own.
///
/// nginx writes `rd=$scheme://$http_host$request_uri` without escaping: then everything behind it belongs to it. Others escape
/// it, and ingress-nginx all that is behind the host.
pub(super) fn rd(query: &str, settings: &Settings, on: Option<&AppHost>) -> Option<ReturnPath> {
    let rest = query.strip_prefix("rd=").or_else(|| Some(query.split_once("&rd=")?.1))?;
    let address = rest.strip_prefix("https://").or_else(|| rest.strip_prefix("http://")).unwrap_or(rest);
    let is_plain = address.trim_start_matches(|c| !matches!(c, '/' | '?' | '%')).starts_with(['/', '?']);
    let escaped = || percent_decode_str(rest.split('&').next().unwrap_or_default()).decode_utf8().ok();
    let text = if is_plain { rest.into() } else { escaped()? };
    page(&text, settings, on)
}

/// A path of the host that is visited, or a whole address of the portal's own host or of one of an app.
pub(super) fn page(text: &str, settings: &Settings, on: Option<&AppHost>) -> Option<ReturnPath> {
    let origin = format!("{}://{}", settings.scheme, settings.server_name);
    match text.strip_prefix(&origin) {
        Some("") => path("/", settings, None),
        Some(own) if own.starts_with('/') => path(own, settings, None),
        _ if text.starts_with('/') => path(text, settings, on),
        _ => ReturnPath::parse_with(text, &settings.root, &settings.app_hosts),
    }
}

fn path(path: &str, settings: &Settings, on: Option<&AppHost>) -> Option<ReturnPath> {
    on.map_or_else(|| ReturnPath::parse(path, &settings.root), |host| ReturnPath::on(host, path))
}
