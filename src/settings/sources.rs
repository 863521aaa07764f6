//! The sources of values: a file, read by the `config` crate, and the environment.

use std::{collections::BTreeMap, ffi::OsString, path::PathBuf};

use config::{Config, File, FileFormat, Map, Source, Value, ValueKind};

use super::{
    found::{FROM_ENVIRONMENT, Found, Values, is_empty},
    keys::{KEYS, Kind},
    links,
    problems::{Problem, Problems},
    secret_files, text_file,
    written::{MAX_SHOWN, Places},
};

const PREFIX: &str = "GLOBUS_PORTAL_";
/// Names the settings file, so it is not a setting itself.
const FILE_VARIABLE: &str = "GLOBUS_PORTAL_CONFIG";
/// The largest settings file, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// The byte order mark that some editors put in front of a text.
const BYTE_ORDER_MARK: char = '\u{feff}';

/// The sources that settings are read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The settings file.
    pub file: PathBuf,
    /// Whether it must exist: a file that the operator named must, the default one need not.
    pub file_required: bool,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// The sandbox's app, if the portal runs with the sandbox.
    pub sandbox: Option<SandboxClient>,
}

/// Credentials of the sandbox's app, for a portal that runs with the sandbox.
#[derive(Clone, Copy, Debug)]
pub struct SandboxClient {
    /// Its client id.
    pub client_id: &'static str,
    /// Its secret, which protects nothing real.
    pub client_secret: &'static str,
}

impl Sources {
    /// Sources with this process's environment.
    #[must_use]
    pub fn of_process(file: PathBuf, file_required: bool, sandbox: Option<SandboxClient>) -> Self {
        // A value that is not UTF-8 keeps the replacement character, which no setting may contain.
        let text = |(name, value): (OsString, OsString)| {
            (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned())
        };
        Self { file, file_required, environment: std::env::vars_os().map(text).collect(), sandbox }
    }

    /// All values, and the problems so far. An unreadable file is reported alone, because every setting in it would seem to
    /// be missing.
    pub(super) fn read(&self) -> Result<(Values, Vec<Problem>, Places), Problems> {
        let (mut values, mut places) = (Values::new(), Places::default());
        if self.file_required || self.file.exists() {
            let origin = self.origin();
            let problem = |text| Problems(vec![Problem::new(&origin, None, text)]);
            let (map, found) = self.file_values().map_err(problem)?;
            places = found;
            values.extend(map.into_iter().map(|(key, value)| (key, Found::new(value.kind, &origin))));
        }
        values.extend(self.environment_values());
        let mut problems = Vec::new();
        refuse_unknown(&mut values, &mut problems);
        secret_files::read(&mut values, &mut problems);
        values.retain(|_, found| !is_empty(&found.value));
        Ok((values, problems, places))
    }

    /// Where values of the file come from, for messages.
    fn origin(&self) -> String {
        self.file.display().to_string()
    }

    /// Adds to each problem its line in the file, and the value, unless it may be a secret.
    pub(super) fn place(&self, problems: &mut [Problem], places: &Places) {
        let file = Some(self.origin());
        for problem in problems {
            if problem.origin == file {
                let place = places.of_key(&problem.key);
                problem.line = place.map(|place| place.line);
                problem.value = place.and_then(|place| place.value.clone());
            } else {
                let variable = problem.origin.as_deref().and_then(|origin| origin.strip_prefix(FROM_ENVIRONMENT));
                let value = variable.and_then(|variable| self.environment.get(variable));
                problem.value = value.filter(|value| value.len() <= MAX_SHOWN).cloned();
            }
            problem.value.take_if(|value| !may_be_shown(&problem.key, value));
        }
    }

    fn file_values(&self) -> Result<(Map<String, Value>, Places), String> {
        let text = text_file::read(&self.file, MAX_FILE)
            .map_err(|error| format!("the file cannot be read ({error}): check its path, permissions and encoding"))?;
        let places = Places::of(&text).map_err(|place| format!("{place}: write `KEY = 'text'`, one setting a line"))?;
        let file = File::from_str(&text, FileFormat::Toml);
        // The config crate's own message would quote the line, and with it perhaps a secret.
        let values = Config::builder().add_source(file).build().and_then(|config| config.collect());
        Ok((values.map_err(|_| "the file is not TOML".to_owned())?, places))
    }

    /// Variables that look like settings and belong to a service beside the portal.
    pub(super) fn service_variables(&self) -> Vec<String> {
        let prefixed = self.prefixed().map(|(key, _, value)| (key, value)).collect();
        links::of_services(&prefixed).into_iter().map(|key| format!("{PREFIX}{key}")).collect()
    }

    /// The variables that name a setting: its key, the variable and the value. The first line of an env file may begin with
    /// a byte order mark.
    fn prefixed(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        let named = self.environment.iter().filter(|(name, _)| *name != FILE_VARIABLE);
        named.filter_map(|(name, value)| {
            let key = name.trim_start_matches(BYTE_ORDER_MARK).strip_prefix(PREFIX)?;
            Some((key, name.as_str(), value.trim_matches(BYTE_ORDER_MARK)))
        })
    }

    fn environment_values(&self) -> Values {
        let sdk_names = KEYS.iter().filter(|(_, kind)| *kind == Kind::Sdk).map(|(name, _)| *name);
        let plain = sdk_names.filter_map(|name| Some((name, name, self.environment.get(name)?.as_str())));
        let of_services = self.service_variables();
        let prefixed = self.prefixed().filter(|(_, name, _)| !of_services.iter().any(|other| other == name));
        let given = plain.chain(prefixed).filter(|(_, _, value)| !value.trim().is_empty());
        given
            .map(|(key, name, value)| {
                let origin = format!("{FROM_ENVIRONMENT}{}", name.trim_start_matches(BYTE_ORDER_MARK));
                (key.to_owned(), Found::new(ValueKind::String(value.to_owned()), &origin))
            })
            .collect()
    }
}

/// Whether a message may show a value: not of a secret, nor of a key that is unknown and may be one misspelled, nor a URL with
/// a password, nor what a template left.
fn may_be_shown(key: &str, value: &str) -> bool {
    let name = key.split(['.', '[']).next().unwrap_or_default();
    let is_plain = KEYS.iter().any(|(known, kind)| *known == name && *kind != Kind::Secret);
    is_plain && !value.contains(['@', '$'])
}

/// Names that people try, for settings with other names.
const OTHER_NAMES: [(&str, &str); 7] = [
    ("PORT", "LISTEN"),
    ("HOST", "LISTEN"),
    ("BIND", "LISTEN"),
    ("DATABASE_URL", "SESSION_STORE"),
    ("REDIS_URL", "SESSION_STORE"),
    ("LOG_LEVEL", "RUST_LOG, a variable of its own"),
    ("COLLECTIONS", "[[collections]], tables at the end of the settings file"),
];

/// Removes unknown keys, and suggests the nearest known one for each.
fn refuse_unknown(values: &mut Values, problems: &mut Vec<Problem>) {
    let known = |key: &str| {
        KEYS.iter().any(|(name, kind)| {
            key == *name || (*kind == Kind::Secret && key.strip_suffix("_FILE").is_some_and(|secret| secret == *name))
        })
    };
    let unknown: Vec<String> = values.keys().filter(|key| !known(key)).cloned().collect();
    for key in unknown {
        let origin = values.remove(&key).map(|found| found.origin);
        let upper = key.to_uppercase();
        let other = OTHER_NAMES.iter().find(|(name, _)| *name == upper).map(|(_, meant)| *meant);
        let near = KEYS.iter().map(|(name, _)| (strsim::jaro_winkler(&upper, name), *name));
        let nearest = near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness > 0.8);
        let meant = other.or(nearest.map(|(_, name)| name));
        let hint = meant.map(|name| format!(": did you mean {name}?")).unwrap_or_default();
        problems.push(Problem::new(&key, origin, format!("there is no such setting{hint}")));
    }
}
