//! Lists as streams of their items.

use futures_util::{StreamExt as _, TryStreamExt as _};
use globus_portal::globus::{error::CallError, transfer::EndpointSearch};
use serde_json::json;

use crate::{
    client::clients::transfer_client,
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
