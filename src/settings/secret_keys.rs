//! `SECRET_KEY` and its fallbacks.

use super::{address::PublicAddress, reader::Reader};
use crate::secret::{SecretKey, random_text};

/// `SECRET_KEY` must have this many bytes outside loopback.
const MIN_LENGTH: usize = 32;
const GENERATE: &str = "`globus-portal generate-key` prints a good one";

/// Keys that documents print and people copy: our own, the tutorial of Globus's SDK, Globus's sample data portal and the
/// portals made from it, the documents of Flask, settings of other portals with Globus.
const PUBLISHED: [&str; 10] = [
    "replace me with what globus-portal generate-key prints",
    "abc123!",
    "=.DKwWzDd}!3}6yeAY+WTF#W:zt5msTI7]2`o}Y!ziU!#CYD+;T9JpW$ud|5C_3",
    "192b9bdd22ab9ed4d12e236c78afcb9a393ec15f71bbf5dc987d54727823bcbf",
    "_5#y2L\"F4Q8z\n\u{ec}]/",
    "_5#y2L\"F4Q8z\\n\\xec]/",
    "A0Zr98j/3yX R~XHH!jmN]LWX/,?RT",
    "development key",
    "dev",
    "6aWj3gBYsxUBO++cSXtPzbl4n/sGJdhAmtn70XRoUMA=",
];
/// What a placeholder says, in lower case and without spaces and signs. `django-insecure-` begins each key that Django
/// makes for a new project, and those that its tutorials print.
const PLACEHOLDERS: [&str; 9] = [
    "replaceme",
    "replacethis",
    "changeme",
    "changethis",
    "yoursecret",
    "yourkey",
    "djangoinsecure",
    "placeholder",
    "secretkeyhere",
];

/// What is wrong with a publicly known key.
fn known_to_all(key: &str) -> Option<&'static str> {
    let plain: String = key.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    if PUBLISHED.contains(&key) {
        return Some("is printed in documentation, so it is public");
    }
    PLACEHOLDERS.iter().any(|text| plain.contains(text)).then_some("is a placeholder, so it is public")
}

/// What is wrong with a key.
fn weakness(key: &str) -> Option<String> {
    let too_short = || (key.len() < MIN_LENGTH).then(|| format!("has {} bytes and needs {MIN_LENGTH}", key.len()));
    known_to_all(key).map(ToOwned::to_owned).or_else(too_short)
}

/// With the sandbox every start uses a random key, so that a sandbox session is never valid on another portal.
pub(super) fn secret_key(reader: &mut Reader, address: &PublicAddress, sandbox: bool) -> SecretKey {
    let given = reader.text("SECRET_KEY");
    if sandbox {
        return SecretKey::new(random_text::<32>());
    }
    let Some((key, origin)) = given else {
        if reader.has_problem("SECRET_KEY") {
            // It is set, but was rejected.
        } else if address.loopback {
            reader.warnings.push(format!("SECRET_KEY is not set: using a temporary one for this run; {GENERATE}"));
        } else {
            reader.problem("SECRET_KEY", None, format!("missing: {GENERATE}"));
        }
        return SecretKey::new(random_text::<32>());
    };
    match weakness(&key) {
        Some(problem) if address.loopback => reader.warnings.push(format!("SECRET_KEY {problem}; {GENERATE}")),
        Some(problem) => reader.problem("SECRET_KEY", Some(origin), format!("{problem}; {GENERATE}")),
        None => {}
    }
    SecretKey::new(key)
}

/// Previous keys follow the same rules: anyone who knows one can forge sealed data.
pub(super) fn fallbacks(reader: &mut Reader, address: &PublicAddress) -> Vec<SecretKey> {
    let (keys, origin) = reader.list("SECRET_KEY_FALLBACKS", &['\n', '\r', ',']).unwrap_or_default();
    let keys: Vec<String> = keys.into_iter().map(|key| key.trim().to_owned()).filter(|key| !key.is_empty()).collect();
    let weakness = keys.iter().find_map(|key| weakness(key));
    if let Some(weakness) = weakness.filter(|_| !address.loopback) {
        reader.problem("SECRET_KEY_FALLBACKS", Some(origin), format!("one of them {weakness}: remove it"));
    }
    keys.into_iter().map(SecretKey::new).collect()
}
