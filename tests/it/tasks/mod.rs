//! Transfers in the portal: the lists, a task's page, and the form that starts one.

mod following;
mod lists;

use globus_portal::globus::{
    authorizer::AccessTokenAuthorizer,
    scopes::transfer::RESOURCE_SERVER,
    transfer::{TransferClient, TransferData, TransferItem},
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
        let (portal, browser) = (Portal::start().await, Browser::new());
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
        self.browser.submit(&self.portal.url(path), form).await
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
}
