//! The manager of Globus Connect Server in the sandbox: over https, on the same port as everything else.

use globus_portal::sandbox::{CLIENT_ID, CLIENT_SECRET};
use reqwest::{Certificate, Client};
use serde_json::Value;

use crate::sandbox::visit::*;

const GUEST: &str = "542f1a4c-1145-4604-b926-dd8c9916ae03";
const MAPPED: &str = "542f1a4c-1145-4604-b926-dd8c9916ae01";

/// A client that trusts the sandbox, and only the sandbox.
async fn trusting(visit: &Visit) -> Client {
    let authority = visit.get("/sandbox/ca.pem").await.bytes().await.unwrap();
    let authority = Certificate::from_pem(&authority).unwrap();
    Client::builder().tls_certs_only([authority]).no_proxy().build().unwrap()
}

#[tokio::test]
async fn the_manager_of_an_endpoint_tells_its_collections_and_their_roles() {
    let visit = Visit::start().await;
    let https = trusting(&visit).await;
    let transfer = visit.log_in(MIRA, &request(TRANSFER, &[])).await["access_token"].as_str().unwrap().to_owned();
    let guest: Value = visit.bearer(&format!("/v0.10/endpoint/{GUEST}"), &transfer).await.json().await.unwrap();
    let (manager, endpoint) = (guest["gcs_manager_url"].as_str().unwrap(), guest["owner_id"].as_str().unwrap());
    assert_eq!(manager, visit.base.replace("http:", "https:"));
    let scope = format!("urn:globus:auth:scope:{endpoint}:manage_collections");
    let token = visit.log_in(MIRA, &request(&scope, &[])).await["access_token"].as_str().unwrap().to_owned();
    let get = async |path: &str, token: &str| -> (u16, Value) {
        let answer = https.get(format!("{manager}/api/{path}")).bearer_auth(token).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    };
    for (path, count) in [
        // Hers, and one that another person shares from there.
        ("collections", 4),
        ("collections?filter=guest_collections", 2),
        ("collections?filter=mapped_collections,managed_by_me", 2),
        (&format!("collections?mapped_collection_id={MAPPED}"), 1),
        (&format!("roles?collection_id={GUEST}"), 1),
    ] {
        let (status, document) = get(path, &token).await;
        assert_eq!((status, document["data"].as_array().unwrap().len()), (200, count), "{path}: {document}");
    }
    for (path, token, status, code) in [
        (format!("collections/{GUEST}"), "Agdead", 401, "unauthenticated"),
        (format!("collections/{GUEST}"), transfer.as_str(), 403, "permission_denied"),
        // Of another endpoint.
        ("collections/d3ca888e-1052-4ab5-ba4d-86dc76e90002".to_owned(), token.as_str(), 404, "not_found"),
        ("storage_gateways".to_owned(), token.as_str(), 404, "not_in_sandbox"),
        ("roles/nobody".to_owned(), token.as_str(), 404, "not_found"),
    ] {
        let (found, document) = get(&path, token).await;
        assert_eq!((found, document["code"].as_str()), (status, Some(code)), "{path}: {document}");
        assert_eq!(document["http_response_code"], status);
    }
}

#[tokio::test]
async fn tls_is_spoken_to_those_who_trust_the_sandbox_and_holds_nobody_else_up() {
    let visit = Visit::start().await;
    // A client connects and sends nothing.
    let silent = tokio::net::TcpStream::connect(visit.base.trim_start_matches("http://")).await.unwrap();
    let https = trusting(&visit).await;
    let base = visit.base.replace("http:", "https:");
    let form = [("grant_type", "client_credentials"), ("scope", "openid")];
    let call = https.post(format!("{base}/v2/oauth2/token")).basic_auth(CLIENT_ID, Some(CLIENT_SECRET)).form(&form);
    assert_eq!(call.send().await.unwrap().status(), 200);
    let by_name = base.replace("127.0.0.1", "localhost");
    assert_eq!(https.get(&by_name).send().await.unwrap().status(), 200);
    let stranger = Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    assert!(stranger.get(&base).send().await.is_err());
    assert_eq!(visit.get("/").await.status(), 200);
    drop(silent);
}
