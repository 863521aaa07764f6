//! Lists that come page by page.

use std::{
    collections::VecDeque,
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use futures_core::Stream;
use serde::de::DeserializeOwned;

use crate::{
    error::CallError,
    service::{client::ServiceClient, query::Parameters},
};

/// One page of a list.
pub trait Page: DeserializeOwned {
    /// What is listed.
    type Item;

    /// What this page lists.
    fn items(&mut self) -> &mut Vec<Self::Item>;

    /// Whether the list goes on at an offset, which is that of the first item after this page.
    fn goes_on_at(&self, offset: u32) -> bool;
}

/// A list, fetched page by page (the Python SDK's `Paginator`): [`next`](Self::next) gives one item after the other,
/// [`next_page`](Self::next_page) whole pages, [`into_stream`](Self::into_stream) a stream of items. A page is fetched
/// when it is needed; after an error, `next` and `next_page` fetch the same page again.
#[derive(Clone)]
pub struct Paginator<P: Page> {
    service: ServiceClient,
    path: String,
    parameters: Parameters,
    page_size: u32,
    offset: u32,
    /// The offset that the service does not go beyond.
    end: u32,
    done: bool,
    held: VecDeque<P::Item>,
}

impl<P: Page> fmt::Debug for Paginator<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Paginator").field("path", &self.path).field("offset", &self.offset).finish_non_exhaustive()
    }
}

/// Where a list starts, how much of it a page holds, and where it ends at the latest.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) page_size: u32,
    pub(super) offset: Option<u32>,
    pub(super) end: u32,
}

impl<P: Page> Paginator<P> {
    /// `parameters` hold `limit` and `offset` in their places, with any value.
    pub(super) fn new(service: &ServiceClient, path: String, mut parameters: Parameters, extent: Extent) -> Self {
        let offset = extent.offset.unwrap_or_default();
        parameters.set("offset", offset.to_string());
        Self {
            service: service.clone(),
            path,
            parameters,
            page_size: extent.page_size,
            offset,
            end: extent.end,
            done: false,
            held: VecDeque::new(),
        }
    }

    /// The next item; nothing at the end of the list.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn next(&mut self) -> Result<Option<P::Item>, CallError> {
        while self.held.is_empty() {
            let Some(mut page) = self.next_page().await? else { return Ok(None) };
            self.held = std::mem::take(page.items()).into();
        }
        Ok(self.held.pop_front())
    }

    /// The next page; nothing at the end of the list. Items of an earlier page that [`next`](Self::next) has not given
    /// yet are not in it.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn next_page(&mut self) -> Result<Option<P>, CallError> {
        if self.done || self.offset >= self.end {
            return Ok(None);
        }
        let limit = self.page_size.min(self.end - self.offset);
        let mut page: P = self.service.fetch_list(&self.path, &self.asked(limit)).await?.document()?;
        let count = u32::try_from(page.items().len()).unwrap_or(u32::MAX);
        self.offset = self.offset.saturating_add(count);
        // A page with nothing on it that promises another one would be asked for again and again.
        self.done = count == 0 || !page.goes_on_at(self.offset);
        Ok(Some(page))
    }

    /// All items that are left, in one list.
    ///
    /// # Errors
    /// [`CallError`]: then what had been asked for is lost.
    pub async fn collect(mut self) -> Result<Vec<P::Item>, CallError> {
        let mut items = Vec::from(std::mem::take(&mut self.held));
        while let Some(mut page) = self.next_page().await? {
            items.append(page.items());
        }
        Ok(items)
    }

    /// The items that are left, as a stream. It ends after the first error.
    ///
    /// ```
    /// use futures_util::TryStreamExt as _; // or StreamExt, or those of tokio-stream
    /// # use globus_sandbox::{self as sandbox, Sandbox};
    /// # use globus_sdk::{Globus, auth::RenewingAuthorizer, environment::Environment, http::HttpClient, scopes};
    /// # use globus_sdk::{secret::ClientSecret, transfer::EndpointSearch};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let sandbox = Sandbox::bind(sandbox::Options::default()).await?;
    /// # let environment = Environment::at(&sandbox.base_url().parse()?);
    /// # tokio::spawn(sandbox.serve(std::future::pending()));
    /// # let globus = Globus::new(environment, HttpClient::direct(Default::default())?);
    /// # let app = globus.confidential_app(sandbox::CLIENT_ID, &ClientSecret::new(sandbox::CLIENT_SECRET));
    /// # let authorizer = RenewingAuthorizer::client_credentials(app, scopes::transfer::ALL, None);
    /// # let transfer = globus.transfer(authorizer);
    /// # let search = EndpointSearch::new().with_filter_fulltext("trouble");
    /// let mut endpoints = transfer.paginated().endpoint_search(&search).into_stream();
    /// while let Some(endpoint) = endpoints.try_next().await? {
    ///     assert!(!endpoint.id.is_empty());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn into_stream(self) -> ItemStream<P> {
        ItemStream { paginator: Some(self), next: None }
    }

    fn asked(&self, limit: u32) -> Parameters {
        let mut parameters = self.parameters.clone();
        parameters.set("limit", limit.to_string());
        if self.offset == 0 {
            parameters.remove("offset");
        } else {
            parameters.set("offset", self.offset.to_string());
        }
        parameters
    }
}

/// A paginator on its way to its next item, and that item.
type Next<P> = Pin<Box<dyn Future<Output = (Paginator<P>, Result<Option<<P as Page>::Item>, CallError>)> + Send>>;

/// The items of a [`Paginator`] as a [`Stream`], made by [`Paginator::into_stream`]. It ends after the first error.
pub struct ItemStream<P: Page> {
    /// Gone while a page is being fetched, and at the end.
    paginator: Option<Paginator<P>>,
    next: Option<Next<P>>,
}

/// Nothing in it is pinned in place: the fetch has its own box.
impl<P: Page> Unpin for ItemStream<P> {}

impl<P: Page> fmt::Debug for ItemStream<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ItemStream").field("paginator", &self.paginator).finish_non_exhaustive()
    }
}

impl<P> Stream for ItemStream<P>
where
    P: Page + Send + 'static,
    P::Item: Send,
{
    type Item = Result<P::Item, CallError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Some(item) = this.paginator.as_mut().and_then(|paginator| paginator.held.pop_front()) {
            return Poll::Ready(Some(Ok(item)));
        }
        if let Some(mut paginator) = this.paginator.take() {
            this.next = Some(Box::pin(async move {
                let item = paginator.next().await;
                (paginator, item)
            }));
        }
        let Some(next) = &mut this.next else { return Poll::Ready(None) };
        let (paginator, item) = ready!(next.as_mut().poll(context));
        this.next = None;
        if let Ok(Some(_)) = &item {
            this.paginator = Some(paginator);
        }
        Poll::Ready(item.transpose())
    }
}
