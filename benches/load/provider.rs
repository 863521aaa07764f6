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
    extract::{Path, Query, State},
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
/// The one collection, and how many entries its folders have.
pub const COLLECTION: &str = "7e57ab1e-0000-4000-8000-000000000001";
const ENTRIES: usize = 1_000;
const IDENTITY: &str = "46bd0f56-e24f-11e5-a510-131bef46955c";

struct Provider {
    key: KeyPair,
    base: String,
    life: i64,
    delay: Duration,
    listing_delay: Duration,
}

pub fn router() -> Router {
    let text = |name: &str| std::env::var(name).unwrap();
    let provider = Provider {
        key: KeyPair::generate(KeySize::Rsa2048).unwrap(),
        base: format!("http://127.0.0.1:{}", text("LOAD_PORT")),
        life: text("LOAD_TOKEN_LIFE").parse().unwrap(),
        delay: Duration::from_millis(text("LOAD_DELAY").parse().unwrap()),
        listing_delay: Duration::from_millis(
            std::env::var("LOAD_LISTING_DELAY").map_or(0, |text| text.parse().unwrap()),
        ),
    };
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwk.json", get(key_set))
        .route("/v2/oauth2/token", post(token))
        .route("/v0.10/endpoint/{id}", get(endpoint))
        .route("/v0.10/operation/endpoint/{id}/ls", get(listing))
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

/// A guest collection, with the members that Globus gives one.
async fn endpoint(Path(id): Path<String>) -> Json<Value> {
    Json(json!({
        "DATA_TYPE": "endpoint", "id": id, "name": id, "display_name": "Solano Lab: shared frames",
        "canonical_name": format!("u_f8907a41b87f#{id}"), "entity_type": "GCSv5_guest_collection",
        "owner_string": "mira@northfield.example", "owner_id": IDENTITY, "organization": "Northfield University",
        "description": "Frames of the detector.", "contact_email": "mira@northfield.example", "public": true,
        "https_server": "https://m-7e57ab.data.example", "default_directory": "/", "my_effective_roles": [],
    }))
}

/// Up to 1,000 entries like those of Globus, with all their members.
async fn listing(State(provider): State<Arc<Provider>>, Query(query): Query<Vec<(String, String)>>) -> Json<Value> {
    tokio::time::sleep(provider.listing_delay).await;
    let limit = query.iter().find(|(name, _)| name == "limit").and_then(|(_, limit)| limit.parse().ok());
    let entry = |number: usize| {
        json!({
            "DATA_TYPE": "file", "name": format!("frame-{number:06}.tif"), "type": "file", "size": 8_388_608 + number,
            "last_modified": "2026-02-17 08:30:00+00:00", "permissions": "0644", "user": "mira", "group": "solano",
            "link_group": null, "link_last_modified": null, "link_size": null, "link_target": null, "link_user": null,
        })
    };
    let entries: Vec<Value> = (0..limit.unwrap_or(ENTRIES).min(ENTRIES)).map(entry).collect();
    Json(json!({
        "DATA_TYPE": "file_list", "DATA": entries, "path": "/data/", "absolute_path": "/data/", "endpoint": COLLECTION,
        "length": entries.len(), "limit": limit, "offset": 0, "total": ENTRIES, "rename_supported": true,
    }))
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
