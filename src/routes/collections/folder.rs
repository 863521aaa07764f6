//! `/collections/{id}`: one page of a folder. Globus sorts, filters and counts, so that a folder of any size costs one page.

use askama::Template as _;
use axum::{
    extract::{Path, Query, State},
    response::Html,
};
use serde::Deserialize;
use time::{OffsetDateTime, macros::format_description};

use crate::{
    error::AppError,
    globus::{
        error::CallError,
        transfer::{Endpoint, FileEntry, FileList, Filter, LsQuery},
    },
    pages::{ColumnView, EntryView, FactsView, FolderPage},
    routes::{
        endpoints::{kind, name_of},
        globus_pages::web_app,
        logged_in::LoggedIn,
        paths::{as_folder, collection_id, crumbs, download, encoded, folder_page, visible},
        reach,
    },
    state::AppState,
};

/// How many entries a page shows.
const PAGE: u32 = 200;
/// Globus's most for one folder.
const MOST: u32 = 100_000;

/// The columns: name in the address, heading, and Globus's order by it.
const COLUMNS: [(&str, &str, [&str; 2], [&str; 2]); 4] = [
    ("name", "Name", ["type", "name"], ["type", "name DESC"]),
    ("size", "Size", ["size", "name"], ["size DESC", "name"]),
    ("changed", "Changed", ["last_modified", "name"], ["last_modified DESC", "name"]),
    ("kind", "Kind", ["type", "name"], ["type DESC", "name"]),
];

/// What of the folder to show.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    path: Option<String>,
    sort: String,
    order: String,
    filter: String,
    hidden: String,
    page: Option<String>,
}

impl Asked {
    /// The folder that is asked for.
    fn path(&self) -> Option<&str> {
        self.path.as_deref().filter(|path| !path.is_empty())
    }

    fn column(&self) -> (&'static str, &'static [&'static str]) {
        let column = COLUMNS.iter().find(|(name, ..)| *name == self.sort).unwrap_or(&COLUMNS[0]);
        (column.0, if self.is_down() { &column.3 } else { &column.2 })
    }

    fn is_down(&self) -> bool {
        self.order == "desc"
    }

    fn shows_hidden(&self) -> bool {
        self.hidden == "1"
    }

    fn number(&self) -> Result<u32, AppError> {
        let number = self.page.as_deref().map_or(Ok(1), str::parse).map_err(|_| AppError::NotFound)?;
        if (1..=MOST / PAGE).contains(&number) { Ok(number) } else { Err(AppError::NotFound) }
    }

    fn query<'a>(&'a self, path: Option<&'a str>) -> Result<LsQuery<'a>, AppError> {
        let mut query = LsQuery::new().with_limit(PAGE).with_offset((self.number()? - 1) * PAGE);
        query.path = path;
        query.show_hidden = Some(self.shows_hidden());
        query.orderby = self.column().1;
        let words = self.filter.trim();
        if !words.is_empty() {
            // A comma and a slash separate conditions: any one character takes their place.
            let pattern = format!("~*{}*", words.replace([',', '/'], "?"));
            query.filter = vec![Filter::new().with("name", &[&pattern])];
        }
        Ok(query)
    }
}

pub(crate) async fn folder(
    State(app): State<AppState>,
    user: LoggedIn,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Html<String>, AppError> {
    let id = collection_id(&id)?;
    let seen = reach::seen(&app, &id, asked.path())?;
    let transfer = user.transfer().await?;
    let query = asked.query(seen.open(asked.path()))?;
    let (endpoint, listed) = tokio::join!(transfer.get_endpoint(&id), transfer.operation_ls(&id, &query));
    // What is wrong with the collection itself comes first: a listing would say less.
    let endpoint = endpoint?;
    let listed = listed.map_err(|error| not_listed(error, &endpoint))?;
    let path = as_folder(seen.shown(asked.path(), listed.path.as_deref()));
    let place = Place { root: &app.settings.root, id: &id, path: &path, asked: &asked };
    let page = FolderPage {
        site: &app.site,
        user: &user.view(),
        id: &id,
        name: seen.title.unwrap_or_else(|| name_of(&endpoint)).to_owned(),
        path: &path,
        path_json: serde_json::Value::from(&*path).to_string(),
        path_encoded: encoded(&path),
        crumbs: crumbs(&app.settings.root, &id, &path, seen.top()),
        parent: seen.parent(&path).map(|above| folder_page(&app.settings.root, &id, above)),
        columns: place.columns(),
        entries: listed.files.iter().map(|file| place.entry(file, &endpoint, &listed)).collect(),
        range: place.range(&listed)?,
        previous: place.turned(-1, &listed)?,
        next: place.turned(1, &listed)?,
        filter: asked.filter.trim(),
        sort: place.asked.column().0,
        is_down: asked.is_down(),
        shows_hidden: asked.shows_hidden(),
        other_hidden: place.href(&[("hidden", if asked.shows_hidden() { "0" } else { "1" })]),
        facts: facts(&endpoint),
        in_globus: format!("{}?origin_id={id}&origin_path={}", web_app(&app, "file-manager"), encoded(&path)),
    };
    Ok(Html(page.render()?))
}

/// Why a folder is not listed. Only the collection's document says whose a computer is.
fn not_listed(error: CallError, endpoint: &Endpoint) -> AppError {
    let is_off = |code: &str| code.rsplit('.').next() == Some("GCDisconnected");
    match (&error, endpoint.owner_string.as_deref().filter(|owner| !owner.trim().is_empty())) {
        (CallError::Api(api), Some(owner)) if api.code().is_some_and(is_off) => {
            AppError::NotConnected { owner: owner.to_owned(), cause: error.for_log() }
        }
        _ => error.into(),
    }
}

/// Where a page of a folder is, for its links.
struct Place<'a> {
    root: &'a str,
    id: &'a str,
    path: &'a str,
    asked: &'a Asked,
}

impl Place<'_> {
    /// This folder with something changed, from its first page.
    fn href(&self, changes: &[(&str, &str)]) -> String {
        let mut href = folder_page(self.root, self.id, self.path);
        let now = [
            ("sort", self.asked.column().0),
            ("order", if self.asked.is_down() { "desc" } else { "asc" }),
            ("filter", self.asked.filter.trim()),
            ("hidden", if self.asked.shows_hidden() { "1" } else { "0" }),
        ];
        for (name, value) in now {
            let value = changes.iter().find(|(changed, _)| *changed == name).map_or(value, |(_, value)| value);
            let is_default = matches!((name, value), (_, "") | ("sort", "name") | ("order", "asc") | ("hidden", "0"));
            if !is_default {
                href.push_str(&format!("&{name}={}", encoded(value)));
            }
        }
        href
    }

    fn columns(&self) -> Vec<ColumnView> {
        let (current, _) = self.asked.column();
        let column = |(name, label, ..): &(&'static str, &'static str, _, _)| {
            let is_current = *name == current;
            let down = is_current && !self.asked.is_down();
            ColumnView {
                name,
                label,
                href: self.href(&[("sort", name), ("order", if down { "desc" } else { "asc" })]),
                sorted: is_current.then_some(if self.asked.is_down() { "descending" } else { "ascending" }),
            }
        };
        COLUMNS.iter().map(column).collect()
    }

    fn entry(&self, file: &FileEntry, endpoint: &Endpoint, listed: &FileList) -> EntryView {
        let (kind, is_folder) = match file.file_type.as_deref() {
            Some("dir") => ("Folder", true),
            Some("file") => ("File", false),
            Some("link") => ("Link", false),
            _ => ("Other", false),
        };
        let https = || download(endpoint.https_server.as_deref(), listed.absolute_path.as_deref(), &file.name);
        let changed = file.last_modified.as_deref();
        EntryView {
            name: visible(&file.name),
            folder: is_folder.then(|| folder_page(self.root, self.id, &format!("{}{}/", self.path, file.name))),
            download: if kind == "File" { https() } else { None },
            change: format!(
                "{}/collections/{}/entry?path={}&name={}",
                self.root,
                self.id,
                encoded(self.path),
                encoded(&file.name)
            ),
            kind,
            link_target: file.link_target.as_deref().map(visible),
            size: if is_folder { None } else { file.size },
            changed: changed.and_then(moment_of),
        }
    }

    /// `201–400 of 1,000`.
    fn range(&self, listed: &FileList) -> Result<String, AppError> {
        let first = (self.asked.number()? - 1) * PAGE + 1;
        let last = u64::from(first) + listed.files.len() as u64 - 1;
        Ok(match listed.total {
            _ if listed.files.is_empty() => String::new(),
            Some(total) => format!("{first}–{last} of {total}"),
            None => format!("{first}–{last}"),
        })
    }

    /// The page before or after this one, if there is one.
    fn turned(&self, by: i64, listed: &FileList) -> Result<Option<String>, AppError> {
        let number = i64::from(self.asked.number()?) + by;
        let before = u64::try_from(number - 1).unwrap_or_default() * u64::from(PAGE);
        let is_full = listed.files.len() == PAGE as usize;
        let is_there = by < 0 || listed.total.map_or(is_full, |total| before < total);
        let is_allowed = (1..=i64::from(MOST / PAGE)).contains(&number);
        Ok((is_there && is_allowed).then(|| format!("{}&page={number}", self.href(&[]))))
    }
}

/// A time as Transfer writes it in listings: `2026-02-17 08:30:00+00:00`.
fn moment_of(text: &str) -> Option<OffsetDateTime> {
    let format = format_description!(
        "[year]-[month]-[day] [hour]:[minute]:[second][offset_hour sign:mandatory]:[offset_minute]"
    );
    OffsetDateTime::parse(text, &format).ok()
}

fn facts(endpoint: &Endpoint) -> FactsView {
    let text = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let keywords = endpoint.more.get("keywords").and_then(serde_json::Value::as_str);
    FactsView {
        kind: kind(endpoint.entity_type.as_deref()),
        owner: text(&endpoint.owner_string),
        organization: text(&endpoint.organization),
        contact: text(&endpoint.contact_email).or_else(|| text(&endpoint.contact_info)),
        description: text(&endpoint.description),
        keywords: text(&keywords.map(|words| words.replace(',', ", "))),
        https: text(&endpoint.https_server),
        is_public: endpoint.public == Some(true),
    }
}
