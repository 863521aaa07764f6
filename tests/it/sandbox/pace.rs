//! How long tasks take, how they get on, and what goes wrong with them when a test asks for it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::sandbox::user::*;
use crate::sandbox::visit::*;

const HOUR: u64 = 3_600_000;

impl User {
    async fn control(&self, path: &str, body: &Value) -> (u16, Value) {
        let answer = self.visit.http.post(self.visit.url(path)).json(body).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn pace(&self, pace: &Value) {
        let (status, document) = self.control("/sandbox/pace", pace).await;
        assert_eq!(status, 200, "{document}");
    }

    /// A task of this kind that is under way for long.
    async fn long_task(&self, destination: &str) -> Value {
        self.pace(&json!({"transfer_ms": HOUR})).await;
        self.transfer(OPEN, destination, &item("/data/", "/copy/", true)).await
    }

    /// Asks for a task until it is as wanted.
    async fn until(&self, submitted: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
        loop {
            let task = self.task(submitted).await;
            if wanted(&task) {
                return task;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// The events of a task, the first one first.
    async fn events(&self, submitted: &Value) -> Vec<Value> {
        let id = submitted["task_id"].as_str().unwrap();
        let (_, list) = self.get(&format!("task/{id}/event_list?limit=100")).await;
        list["DATA"].as_array().unwrap().iter().rev().cloned().collect()
    }

    async fn codes(&self, submitted: &Value) -> Vec<String> {
        let events = self.events(submitted).await;
        events.iter().map(|event| event["code"].as_str().unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn the_pace_is_seen_set_and_reset() {
    let user = User::new(MIRA).await;
    let usual = json!({"transfer_ms": 2_000, "delete_ms": 1_000, "ms_per_file": 0, "ms_per_gigabyte": 0});
    let pace = async || user.visit.get("/sandbox/pace").await.json::<Value>().await.unwrap();
    assert_eq!(pace().await, usual);
    user.pace(&json!({"delete_ms": 7, "ms_per_file": 3})).await;
    assert_eq!(pace().await, json!({"transfer_ms": 2_000, "delete_ms": 7, "ms_per_file": 3, "ms_per_gigabyte": 0}));
    for bad in [json!({"transfer_ms": -1}), json!({"delete_ms": 86_400_001}), json!({"ms": 1}), json!([]), json!(5)] {
        let (status, answer) = user.control("/sandbox/pace", &bad).await;
        assert!(status == 400 && answer["error"].is_string(), "{bad}: {answer}");
    }
    let form = user.visit.submit("/sandbox/pace", &[("transfer_ms", "1")]).await;
    assert_eq!(form.status(), 400, "only what no page of another site can send");
    assert_eq!(pace().await["delete_ms"], 7);
    let reset = user.visit.http.delete(user.visit.url("/sandbox/pace")).send().await.unwrap();
    assert_eq!((reset.status().as_u16(), pace().await), (204, usual));
}

#[tokio::test]
async fn a_long_transfer_gets_on_bit_by_bit() {
    let user = User::new(MIRA).await;
    let long = user.long_task(OPEN).await;
    let first = user.until(&long, |task| task["bytes_transferred"].as_u64() > Some(0)).await;
    let before = first["bytes_transferred"].as_u64();
    let later = user.until(&long, |task| task["bytes_transferred"].as_u64() > before).await;
    assert_eq!((&later["status"], &later["is_ok"], &later["files"]), (&json!("ACTIVE"), &json!(true), &json!(4)));
    assert_eq!(user.ls(OPEN, "path=/copy").await.0, 404, "it takes effect at its end");
    user.finish().await;
    assert_eq!(user.task(&long).await["bytes_transferred"], 2_147_483_648_u64 + 2_048 + 734_003_200 + 734_003_201);
}

#[tokio::test]
async fn a_transfer_reports_its_progress_on_its_way() {
    let user = User::new(MIRA).await;
    user.pace(&json!({"transfer_ms": 300})).await;
    let answer = user.transfer(OPEN, OPEN, &item("/data/", "/copy/", true)).await;
    let total = user.ended(&answer).await["bytes_transferred"].as_u64().unwrap();
    let codes = user.codes(&answer).await;
    assert_eq!((&*codes[0], &*codes[1], &*codes[9], &*codes[10]), ("STARTED", "PROGRESS", "PROGRESS", "SUCCEEDED"));
    let reported = user.events(&answer).await.into_iter().filter(|event| event["code"] == "PROGRESS").map(|event| {
        let details: Value = serde_json::from_str(event["details"].as_str().unwrap()).unwrap();
        assert_eq!(
            (members(&details), &event["is_error"]),
            (vec!["bytes_transferred", "duration", "mbps"], &json!(false))
        );
        details["bytes_transferred"].as_u64().unwrap()
    });
    let reported: u64 = reported.sum();
    assert!(reported > total * 8 / 10 && reported < total, "{reported} of {total}");
}

#[tokio::test]
async fn large_tasks_take_longer_if_the_pace_says_so() {
    let user = User::new(MIRA).await;
    user.pace(&json!({"transfer_ms": 0, "delete_ms": 0, "ms_per_file": HOUR, "ms_per_gigabyte": HOUR})).await;
    let empty = user.transfer(OPEN, OPEN, &item("/empty folder", "/another one", true)).await;
    let file = user.transfer(OPEN, OPEN, &item("/README.txt", "/copy", false)).await;
    let delete = json!({"DATA_TYPE": "delete", "DATA": [{"DATA_TYPE": "delete_item", "path": "/data"}],
        "endpoint": OPEN, "recursive": true, "submission_id": user.submission_id().await});
    let (_, delete) = user.post("delete", &delete).await;
    assert_eq!(user.task(&empty).await["status"], "SUCCEEDED");
    assert_eq!(user.task(&file).await["status"], "ACTIVE");
    assert_eq!(
        (&user.task(&delete).await["status"], &user.task(&delete).await["files"]),
        (&json!("ACTIVE"), &json!(4))
    );
}

#[tokio::test]
async fn a_fault_on_demand_passes_with_the_next_progress() {
    let user = User::new(MIRA).await;
    user.pace(&json!({"transfer_ms": 10_000})).await;
    let answer = user.transfer(OPEN, OPEN, &item("/data/", "/copy/", true)).await;
    let fault = json!({"code": "PERMISSION_DENIED", "task_id": answer["task_id"]});
    assert_eq!(user.control("/sandbox/tasks/fault", &fault).await, (200, json!({"tasks": 1})));
    let task = user.task(&answer).await;
    assert_eq!((&task["nice_status"], &task["is_ok"]), (&json!("PERMISSION_DENIED"), &json!(false)));
    assert_eq!(
        (&task["status"], &task["faults"], &task["subtasks_retrying"]),
        (&json!("ACTIVE"), &json!(1), &json!(1))
    );
    assert_eq!(user.codes(&answer).await, ["STARTED", "PERMISSION_DENIED"]);
    let task = user.until(&answer, |task| task["nice_status"] != "PERMISSION_DENIED").await;
    assert_eq!((&task["nice_status"], &task["status"]), (&json!("OK"), &json!("ACTIVE")));
    assert_eq!(user.codes(&answer).await[2], "PROGRESS");
    user.finish().await;
    let task = user.task(&answer).await;
    assert_eq!((&task["status"], &task["faults"]), (&json!("SUCCEEDED"), &json!(1)));
}

#[tokio::test]
async fn a_fatal_fault_ends_every_running_task_or_the_named_one() {
    let user = User::new(MIRA).await;
    let tasks = [user.long_task(OPEN).await, user.long_task(OPEN).await, user.long_task(&trouble("0d")).await];
    let one = json!({"code": "NO_SPACE_LEFT", "fatal": true, "task_id": tasks[0]["task_id"]});
    assert_eq!(user.control("/sandbox/tasks/fault", &one).await.0, 200);
    let task = user.task(&tasks[0]).await;
    assert_eq!((&task["status"], &task["nice_status"]), (&json!("FAILED"), &Value::Null));
    assert_eq!(task["fatal_error"], json!({"code": "NO_SPACE_LEFT", "description": "no space left"}));
    assert_eq!(user.control("/sandbox/tasks/fault", &one).await.0, 404, "it has ended");
    let all = json!({"code": "FILE_NOT_FOUND", "fatal": true});
    assert_eq!(user.control("/sandbox/tasks/fault", &all).await, (200, json!({"tasks": 2})));
    assert_eq!(user.control("/sandbox/tasks/fault", &all).await, (200, json!({"tasks": 0})));
    for bad in [json!({}), json!({"code": "X"}), json!({"code": "TIMEOUT", "fatal": 1}), json!({"code": 1, "x": 1})] {
        let (status, answer) = user.control("/sandbox/tasks/fault", &bad).await;
        assert!(status == 400 && answer["error"].is_string(), "{bad}: {answer}");
    }
}

#[tokio::test]
async fn a_bad_connection_breaks_once_and_the_transfer_succeeds() {
    let user = User::new(MIRA).await;
    let flaky = trouble("0e");
    user.pace(&json!({"transfer_ms": 200})).await;
    let answer = user.transfer(OPEN, &flaky, &item("/README.txt", "/x", false)).await;
    let task = user.ended(&answer).await;
    assert_eq!((&task["status"], &task["faults"]), (&json!("SUCCEEDED"), &json!(1)));
    let codes = user.codes(&answer).await;
    assert_eq!(&codes[..5], ["STARTED", "PROGRESS", "PROGRESS", "CONNECTION_RESET", "PROGRESS"]);

    let long = user.long_task(&flaky).await;
    user.finish().await;
    assert_eq!(user.codes(&long).await, ["STARTED", "CONNECTION_RESET", "SUCCEEDED"]);
}

#[tokio::test]
async fn a_manager_pauses_tasks_by_a_rule_and_their_owner_may_cancel_them() {
    let user = User::new(MIRA).await;
    let paused = trouble("0f");
    let answer = user.transfer(OPEN, &paused, &item("/README.txt", "/x", false)).await;
    assert_eq!(user.finish().await["finished"], 0);
    let task = user.task(&answer).await;
    assert_eq!((&task["status"], &task["is_paused"]), (&json!("ACTIVE"), &json!(true)));
    assert_eq!((&task["nice_status"], &task["is_ok"]), (&json!("PAUSED_BY_ADMIN"), &json!(false)));
    let id = answer["task_id"].as_str().unwrap();
    let (_, info) = user.get(&format!("task/{id}/pause_info")).await;
    assert_eq!((&info["DATA_TYPE"], &info["source_pause_message"]), (&json!("pause_info_limited"), &Value::Null));
    let rule = &info["pause_rules"][0];
    assert_eq!((&rule["DATA_TYPE"], &rule["endpoint_id"]), (&json!("pause_rule_limited"), &json!(paused)));
    assert_eq!((&rule["pause_task_transfer_write"], &rule["pause_ls"]), (&json!(true), &json!(false)));
    let (_, rules) = user.get(&format!("endpoint/{paused}/my_effective_pause_rule_list")).await;
    assert_eq!((&rules["DATA_TYPE"], &rules["DATA"]), (&json!("pause_rule_list"), &json!([rule])));
    let (_, none) = user.get(&format!("endpoint/{OPEN}/my_effective_pause_rule_list")).await;
    assert_eq!(none["DATA"], json!([]));

    let (_, canceled) = user.post(&format!("task/{id}/cancel"), &Value::Null).await;
    assert_eq!(canceled["code"], "Canceled");
    let task = user.task(&answer).await;
    assert_eq!((&task["status"], &task["is_paused"]), (&json!("FAILED"), &json!(false)));
    let (_, info) = user.get(&format!("task/{id}/pause_info")).await;
    assert_eq!(info["pause_rules"], json!([]));
}
