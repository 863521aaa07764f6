//! Scopes in any form, as the text that is sent.

use std::fmt::{self, Display};

use super::scope::Scope;

/// The text of a `scope` parameter: scopes with spaces between them (RFC 6749 section 3.3).
///
/// Functions that take scopes take `impl Into<Scopes>`: a text, a [`Scope`], or a list of either. They are sent in the
/// order given, and neither parsed nor merged.
///
/// ```
/// use globus_sdk::scopes::{self, Scopes};
///
/// let text = Scopes::from("openid email");
/// assert_eq!(Scopes::from(["openid", "email"]), text);
/// assert_eq!(Scopes::from(vec!["openid".to_owned(), "email".to_owned()]), text);
/// assert_eq!(Scopes::from(scopes::parse("openid email")?), text);
/// assert_eq!(["openid", "email"].iter().collect::<Scopes>(), text);
/// # Ok::<(), scopes::ScopeParseError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes(String);

impl Scopes {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<T: Display> FromIterator<T> for Scopes {
    fn from_iter<I: IntoIterator<Item = T>>(scopes: I) -> Self {
        let texts: Vec<String> = scopes.into_iter().map(|scope| scope.to_string()).collect();
        Self(texts.join(" "))
    }
}

impl From<String> for Scopes {
    fn from(text: String) -> Self {
        Self(text)
    }
}

/// Declares what else is one scope, or a text of several.
macro_rules! from_texts {
    ($($text:ty),*) => {$(
        impl From<$text> for Scopes {
            fn from(text: $text) -> Self {
                Self(text.to_string())
            }
        }
    )*};
}

/// Declares lists of scopes and texts.
macro_rules! from_lists {
    ($([$($generics:tt)*] $list:ty,)*) => {$(
        impl<$($generics)*> From<$list> for Scopes {
            fn from(scopes: $list) -> Self {
                scopes.into_iter().collect()
            }
        }
    )*};
}

from_texts!(&str, &String, Scope, &Scope, &Scopes);
from_lists! {
    [T: Display] Vec<T>,
    [T: Display] &Vec<T>,
    [T: Display] &[T],
    [T: Display, const N: usize] [T; N],
    [T: Display, const N: usize] &[T; N],
}
