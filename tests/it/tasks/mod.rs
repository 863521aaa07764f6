//! Transfers in the portal: the lists, a task's page, and the form that starts one.

mod content;
mod following;
mod form;
mod hostile_forms;
mod in_globus;
mod lists;
mod python;
mod repeating;

use globus_portal::globus::{
    authorizer::AccessTokenAuthorizer,
    scopes::transfer::RESOURCE_SERVER,
    transfer::{TaskQuery, TransferClient, TransferData, TransferItem},
};
use reqwest::Method;

use crate::harness::{Answer, Browser, Portal, steps::key_of};

/// Collections of the sandbox that everyone may use; the tasks of one run for an hour.
const SHELF: &str = "7e57ab1e-0000-4000-8000-000000000001";
const SLOW: &str = "7e57ab1e-0000-4000-8000-00000000000c";

/// Somebody who is signed in to a portal with a sandbox of its own.
struct Visit {
    portal: Portal,
    browser: Browser,
    transfer: TransferClient,
}

impl Visit {
    async fn of(person: &str) -> Self {
        Self::at(Portal::start().await, person).await
    }

    async fn at(portal: Portal, person: &str) -> Self {
        let browser = Browser::new();
        portal.log_in(&browser, person).await;
        let token = portal.app.tokens.fresh(key_of(&portal, &browser), RESOURCE_SERVER).await.unwrap();
        let base = portal.app.settings.environment.transfer.clone();
        let transfer = TransferClient::new(base, portal.app.http.clone(), AccessTokenAuthorizer::new(token));
        Self { portal, browser, transfer }
    }

    /// A page, which must be there.
    async fn page(&self, path: &str) -> Answer {
        let page = self.browser.get(&self.portal.url(path)).await;
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        page
    }

    /// Sends a form of a page; gives the answer, whatever it is.
    async fn send(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let token = self.portal.csrf(&self.browser);
        let form: Vec<_> = form.iter().filter(|(name, _)| *name != "csrf_token").copied().collect();
        self.browser.submit(&self.portal.url(path), &[&form[..], &[("csrf_token", &token)]].concat()).await
    }

    /// Submits a transfer of one file or folder with the SDK; gives its id.
    async fn submit(&self, from: &str, to: &str, label: &str, item: &str) -> String {
        let mut data = TransferData::new(from, to).with_label(label);
        let target = format!("/results/{}", item.trim_matches('/'));
        data.add_item(TransferItem::new(item, target).with_recursive(item.ends_with('/')));
        self.transfer.submit_transfer(&mut data).await.unwrap().task_id
    }

    /// Ends the running tasks.
    async fn finish(&self) {
        let url = format!("{}/sandbox/tasks/finish", self.portal.globus);
        let answer = self.browser.send(Method::POST, &url, &[], None).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }

    /// Sends what a page of the form holds and `more`, as one of its buttons does; the answer must be a page.
    async fn press(&self, page: &Answer, more: &[(&str, &str)]) -> Answer {
        let answer = self.press_to("/transfer", page, more).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer
    }

    async fn press_to(&self, path: &str, page: &Answer, more: &[(&str, &str)]) -> Answer {
        let hidden = hidden_fields(page);
        let kept = hidden.iter().map(|(name, value)| (&**name, &**value));
        self.send(path, &kept.chain(more.iter().copied()).collect::<Vec<_>>()).await
    }

    /// The form with these fields, as a page of a collection sends it.
    async fn begin(&self, fields: &[(&str, &str)]) -> Answer {
        let token = csrf_token(&self.page("/tasks").await);
        let all: Vec<_> = [("csrf_token", &*token)].into_iter().chain(fields.iter().copied()).collect();
        self.send("/transfer", &all).await
    }

    /// How many tasks the person has.
    async fn tasks(&self) -> usize {
        self.transfer.task_list(&TaskQuery::new().with_limit(100)).await.unwrap().tasks.len()
    }
}

/// The hidden fields of a page's main part, as a browser sends them.
fn hidden_fields(page: &Answer) -> Vec<(String, String)> {
    let main = page.body.split_once("<main").unwrap().1;
    let field = |rest: &str| {
        let (name, rest) = rest.split_once("\" value=\"").unwrap();
        (unescaped(name), unescaped(rest.split_once('"').unwrap().0))
    };
    main.split("<input type=\"hidden\" name=\"").skip(1).map(field).collect()
}

fn unescaped(text: &str) -> String {
    let marks = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    marks.into_iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// The CSRF token of a page, if its forms have one.
fn csrf_token(page: &Answer) -> String {
    let found = page.body.split_once("name=\"csrf_token\" value=\"");
    found.map(|(_, rest)| rest.split('"').next().unwrap().to_owned()).unwrap_or_default()
}
