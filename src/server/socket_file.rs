//! The file of a Unix socket.

use std::{
    fs::{self, File, Permissions, TryLockError},
    io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    net::{UnixListener, UnixStream},
    time::sleep,
};

/// The portal's user and group: let the proxy's user be in that group.
const MODE: u32 = 0o660;
/// How often, and after which pause, the lock of a folder is tried: whoever may read the folder can hold it.
const LOCK_TRIES: u32 = 100;
const LOCK_AGAIN: Duration = Duration::from_millis(10);

/// A file that this process has created, until it is removed.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// Device and inode: after a restart, the file with this name may be another portal's.
    identity: (u64, u64),
}

impl SocketFile {
    /// Listens on a new socket. A file that another process has left behind is replaced, if nobody listens on it.
    pub(super) async fn bind(path: &Path) -> io::Result<(UnixListener, Self)> {
        let _alone = lock_folder(path).await;
        remove_stale(path).await?;
        let listener = UnixListener::bind(path)?;
        let file = Self { path: path.to_owned(), identity: identity(path)? };
        fs::set_permissions(path, Permissions::from_mode(MODE))?;
        Ok((listener, file))
    }

    /// Removes the file, if it is still this one.
    pub(super) fn remove(&self) {
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

/// Keeps two portals that start together from replacing each other's new socket. Where folders cannot be locked, they are not.
async fn lock_folder(path: &Path) -> Option<File> {
    let folder = File::open(path.parent()?).ok()?;
    for _ in 0..LOCK_TRIES {
        match folder.try_lock() {
            Ok(()) => return Some(folder),
            Err(TryLockError::WouldBlock) => sleep(LOCK_AGAIN).await,
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let file = fs::symlink_metadata(path)?;
    Ok((file.dev(), file.ino()))
}

async fn remove_stale(path: &Path) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.file_type().is_socket() {
        return Err(io::Error::new(io::ErrorKind::AlreadyExists, "a file that is not a socket has this path"));
    }
    match UnixStream::connect(path).await {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        // Its queue is full.
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(io::ErrorKind::AddrInUse.into()),
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
        Err(error) => Err(error),
    }
}
