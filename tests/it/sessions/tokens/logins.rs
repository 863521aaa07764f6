//! The tokens that a login brings: one for each API, from responses of every form.

use axum::{
    http::{StatusCode, header},
    response::IntoResponse as _,
};
use globus_portal::session::tokens::TokenUnavailable;
use serde_json::{Value, json};

use super::{Stage, TRANSFER, document, transfer};
use crate::harness::{Provider, place::on_every_store};

/// Changes a token response.
type Change<'a> = &'a dyn Fn(&mut Value);

on_every_store! {
    each_api_gets_its_own_token_however_many_there_are
    token_responses_of_every_allowed_form_are_taken
    token_responses_of_any_other_form_start_no_session
    a_redirect_of_an_api_is_not_followed_and_nothing_is_sent_where_it_points
}

/// Row D2.
async fn each_api_gets_its_own_token_however_many_there_are() {
    for count in [0, 1, 20] {
        let stage = Stage::new().await;
        let names: Vec<String> =
            (0..count).map(|i| if i == 0 { TRANSFER.to_owned() } else { format!("api-{i}") }).collect();
        let others: Vec<Value> =
            names.iter().enumerate().map(|(i, name)| document(name, &format!("token-{i}"))).collect();
        let (browser, answer) = stage.log_in(|response| response["other_tokens"] = json!(others)).await;
        assert_eq!(answer.status, 303, "{count}: {}", answer.body);
        let key = stage.key(&browser);
        let facts = stage.portal.app.tokens.facts(key).await.unwrap();
        assert_eq!(facts.len(), count + 1);
        let own = stage.portal.app.tokens.fresh(key, "auth.globus.org").await.unwrap();
        assert_eq!(own.expose_secret(), "SENTINEL-auth-access-token");
        for (i, name) in names.iter().enumerate() {
            let token = stage.portal.app.tokens.fresh(key, name).await.unwrap();
            assert_eq!(token.expose_secret(), format!("token-{i}-access"), "{name}");
        }
        let unknown = stage.portal.app.tokens.fresh(key, "api-of-nobody").await;
        assert!(matches!(unknown, Err(TokenUnavailable::SignIn(_))));
        let page = stage.endpoints(&browser).await;
        if count == 0 {
            // Right after the login, another one would not help.
            assert_eq!(page.status, 403, "{}", page.body);
            assert!(stage.bearers().is_empty());
        } else {
            assert_eq!(page.status, 200, "{}", page.body);
            assert_eq!(stage.bearers(), ["Bearer token-0-access"]);
        }
        let profile = browser.get(&stage.portal.url("/profile")).await;
        assert!(!profile.body.contains("-access") && !profile.body.contains("-refresh"), "{}", profile.body);
    }
}

/// Row D2.
async fn token_responses_of_every_allowed_form_are_taken() {
    let without_refresh_token = |response: &mut Value| {
        response["refresh_token"] = json!("auth-refresh");
        response["other_tokens"] = json!([transfer("t"), document("api", "a")]);
        response["other_tokens"][0].as_object_mut().unwrap().remove("refresh_token");
    };
    let null_refresh_token = |response: &mut Value| {
        response["other_tokens"] = json!([transfer("t")]);
        response["other_tokens"][0]["refresh_token"] = Value::Null;
    };
    let twice =
        |response: &mut Value| response["other_tokens"] = json!([transfer("old"), document("api", "a"), transfer("t")]);
    let own_twice = |response: &mut Value| {
        response["other_tokens"] = json!([transfer("t"), document("auth.globus.org", "second-auth")]);
    };
    let unknown_fields = |response: &mut Value| {
        response["new"] = json!({"deep": [1, null, {"access_token": "no"}]});
        response["other_tokens"] = json!([transfer("t")]);
        response["other_tokens"][0]["other_tokens"] = json!("whatever");
        response["other_tokens"][0]["id_token"] = json!("not this one");
    };
    let lower_case_type = |response: &mut Value| {
        response["token_type"] = json!("bearer");
        response["other_tokens"] = json!([transfer("t")]);
    };
    let no_scope = |response: &mut Value| {
        response["scope"] = json!("");
        response["other_tokens"] = json!([transfer("t")]);
    };
    let cases: [(&str, Change<'_>); 7] = [
        ("an entry without a refresh token", &without_refresh_token),
        ("an entry whose refresh token is null", &null_refresh_token),
        ("a resource server twice", &twice),
        ("the resource server at the top twice", &own_twice),
        ("unknown members", &unknown_fields),
        ("a type in lower case", &lower_case_type),
        ("an empty scope", &no_scope),
    ];
    for (case, change) in cases {
        let stage = Stage::new().await;
        let (browser, answer) = stage.log_in(change).await;
        assert_eq!(answer.status, 303, "{case}: {}", answer.body);
        let page = stage.endpoints(&browser).await;
        assert_eq!(page.status, 200, "{case}: {}", page.body);
        assert_eq!(stage.bearers(), ["Bearer t-access"], "{case}");
    }
}

/// Row B11.
async fn token_responses_of_any_other_form_start_no_session() {
    let stage = Stage::new().await;
    let cases: [(&str, &str, Option<Value>); 11] = [
        ("no list of others", "other_tokens", None),
        ("no list but an object", "other_tokens", Some(json!({}))),
        ("an entry that is none", "other_tokens", Some(json!([null]))),
        ("an entry without an access token", "other_tokens", Some(json!([{"scope": "x", "resource_server": "y"}]))),
        ("no access token", "access_token", None),
        ("no scope", "scope", None),
        ("no resource server", "resource_server", None),
        ("no type", "token_type", None),
        ("another type", "token_type", Some(json!("mac"))),
        ("a text for a number", "expires_in", Some(json!("172800"))),
        ("an access token that is a number", "access_token", Some(json!(1))),
    ];
    for (case, member, value) in cases {
        let change = |response: &mut Value| match value {
            Some(value) => response[member] = value,
            None => drop(response.as_object_mut().unwrap().remove(member)),
        };
        let (browser, answer) = stage.log_in(change).await;
        assert_eq!(answer.status, 502, "{case}: {}", answer.body);
        assert_eq!(stage.portal.session_cookie(&browser), None, "{case}");
    }
}

/// Row D10.
async fn a_redirect_of_an_api_is_not_followed_and_nothing_is_sent_where_it_points() {
    let elsewhere = Provider::start().await;
    for status in [301, 302, 303, 307, 308] {
        let stage = Stage::new().await;
        let browser = stage.log_in_with_transfer().await;
        let target = format!("{}/v0.10/endpoint_search", elsewhere.base);
        stage.provider.on_other(move |_| {
            (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, target.clone())]).into_response()
        });
        let page = stage.endpoints(&browser).await;
        assert_eq!(page.status, 502, "{status}: {}", page.body);
        assert!(!page.body.contains(&elsewhere.base), "{status}: {}", page.body);
        assert_eq!(stage.bearers(), ["Bearer first-access"], "{status}");
    }
    assert!(elsewhere.other_calls().is_empty());
}
