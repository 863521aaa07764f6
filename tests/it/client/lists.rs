//! Lists of any length: as a stream of their items, and in one large answer.

use std::fmt::Write as _;

use futures_util::{StreamExt as _, TryStreamExt as _};
use globus_portal::globus::{
    error::CallError,
    http::{HttpClient, Limits},
    transfer::{EndpointSearch, LsQuery, TransferClient},
};
use serde_json::json;

use crate::{
    client::clients::{token, transfer_client},
    harness::{Provider, Step},
};

/// Answers with two endpoints a page: `pages` of them, and after these an error.
async fn pages_and_an_error(pages: usize) -> Provider {
    Provider::answering(move |request| match request.number("offset").unwrap_or(0) {
        offset if offset < 2 * pages => {
            let items = [json!({"id": offset.to_string()}), json!({"id": (offset + 1).to_string()})];
            Step::text(200, json!({"DATA": items, "has_next_page": true}).to_string())
        }
        _ => Step::text(404, json!({"code": "NotFound", "message": "gone"}).to_string()),
    })
    .await
}

#[tokio::test]
async fn a_stream_gives_the_items_of_all_pages_and_ends_after_the_first_error() {
    let server = pages_and_an_error(2).await;
    let mut found = transfer_client(&server).paginated().endpoint_search(&EndpointSearch::default());
    // Items that were taken before do not come again.
    assert_eq!(found.next().await.unwrap().unwrap().id, "0");
    let mut found = found.into_stream();
    assert_eq!(server.take().len(), 1);
    for id in ["1", "2", "3"] {
        assert_eq!(found.try_next().await.unwrap().unwrap().id, id);
    }
    assert!(matches!(found.try_next().await, Err(CallError::Api(error)) if error.http_status() == 404));
    assert_eq!(server.take().len(), 2);
    assert!(found.next().await.is_none() && server.take().is_empty());
}

#[tokio::test]
async fn a_stream_ends_where_its_list_ends() {
    let one = json!({"DATA": [{"id": "a"}], "has_next_page": false});
    let server = Provider::with(one.to_string()).await;
    let mut found = transfer_client(&server).paginated().endpoint_search(&EndpointSearch::default()).into_stream();
    assert_eq!(found.next().await.unwrap().unwrap().id, "a");
    assert!(found.next().await.is_none() && found.next().await.is_none());
    assert_eq!(server.take().len(), 1);
}

/// The most entries that Transfer lists at a time.
const LARGEST: usize = 100_000;

/// A folder of that size, as Transfer writes it.
fn large_folder() -> String {
    let mut text = String::from(r#"{"DATA_TYPE": "file_list", "path": "/~/", "DATA": ["#);
    for n in 0..LARGEST {
        let comma = if n > 0 { "," } else { "" };
        write!(
            text,
            r#"{comma}{{"DATA_TYPE": "file", "name": "measurement-{n:06}.nc", "type": "file", "size": {n}, "link_target": null,
            "last_modified": "2026-01-02 03:04:05+00:00", "permissions": "0644", "user": "mira", "group": "lab",
            "link_size": null, "link_user": null, "link_group": null, "link_last_modified": null, "link_permissions": null}}"#
        )
        .unwrap();
    }
    write!(text, r#"], "total": {LARGEST}}}"#).unwrap();
    text
}

#[tokio::test]
async fn the_largest_folder_that_transfer_lists_fits_the_limits_but_not_those_of_web_pages() {
    let folder = large_folder();
    assert!(folder.len() > 30_000_000, "{}", folder.len());
    let server = Provider::with(folder).await;
    let client = |limits| TransferClient::new(server.url.clone(), HttpClient::direct(limits).unwrap(), token());
    let query = LsQuery::default();

    let list = client(Limits::default()).operation_ls("e", &query).await.unwrap();
    assert_eq!((list.files.len(), list.total), (LARGEST, Some(LARGEST as u64)));
    assert_eq!(list.files[LARGEST - 1].name, "measurement-099999.nc");

    let mut pages = client(Limits::default()).paginated().operation_ls("e", &query).unwrap();
    assert_eq!(pages.next_page().await.unwrap().unwrap().files.len(), LARGEST);

    let refused = client(Limits::for_web_pages()).operation_ls("e", &query).await.unwrap_err();
    assert!(matches!(refused, CallError::TooLarge { limit: 4_194_304 }), "{refused:?}");
    // Every other answer has the small limit.
    let refused = client(Limits::default()).operation_stat("e", "/", None).await.unwrap_err();
    assert!(matches!(refused, CallError::TooLarge { limit: 4_194_304 }), "{refused:?}");
}
