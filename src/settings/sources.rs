//! Where values come from: a file and the environment, the file read by the `config` crate.

use std::{collections::BTreeMap, fs, path::PathBuf};

use config::{Config, ConfigError, File, FileFormat, Map, Source, Value, ValueKind};

use super::{KEYS, Kind, Problem, Problems, SandboxClient};

const PREFIX: &str = "GLOBUS_PORTAL_";
/// Names the file itself, so it is no setting.
const FILE_VARIABLE: &str = "GLOBUS_PORTAL_CONFIG";
const FROM_ENVIRONMENT: &str = "the environment variable ";
/// The longest secret read from a file of its own, in bytes.
const MAX_SECRET: u64 = 64 << 10;

/// What settings are read from.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// The settings file.
    pub file: PathBuf,
    /// Whether it has to be there: a file that the operator named, yes; the default one, no.
    pub file_required: bool,
    /// The environment.
    pub environment: BTreeMap<String, String>,
    /// The sandbox's app, when the portal is to run on it.
    pub sandbox: Option<SandboxClient>,
}

/// A value and where it came from.
#[derive(Debug)]
pub(super) struct Found {
    pub value: Value,
    pub origin: String,
}

impl Found {
    fn new(value: impl Into<ValueKind>, origin: &str) -> Self {
        Self { value: Value::new(None, value), origin: origin.to_owned() }
    }
}

/// All values by their key.
pub(super) type Values = BTreeMap<String, Found>;

impl Sources {
    /// Sources with this process's environment.
    #[must_use]
    pub fn of_process(file: PathBuf, file_required: bool, sandbox: Option<SandboxClient>) -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self { file, file_required, environment: std::env::vars_os().filter_map(text).collect(), sandbox }
    }

    /// A file that cannot be read is the only problem told: whatever is in it would seem to be missing.
    pub(super) fn read(&self) -> Result<(Values, Vec<Problem>), Problems> {
        let mut values = self.layered().map_err(|error| Problems(vec![self.file_problem(&error)]))?;
        let mut problems = Vec::new();
        refuse_unknown(&mut values, &mut problems);
        read_secret_files(&mut values, &mut problems);
        values.retain(|_, found| !is_empty(&found.value));
        Ok((values, problems))
    }

    fn layered(&self) -> Result<Values, ConfigError> {
        let mut values = Values::new();
        if self.file_required || self.file.exists() {
            let origin = self.file.display().to_string();
            let map = self.file_values()?;
            values.extend(map.into_iter().map(|(key, value)| (key, Found::new(value.kind, &origin))));
        }
        values.extend(self.environment_values());
        Ok(values)
    }

    fn file_values(&self) -> Result<Map<String, Value>, ConfigError> {
        let file = File::from(self.file.as_path()).format(FileFormat::Toml).required(true);
        Config::builder().add_source(file).build()?.collect()
    }

    /// The parser's own message quotes the line, and with it perhaps a secret: only its first line, the place, is shown.
    fn file_problem(&self, error: &ConfigError) -> Problem {
        let text = match error {
            ConfigError::FileParse { cause, .. } => {
                let place = cause.to_string().lines().next().unwrap_or_default().to_owned();
                format!("{place}: write `KEY = 'text'`, one setting a line, as in TOML")
            }
            _ => "the file cannot be read: check its path and its permissions".to_owned(),
        };
        Problem { key: self.file.display().to_string(), origin: None, text }
    }

    fn environment_values(&self) -> Values {
        let sdk_names = KEYS.iter().filter(|(_, kind)| *kind == Kind::Sdk).map(|(name, _)| (*name, *name));
        let plain = sdk_names.filter_map(|(key, name)| Some((key.to_owned(), name, self.environment.get(name)?)));
        let prefixed =
            self.environment.iter().filter(|(name, _)| *name != FILE_VARIABLE).filter_map(|(name, value)| {
                let key = name.strip_prefix(PREFIX)?;
                Some((key.to_owned(), name.as_str(), value))
            });
        let given = plain.chain(prefixed).filter(|(key, _, value)| !value.trim().is_empty() && !is_injected(key));
        given
            .map(|(key, name, value)| {
                let origin = format!("{FROM_ENVIRONMENT}{name}");
                (key, Found::new(ValueKind::String(value.clone()), &origin))
            })
            .collect()
    }
}

/// Whether a variable is one of those that Kubernetes puts into every container for a service named `globus-portal`.
fn is_injected(key: &str) -> bool {
    key == "PORT" || ["PORT_", "SERVICE_HOST", "SERVICE_PORT"].iter().any(|start| key.starts_with(start))
}

fn is_empty(value: &Value) -> bool {
    matches!(&value.kind, ValueKind::String(text) if text.trim().is_empty()) || matches!(value.kind, ValueKind::Nil)
}

/// Takes out keys that do not exist, each with the nearest one that does.
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
        let near = KEYS.iter().map(|(name, _)| (strsim::jaro_winkler(&upper, name), name));
        let nearest = near.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(likeness, _)| *likeness > 0.8);
        let hint = nearest.map(|(_, name)| format!(": did you mean {name}?")).unwrap_or_default();
        problems.push(Problem { key, origin, text: format!("there is no such setting{hint}") });
    }
}

/// Puts the content of the file that `<KEY>_FILE` names in the place of `<KEY>`. Where both are given, the environment
/// wins over the file, as for any setting.
fn read_secret_files(values: &mut Values, problems: &mut Vec<Problem>) {
    for (key, _) in KEYS.iter().filter(|(_, kind)| *kind == Kind::Secret) {
        let file_key = format!("{key}_FILE");
        let Some(named) = values.remove(&file_key).filter(|named| !is_empty(&named.value)) else { continue };
        let direct = values.get(*key).filter(|direct| !is_empty(&direct.value));
        let from_environment = |found: &Found| found.origin.starts_with(FROM_ENVIRONMENT);
        match direct {
            Some(direct) if from_environment(direct) == from_environment(&named) => problems.push(Problem {
                key: file_key,
                origin: Some(named.origin),
                text: format!("{key} is given too: keep one of the two"),
            }),
            Some(direct) if from_environment(direct) => {}
            _ => match read_secret(&named) {
                Ok(found) => drop(values.insert((*key).to_owned(), found)),
                Err(text) => problems.push(Problem { key: file_key, origin: Some(named.origin), text }),
            },
        }
    }
}

fn read_secret(named: &Found) -> Result<Found, String> {
    let path = named.value.clone().into_string().map_err(|_| "expected the path of a file".to_owned())?;
    // The name itself is not shown: somebody may have put the secret where the file's name belongs.
    let unreadable = |error: std::io::Error| format!("cannot read the file it names: {error}");
    if fs::metadata(&path).map_err(unreadable)?.len() > MAX_SECRET {
        return Err("the file it names is larger than a secret can be".to_owned());
    }
    let text = fs::read_to_string(&path).map_err(unreadable)?;
    let origin = format!("the file {path}");
    Ok(Found::new(text.trim_end_matches(['\r', '\n']), &origin))
}
