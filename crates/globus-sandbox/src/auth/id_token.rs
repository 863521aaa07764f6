//! The `id_token` of a token answer, with the faults it can have (OpenID Connect Core, sections 2 and 3.1.3.7).

use crate::answer::auth_error::Outcome;
use crate::auth::claims;
use crate::auth::claims::IdToken;
use crate::ground::moment::now;
use crate::ground::options::NATIVE_CLIENT_ID;
use crate::ground::random;
use crate::memory::app::App;
use crate::memory::keys::{ComingKey, Seal};
use crate::memory::store::{Grant, TOKEN_LIFE};
use crate::world::scopes::asks_openid;

const DAY: i64 = 24 * 60 * 60;

/// Issues the `id_token` if the scopes ask for one. Its `at_hash` is of the access token at the top of the answer.
pub(crate) async fn made(
    app: &App,
    grant: &Grant,
    access_token: &str,
    nonce: Option<String>,
) -> Outcome<Option<String>> {
    if !asks_openid(&grant.scopes) {
        return Ok(None);
    }
    let fault = app.faults().take_id_token().unwrap_or_default();
    if fault == "id-token-missing" {
        return Ok(None);
    }
    let key_faults = app.faults().keys();
    let (first, second) = (app.key.clone(), ComingKey::second);
    let wrong_key = fault == "id-token-signature";
    let key = if key_faults.rotated != wrong_key { second() } else { first.clone() };
    let key = key.ready().await?;
    let seal = match fault {
        "id-token-alg-none" => Seal::None,
        "id-token-alg-hs256" => Seal::Hmac(grant.client.secret().unwrap_or_default().to_owned()),
        "id-token-kid" => Seal::UnknownKid,
        _ if key_faults.without_kid => Seal::WithoutKid,
        _ if wrong_key => Seal::WithKidOf(if key_faults.rotated { second() } else { first }.ready().await?),
        _ => Seal::WithKid,
    };
    Ok(Some(key.sign(&claims(app, grant, access_token, nonce, fault), &seal)?))
}

fn claims(app: &App, grant: &Grant, access_token: &str, nonce: Option<String>, fault: &str) -> IdToken {
    let granted = |name: &str| grant.scopes.iter().any(|scope| scope.name == name);
    let issued = match fault {
        "id-token-expired" => now() - 3 * DAY,
        "id-token-not-yet-valid" => now() + DAY,
        _ => now(),
    };
    let mut token = IdToken {
        claims: claims::of_person(&app.store(), &grant.person, granted),
        iss: app.base_url.clone(),
        aud: grant.client.id().to_owned(),
        exp: issued + TOKEN_LIFE,
        iat: issued,
        nbf: (fault == "id-token-not-yet-valid").then_some(issued),
        at_hash: random::at_hash(access_token),
        nonce,
    };
    match fault {
        "id-token-aud" if token.aud == NATIVE_CLIENT_ID => token.aud = crate::ground::options::CLIENT_ID.to_owned(),
        "id-token-aud" => token.aud = NATIVE_CLIENT_ID.to_owned(),
        "id-token-iss" => token.iss = "https://auth.elsewhere.example".to_owned(),
        "id-token-nonce" => token.nonce = Some(random::handle()),
        "id-token-at-hash" => token.at_hash = random::at_hash("another access token"),
        _ => {}
    }
    token
}
