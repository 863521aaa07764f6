//! `globus-portal check`: tests what a login needs, and prints one line per result.

use std::sync::Arc;

use serde_json::json;

use super::{output::say, warnings};
use crate::{
    clock::Clock,
    globus::{
        Globus, auth::ConfidentialAppAuthClient, clock_difference::ClockDifference, error::CallError, id_token::LEEWAY,
        provider::Provider,
    },
    settings::{Settings, Sources, StoreKind},
    state::{http_client, open_store},
    telemetry::plain,
};

/// A token that does not exist: introspecting it tests the client id and secret without side effects.
const NO_TOKEN: &str = "a-token-that-nobody-was-given";

/// What one check has found.
struct Finding {
    subject: &'static str,
    verdict: Verdict,
}

/// The result of a check.
enum Verdict {
    Good(String),
    /// It works but needs attention.
    Doubtful(String),
    Bad(String),
}

impl From<Result<String, String>> for Verdict {
    fn from(result: Result<String, String>) -> Self {
        result.map_or_else(Self::Bad, Self::Good)
    }
}

impl Verdict {
    /// What a line begins with, what JSON calls it, and the text.
    fn parts(&self) -> (&'static str, &'static str, &str) {
        match self {
            Self::Good(text) => ("ok  ", "ok", text),
            Self::Doubtful(text) => ("warn", "warning", text),
            Self::Bad(text) => ("FAIL", "failure", text),
        }
    }
}

/// Checks and prints, as lines or as one JSON document. Returns whether no check failed.
pub(super) async fn check(sources: Sources, json: bool) -> bool {
    let findings = Box::pin(findings(&sources)).await;
    let well = !findings.iter().any(|finding| matches!(finding.verdict, Verdict::Bad(_)));
    if json {
        let document = |Finding { subject, verdict }: &Finding| {
            let (_, result, text) = verdict.parts();
            json!({"subject": subject, "result": result, "text": text})
        };
        let checks: Vec<_> = findings.iter().map(document).collect();
        say(&json!({"ok": well, "checks": checks}).to_string());
        return well;
    }
    for Finding { subject, verdict } in &findings {
        let (mark, _, text) = verdict.parts();
        // Problems of the settings are several lines.
        let text: Vec<_> = text.lines().map(plain).collect();
        say(&format!("{mark}  {subject}: {}", text.join("\n")));
    }
    well
}

async fn findings(sources: &Sources) -> Vec<Finding> {
    let settings = match Settings::load(sources) {
        Ok(settings) => settings,
        Err(problems) => return vec![Finding { subject: "settings", verdict: Verdict::Bad(problems.to_string()) }],
    };
    let redirect_uri = format!("the app at Globus needs the redirect URI {}", settings.public_url("/login"));
    let mut findings = vec![Finding { subject: "settings", verdict: Verdict::Good(redirect_uri) }];
    let doubtful = |subject| move |text| Finding { subject, verdict: Verdict::Doubtful(text) };
    findings.extend(warnings::of(&settings).await.into_iter().map(doubtful("settings")));
    let (globus, (warnings, store)) = tokio::join!(globus(&settings), store(&settings.session_store));
    findings.extend(globus);
    findings.extend(warnings.into_iter().map(doubtful("session store")));
    findings.push(store);
    findings
}

async fn globus(settings: &Settings) -> Vec<Finding> {
    let http = match http_client(settings) {
        Ok(http) => http,
        Err(error) => {
            let verdict = Verdict::Bad(error.to_string());
            return vec![Finding { subject: "https", verdict }];
        }
    };
    let globus = Globus::new(settings.environment.clone(), http);
    let auth = globus.confidential_app(&settings.client_id, &settings.client_secret);
    let provider = Arc::new(Provider::new(&auth, Clock::system()));
    let issuer = provider.discovery().await.map(|document| document.issuer.clone()).map_err(|error| error.to_string());
    let answers = issuer.is_ok();
    let mut findings = vec![Finding { subject: "discovery document", verdict: issuer.into() }];
    findings.extend(provider.clock_difference().map(clock));
    if answers {
        let keys = provider.keys().await.map(|set| format!("{} of them", set.keys.len()));
        let verdict = keys.map_err(|error| error.to_string()).into();
        findings.extend([Finding { subject: "keys that sign id_tokens", verdict }, client(&auth).await]);
    }
    findings
}

/// An id_token says when Globus issued it, and one that seems to come from the future is rejected.
fn clock(difference: ClockDifference) -> Finding {
    let said = format!("{difference}, by the Date header of Globus Auth");
    let verdict = if difference.is_more_than(LEEWAY) {
        Verdict::Bad(format!("{said}: set it, for example by NTP, or logins fail"))
    } else if difference.is_large() {
        let minutes = LEEWAY.whole_minutes();
        Verdict::Doubtful(format!("{said}: set it, for example by NTP; beyond {minutes} minutes logins fail"))
    } else {
        Verdict::Good(said)
    };
    Finding { subject: "clock", verdict }
}

async fn client(auth: &ConfidentialAppAuthClient) -> Finding {
    let result = match auth.oauth2_token_introspect(NO_TOKEN, &[]).await {
        Ok(_) => Ok("Globus accepts them".to_owned()),
        Err(CallError::Api(error)) if error.http_status() == 401 => {
            Err(format!("Globus does not accept APP_CLIENT_ID and APP_CLIENT_SECRET ({})", error.for_log()))
        }
        Err(error) => Err(error.for_log()),
    };
    Finding { subject: "client id and secret", verdict: result.into() }
}

/// Tries the store. Returns its warnings too.
async fn store(kind: &StoreKind) -> (Vec<String>, Finding) {
    let mut warnings = Vec::new();
    let made = match kind {
        StoreKind::Sqlite(path) if !path.exists() => Some(path),
        _ => None,
    };
    let result = match open_store(kind).await {
        Ok(store) => {
            let (result, said) = tokio::join!(store.probe(), store.warnings());
            store.close().await;
            warnings = said;
            result
        }
        Err(error) => Err(error),
    };
    // `check` may run as another user, who must not own the file.
    if let Some(path) = made {
        let _ = std::fs::remove_file(path);
    }
    let name = match kind {
        StoreKind::Memory => "memory: sessions end with the process".to_owned(),
        StoreKind::Sqlite(path) => format!("{} can be read and written", path.display()),
        StoreKind::Redis(_) => "Redis can be read and written".to_owned(),
        StoreKind::Postgres(_) => "PostgreSQL can be read and written".to_owned(),
    };
    let result = result.map(|()| name).map_err(|error| error.to_string());
    (warnings, Finding { subject: "session store", verdict: result.into() })
}
