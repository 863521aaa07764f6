//! Another app of the sandbox, which gets tokens for the services that people use with it.

use globus_portal::sandbox;
use reqwest::Client;
use serde_json::{Value, json};
use url::Url;

use super::{Browser, browser::parameter, decide};

/// The scope of the portal of the tests, as a service.
pub const PORTAL_SCOPE: &str = sandbox::CLIENT_SCOPE;

const REDIRECT_URI: &str = "http://localhost:9/back";

pub struct OtherApp {
    globus: String,
    http: Client,
    pub id: String,
    secret: String,
}

impl OtherApp {
    /// Registers an app at the sandbox of this address.
    pub async fn register(globus: &str) -> Self {
        let http = Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        let app = json!({"name": "Another app", "redirect_uris": [REDIRECT_URI]});
        let answer = http.post(format!("{globus}/sandbox/clients")).json(&app).send().await.unwrap();
        let app: Value = answer.json().await.unwrap();
        let text = |name: &str| app[name].as_str().unwrap().to_owned();
        Self { globus: globus.to_owned(), http, id: text("client_id"), secret: text("client_secret") }
    }

    /// A token of the app itself.
    pub async fn own_token(&self, scope: &str) -> String {
        access_token(&self.grant(&[("grant_type", "client_credentials"), ("scope", scope)]).await)
    }

    /// A token with which it acts for a person, who consents to the scope.
    pub async fn token_of(&self, person: &str, scope: &str) -> String {
        access_token(&self.log_in(person, scope).await)
    }

    /// A login of a person; the answer of the token endpoint.
    pub async fn log_in(&self, person: &str, scope: &str) -> Value {
        let authorize = [
            ("client_id", &*self.id),
            ("redirect_uri", REDIRECT_URI),
            ("response_type", "code"),
            ("scope", scope),
            ("state", "s"),
        ];
        let authorize = Url::parse_with_params(&format!("{}/v2/oauth2/authorize", self.globus), authorize).unwrap();
        let back = decide(&self.globus, &Browser::new(), &authorize, person, "allow").await;
        let code = parameter(&back, "code").unwrap();
        self.grant(&[("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT_URI)]).await
    }

    pub async fn revoke(&self, token: &str) {
        let url = format!("{}/v2/oauth2/token/revoke", self.globus);
        let answer =
            self.http.post(url).basic_auth(&self.id, Some(&self.secret)).form(&[("token", token)]).send().await;
        assert!(answer.unwrap().status().is_success());
    }

    async fn grant(&self, form: &[(&str, &str)]) -> Value {
        let url = format!("{}/v2/oauth2/token", self.globus);
        let answer = self.http.post(url).basic_auth(&self.id, Some(&self.secret)).form(form).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        answer.json().await.unwrap()
    }
}

fn access_token(answer: &Value) -> String {
    answer["access_token"].as_str().unwrap().to_owned()
}

/// The sandbox's faults and counts.
pub struct Controls {
    globus: String,
    http: Client,
}

impl Controls {
    pub fn of(globus: &str) -> Self {
        Self { globus: globus.to_owned(), http: Client::builder().tls_certs_only([]).no_proxy().build().unwrap() }
    }

    pub async fn fault(&self, fault: &Value) {
        let answer = self.http.post(format!("{}/sandbox/faults", self.globus)).json(fault).send().await.unwrap();
        assert!(answer.status().is_success(), "{fault}: {}", answer.text().await.unwrap());
    }

    pub async fn no_faults(&self) {
        self.http.delete(format!("{}/sandbox/faults", self.globus)).send().await.unwrap();
    }

    /// How often a route was called since this began to count, as in `POST /v2/oauth2/token`.
    pub async fn calls(&self, route: &str) -> u64 {
        let seen = self.http.get(format!("{}/sandbox/seen", self.globus)).send().await.unwrap();
        seen.json::<Value>().await.unwrap()["calls"][route].as_u64().unwrap_or_default()
    }

    pub async fn count_anew(&self) {
        self.http.delete(format!("{}/sandbox/seen", self.globus)).send().await.unwrap();
    }
}
