//! The files of an SQLite database: readable by their owner only; and what may be wrong with their folder.

use std::{
    ffi::OsString,
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use crate::secret::random_text;

/// The suffixes of the files that SQLite puts beside the database.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Creates the file, or makes an existing one private. SQLite creates the files beside the database with the mode of the
/// database.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    private(OpenOptions::new().create(true).append(true)).open(path)?;
    narrow(path);
    BESIDE.iter().map(|end| beside(path, end)).filter(|path| path.exists()).for_each(|path| narrow(&path));
    Ok(())
}

/// The path of a file beside the database.
fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(end);
    name.into()
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Removes the rights of other users. The values are sealed, so if that fails, a warning is enough.
fn narrow(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;

        let narrowed = path.metadata().and_then(|about| {
            let mode = about.permissions().mode() & 0o777;
            if mode & 0o077 == 0 {
                return Ok(());
            }
            std::fs::set_permissions(path, PermissionsExt::from_mode(mode & 0o600))?;
            tracing::info!(path = %path.display(), was = format!("{mode:o}"), "made the session store private to its owner");
            Ok(())
        });
        if let Err(error) = narrowed {
            tracing::warn!(
                path = %path.display(), error = %error,
                "other users may be able to read the session store; run chmod 0600 on it"
            );
        }
    }
}

/// What is wrong with the folder of the database, and what to do; `None` if files can be created in it.
pub(super) fn trouble_with_folder(path: &Path) -> Option<String> {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let folder = absolute.parent()?;
    let (name, give) = (folder.display(), "give it to the user that runs the portal");
    if !folder.exists() {
        return Some(format!(
            "the folder {name} does not exist; create it and {give}, or set SESSION_STORE to a path in another folder"
        ));
    }
    if !folder.is_dir() {
        return Some(format!("{name} is not a folder; set SESSION_STORE to a file inside a folder"));
    }
    let error = unlinked(path).err()?;
    Some(format!(
        "cannot create files in the folder {name} ({error}), but SQLite needs to, next to the database; {give}"
    ))
}

/// The bytes that some logins and logouts need.
static ROOM: [u8; 64 << 10] = [0x5a; 64 << 10];

/// Writes as many bytes beside the database as some logins and logouts need, and deletes them.
pub(super) fn try_room(path: &Path) -> io::Result<()> {
    unlinked(path)?.write_all(&ROOM)
}

/// An unnamed temporary file beside the database.
fn unlinked(path: &Path) -> io::Result<File> {
    let path = beside(path, &format!("-probe-{}", random_text::<9>()));
    let file = private(OpenOptions::new().create_new(true).write(true)).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
