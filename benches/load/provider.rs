//! A provider whose own work is left out of the figures: it runs in another process. It takes the code for the nonce, so
//! that whoever logs in need not go through pages.

use std::{sync::Arc, time::Duration};

use aws_lc_rs::{
    digest,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA512},
};
use axum::{
    Form, Json, Router,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use globus_portal::clock::Clock;

/// The one app that the provider knows.
pub const CLIENT_ID: &str = "11111111-2222-4333-8444-555555555555";

/// As long as those of Globus.
const ACCESS_TOKEN: &str =
    "Ag0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789ab";
const IDENTITY: &str = "46bd0f56-e24f-11e5-a510-131bef46955c";

struct Provider {
    key: KeyPair,
    base: String,
    life: i64,
    delay: Duration,
}

pub fn router() -> Router {
    let text = |name: &str| std::env::var(name).unwrap();
    let provider = Provider {
        key: KeyPair::generate(KeySize::Rsa2048).unwrap(),
        base: format!("http://127.0.0.1:{}", text("LOAD_PORT")),
        life: text("LOAD_TOKEN_LIFE").parse().unwrap(),
        delay: Duration::from_millis(text("LOAD_DELAY").parse().unwrap()),
    };
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwk.json", get(key_set))
        .route("/v2/oauth2/token", post(token))
        .with_state(Arc::new(provider))
}

async fn discovery(State(provider): State<Arc<Provider>>) -> Json<Value> {
    Json(json!({"issuer": provider.base, "jwks_uri": format!("{}/jwk.json", provider.base)}))
}

async fn key_set(State(provider): State<Arc<Provider>>) -> Json<Value> {
    let public = provider.key.public_key();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let n = number(public.modulus().big_endian_without_leading_zero());
    let e = number(public.exponent().big_endian_without_leading_zero());
    Json(json!({"keys": [{"kty": "RSA", "alg": "RS512", "use": "sig", "n": n, "e": e}]}))
}

async fn token(State(provider): State<Arc<Provider>>, Form(form): Form<Vec<(String, String)>>) -> Response {
    tokio::time::sleep(provider.delay).await;
    let field = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let document = |resource_server: &str, scope: &str| {
        json!({
            "access_token": ACCESS_TOKEN, "refresh_token": ACCESS_TOKEN, "scope": scope, "expires_in": provider.life,
            "token_type": "Bearer", "resource_server": resource_server,
        })
    };
    let transfer = document("transfer.api.globus.org", "urn:globus:auth:scope:transfer.api.globus.org:all");
    let mut answer = match field("code") {
        Some(nonce) => {
            let mut answer = document("auth.globus.org", "email openid profile");
            answer["id_token"] = provider.id_token(nonce).into();
            answer["other_tokens"] = json!([transfer]);
            answer
        }
        None => {
            let mut answer = transfer;
            answer["other_tokens"] = json!([]);
            answer
        }
    };
    if !provider.offline() {
        answer.as_object_mut().unwrap().remove("refresh_token");
        for other in answer["other_tokens"].as_array_mut().unwrap() {
            other.as_object_mut().unwrap().remove("refresh_token");
        }
    }
    Json(answer).into_response()
}

impl Provider {
    /// Tokens that live long come without refresh tokens, as by default.
    fn offline(&self) -> bool {
        self.life < 60
    }

    /// An id_token like those of Globus: one linked identity, with its details.
    fn id_token(&self, nonce: &str) -> String {
        let now = Clock::system().now().unix_timestamp();
        let hash = digest::digest(&digest::SHA512, ACCESS_TOKEN.as_bytes());
        let person = json!({
            "sub": IDENTITY, "name": "Mira Lindqvist", "email": "mira@northfield.example",
            "organization": "Northfield University", "identity_provider": "41143743-f3c8-4d60-bbdb-eeecaba85bd9",
            "identity_provider_display_name": "Northfield University", "last_authentication": now,
        });
        let mut claims = person.clone();
        let mut identity = person;
        identity["username"] = "mira@northfield.example".into();
        let more = json!({
            "iss": self.base, "aud": CLIENT_ID, "exp": now + 172_800, "iat": now, "nonce": nonce,
            "at_hash": URL_SAFE_NO_PAD.encode(&hash.as_ref()[..32]), "preferred_username": "mira@northfield.example",
            "identity_set": [identity],
        });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let header = json!({"typ": "JWT", "alg": "RS512"}).to_string();
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(&RSA_PKCS1_SHA512, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
