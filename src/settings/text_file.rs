//! Text files as editors write them: with a byte order mark, or in an encoding that is rejected by name.

use std::{fs::File, io::Read as _, path::Path};

/// Reads a file of UTF-8 text, without its byte order mark.
///
/// # Errors
/// Why it cannot be read, without showing any of its contents.
pub(super) fn read(path: &Path, most: u64) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut bytes));
    read.map_err(|error| error.to_string())?;
    if bytes.len() as u64 > most {
        return Err(format!("it is larger than {} KiB", most >> 10));
    }
    decode(&bytes)
}

fn decode(bytes: &[u8]) -> Result<String, String> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err("it is UTF-16 text: save it as UTF-8".to_owned());
    }
    let text = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    match std::str::from_utf8(text) {
        Ok(text) if !text.contains('\0') => Ok(text.to_owned()),
        _ => Err("it is not UTF-8 text".to_owned()),
    }
}
