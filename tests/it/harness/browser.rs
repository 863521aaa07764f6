//! A browser without a window: it keeps cookies as browsers do, sends what browsers send, and follows a redirect only
//! when asked to.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard},
};

use reqwest::{
    Certificate, Client, ClientBuilder, Method, StatusCode,
    dns::{Addrs, Name, Resolve, Resolving},
    header::{COOKIE, HeaderMap, LOCATION, SET_COOKIE},
    redirect::Policy,
};
use tower_sessions::cookie::Cookie;
use url::Url;

/// What a browser sends when a person follows a link or types an address.
const NAVIGATION: [(&str, &str); 4] = [
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-site", "none"),
];

/// A browser with its cookies, by host (ports share them, as in real browsers) and name. Those with a `Domain` are under
/// `.DOMAIN`.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    cookies: Mutex<BTreeMap<(String, String), String>>,
}

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

/// Whether a host is this domain or below it.
fn is_within(host: &str, domain: &str) -> bool {
    host == domain || host.ends_with(&format!(".{domain}"))
}

/// Names below `localhost` are this machine (RFC 6761 section 6.3), which not every resolver knows. There are no others.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, name: Name) -> Resolving {
        let is_here = is_within(name.as_str(), "localhost");
        let address: Addrs = Box::new(is_here.then_some((Ipv4Addr::LOCALHOST, 0).into()).into_iter());
        Box::pin(async { Ok(address) })
    }
}

impl Answer {
    /// Where a redirect leads.
    pub fn location(&self) -> Url {
        let location = self.header("location").unwrap_or_else(|| panic!("no redirect: {} {}", self.status, self.body));
        self.url.join(location).unwrap()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    pub fn set_cookies(&self) -> Vec<&str> {
        self.headers.get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect()
    }

    /// The value of a hidden field.
    pub fn hidden(&self, name: &str) -> String {
        let start = format!("name=\"{name}\" value=\"");
        let found = self.body.split_once(&start).unwrap_or_else(|| panic!("no field {name} in {}", self.body));
        found.1.split('"').next().unwrap().to_owned()
    }
}

/// A parameter of a URL's query.
pub fn parameter(url: &Url, name: &str) -> Option<String> {
    url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

impl Browser {
    pub fn new() -> Self {
        // No CA certificates: it visits loopback only, and reading them takes longer than a visit.
        Self::on(Client::builder().tls_certs_only([]))
    }

    /// A browser that trusts this one certificate (PEM), on a machine with this address, which knows where one host is.
    pub fn trusting(certificate: &str, address: IpAddr, (host, at): (&str, SocketAddr)) -> Self {
        let certificate = Certificate::from_pem(certificate.as_bytes()).unwrap();
        Self::on(Client::builder().tls_certs_only([certificate]).local_address(address).resolve(host, at))
    }

    fn on(builder: ClientBuilder) -> Self {
        let builder = builder.dns_resolver(Arc::new(Loopback));
        let client = builder.redirect(Policy::none()).no_proxy().build().unwrap();
        Self { client, cookies: Mutex::default() }
    }

    /// Another one with the same cookies, and its own connections.
    pub fn twin(&self) -> Self {
        Self { cookies: Mutex::new(self.jar().clone()), ..Self::new() }
    }

    fn jar(&self) -> MutexGuard<'_, BTreeMap<(String, String), String>> {
        self.cookies.lock().unwrap()
    }

    /// The value of a cookie for a host.
    pub fn cookie(&self, host: &str, name: &str) -> Option<String> {
        self.jar().get(&(host.to_owned(), name.to_owned())).cloned()
    }

    pub fn set_cookie(&self, host: &str, name: &str, value: &str) {
        self.jar().insert((host.to_owned(), name.to_owned()), value.to_owned());
    }

    pub fn forget_cookie(&self, host: &str, name: &str) {
        self.jar().remove(&(host.to_owned(), name.to_owned()));
    }

    /// Every cookie value it holds.
    pub fn cookie_values(&self) -> Vec<String> {
        self.jar().values().cloned().collect()
    }

    fn cookie_header(&self, host: &str) -> String {
        let jar = self.jar();
        let is_own = |of: &str| of == host || of.strip_prefix('.').is_some_and(|domain| is_within(host, domain));
        let own = jar.iter().filter(|((of, _), _)| is_own(of)).map(|((_, name), value)| format!("{name}={value}"));
        own.collect::<Vec<_>>().join("; ")
    }

    fn keep_cookies(&self, url: &Url, headers: &HeaderMap) {
        for value in headers.get_all(SET_COOKIE) {
            let cookie = Cookie::parse(value.to_str().unwrap().to_owned()).unwrap();
            let secure = cookie.secure().unwrap_or_default();
            if cookie.name().starts_with("__Host-")
                && !(secure && cookie.path() == Some("/") && cookie.domain().is_none())
            {
                continue; // Browsers ignore it.
            }
            let host = url.host_str().unwrap();
            let is_refused = |domain| !is_within(host, domain) || !domain.contains('.');
            if cookie.domain().is_some_and(is_refused) || (cookie.name().starts_with("__Secure-") && !secure) {
                continue; // This as well.
            }
            let of = cookie.domain().map_or_else(|| host.to_owned(), |domain| format!(".{domain}"));
            let key = (of, cookie.name().to_owned());
            if cookie.max_age().is_some_and(|age| age <= time::Duration::ZERO) {
                self.jar().remove(&key);
            } else {
                self.jar().insert(key, cookie.value().to_owned());
            }
        }
    }

    /// Sends one request with exactly these headers, and the cookies of its host.
    pub async fn send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        form: Option<&[(&str, &str)]>,
    ) -> Answer {
        self.try_send(method, url, headers, form).await.unwrap_or_else(|error| panic!("{url}: {error:?}"))
    }

    async fn try_send(
        &self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        form: Option<&[(&str, &str)]>,
    ) -> Result<Answer, reqwest::Error> {
        let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        let mut request = self.client.request(method, url.clone());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let cookies = self.cookie_header(url.host_str().unwrap());
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies);
        }
        if let Some(form) = form {
            request = request.form(form);
        }
        let response = request.send().await?;
        self.keep_cookies(&url, response.headers());
        let (status, headers) = (response.status(), response.headers().clone());
        Ok(Answer { url, status, headers, body: response.text().await? })
    }

    /// The same as [`Browser::get`], if there may be no answer.
    pub async fn try_get(&self, url: &str) -> Result<Answer, reqwest::Error> {
        self.try_send(Method::GET, url, &NAVIGATION, None).await
    }

    /// A navigation of the person to an address.
    pub async fn get(&self, url: &str) -> Answer {
        self.send(Method::GET, url, &NAVIGATION, None).await
    }

    /// The same with changed or additional headers.
    pub async fn get_with(&self, url: &str, headers: &[(&str, &str)]) -> Answer {
        let kept = NAVIGATION.iter().filter(|(name, _)| !headers.iter().any(|(other, _)| other == name));
        let all: Vec<_> = kept.chain(headers).copied().collect();
        self.send(Method::GET, url, &all, None).await
    }

    /// Sends a form of a page of the same site.
    pub async fn submit(&self, url: &str, form: &[(&str, &str)]) -> Answer {
        let headers = NAVIGATION
            .map(|(name, value)| if name == "sec-fetch-site" { (name, "same-origin") } else { (name, value) });
        self.send(Method::POST, url, &headers, Some(form)).await
    }

    /// Opens an address and follows redirects, to the first answer that is not one.
    pub async fn follow(&self, url: &str) -> Answer {
        let mut answer = self.get(url).await;
        for _ in 0..10 {
            if !answer.headers.contains_key(LOCATION) {
                return answer;
            }
            answer = self.get(answer.location().as_str()).await;
        }
        panic!("too many redirects: {}", answer.url);
    }
}
