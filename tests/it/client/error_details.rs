//! What a program learns from a failed call: headers of the answer, or the cause when there was no answer.

use std::{error::Error as _, time::Duration};

use axum::{Json, http::StatusCode, response::IntoResponse as _};
use globus_portal::globus::{
    error::{ApiError, CallError},
    transfer::TransferClient,
};
use serde_json::json;

use crate::{
    client::clients::{http, token, transfer_client},
    harness::Provider,
};

/// The error that a call ends with when the answer has these headers.
async fn refused(headers: &'static [(&'static str, &'static str)]) -> ApiError {
    let server = Provider::answering(move |_| {
        let document = json!({"code": "TooManyRequests", "message": "slow down"});
        let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(document)).into_response();
        for (name, value) in headers {
            response.headers_mut().append(*name, value.parse().unwrap());
        }
        response
    })
    .await;
    match transfer_client(&server).get_endpoint("e").await.unwrap_err() {
        CallError::Api(error) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn the_headers_of_an_error_can_be_read() {
    let error = refused(&[("Retry-After", "7"), ("X-Two", "first"), ("x-two", "second")]).await;
    assert_eq!((error.header("retry-after"), error.retry_after()), (Some("7"), Some(Duration::from_secs(7))));
    assert_eq!((error.header("X-TWO"), error.header("x-three")), (Some("first"), None));
    assert_eq!(error.header("no header's name"), None);
    assert_eq!(error.to_string(), "HTTP status 429, TooManyRequests: slow down");
    assert!(!format!("{error:?}").contains("second"), "{error:?}");
}

#[tokio::test]
async fn the_request_id_of_a_header_counts_where_the_body_has_none() {
    let error = refused(&[("X-Request-Id", "of-the-header")]).await;
    assert_eq!(error.request_id(), Some("of-the-header"));
    assert_eq!(error.for_log(), "HTTP status 429, TooManyRequests, request of-the-header");
    let server = Provider::answering(|_| {
        let document = json!({"code": "Gone", "message": "gone", "request_id": "of-the-body"});
        (StatusCode::GONE, [("x-request-id", "of-the-header")], Json(document)).into_response()
    })
    .await;
    let error = transfer_client(&server).get_endpoint("e").await.unwrap_err();
    assert!(matches!(&error, CallError::Api(error) if error.request_id() == Some("of-the-body")), "{error:?}");
}

#[tokio::test]
async fn a_date_to_try_again_at_counts_from_the_date_of_the_answer() {
    let now = ("date", "Sun, 06 Nov 1994 08:49:37 GMT");
    let at = |value: &'static str| refused(Vec::leak(vec![now, ("retry-after", value)]));
    assert_eq!(at("Sun, 06 Nov 1994 08:50:07 GMT").await.retry_after(), Some(Duration::from_secs(30)));
    assert_eq!(at("Sun, 06 Nov 1994 08:00:00 GMT").await.retry_after(), Some(Duration::ZERO));
    for nonsense in ["soon", "", "-1", "1.5", "99999999999999999999999"] {
        assert_eq!(at(nonsense).await.retry_after(), None, "{nonsense}");
    }
    assert_eq!(refused(&[]).await.retry_after(), None);
}

#[tokio::test]
async fn a_failed_connection_keeps_its_causes() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let error = TransferClient::new(base, http(), token()).get_endpoint("e").await.unwrap_err();
    assert!(matches!(error, CallError::Connection(_)), "{error:?}");
    let mut cause = error.source();
    let mut kinds = Vec::new();
    while let Some(error) = cause {
        kinds.extend(error.downcast_ref().map(std::io::Error::kind));
        cause = error.source();
    }
    assert!(kinds.contains(&std::io::ErrorKind::ConnectionRefused), "{kinds:?}: {error:?}");
    assert!(error.to_string().contains("onnection refused") && error.to_string() == error.for_log(), "{error}");
}
