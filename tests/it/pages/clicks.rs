//! People click in any order: two tabs, back, reload, forms sent twice, a step-up in one tab while another signs out.
//!
//! `CLICKS=300` runs as many sequences as it says; otherwise there are a few.

use std::{collections::BTreeMap, fmt::Write as _};

use reqwest::header::LOCATION;
use serde_json::Value;
use url::Url;

use crate::harness::{Answer, Browser, Portal, number};

/// How many clicks a sequence has.
const CLICKS: usize = 40;
/// Where a person goes by the address bar.
const ADDRESSES: [&str; 14] = [
    "/",
    "/profile",
    "/groups",
    "/consents",
    "/sessions",
    "/endpoints",
    "/collections",
    "/collections?list=all&q=trouble",
    "/collections/7e57ab1e-0000-4000-8000-000000000001",
    "/collections/7e57ab1e-0000-4000-8000-000000000002",
    "/collections/7e57ab1e-0000-4000-8000-000000000003",
    "/collections/7e57ab1e-0000-4000-8000-000000000006",
    "/collections/7e57ab1e-0000-4000-8000-000000000007",
    "/tasks",
];
/// The ends of the ids of collections that fail with a 5xx, as they say.
const FAILING: [&str; 3] = ["00000005", "0000000a", "0000000b"];

/// Numbers that look random and are the same for the same seed (Knuth's constants).
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> Option<&'a T> {
        if all.is_empty() { None } else { all.get(self.below(all.len())) }
    }
}

/// A form of a page, with what a person enters.
#[derive(Clone, Debug)]
struct Form {
    post: bool,
    /// Whether it is a step of a form that goes on over several pages.
    is_step: bool,
    action: Url,
    fields: Vec<(String, String)>,
}

/// A tab: where it has been, and the form it sent last.
#[derive(Default)]
struct Tab {
    history: Vec<Url>,
    page: Option<Answer>,
    sent: Option<Form>,
}

struct Walk {
    portal: Portal,
    browser: Browser,
    chance: Chance,
    tabs: [Tab; 2],
    /// The task that each submission id led to.
    tasks: BTreeMap<String, String>,
    said: String,
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let value = tag.split_once(&format!(" {name}=\""))?.1.split('"').next()?;
    let references = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&"), ("&amp;", "&")];
    Some(references.iter().fold(value.to_owned(), |text, (reference, character)| text.replace(reference, character)))
}

fn tags<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    let start = format!("<{name}");
    html.match_indices(&start).filter_map(|(at, _)| html[at..].split('>').next()).collect()
}

fn links(page: &Answer) -> Vec<Url> {
    let hrefs = tags(&page.body, "a ").into_iter().filter_map(|tag| attribute(tag, "href"));
    let urls = hrefs.filter_map(|href| page.url.join(&href).ok());
    urls.filter(|url| {
        let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1"));
        is_local && !FAILING.iter().any(|end| url.path().ends_with(end))
    })
    .collect()
}

fn forms(page: &Answer, chance: &mut Chance) -> Vec<Form> {
    let mut forms = Vec::new();
    for part in page.body.split("<form").skip(1) {
        let (tag, rest) = part.split_once('>').unwrap();
        let inside = rest.split("</form>").next().unwrap();
        let tag = format!("<form{tag}");
        let action = attribute(&tag, "action").unwrap_or_else(|| page.url.to_string());
        let mut fields = Vec::new();
        for input in tags(inside, "input") {
            let Some(name) = attribute(input, "name") else { continue };
            let value = attribute(input, "value").unwrap_or_default();
            match attribute(input, "type").as_deref() {
                Some("checkbox") if chance.below(2) == 0 => {}
                Some("hidden" | "checkbox") => fields.push((name, value)),
                _ if chance.below(3) > 0 => fields.push((name, String::new())),
                _ => fields.push((name, format!("walk {}", chance.below(1000)))),
            }
        }
        let buttons = tags(inside, "button");
        // The first button is the one that goes on.
        let button = if chance.below(2) == 0 { buttons.first() } else { chance.of(&buttons) };
        if let Some(button) = button
            && let Some(name) = attribute(button, "name")
        {
            fields.push((name, attribute(button, "value").unwrap_or_default()));
        }
        let post = attribute(&tag, "method").is_some_and(|method| method.eq_ignore_ascii_case("post"));
        let goes_on = ["/transfer", "/v2/web/choose", "/v2/web/consent?", "/v2/web/consent\""];
        let is_step = goes_on.iter().any(|path| format!("{action}\"").contains(path));
        forms.push(Form { post, is_step, action: page.url.join(&action).unwrap(), fields });
    }
    forms
}

impl Walk {
    async fn new(seed: u64) -> Self {
        let (portal, browser) = (Portal::start().await, Browser::new());
        let (tabs, tasks) = Default::default();
        Self { portal, browser, chance: Chance(seed), tabs, tasks, said: format!("seed {seed}:\n") }
    }

    /// Shows an answer in a tab, after the redirects it leads to.
    async fn show(&mut self, tab: usize, mut answer: Answer) {
        for _ in 0..20 {
            let _ = writeln!(self.said, "  {} {}", answer.status.as_u16(), answer.url.path());
            assert!(!answer.status.is_server_error(), "{}{}", self.said, answer.body);
            if !answer.headers.contains_key(LOCATION) {
                self.tabs[tab].history.push(answer.url.clone());
                self.tabs[tab].page = Some(answer);
                return;
            }
            answer = self.browser.get(answer.location().as_str()).await;
        }
        panic!("{}redirects without end", self.said);
    }

    async fn go(&mut self, tab: usize, url: &Url) {
        let answer = self.browser.get(url.as_str()).await;
        self.show(tab, answer).await;
    }

    async fn send(&mut self, tab: usize, form: &Form) {
        let fields: Vec<(&str, &str)> = form.fields.iter().map(|(name, value)| (&**name, &**value)).collect();
        let _ = writeln!(
            self.said,
            "  sends {} {:?}",
            form.action.path(),
            form.fields.iter().map(|(name, _)| name).collect::<Vec<_>>()
        );
        if form.post {
            let answer = self.browser.submit(form.action.as_str(), &fields).await;
            self.note_task(form, &answer);
            self.tabs[tab].sent = Some(form.clone());
            self.show(tab, answer).await;
        } else {
            let mut url = form.action.clone();
            url.query_pairs_mut().clear().extend_pairs(fields);
            self.go(tab, &url).await;
        }
    }

    /// However often a form is sent, it leads to one task, and no two forms lead to the same.
    fn note_task(&mut self, form: &Form, answer: &Answer) {
        let id = form.fields.iter().find(|(name, _)| name == "submission_id").map(|(_, id)| id.clone());
        let location = answer.header("location").and_then(|location| location.split_once("/tasks/"));
        let (Some(id), Some((_, task))) = (id, location) else { return };
        let known = self.tasks.entry(id).or_insert_with(|| task.to_owned());
        assert_eq!(known, task, "{}", self.said);
        let of_this = self.tasks.values().filter(|known| *known == task).count();
        assert_eq!(of_this, 1, "{}", self.said);
    }

    async fn click(&mut self) {
        let tab = self.chance.below(2);
        let kind = self.chance.below(12);
        let _ = writeln!(self.said, "tab {tab}, click {kind}");
        let links = self.tabs[tab].page.as_ref().map(links).unwrap_or_default();
        let forms = match &self.tabs[tab].page {
            Some(page) => forms(page, &mut self.chance),
            None => Vec::new(),
        };
        // A form that makes a task is one that people send twice.
        let task = self.tabs[tab].sent.clone();
        if let Some(again) = task.filter(|form| form.fields.iter().any(|(name, _)| name == "submission_id"))
            && self.chance.below(3) == 0
        {
            return self.send(tab, &again).await;
        }
        // Who has begun to sign in or to transfer files goes on with it, as a rule.
        if let Some(step) = forms.iter().find(|form| form.is_step).cloned()
            && self.chance.below(4) > 0
        {
            return self.send(tab, &step).await;
        }
        let (link, form) = (self.chance.of(&links).cloned(), self.chance.of(&forms).cloned());
        let back = self.tabs[tab].history.iter().rev().nth(1).cloned();
        match (kind, link, form) {
            (0..=3, Some(link), _) => self.go(tab, &link).await,
            // At Globus there is always something to answer.
            (4..=7, _, Some(form)) => self.send(tab, &form).await,
            (8, ..) if back.is_some() => self.go(tab, &back.unwrap()).await,
            (9, ..) if self.tabs[tab].sent.is_some() => {
                let again = self.tabs[tab].sent.clone().unwrap();
                self.send(tab, &again).await;
            }
            (10, ..) if !self.tabs[tab].history.is_empty() => {
                let here = self.tabs[tab].history.last().unwrap().clone();
                self.go(tab, &here).await;
            }
            _ => {
                let address = ADDRESSES[self.chance.below(ADDRESSES.len())];
                let url = Url::parse(&self.portal.url(address)).unwrap();
                self.go(tab, &url).await;
            }
        }
    }

    /// Signs out; then no token of any session of this browser may be alive. Returns how many tasks were submitted.
    async fn end(self) -> usize {
        self.browser.submit(&self.portal.url("/logout"), &[]).await;
        let client = reqwest::Client::builder().tls_certs_only([]).no_proxy().build().unwrap();
        let url = format!("{}/sandbox/tokens", self.portal.globus);
        let began = std::time::Instant::now();
        loop {
            let alive: Value = client.get(&url).send().await.unwrap().json().await.unwrap();
            let orphans = alive["access_tokens"].as_array().unwrap();
            if orphans.is_empty() {
                return self.tasks.len();
            }
            // Revocations go on in the background.
            assert!(began.elapsed() < crate::harness::PATIENCE, "{}orphans: {orphans:?}", self.said);
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn whatever_people_click_no_page_breaks_and_no_token_is_left_over() {
    let (mut tasks, walks) = (0, number("CLICKS", 6));
    for seed in 0..walks {
        let mut walk = Walk::new(seed as u64).await;
        for _ in 0..CLICKS {
            walk.click().await;
        }
        tasks += walk.end().await;
    }
    assert!(tasks > 0 || walks < 100, "people move files too");
}
