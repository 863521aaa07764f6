//! `globus-portal check`: tries what a login needs, and prints one line a finding.

use std::sync::Arc;

use super::{say, warnings};
use crate::{
    clock::Clock,
    globus::{auth::ConfidentialAppAuthClient, error::CallError, provider::Provider},
    settings::{Settings, Sources, StoreKind},
    state::{http_client, open_store},
};

/// A token that nobody was ever given: asking about it tries the client id and secret, and does nothing else.
const NO_TOKEN: &str = "a-token-that-nobody-was-given";

/// What was found about one thing.
struct Finding {
    subject: &'static str,
    result: Result<String, String>,
}

/// Checks, prints, and tells whether all is well.
pub(super) async fn check(sources: Sources) -> bool {
    let settings = match Settings::load(&sources) {
        Ok(settings) => settings,
        Err(problems) => {
            say(&format!("FAIL  {problems}"));
            return false;
        }
    };
    say(&format!("ok    settings: the app at Globus needs the redirect URI {}", settings.public_url("/login")));
    for warning in warnings::of(&settings).await {
        say(&format!("warn  settings: {warning}"));
    }
    let (globus, store) = tokio::join!(globus(&settings), store(&settings.session_store));
    let findings: Vec<Finding> = globus.into_iter().chain([store]).collect();
    for Finding { subject, result } in &findings {
        match result {
            Ok(text) => say(&format!("ok    {subject}: {text}")),
            Err(text) => say(&format!("FAIL  {subject}: {text}")),
        }
    }
    findings.iter().all(|finding| finding.result.is_ok())
}

async fn globus(settings: &Settings) -> Vec<Finding> {
    let http = match http_client(settings) {
        Ok(http) => http,
        Err(error) => {
            let result = Err(format!("cannot make an HTTP client: {error}"));
            return vec![Finding { subject: "https", result }];
        }
    };
    let base = settings.environment.auth.clone();
    let (id, secret) = (settings.client_id.clone(), settings.client_secret.clone());
    let auth = ConfidentialAppAuthClient::new(base, http, Clock::system(), id, &secret);
    let provider = Arc::new(Provider::new(&auth, Clock::system()));
    let discovery = Finding {
        subject: "discovery document",
        result: provider.discovery().await.map(|document| document.issuer.clone()).map_err(|error| error.to_string()),
    };
    if discovery.result.is_err() {
        return vec![discovery];
    }
    let keys = provider.keys(false).await.map(|set| format!("{} of them", set.keys.len()));
    let keys = Finding { subject: "keys that sign id_tokens", result: keys.map_err(|error| error.to_string()) };
    vec![discovery, keys, client(&auth).await]
}

async fn client(auth: &ConfidentialAppAuthClient) -> Finding {
    let result = match auth.oauth2_token_introspect(NO_TOKEN, &[]).await {
        Ok(_) => Ok("Globus accepts them".to_owned()),
        Err(CallError::Api(error)) if error.http_status() == 401 => {
            Err(format!("Globus does not accept APP_CLIENT_ID and APP_CLIENT_SECRET ({error})"))
        }
        Err(error) => Err(error.to_string()),
    };
    Finding { subject: "client id and secret", result }
}

async fn store(kind: &StoreKind) -> Finding {
    let made = match kind {
        StoreKind::Sqlite(path) if !path.exists() => Some(path),
        _ => None,
    };
    let result = match open_store(kind).await {
        Ok(store) => {
            let result = store.probe().await;
            store.close().await;
            result
        }
        Err(error) => Err(error),
    };
    // Whoever checks need not be who serves, and must not own the file then.
    if let Some(path) = made {
        let _ = std::fs::remove_file(path);
    }
    let name = match kind {
        StoreKind::Memory => "memory: sessions end with the process".to_owned(),
        StoreKind::Sqlite(path) => format!("{} can be read and written", path.display()),
        StoreKind::Redis(_) => "Redis can be read and written".to_owned(),
        StoreKind::Postgres(_) => "PostgreSQL can be read and written".to_owned(),
    };
    Finding { subject: "session store", result: result.map(|()| name).map_err(|error| error.to_string()) }
}
