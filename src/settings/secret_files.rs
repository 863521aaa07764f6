//! Secrets in separate files: `<KEY>_FILE`.

use std::path::Path;

use super::{
    found::{Found, Values, is_empty},
    keys::{KEYS, Kind},
    problems::Problem,
    text_file, unexpanded,
};

/// The longest secret read from a file of its own, in bytes.
const MAX_SECRET: u64 = 64 << 10;

/// Sets `<KEY>` to the content of the file that `<KEY>_FILE` names. If both are given, the environment overrides the
/// settings file, as for any setting.
pub(super) fn read(values: &mut Values, problems: &mut Vec<Problem>) {
    for (key, _) in KEYS.iter().filter(|(_, kind)| *kind == Kind::Secret) {
        let file_key = format!("{key}_FILE");
        let Some(named) = values.remove(&file_key).filter(|named| !is_empty(&named.value)) else { continue };
        let direct = values.get(*key).filter(|direct| !is_empty(&direct.value));
        match direct {
            Some(direct) if direct.is_from_environment() == named.is_from_environment() => {
                let text = format!("{key} is given too: keep one of the two");
                problems.push(Problem::new(&file_key, Some(named.origin), text));
            }
            Some(direct) if direct.is_from_environment() => {}
            _ => match secret(&named) {
                Ok(found) => drop(values.insert((*key).to_owned(), found)),
                Err(text) => problems.push(Problem::new(&file_key, Some(named.origin), text)),
            },
        }
    }
}

fn secret(named: &Found) -> Result<Found, String> {
    let path = named.value.clone().into_string().map_err(|_| "expected the path of a file".to_owned())?;
    if let Some(problem) = unexpanded::problem(&path) {
        return Err(problem);
    }
    // The path is not shown: the secret itself may have been put there by mistake.
    let text = text_file::read(Path::new(&path), MAX_SECRET)
        .map_err(|error| format!("cannot read the file it names: {error}"))?;
    Ok(Found::of_own_file(text.trim_end_matches(['\r', '\n']), &path))
}
