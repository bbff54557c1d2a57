//! Files of this program's own: what it remembers, in a directory that is its user's alone.
//!
//! They name projects and boards, so nobody else may read them: 0700 for the directory and 0600 for
//! files, also where they are from an older version. No link is followed and nothing is truncated on
//! the way, so that nobody who could put something there can do harm elsewhere by it.

#![expect(
    clippy::disallowed_methods,
    reason = "opened without waiting, and looked at afterwards"
)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use fbuild_project::file::{self, ReadError, STATE_LIMIT};

/// Makes the directory, and nobody else's.
///
/// # Errors
/// It cannot be made, or is another user's. Go on without remembering anything.
pub fn directory(path: &Path) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match make(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        made => return made,
    }
    // Nor is a link followed here.
    let found = fs::symlink_metadata(path)?;
    if !found.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    // Fails where it is another user's.
    tighten(path, &found, 0o700)
}

/// All of a file; a link is not read.
///
/// # Errors
/// As [`file::read`]; a link is not a regular file.
pub fn read(path: &Path) -> Result<Vec<u8>, ReadError> {
    if path.is_symlink() {
        return Err(ReadError::NotRegular("a link"));
    }
    file::read(path, STATE_LIMIT)
}

/// The lock file for changes to `path`, in a directory that is there.
///
/// # Errors
/// The lock cannot be made private to this user. Change nothing then.
pub fn lock_of(path: &Path) -> io::Result<File> {
    if let Ok(found) = fs::symlink_metadata(path)
        && found.is_file()
    {
        tighten(path, &found, 0o600)?;
    }
    let lock = path.with_extension("lock");
    let file = private().create(true).truncate(false).open(&lock)?;
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    tighten(&lock, &found, 0o600)?;
    Ok(file)
}

/// Puts `bytes` in place of what the file held, in one step: readers see the old or the new.
///
/// # Errors
/// The file is as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut new = New::beside(path)?;
    new.write_all(bytes)?;
    new.sync()?;
    new.keep(path)
}

/// A file that is being written. It is gone with this, unless it is [kept](Self::keep).
#[derive(Debug)]
pub struct New {
    path: PathBuf,
    file: File,
}

impl New {
    /// An empty one in the directory of `path`.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn beside(path: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = path.with_extension(format!("{}-{number}.new", std::process::id()));
        // What a process of the same number left behind when it was killed.
        let _ = fs::remove_file(&path);
        let file = private().create_new(true).open(&path)?;
        Ok(Self { path, file })
    }

    /// Waits until what was written is on the disk.
    ///
    /// # Errors
    /// It is not.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Gives it its name, in one step, in place of what was there.
    ///
    /// # Errors
    /// What was there is as it was.
    pub fn keep(self, path: &Path) -> io::Result<()> {
        fs::rename(&self.path, path)
    }
}

impl io::Write for New {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for New {
    fn drop(&mut self) {
        // It has another name by now, or is not wanted.
        let _ = fs::remove_file(&self.path);
    }
}

/// Makes a file that is there the newest, as if it had been replaced by the same.
///
/// # Errors
/// There is no such file, or it is not a regular one.
pub fn touch(path: &Path) -> io::Result<()> {
    let file = private().open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    file.set_modified(std::time::SystemTime::now())
}

#[cfg(unix)]
fn make(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().mode(0o700).create(path)
}

#[cfg(not(unix))]
fn make(path: &Path) -> io::Result<()> {
    fs::create_dir(path)
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::OFlags;
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    options
        .write(true)
        .mode(0o600)
        .custom_flags(flags.bits().cast_signed());
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    options
}

/// Takes away what others may do.
#[cfg(unix)]
fn tighten(path: &Path, found: &fs::Metadata, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let is_private = found.permissions().mode().trailing_zeros() >= 6;
    if is_private {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// In %LOCALAPPDATA% everything is its user's.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)] // as on Unix
fn tighten(_: &Path, _: &fs::Metadata, _: u32) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn nobody_else_may_look_also_at_what_was_there_before() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("a/state");
        directory(&dir).unwrap();
        assert_eq!(mode(&dir), 0o700);
        let path = dir.join("kept.json");
        lock_of(&path).unwrap();
        replace(&path, b"1").unwrap();
        let modes = ["kept.json", "kept.lock"].map(|name| mode(&dir.join(name)));
        assert_eq!(modes, [0o600; 2]);

        for (path, mode) in [
            (&dir, 0o755),
            (&path, 0o644),
            (&dir.join("kept.lock"), 0o666),
        ] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        directory(&dir).unwrap();
        lock_of(&path).unwrap();
        assert_eq!(mode(&dir), 0o700);
        let modes = ["kept.json", "kept.lock"].map(|name| mode(&dir.join(name)));
        assert_eq!(modes, [0o600; 2]);
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        let path = dir.path().join("kept.json");
        for name in ["kept.json", "kept.lock"] {
            symlink(&victim, dir.path().join(name)).unwrap();
        }
        assert_eq!(read(&path), Err(ReadError::NotRegular("a link")));
        lock_of(&path).unwrap_err();
        let names = (0..100).map(|number| format!("{}-{number}.new", std::process::id()));
        for beside in names.map(|name| path.with_extension(name)) {
            symlink(&victim, beside).unwrap();
        }
        replace(&path, b"1").unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
        assert_eq!(read(&path).unwrap(), b"1");
        assert!(!path.is_symlink());

        let (elsewhere, images) = (dir.path().join("elsewhere"), dir.path().join("images"));
        fs::create_dir(&elsewhere).unwrap();
        symlink(&elsewhere, &images).unwrap();
        directory(&images).unwrap_err();
    }

    #[test]
    fn what_is_no_file_is_an_error_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kept.json");
        for name in ["kept.json", "kept.lock"] {
            let made = std::process::Command::new("mkfifo")
                .arg(dir.path().join(name))
                .status();
            assert!(made.unwrap().success());
        }
        assert_eq!(read(&path), Err(ReadError::NotRegular("a FIFO")));
        lock_of(&path).unwrap_err();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        directory(&file).unwrap_err();
    }
}
