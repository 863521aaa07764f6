//! Links to Globus's own pages for people, which lead back to the portal (Globus Auth developer guide, "Helper pages").

use crate::state::AppState;

/// Where people see and end their consents.
pub(super) const CONSENTS: &str = "consents";
/// Where people link identities.
pub(super) const IDENTITIES: &str = "identities";

/// The address of one of these pages. It offers a link back to `path`, below the root.
pub(super) fn address(app: &AppState, page: &str, path: &str) -> String {
    let mut url = app.auth.browser_base().clone();
    url.set_path(&format!("{}/v2/web/{page}", url.path().trim_end_matches('/')));
    url.query_pairs_mut()
        .append_pair("client_id", &app.settings.client_id)
        .append_pair("redirect_uri", &app.settings.public_url(path))
        .append_pair("redirect_name", &app.settings.app_name);
    url.into()
}
