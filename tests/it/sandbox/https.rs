//! Files at the addresses of their collections.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{ACCEPT, HOST, IF_RANGE, RANGE};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use url::Url;

use crate::sandbox::user::*;
use crate::sandbox::visit::*;

/// A collection of Mira's university, for people with an account there.
const MAPPED: &str = "542f1a4c-1145-4604-b926-dd8c9916ae01";
const NOTES: &str = "/home/researcher/data/notes.txt";

impl User {
    /// The address that a collection's document gives.
    async fn address(&self, collection: &str) -> Url {
        let (_, document) = self.get(&format!("endpoint/{collection}")).await;
        document["https_server"].as_str().unwrap_or_else(|| panic!("{document}")).parse().unwrap()
    }

    /// A request to the address of a collection, which this machine may be unable to look up.
    async fn at(&self, method: Method, collection: &str, path: &str) -> RequestBuilder {
        let address = self.address(collection).await;
        let host = format!("{}:{}", address.host_str().unwrap(), address.port().unwrap());
        self.visit.http.request(method, self.visit.url(path)).header(HOST, host)
    }

    async fn read(&self, collection: &str, path: &str) -> Response {
        self.at(Method::GET, collection, path).await.send().await.unwrap()
    }

    async fn https_token(&self, who: &str, collection: &str) -> String {
        let scope = format!("https://auth.globus.org/scopes/{collection}/https");
        let answer = self.visit.log_in(who, &request(&scope, &[("prompt", "login")])).await;
        token_of(&answer, collection).to_owned()
    }
}

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

#[tokio::test]
async fn every_server_collection_has_an_origin_of_its_own_on_this_machine() {
    let user = User::new(JONAS).await;
    let documents = user.visit.my_endpoints(&user.token, "&limit=100").await;
    let mut seen = std::collections::BTreeSet::new();
    for document in documents["DATA"].as_array().unwrap() {
        let entity = document["entity_type"].as_str().unwrap();
        let has_files = matches!(entity, "GCSv5_mapped_collection" | "GCSv5_guest_collection");
        assert_eq!(document["https_server"].is_string(), has_files, "{document}");
        if let Some(address) = document["https_server"].as_str() {
            let url = Url::parse(address).unwrap();
            assert!(url.scheme() == "http" && url.host_str().unwrap().ends_with(".localhost"), "{address}");
            assert!(seen.insert(address.to_owned()), "{address}");
        }
    }
}

#[tokio::test]
async fn a_file_of_the_open_shelf_is_for_everyone() {
    let user = User::new(MIRA).await;
    let file = user.read(OPEN, "/README.txt").await;
    assert_eq!((file.status().as_u16(), header(&file, "content-length")), (200, "1204"));
    assert_eq!((header(&file, "content-type"), header(&file, "accept-ranges")), ("text/plain; charset=utf-8", "bytes"));
    assert_eq!(header(&file, "last-modified"), "Tue, 17 Feb 2026 07:30:00 GMT");
    assert!(header(&file, "content-disposition").is_empty() && header(&file, "x-content-type-options") == "nosniff");
    let text = file.text().await.unwrap();
    assert!(text.len() == 1204 && text.starts_with("        1. "), "{text}");
    let saved = user.read(OPEN, "/README.txt?download").await;
    assert_eq!(header(&saved, "content-disposition"), "attachment; filename*=UTF-8''README.txt");
    assert_eq!(saved.text().await.unwrap(), text, "it is always the same");

    let large = user.at(Method::HEAD, OPEN, "/data/frames.h5").await.send().await.unwrap();
    assert_eq!((large.status().as_u16(), header(&large, "content-length")), (200, "2147483648"));
    let table = user.read(OPEN, "/results/summary.csv").await.text().await.unwrap();
    assert!(table.len() == 48_230 && table.lines().next().unwrap().ends_with("second"), "{}", &table[..100]);

    for (path, status) in [
        ("/nowhere", 404),
        ("/data", 404),
        ("/data/", 404),
        ("/", 404),
        ("/restricted/secret.txt", 403),
        ("/v2/web/consents", 404),
    ] {
        assert_eq!(user.read(OPEN, path).await.status(), status, "{path}");
    }
    let post = user.at(Method::POST, OPEN, "/README.txt").await.send().await.unwrap();
    assert_eq!((post.status().as_u16(), header(&post, "allow")), (405, "GET, HEAD"));
    for (end, status) in [("04", 404), ("08", 403), ("09", 403), ("0a", 503), ("0b", 503)] {
        let host = format!("m-7e57ab00{end}.localhost");
        let request = user.visit.http.get(user.visit.url("/README.txt")).header(HOST, host);
        assert_eq!(request.send().await.unwrap().status(), status, "{end}");
    }
}

#[tokio::test]
async fn part_of_a_file_is_that_part_of_the_whole() {
    let user = User::new(MIRA).await;
    let whole = user.read(OPEN, "/README.txt").await;
    let tag = header(&whole, "etag").to_owned();
    let whole = whole.bytes().await.unwrap();
    let part = async |range: &'static str, tag: &str| {
        let request = user.at(Method::GET, OPEN, "/README.txt").await.header(RANGE, range).header(IF_RANGE, tag);
        request.send().await.unwrap()
    };
    for (range, expected, from, to) in [
        ("bytes=0-99", "bytes 0-99/1204", 0, 100),
        ("bytes=1200-", "bytes 1200-1203/1204", 1200, 1204),
        ("bytes=-4", "bytes 1200-1203/1204", 1200, 1204),
    ] {
        let answer = part(range, &tag).await;
        assert_eq!((answer.status().as_u16(), header(&answer, "content-range")), (206, expected));
        assert_eq!(answer.bytes().await.unwrap(), whole[from..to], "{range}");
    }
    let none = part("bytes=1204-", &tag).await;
    assert_eq!((none.status().as_u16(), header(&none, "content-range")), (416, "bytes */1204"));
    assert_eq!(part("bytes=0-0", "\"another\"").await.status(), 200, "the file has changed");
    let request = user.at(Method::GET, OPEN, "/data/frames.h5").await.header(RANGE, "bytes=2147483640-");
    let last = request.send().await.unwrap();
    assert_eq!(header(&last, "content-range"), "bytes 2147483640-2147483647/2147483648");
    assert_eq!(last.bytes().await.unwrap().len(), 8);
}

#[tokio::test]
async fn a_large_file_is_made_while_it_is_sent() {
    let user = User::new(MIRA).await;
    let mut file = user.read(OPEN, "/many/frame-0001.tif").await;
    let mut length = 0;
    while let Some(chunk) = file.chunk().await.unwrap() {
        length += chunk.len();
    }
    assert_eq!(length, 8_388_609);
    let mut huge = user.read(OPEN, "/data/frames.h5").await;
    assert!(!huge.chunk().await.unwrap().unwrap().is_empty(), "whoever goes away early has caused no more than that");
}

#[tokio::test]
async fn each_odd_name_has_an_address() {
    let user = User::new(MIRA).await;
    for name in user.names(OPEN, "path=/odd%20names").await {
        let path = format!("/odd%20names/{}?download", utf8_percent_encode(&name, NON_ALPHANUMERIC));
        let file = user.read(OPEN, &path).await;
        assert_eq!(file.status(), 200, "{name:?}");
        let saved = header(&file, "content-disposition").strip_prefix("attachment; filename*=UTF-8''").unwrap();
        assert_eq!(percent_encoding::percent_decode_str(saved).decode_utf8().unwrap(), name);
    }
}

#[tokio::test]
async fn other_collections_want_a_token_of_their_own() {
    let user = User::new(MIRA).await;
    let with = async |token: &str| {
        let request = user.at(Method::GET, MAPPED, NOTES).await;
        if token.is_empty() { request } else { request.bearer_auth(token) }.send().await.unwrap()
    };
    for token in ["", "dead", user.token.as_str()] {
        let refused = with(token).await;
        assert_eq!((refused.status().as_u16(), header(&refused, "www-authenticate")), (401, "Bearer"), "{token}");
    }
    let file = with(&user.https_token(MIRA, MAPPED).await).await;
    assert_eq!((file.status().as_u16(), header(&file, "content-length")), (200, "2048"));
    assert_eq!(with(&user.https_token(JONAS, MAPPED).await).await.status(), 403);
    let of_another = user.https_token(MIRA, "542f1a4c-1145-4604-b926-dd8c9916ae02").await;
    assert_eq!(with(&of_another).await.status(), 401);
}

#[tokio::test]
async fn a_browser_signs_in_at_the_sandbox_and_comes_back_for_the_file() {
    let user = User::new(MIRA).await;
    let browse = async |path: &str| {
        let request = user.at(Method::GET, MAPPED, path).await.header(ACCEPT, "text/html");
        request.send().await.unwrap()
    };
    let there = location(&browse(&format!("{NOTES}?download")).await);
    assert_eq!(there.path(), "/v2/web/files");
    let next = format!("files?{}", there.query().unwrap());
    user.visit.get("/v2/web/logout").await;
    let page = user.visit.get(&format!("/v2/web/{next}")).await;
    let origin = user.address(MAPPED).await.origin().ascii_serialization();
    assert!(header(&page, "content-security-policy").contains(&format!("form-action 'self' {origin};")));
    assert!(page.text().await.unwrap().contains("Choose a person to read a file."));
    let chosen = user.visit.submit("/v2/web/choose", &[("next", &next), ("identity", MIRA)]).await;
    assert_eq!((chosen.status().as_u16(), header(&chosen, "location")), (303, format!("/v2/web/{next}").as_str()));
    let back = location(&user.visit.get(header(&chosen, "location")).await);
    assert!(back.as_str().starts_with(&format!("{origin}{NOTES}?download&ticket=")), "{back}");
    let file = browse(&format!("{NOTES}?{}", back.query().unwrap())).await;
    assert_eq!((file.status().as_u16(), header(&file, "content-length")), (200, "2048"));
    let request = user.at(Method::GET, "542f1a4c-1145-4604-b926-dd8c9916ae02", NOTES).await;
    let ticket = back.query_pairs().collect::<Vec<_>>();
    assert_eq!(request.query(&ticket).send().await.unwrap().status(), 401, "a ticket is for one collection");

    user.visit.submit("/v2/web/choose", &[("next", &next), ("identity", JONAS)]).await;
    assert_eq!(user.visit.get(&format!("/v2/web/{next}")).await.status(), 403);
    for bad in [
        "/v2/web/files",
        "/v2/web/files?collection=x&path=/",
        "/v2/web/files?collection=d3ca888e-1052-4ab5-ba4d-86dc76e90003",
    ] {
        assert_eq!(user.visit.get(bad).await.status(), 404, "{bad}");
    }
    let away = user.visit.submit("/v2/web/choose", &[("next", "//evil.example"), ("identity", MIRA)]).await;
    assert_eq!(header(&away, "location"), "/v2/web/consents");
}

#[tokio::test]
async fn an_anonymous_rule_opens_a_folder_to_everyone() {
    let user = User::new(MIRA).await;
    let guest = "542f1a4c-1145-4604-b926-dd8c9916ae03";
    assert_eq!(user.read(guest, "/data/notes.txt").await.status(), 401);
    let rule = json!({"DATA_TYPE": "access", "principal_type": "anonymous", "principal": "", "path": "/data/", "permissions": "r"});
    let (status, answer) = user.post(&format!("endpoint/{guest}/access"), &rule).await;
    assert!(status < 300, "{answer}");
    assert_eq!(user.read(guest, "/data/notes.txt").await.status(), 200);
    assert_eq!(user.read(guest, "/README.txt").await.status(), 401);
}

#[tokio::test]
async fn hosts_of_no_collection_are_the_sandbox_itself() {
    let user = User::new(MIRA).await;
    for host in ["m-0000000000.localhost", "localhost"] {
        let request = user.visit.http.get(user.visit.url("/sandbox/pace")).header(HOST, host);
        let document: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(document["transfer_ms"], 2_000, "{host}");
    }
}
