//! What an authorize URL may ask for beyond the usual.

use serde::{Deserialize, Serialize};

use crate::service::query::Parameters;

/// What else an authorize URL may ask for (Globus Auth developer guide, "authorize"). An empty list is not sent, as
/// in the Python SDK from version 4.10 on: a requirement without values requires nothing.
///
/// ```
/// use globus_sdk::flow::AuthorizeParameters;
///
/// let parameters = AuthorizeParameters::new()
///     .with_session_required_policies([""; 0])
///     .with_session_required_single_domain(["example.org", "example.com"]);
/// assert_eq!(parameters.query_pairs(), [("session_required_single_domain", "example.org,example.com".to_owned())]);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct AuthorizeParameters {
    /// The session must hold an authentication with these identities, by id or username.
    pub session_required_identities: Option<Vec<String>>,
    /// The session must hold an identity of one of these domains.
    pub session_required_single_domain: Option<Vec<String>>,
    /// These authentication policies must hold, by id.
    pub session_required_policies: Option<Vec<String>>,
    /// Whether multi-factor authentication is needed.
    pub session_required_mfa: Option<bool>,
    /// A text that Globus shows to the person.
    pub session_message: Option<String>,
    /// `login`: the person has to authenticate again.
    pub prompt: Option<String>,
    /// Any other parameters, in their order. A name that is there already gets this value, in its old place.
    pub query_params: Vec<(String, String)>,
}

impl AuthorizeParameters {
    /// Nothing beyond the usual.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    text_list_setters! {
        with_session_required_identities: session_required_identities;
        with_session_required_single_domain: session_required_single_domain;
        with_session_required_policies: session_required_policies;
    }

    setters! {
        with_session_required_mfa: session_required_mfa = bool;
    }

    text_setters! {
        with_session_message: session_message;
        with_prompt: prompt;
    }

    /// Adds any other parameter.
    #[must_use]
    pub fn with_query_param(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.query_params.push((name.into(), value.into()));
        self
    }

    /// The parameters with their values, in the order of the SDK's `oauth2_get_authorize_url`, not yet encoded. As in the
    /// SDK, lists are joined with commas, and the flag is `True` or `False`.
    #[must_use]
    pub fn query_pairs(&self) -> Vec<(&str, String)> {
        let list =
            |items: &Option<Vec<String>>| items.as_ref().filter(|items| !items.is_empty()).map(|items| items.join(","));
        let flag = |flag: bool| if flag { "True" } else { "False" }.to_owned();
        let known = [
            ("session_required_identities", list(&self.session_required_identities)),
            ("session_required_single_domain", list(&self.session_required_single_domain)),
            ("session_required_policies", list(&self.session_required_policies)),
            ("session_required_mfa", self.session_required_mfa.map(flag)),
            ("session_message", self.session_message.clone()),
            ("prompt", self.prompt.clone()),
        ];
        let known = known.into_iter().filter_map(|(name, value)| Some((name, value?)));
        known.chain(self.query_params.iter().map(|(name, value)| (&**name, value.clone()))).collect()
    }

    pub(super) fn add_to(&self, parameters: &mut Parameters) {
        for (name, value) in self.query_pairs() {
            parameters.set(name, value);
        }
    }
}
