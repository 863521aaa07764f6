//! Why tasks are paused: the rules of those who manage a collection ("Globus Transfer documentation", Limited pause rule
//! document).

use axum::extract::Path;
use serde_json::{Value, json};

use crate::answer::reply::Document;
use crate::ground::random;
use crate::transfer::access::Outcome;
use crate::transfer::call::{Call, list};
use crate::transfer::task_pages::with_task;
use crate::world::collections::{Collection, Trouble};

/// When the rule was made.
const SINCE: &str = "2026-02-16T07:00:00+00:00";

/// `GET /v0.10/task/{id}/pause_info`
pub(crate) async fn pause_info(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    with_task(&call, &id, |task| {
        let collections = task.work.collections();
        let mut rules: Vec<Value> = Vec::new();
        for collection in collections.into_iter().filter_map(|id| call.app.catalogue.find(id)) {
            rules.extend(rule_of(collection).filter(|rule| task.is_paused() && !rules.contains(rule)));
        }
        Ok(json!({
            "DATA_TYPE": "pause_info_limited",
            "destination_pause_message": null,
            "destination_pause_message_share": null,
            "pause_rules": rules,
            "source_pause_message": null,
            "source_pause_message_share": null,
        }))
    })
}

/// `GET /v0.10/endpoint/{id}/my_effective_pause_rule_list`
pub(crate) async fn pause_rules(Path(id): Path<String>, call: Call) -> Outcome<Document<Value>> {
    let collection = call.caller.look_at(&call.app, &id)?;
    let rules: Vec<Value> = rule_of(collection).into_iter().collect();
    Ok(Document(list("pause_rule_list", &rules)))
}

/// The rule of a collection whose manager pauses all tasks.
fn rule_of(collection: &Collection) -> Option<Value> {
    (collection.trouble == Some(Trouble::Paused)).then(|| {
        json!({
            "DATA_TYPE": "pause_rule_limited",
            "endpoint_display_name": collection.shown_name(),
            "endpoint_id": collection.id,
            "id": random::uuid_of(&format!("pause rule of {}", collection.id)),
            "identity_id": null,
            "message": "The storage moves to another building. Your tasks go on when it is there.",
            "modified_time": SINCE,
            "pause_ls": false,
            "pause_mkdir": false,
            "pause_rename": false,
            "pause_symlink": false,
            "pause_task_delete": true,
            "pause_task_transfer_read": true,
            "pause_task_transfer_write": true,
            "start_time": SINCE,
        })
    })
}
