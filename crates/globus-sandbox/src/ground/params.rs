//! Parameters of a query or a form, read as RFC 6749 section 3.1 requires.

use url::form_urlencoded;

/// Parameters in their order. Each name occurs once; an empty value counts as not sent.
pub(crate) struct Params(Vec<(String, String)>);

/// A parameter that was sent more than once, which RFC 6749 section 3.1 forbids.
pub(crate) struct Repeated(pub(crate) String);

impl Params {
    /// Reads `application/x-www-form-urlencoded` text.
    pub(crate) fn read(text: &[u8]) -> Result<Self, Repeated> {
        let mut params: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(text).into_owned() {
            if params.iter().any(|(known, _)| *known == name) {
                return Err(Repeated(name));
            }
            params.push((name, value));
        }
        Ok(Self(params))
    }

    /// Reads the query of a request; a missing query is an empty one.
    pub(crate) fn of_query(query: Option<&str>) -> Result<Self, Repeated> {
        Self::read(query.unwrap_or_default().as_bytes())
    }

    /// All of them, in order.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, value)| known == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    pub(crate) fn owned(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// The members of a comma-separated list; none when the parameter is absent.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.get(name).unwrap_or_default().split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect()
    }

    /// A boolean as any of the official SDKs prints it: `True`, `true`, `1`.
    pub(crate) fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value == "1" || value.eq_ignore_ascii_case("true"))
    }
}
