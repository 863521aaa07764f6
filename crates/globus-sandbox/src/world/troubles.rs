//! Collections that everyone may use and that each fail in one way, under fixed ids. A search for `trouble` lists them.
//! Their errors follow section "Errors" of the Transfer documentation and public records of its answers.

use crate::world::collections::usual;
use crate::world::collections::{Collection, Kind, Trouble};
use crate::world::people;

/// The domain of the collection that refuses with `LoginFailed`.
pub(crate) const WANTED_DOMAIN: &str = "globusid.org";

/// The end of the id of the one without trouble.
const OPEN: &str = "01";

/// The end of the id, kind, trouble, name, and the effect.
type Row = (&'static str, Kind, Option<Trouble>, &'static str, &'static str);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    (OPEN, Kind::Guest, None, "Open shelf", "No trouble: everyone may read and write. A folder in large has 100,000 files."),
    ("02", Kind::Mapped, None, "Wants a consent",
        "403 ConsentRequired until the app has its data_access consent, as all mapped collections do."),
    ("03", Kind::Mapped, Some(Trouble::OldConsent), "Wants a consent, says so the old way",
        "403 ConsentRequired with required_scopes alone."),
    ("04", Kind::Guest, Some(Trouble::Deleted), "Deleted", "404 EndpointDeleted, also for the endpoint itself."),
    ("05", Kind::Personal, Some(Trouble::OffLine), "Off line", "502 GCDisconnected."),
    ("06", Kind::Guest, Some(Trouble::Domain), "Wants a Globus ID",
        "502 LoginFailed with authorization_parameters until the session holds an identity of globusid.org."),
    ("07", Kind::Guest, Some(Trouble::Policy), "Wants a policy",
        "403 AuthPolicyFailed, with the policies as one comma-separated string, until a sign-in for that policy."),
    ("08", Kind::Guest, Some(Trouble::EndpointDenied), "Denied by the endpoint", "403 EndpointPermissionDenied."),
    ("09", Kind::Guest, Some(Trouble::Denied), "Denied by Transfer", "403 PermissionDenied."),
    ("0a", Kind::Guest, Some(Trouble::Maintenance), "Under maintenance", "503 ServiceUnavailable."),
    ("0b", Kind::Guest, Some(Trouble::Unreachable), "Unreachable", "502 ConnectFailed."),
    ("0c", Kind::Guest, Some(Trouble::Slow), "Slow tape", "Its tasks stay ACTIVE for an hour."),
    ("0d", Kind::Guest, Some(Trouble::Inactive), "Waits for its owner", "Its tasks are INACTIVE."),
    ("0e", Kind::Guest, Some(Trouble::Flaky), "Loses its connection at times",
        "Its tasks have one fault CONNECTION_RESET on their way, and then succeed."),
    ("0f", Kind::Guest, Some(Trouble::Paused), "Is paused by its manager",
        "Its tasks stay ACTIVE, and are paused by a rule; they can be canceled."),
    ("10", Kind::Guest, Some(Trouble::Mfa), "Wants a second factor",
        "502 LoginFailed with session_required_mfa until a sign-in with multi-factor authentication."),
];

fn id(end: &str) -> String {
    format!("7e57ab1e-0000-4000-8000-0000000000{end}")
}

/// Name, id and effect, for the front page.
pub(crate) fn described() -> Vec<(&'static str, String, &'static str)> {
    ROWS.iter().map(|(end, _, _, name, words)| (*name, id(end), *words)).collect()
}

/// The failing collections. No one can sign in as their owner.
pub(crate) fn collections() -> impl Iterator<Item = Collection> {
    let owner = people::trouble_desk();
    ROWS.iter().map(move |(end, kind, trouble, name, words)| Collection {
        description: Some((*words).into()),
        keywords: vec!["trouble"],
        public: true,
        open: true,
        crowds: if *end == OPEN { &[1_000, 100_000] } else { &[] },
        trouble: *trouble,
        ..usual(&owner, *kind, &id(end), name)
    })
}
