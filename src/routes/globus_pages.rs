//! Links to Globus's own pages for people: those of Globus Auth, which lead back to the portal (Globus Auth developer guide,
//! "Helper pages"), and those of Globus's web app.

use url::Url;

use crate::state::AppState;

/// Where people see and end their consents.
pub(super) const CONSENTS: &str = "consents";
/// Where people link identities.
pub(super) const IDENTITIES: &str = "identities";

/// The address of one of Auth's pages. It offers a link back to `path`, below the root.
pub(super) fn address(app: &AppState, page: &str, path: &str) -> String {
    let mut url = app.auth.browser_base().clone();
    url.set_path(&format!("{}/v2/web/{page}", url.path().trim_end_matches('/')));
    url.query_pairs_mut()
        .append_pair("client_id", &app.settings.client_id)
        .append_pair("redirect_uri", &app.settings.public_url(path))
        .append_pair("redirect_name", &app.settings.app_name);
    url.into()
}

/// The address of a page of the web app, which is beside Auth: `app.globus.org` beside `auth.globus.org`. A stand-in for Globus
/// has all at one address.
pub(super) fn web_app(app: &AppState, page: &str) -> Url {
    beside(app.auth.browser_base(), page)
}

fn beside(auth: &Url, page: &str) -> Url {
    let mut url = auth.clone();
    let host = url.host_str().and_then(|host| host.strip_prefix("auth.")).map(|rest| format!("app.{rest}"));
    if let Some(host) = host {
        // Only a host that was good before is changed.
        let _ = url.set_host(Some(&host));
    }
    url.set_path(&format!("{}/{page}", url.path().trim_end_matches('/')));
    url
}

#[cfg(test)]
mod tests {
    use super::beside;

    #[test]
    fn the_web_app_is_beside_auth() {
        for (auth, app) in [
            ("https://auth.globus.org/", "https://app.globus.org/file-manager"),
            ("https://auth.preview.globus.org/", "https://app.preview.globus.org/file-manager"),
            ("http://127.0.0.1:5001/", "http://127.0.0.1:5001/file-manager"),
            ("https://sandbox.example/globus/", "https://sandbox.example/globus/file-manager"),
        ] {
            assert_eq!(auth.parse().map(|auth| beside(&auth, "file-manager").to_string()).as_deref(), Ok(app));
        }
    }
}
