//! The file of a Unix socket.

use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::{
        fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
};

/// The portal's user and group: let the proxy's user be in that group.
const MODE: u32 = 0o660;

/// A file that this process has created, until it is removed.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode: after a restart, the file with this name may be another portal's.
    identity: (u64, u64),
}

impl SocketFile {
    /// Listens on a new socket. A file that another process has left behind is replaced, if nobody listens on it.
    pub(super) fn bind(path: &Path) -> io::Result<(UnixListener, Self)> {
        let _alone = lock_folder(path);
        remove_stale(path)?;
        let listener = UnixListener::bind(path)?;
        let file = Self { path: path.to_owned(), identity: identity(path)? };
        fs::set_permissions(path, Permissions::from_mode(MODE))?;
        Ok((listener, file))
    }

    /// Removes the file, if it is still this one.
    pub(super) fn remove(&self) {
        let _alone = lock_folder(&self.path);
        if identity(&self.path).is_ok_and(|identity| identity == self.identity)
            && let Err(error) = fs::remove_file(&self.path)
        {
            tracing::warn!(error = %error, path = %self.path.display(), "cannot remove the socket");
        }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Keeps two portals from replacing each other's new socket. Where folders cannot be locked, they are not.
fn lock_folder(path: &Path) -> Option<File> {
    let folder = File::open(path.parent()?).ok()?;
    folder.lock().ok()?;
    Some(folder)
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is not a socket has this path"));
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) => Err(error),
    }
}
