//! The store, Globus Groups or the portal itself being down, and a proxy that the portal does not know. Rows H1, H5, H6 and I1.

use std::sync::Arc;

use serde_json::json;

use super::{Gate, Proxy};
use crate::{
    gate::app::Shown,
    harness::{Browser, FailingStore, MIRA},
};

pub async fn unknown(proxy: &Proxy) {
    let store = Arc::new(FailingStore::default());
    let mut gate =
        Gate::start_with(proxy, |portal| portal.set("TRUSTED_PROXIES", "127.0.0.1").store(store.clone())).await;
    let (mira, stranger) = (gate.somebody(MIRA).await, Browser::new());
    stranger.set_cookie("localhost", "session", "AAAAAAAAAAAAAAAAAAAAAA");
    let is_unknown = async |browser: &Browser, path: &str, expected: u16| {
        let answer = browser.get(&gate.url(path)).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (expected, None), "{path}: {}", answer.body);
        assert!(answer.header("x-app").is_none() && answer.set_cookies().is_empty(), "{:?}", answer.headers);
    };
    // A session that the portal knows needs no store; one that it does not know does.
    store.fail(true);
    is_unknown(&stranger, "/app/", proxy.unknown).await;
    store.fail(false);
    assert_eq!(stranger.get(&gate.url("/app/")).await.status, 302);

    let faults = format!("{}/sandbox/faults", gate.portal().globus);
    let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
    let fault = json!({"fault": "status", "status": 500, "path": "/v2/groups"});
    assert!(client.post(&faults).json(&fault).send().await.unwrap().status().is_success());
    is_unknown(&mira, "/lab/", proxy.unknown).await;
    Shown::by("app", &mira.get(&gate.url("/app/")).await);
    client.delete(&faults).send().await.unwrap();
    Shown::by("lab", &mira.get(&gate.url("/lab/")).await);

    gate.portal.take().unwrap().stop().await;
    for browser in [&mira, &Browser::new()] {
        let answer = browser.get(&gate.url("/app/")).await;
        assert_eq!((answer.status.as_u16(), answer.header("x-app")), (proxy.unreachable, None), "{}", answer.body);
    }
}

pub async fn untrusted(proxy: &Proxy) {
    let gate = Gate::start_with(proxy, |portal| portal).await;
    let mira = gate.somebody(MIRA).await;
    let answer = mira.get(&gate.url("/app/")).await;
    if proxy.forwards {
        assert_eq!((answer.status.as_u16(), answer.header("x-app")), (403, None), "{}", answer.body);
        assert_eq!(Browser::new().get(&gate.url("/app/")).await.status, 403);
    } else {
        // nginx says nothing that the portal would have to believe.
        assert_eq!(Shown::by("app", &answer).account("username"), Some(MIRA));
    }
}
