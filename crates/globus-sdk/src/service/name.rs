//! How a program introduces itself to Globus.

use reqwest::header::HeaderValue;

use crate::error::UsageError;

const SDK_AGENT: &str = concat!("globus-sdk-rust-", env!("CARGO_PKG_VERSION"));
const SDK_INFO: &str = concat!("product=rust-sdk,version=", env!("CARGO_PKG_VERSION"));
const MAX_NAME: usize = 100;

/// The values of `User-Agent` and `X-Globus-Client-Info`.
#[derive(Clone, Debug)]
pub(super) struct Introduction {
    pub(super) user_agent: HeaderValue,
    pub(super) client_info: HeaderValue,
}

impl Default for Introduction {
    /// The SDK alone.
    fn default() -> Self {
        let [user_agent, client_info] = [SDK_AGENT, SDK_INFO].map(HeaderValue::from_static);
        Self { user_agent, client_info }
    }
}

impl Introduction {
    /// The SDK, and the app that uses it: `name/version`, or a name alone.
    pub(super) fn of_app(app: &str) -> Result<Self, UsageError> {
        let (name, version) = app.split_once('/').map_or((app, None), |(name, version)| (name, Some(version)));
        if app.len() > MAX_NAME || !is_word(name) || !version.is_none_or(is_word) {
            return Err(UsageError(format!(
                "an app's name is expected as in my-app/1.2: letters, digits, and any of -._+, {MAX_NAME} at most"
            )));
        }
        let version = version.map(|version| format!(",version={version}")).unwrap_or_default();
        let value = |text: String| {
            HeaderValue::try_from(text).map_err(|_| UsageError("the app's name cannot be sent".to_owned()))
        };
        Ok(Self {
            user_agent: value(format!("{SDK_AGENT}/{app}"))?,
            client_info: value(format!("{SDK_INFO};product={name}{version}"))?,
        })
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._+".contains(&b))
}
