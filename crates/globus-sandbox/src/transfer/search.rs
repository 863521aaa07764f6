//! Globus Transfer's endpoint search and single endpoints ("Globus Transfer documentation", Endpoint Search and Endpoint
//! Management).

use crate::answer::reply::Document;
use axum::extract::{Path, RawQuery, State};
use serde_json::{Map, Value, json};

use crate::ground::params::Params;
use crate::memory::app::{App, AppState};
use crate::memory::sharing::{Sharing, Standing};
use crate::transfer::access::{Caller, Outcome, Problem};
use crate::transfer::listing::number;
use crate::world::collections::{Collection, Kind, Trouble};
use crate::world::people::Person;

const DEFAULT_LIMIT: usize = 25;
/// The documentation does not say what happens to a greater `limit`; the sandbox reduces it to this.
const MAX_LIMIT: usize = 100;
/// The most results of one search.
const MAX_RESULTS: usize = 1000;

/// `GET /v0.10/endpoint_search`
pub(crate) async fn endpoint_search(
    State(app): State<AppState>,
    caller: Caller,
    RawQuery(query): RawQuery,
) -> Outcome<Document<Value>> {
    search(&app, &caller, query.as_deref().unwrap_or_default()).map(Document)
}

/// `GET /v0.10/endpoint/{id}`
pub(crate) async fn endpoint(
    State(app): State<AppState>,
    caller: Caller,
    Path(id): Path<String>,
) -> Outcome<Document<Map<String, Value>>> {
    Ok(Document(caller.look_at(&app, &id)?.full_document(caller.person())))
}

/// The parameters of a search.
struct Search {
    scope: String,
    words: Vec<String>,
    entity_types: Vec<String>,
    owner_id: Option<String>,
    non_functional: Option<bool>,
    fields: Vec<String>,
    limit: usize,
    offset: usize,
}

fn search(app: &App, caller: &Caller, query: &str) -> Outcome<Value> {
    let reader = caller.person();
    let search = Search::read(query)?;
    let busy = busy(app, reader);
    let standing = caller.standing(app);
    let mut hits: Vec<&Collection> = {
        let sharing = app.sharing();
        let found = |collection: &&Collection| search.finds(collection, &sharing, &standing, &busy);
        app.catalogue.all.iter().filter(found).take(MAX_RESULTS + 1).collect()
    };
    hits.truncate(MAX_RESULTS);
    let end = search.offset.saturating_add(search.limit);
    let page: Vec<Value> =
        hits.iter().skip(search.offset).take(search.limit).map(|collection| search.shown(collection, reader)).collect();
    Ok(json!({
        "DATA": page,
        "DATA_TYPE": "endpoint_list",
        "has_next_page": end < hits.len(),
        "limit": search.limit,
        "offset": search.offset,
    }))
}

/// The collections that tasks of this person are using.
fn busy(app: &App, reader: &Person) -> Vec<String> {
    let state = app.transfer();
    let running = state.tasks_of(&reader.primary.id).filter(|task| task.is_under_way());
    running.flat_map(|task| task.work.collections()).map(str::to_owned).collect()
}

impl Search {
    fn read(query: &str) -> Outcome<Self> {
        let params = Params::read(query.as_bytes())?;
        let search = Self {
            scope: params.owned("filter_scope").unwrap_or("all".into()),
            words: words(params.get("filter_fulltext").unwrap_or_default()),
            entity_types: params.list("filter_entity_type"),
            owner_id: params.owned("filter_owner_id"),
            non_functional: params.get("filter_non_functional").map(|flag| flag == "1"),
            fields: params.list("fields"),
            limit: number(&params, "limit", DEFAULT_LIMIT)?.min(MAX_LIMIT),
            offset: number(&params, "offset", 0)?,
        };
        if search.limit == 0 {
            return Err(Problem::bad_request("limit must be at least 1"));
        }
        search.check_scope()?;
        Ok(search)
    }

    fn check_scope(&self) -> Outcome<()> {
        match self.scope.as_str() {
            "all" | "hide-no-permissions" if self.words.is_empty() && self.owner_id.is_none() => {
                Err(Problem::bad_request("filter_fulltext is required when searching all endpoints"))
            }
            "all"
            | "hide-no-permissions"
            | "my-endpoints"
            | "my-gcp-endpoints"
            | "recently-used"
            | "in-use"
            | "shared-by-me"
            | "shared-with-me"
            | "administered-by-me" => Ok(()),
            _ => Err(Problem::bad_request("Invalid filter_scope")),
        }
    }

    fn finds(&self, collection: &Collection, sharing: &Sharing, standing: &Standing<'_>, busy: &[String]) -> bool {
        let entity_type = collection.kind.entity_type();
        let non_functional = collection.kind == Kind::Endpoint;
        collection.trouble != Some(Trouble::Deleted)
            && self.in_scope(collection, sharing, standing, busy)
            && (self.entity_types.is_empty() || self.entity_types.iter().any(|t| t == entity_type))
            && self.owner_id.as_ref().is_none_or(|id| *id == collection.owner.id || id == collection.owner_id())
            && self.non_functional.is_none_or(|wanted| wanted == non_functional)
            && self.matches_words(collection)
    }

    fn in_scope(&self, collection: &Collection, sharing: &Sharing, standing: &Standing<'_>, busy: &[String]) -> bool {
        let mine = collection.is_owned_by(standing.person);
        match self.scope.as_str() {
            "my-endpoints" => mine,
            "administered-by-me" => mine || !sharing.roles_of(collection, standing).is_empty(),
            "my-gcp-endpoints" => mine && collection.kind.is_personal(),
            "recently-used" => mine && collection.last_used.is_some(),
            "shared-by-me" => mine && collection.kind.is_guest(),
            "shared-with-me" => !mine && sharing.is_shared(collection, standing),
            "in-use" => busy.contains(&collection.id),
            _ => collection.public || sharing.admits(collection, standing),
        }
    }

    /// Each word of the search must be a prefix of a word in the collection's texts.
    fn matches_words(&self, collection: &Collection) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let canonical_name = collection.canonical_name();
        let texts = [
            collection.display_name.as_deref(),
            Some(canonical_name.as_str()),
            collection.description.as_deref(),
            collection.organization.as_deref(),
            collection.department.as_deref(),
            Some(collection.owner.username.as_str()),
        ];
        let held: Vec<String> =
            texts.into_iter().flatten().chain(collection.keywords.iter().copied()).flat_map(words).collect();
        self.words.iter().all(|word| held.iter().any(|known| known.starts_with(word)))
    }

    fn shown(&self, collection: &Collection, reader: &Person) -> Value {
        let mut document = collection.document(reader);
        document.insert("_rank".into(), json!(1.0));
        if !self.fields.is_empty() {
            document.retain(|name, _| name == "DATA_TYPE" || self.fields.contains(name));
        }
        document.into()
    }
}

/// The words of a text, in lower case and without punctuation.
fn words(text: &str) -> Vec<String> {
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}
