//! A person with a token of Transfer, and what they do with it.

use serde_json::{Value, json};

use crate::harness::fixture;
use crate::sandbox::visit::*;

/// The collection without trouble, for everyone.
pub const OPEN: &str = "7e57ab1e-0000-4000-8000-000000000001";

/// The failing collection whose id ends like this.
pub fn trouble(end: &str) -> String {
    format!("7e57ab1e-0000-4000-8000-0000000000{end}")
}

/// A person with a Transfer token.
pub struct User {
    pub visit: Visit,
    pub token: String,
}

impl User {
    pub async fn new(who: &str) -> Self {
        let visit = Visit::start().await;
        let answer = visit.log_in(who, &request(TRANSFER, &[])).await;
        let token = answer["access_token"].as_str().unwrap().to_owned();
        Self { visit, token }
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.visit.bearer(&format!("/v0.10/{path}"), &self.token).await;
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.visit.http.post(self.visit.url(&format!("/v0.10/{path}")));
        let answer = request.bearer_auth(&self.token).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub async fn ls(&self, collection: &str, query: &str) -> (u16, Value) {
        self.get(&format!("operation/endpoint/{collection}/ls?{query}")).await
    }

    /// Names in a listing.
    pub async fn names(&self, collection: &str, query: &str) -> Vec<String> {
        let (status, document) = self.ls(collection, query).await;
        assert_eq!(status, 200, "{document}");
        let entries = document["DATA"].as_array().unwrap();
        entries.iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
    }

    pub async fn submission_id(&self) -> String {
        self.get("submission_id").await.1["value"].as_str().unwrap().to_owned()
    }

    pub async fn transfer(&self, source: &str, destination: &str, items: &Value) -> Value {
        let body = json!({"DATA_TYPE": "transfer", "DATA": items, "source_endpoint": source,
            "destination_endpoint": destination, "label": "L", "submission_id": self.submission_id().await});
        let (status, answer) = self.post("transfer", &body).await;
        assert_eq!((status, &answer["code"]), (200, &json!("Accepted")), "{answer}");
        answer
    }

    pub async fn task(&self, answer: &Value) -> Value {
        self.get(&format!("task/{}", answer["task_id"].as_str().unwrap())).await.1
    }

    /// A task once it is no longer active.
    pub async fn ended(&self, submitted: &Value) -> Value {
        loop {
            let task = self.task(submitted).await;
            if task["status"] != "ACTIVE" {
                return task;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }

    pub async fn finish(&self) -> Value {
        let answer = self.visit.http.post(self.visit.url("/sandbox/tasks/finish")).send().await.unwrap();
        answer.json().await.unwrap()
    }
}

pub fn item(from: &str, to: &str, recursive: bool) -> Value {
    json!([{"DATA_TYPE": "transfer_item", "source_path": from, "destination_path": to, "recursive": recursive}])
}

/// Asserts that the document has the members of a fixture and the named ones.
pub fn assert_shape(document: &Value, file: &str) {
    if let Some(text) = fixture("the shapes of Transfer's documents", file) {
        let known: Value = serde_json::from_str(&text).unwrap();
        for name in members(&known) {
            assert!(document.get(name).is_some(), "{file}: {name} is missing");
        }
    }
}
