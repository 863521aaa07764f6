//! The file chooser of Globus's web app ("Globus helper pages documentation", Browse Endpoint): an app sends a browser here,
//! and gets back which collection, folder and files the person has chosen. The steps are pages without scripts.

use axum::Router;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use axum::routing::get;
use url::{Url, form_urlencoded};

use crate::answer::chooser::{CollectionChoice, CollectionPage, DonePage, EntryChoice, FolderPage};
use crate::answer::pages::{ChoosePage, NoticePage};
use crate::answer::reply;
use crate::auth::browser::session;
use crate::ground::percent::{decoded, encoded};
use crate::memory::app::{App, AppState};
use crate::memory::entry::Refusal;
use crate::memory::paths::{absolute, parent};
use crate::memory::sharing::Standing;
use crate::world::collections::{Collection, Kind, Trouble};
use crate::world::people::Person;

const PAGE: &str = "/v2/web/file-manager";
/// The most entries of a folder that are shown.
const MOST: usize = 200;
/// The parameters of our own steps; all others are the app's.
const OWN: [&str; 4] = ["collection", "folder", "choose", "done"];

/// The routes of the chooser. The two addresses of Globus lead to a page that gets the cookie.
pub(crate) fn routes() -> Router<AppState> {
    Router::new()
        .route("/file-manager", get(forward))
        .route("/helpers/browse-collections", get(forward))
        .route(PAGE, get(choose))
}

/// `GET /file-manager`
async fn forward(RawQuery(query): RawQuery) -> Response {
    reply::redirect(StatusCode::FOUND, &format!("{PAGE}?{}", query.unwrap_or_default()))
}

/// `GET /v2/web/file-manager` with `action`, and optionally `method`, `cancelurl`, `label`, `folderlimit`, `filelimit`,
/// `origin_id` and `origin_path`.
async fn choose(State(app): State<AppState>, headers: HeaderMap, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    let asked = match Asked::read(&query) {
        Ok(Some(asked)) => asked,
        Ok(None) => {
            let text = "Globus shows the files of collections here. The sandbox only lets an app that sends the \
                        parameter action ask which files to use.";
            return notice(StatusCode::OK, "The file manager of Globus would be here", text);
        }
        Err(text) => return notice(StatusCode::BAD_REQUEST, "The app asks for files in a wrong way", text),
    };
    let Some(session) = session(&app.store(), &headers) else {
        let page = ChoosePage::for_page(&app, format!("file-manager?{query}"), "choose files for an app");
        return reply::page(StatusCode::OK, &page, None);
    };
    let named = asked.get("collection").or(asked.get("origin_id")).or(asked.get("ep"));
    let collection = named.and_then(|id| visible(&app, &session.person).into_iter().find(|known| known.id == id));
    match collection {
        None => collections(&app, &session.person, &asked),
        Some(collection) => in_collection(&app, &session.person, collection, &asked),
    }
}

fn notice(status: StatusCode, title: &'static str, text: &'static str) -> Response {
    reply::page(status, &NoticePage { title, text }, None)
}

/// What an app asks for, and what the person has answered so far.
struct Asked {
    pairs: Vec<(String, String)>,
    method: &'static str,
    action: Url,
    cancel: Option<String>,
}

impl Asked {
    /// Nothing if there is no `action`.
    fn read(query: &str) -> Result<Option<Self>, &'static str> {
        let pairs: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let get = |name: &str| pairs.iter().find(|(known, value)| known == name && !value.is_empty());
        let web = |text: &str| Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        let Some((_, action)) = get("action") else { return Ok(None) };
        let action = web(action).ok_or("The parameter action must be an address with http or https.")?;
        let cancel = match get("cancelurl") {
            None => None,
            Some((_, url)) => Some(web(url).ok_or("The parameter cancelurl must be an address with http or https.")?),
        };
        let method = match get("method").map(|(_, method)| method.to_ascii_uppercase()).as_deref() {
            None | Some("POST") => "post",
            Some("GET") => "get",
            Some(_) => return Err("The parameter method must be GET or POST."),
        };
        if ["folderlimit", "filelimit"]
            .iter()
            .any(|name| get(name).is_some_and(|(_, text)| text.parse::<usize>().is_err()))
        {
            return Err("The parameters folderlimit and filelimit must be whole numbers.");
        }
        Ok(Some(Self { method, action, cancel: cancel.map(Into::into), pairs }))
    }

    fn get(&self, name: &str) -> Option<&str> {
        let mut found = self.pairs.iter().filter(|(known, value)| known == name && !value.is_empty());
        found.next().map(|(_, value)| value.as_str())
    }

    /// The parameters of the app.
    fn echo(&self) -> impl Iterator<Item = (String, String)> {
        self.pairs.iter().filter(|(name, _)| !OWN.contains(&name.as_str())).cloned()
    }

    /// This page with other answers.
    fn link(&self, answers: &[(&str, &str)]) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        // Without an answer of the person the wish of the app would choose again.
        let wishes = ["origin_id", "origin_path", "ep"];
        query.extend_pairs(self.echo().filter(|(name, _)| !wishes.contains(&name.as_str())));
        query.extend_pairs(answers);
        format!("{PAGE}?{}", query.finish())
    }

    fn limit(&self, name: &str) -> Option<usize> {
        self.get(name)?.parse().ok()
    }

    /// The names that were chosen of one kind, `folder` or `file`.
    fn chosen(&self, kind: &str) -> Vec<String> {
        let of_kind = |value: &str| value.strip_prefix(kind)?.strip_prefix('/').map(decoded);
        let all = self.pairs.iter().filter(|(name, _)| name == "choose");
        all.filter_map(|(_, value)| of_kind(value)).collect()
    }

    /// Whether more was chosen than the app takes.
    fn is_too_much(&self) -> bool {
        let over =
            |kind: &str| self.limit(&format!("{kind}limit")).is_some_and(|limit| self.chosen(kind).len() > limit);
        over("folder") || over("file")
    }
}

/// The collections that a person may use, their own first.
fn visible<'a>(app: &'a App, person: &Person) -> Vec<&'a Collection> {
    let standing = Standing { person, groups: app.groups().active_groups_of(person) };
    let sharing = app.sharing();
    let usable = |collection: &&Collection| {
        let is_there = collection.kind != Kind::Endpoint && collection.trouble != Some(Trouble::Deleted);
        is_there && sharing.admits(collection, &standing)
    };
    let mut all: Vec<&Collection> = app.catalogue.all.iter().filter(usable).collect();
    all.sort_by_key(|collection| !collection.is_owned_by(person));
    all
}

fn collections(app: &App, person: &Person, asked: &Asked) -> Response {
    let choice = |collection: &&Collection| CollectionChoice {
        name: collection.shown_name(),
        owner: collection.owner.username.clone(),
        link: asked.link(&[("collection", &collection.id)]),
    };
    let page = CollectionPage {
        person: person.shown_name().to_owned(),
        collections: visible(app, person).iter().map(choice).collect(),
        cancel: asked.cancel.clone(),
    };
    reply::page(StatusCode::OK, &page, None)
}

fn in_collection(app: &App, person: &Person, collection: &Collection, asked: &Asked) -> Response {
    let wish = asked.get("folder").or(asked.get("origin_path")).unwrap_or("~");
    let Some(path) = absolute(collection, wish) else {
        return folder(collection, wish, asked, Err("There is no such path.".into()));
    };
    let listed = list(app, person, collection, &path);
    if asked.get("done").is_none() || listed.is_err() {
        return folder(collection, &path, asked, listed);
    }
    if asked.is_too_much() {
        return folder(collection, &path, asked, Err("The app does not take so many files or folders.".into()));
    }
    done(collection, &path, asked)
}

/// What is in a folder, by name: whether it is a folder, and its name.
fn list(app: &App, person: &Person, collection: &Collection, path: &str) -> Result<Vec<(bool, String)>, String> {
    let standing = Standing { person, groups: app.groups().active_groups_of(person) };
    let may = app.sharing().allows(collection, &standing, path, false);
    let is_out_of_order = matches!(
        collection.trouble,
        Some(
            Trouble::OffLine | Trouble::Unreachable | Trouble::Maintenance | Trouble::Denied | Trouble::EndpointDenied
        )
    );
    if is_out_of_order {
        return Err("The collection cannot be reached at the moment.".into());
    }
    if !may {
        return Err("You do not have permission to look into this folder.".into());
    }
    let mut state = app.transfer();
    let found = state.disks.of(collection).list(path).map_err(|why| match why {
        Refusal::Denied => "You do not have permission to look into this folder.".to_owned(),
        Refusal::NotAFolder => "This is a file. Choose the folder that it is in.".to_owned(),
        _ => "There is no such folder.".to_owned(),
    })?;
    Ok(found.into_iter().map(|(name, entry)| (entry.folder, name.to_owned())).collect())
}

fn folder(collection: &Collection, path: &str, asked: &Asked, listed: Result<Vec<(bool, String)>, String>) -> Response {
    let link = |path: &str| asked.link(&[("collection", &collection.id), ("folder", path)]);
    let entry = |(is_folder, name): &(bool, String)| {
        let kind = if *is_folder { "folder" } else { "file" };
        EntryChoice {
            name: name.clone(),
            value: format!("{kind}/{}", encoded(name)),
            can_be_chosen: asked.limit(&format!("{kind}limit")) != Some(0),
            link: is_folder.then(|| link(&format!("{}{name}", with_slash(path)))),
        }
    };
    let (problem, entries) = match listed {
        Ok(entries) => (None, entries),
        Err(problem) => (Some(problem), vec![]),
    };
    let page = FolderPage {
        collection: collection.shown_name(),
        id: collection.id.clone(),
        path: with_slash(path),
        echo: asked.echo().collect(),
        problem,
        above: parent(path).map(link),
        entries: entries.iter().take(MOST).map(entry).collect(),
        more: entries.len().saturating_sub(MOST),
        others: asked.link(&[]),
        cancel: asked.cancel.clone(),
    };
    reply::page(StatusCode::OK, &page, None)
}

fn done(collection: &Collection, path: &str, asked: &Asked) -> Response {
    let (folders, files) = (asked.chosen("folder"), asked.chosen("file"));
    let path = with_slash(path);
    let mut fields: Vec<(String, String)> = asked.echo().filter(|(name, _)| name != "label").collect();
    fields.extend(
        [
            ("endpoint", collection.canonical_name()),
            ("endpoint_id", collection.id.clone()),
            ("entity_type", collection.kind.entity_type().to_owned()),
            ("high_assurance", "false".to_owned()),
            ("path", path.clone()),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    for (kind, names) in [("folder", &folders), ("file", &files)] {
        fields.extend(names.iter().enumerate().map(|(number, name)| (format!("{kind}[{number}]"), name.clone())));
    }
    let page = DonePage {
        method: asked.method,
        action: asked.action.to_string(),
        destination: asked.action.origin().ascii_serialization(),
        collection: collection.shown_name(),
        back: asked.link(&[("collection", &collection.id), ("folder", &path)]),
        path,
        names: folders.into_iter().map(|name| format!("{name}/")).chain(files).collect(),
        label: asked.get("label").unwrap_or_default().to_owned(),
        fields,
        cancel: asked.cancel.clone(),
    };
    reply::page(StatusCode::OK, &page, Some(asked.action.as_str()))
}

fn with_slash(path: &str) -> String {
    if path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}
