//! The one way in which this program reads files.
//!
//! A workspace can hold, or link to, anything: a FIFO that nobody writes to, a device without an
//! end, this server's own standard input, a sparse file of 60 GB. So: nothing but a regular file is
//! opened, no open waits, never more than a stated number of bytes is read or reserved, and what
//! went wrong is a value that says so in words. `std::fs::read` and its relatives are disallowed
//! elsewhere (`clippy.toml`).

#![expect(
    clippy::disallowed_methods,
    reason = "what is opened here is looked at before and after"
)]

use std::fs::{File, FileType, Metadata, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::amount::amount;

/// The largest image: the largest flash that the header of a boot loader can name, 128 MiB.
pub const IMAGE_LIMIT: u64 = 128 << 20;
/// The largest ELF file. Debug information makes one several times as large as what is flashed.
pub const ELF_LIMIT: u64 = 128 << 20;
/// The largest text of a build tool or of a person. ESP-IDF's `project_description.json`, which lists
/// every source file, comes nearest: a few hundred KiB.
pub const TEXT_LIMIT: u64 = 2 << 20;
/// The largest partition table, in either form. 95 rows fit into one; the rest is for comments.
pub const TABLE_TEXT_LIMIT: u64 = 256 << 10;
/// The largest file of this program's own in the state directory.
pub const STATE_LIMIT: u64 = 4 << 20;

/// Read between two looks at whether somebody cancelled.
const CHUNK: usize = 1 << 20;

/// The user whose a file or directory is, where the system tells.
#[cfg(unix)]
pub fn owner(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;
    Some(path.metadata().ok()?.uid())
}

/// The user whose a file or directory is, where the system tells.
#[cfg(not(unix))]
pub fn owner(_: &Path) -> Option<u32> {
    None
}

/// Why a file was not read. As a sentence that begins with the name of the file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such file.
    #[error("does not exist")]
    NotFound,
    /// It is something that is not a file, or not only one.
    #[error("is not a regular file but {0}")]
    NotRegular(&'static str),
    /// It is larger than anything of its kind.
    #[error("is larger than {}, the largest that is read", amount(*limit_bytes))]
    TooLarge {
        /// What it may have at most.
        limit_bytes: u64,
    },
    /// Somebody wrote to it at the same time.
    #[error("changed while it was read")]
    Changed,
    /// It should be text.
    #[error("is not UTF-8 text")]
    NotText,
    /// Nobody wants it any more.
    #[error("was not read to its end: cancelled")]
    Cancelled,
    /// The operating system refused, in its words.
    #[error("cannot be read: {0}")]
    System(String),
}

impl ReadError {
    /// What to do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotFound | Self::NotRegular(_) => "Check the path.",
            Self::TooLarge { .. } => "Check that this is the file that is meant.",
            Self::Changed => "Try again when the build has ended.",
            Self::NotText => "Save the file as UTF-8.",
            Self::Cancelled => "",
            Self::System(_) => "Check the file's permissions.",
        }
    }

    /// From the operating system's answer.
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            // A part of the path is a file, or no file can be called so: it is not there, either.
            io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidFilename => Self::NotFound,
            _ => Self::System(error.to_string()),
        }
    }
}

impl From<ReadError> for io::Error {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::NotFound => io::ErrorKind::NotFound.into(),
            error => Self::other(error),
        }
    }
}

/// All bytes of a regular file that has at most `limit_bytes`.
///
/// # Errors
/// [`ReadError`]; it continues a sentence that begins with the file's name, and has a remedy.
pub fn read(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, ReadError> {
    read_unless(path, limit_bytes, &|| false)
}

/// The same as text.
///
/// # Errors
/// As [`read`], and [`ReadError::NotText`].
pub fn read_text(path: &Path, limit_bytes: u64) -> Result<String, ReadError> {
    String::from_utf8(read(path, limit_bytes)?).map_err(|_| ReadError::NotText)
}

/// [`read`] that stops within a MiB of `is_cancelled` becoming true.
///
/// # Errors
/// As [`read`], and [`ReadError::Cancelled`].
pub fn read_unless(
    path: &Path,
    limit_bytes: u64,
    is_cancelled: &dyn Fn() -> bool,
) -> Result<Vec<u8>, ReadError> {
    let (mut file, before) = open(path)?;
    let too_large = ReadError::TooLarge { limit_bytes };
    if before.len() > limit_bytes {
        return Err(too_large);
    }
    // Images get padding up to their sector's end; with this room nothing is copied for it.
    let room = before.len().next_multiple_of(4096);
    let mut bytes = Vec::with_capacity(room as usize);
    loop {
        if is_cancelled() {
            return Err(ReadError::Cancelled);
        }
        // One byte too many tells a file that is too large from one that just fits.
        let wanted = (limit_bytes + 1 - bytes.len() as u64).min(CHUNK as u64);
        let count = (&mut file).take(wanted).read_to_end(&mut bytes);
        let count = count.map_err(|error| ReadError::of(&error))?;
        if bytes.len() as u64 > limit_bytes {
            return Err(too_large);
        }
        if count == 0 {
            break;
        }
    }
    unchanged(&file, &before)?;
    Ok(bytes)
}

/// As well as a clock tells: two writes within its resolution look like one.
fn unchanged(file: &File, before: &Metadata) -> Result<(), ReadError> {
    let after = file.metadata().map_err(|error| ReadError::of(&error))?;
    if after.len() != before.len() || after.modified().ok() != before.modified().ok() {
        return Err(ReadError::Changed);
    }
    Ok(())
}

/// Writes all bytes of a regular file that has at most `limit_bytes`, without holding them in memory.
///
/// # Errors
/// As [`read`], and what `to` says.
pub fn copy(path: &Path, limit_bytes: u64, to: &mut dyn io::Write) -> Result<(), ReadError> {
    let (mut file, before) = open(path)?;
    if before.len() > limit_bytes {
        return Err(ReadError::TooLarge { limit_bytes });
    }
    // No more than it had: it may grow meanwhile.
    let copied = io::copy(&mut (&mut file).take(before.len()), to);
    copied.map_err(|error| ReadError::of(&error))?;
    unchanged(&file, &before)
}

/// Up to `len_bytes` from the start of a regular file, however large it is.
///
/// # Errors
/// As [`read`], but never [`ReadError::TooLarge`].
pub fn read_start(path: &Path, len_bytes: u64) -> Result<Vec<u8>, ReadError> {
    read_at(path, 0, len_bytes)
}

/// Up to `len_bytes` from `offset_bytes` of a regular file on, however large it is.
///
/// # Errors
/// As [`read`], but never [`ReadError::TooLarge`].
pub fn read_at(path: &Path, offset_bytes: u64, len_bytes: u64) -> Result<Vec<u8>, ReadError> {
    let mut bytes = Vec::new();
    let (mut file, _) = open(path)?;
    let sought = file.seek(SeekFrom::Start(offset_bytes));
    let read = sought.and_then(|_| file.take(len_bytes).read_to_end(&mut bytes));
    read.map_err(|error| ReadError::of(&error))?;
    Ok(bytes)
}

/// Whether there is a regular file that has at most `limit_bytes`. It is not opened.
///
/// # Errors
/// As [`read`] would fail, as far as that can be seen without opening the file.
pub fn check(path: &Path, limit_bytes: u64) -> Result<(), ReadError> {
    match regular(path.metadata())?.len() {
        len if len <= limit_bytes => Ok(()),
        _ => Err(ReadError::TooLarge { limit_bytes }),
    }
}

/// Opens a regular file. It is looked at before it is opened, because opening alone makes some
/// devices do something, and again afterwards, because it may have been replaced in between.
fn open(path: &Path) -> Result<(File, Metadata), ReadError> {
    regular(path.metadata())?;
    let file = options()
        .open(path)
        .map_err(|error| ReadError::of(&error))?;
    let metadata = regular(file.metadata())?;
    Ok((file, metadata))
}

/// Opens a file to append to, and makes it if there is none. A terminal will do as well; what nobody may ever read
/// from, a FIFO, would let the caller wait for ever.
///
/// # Errors
/// It is no file, or what the system says. Name another file.
pub fn append(path: &Path) -> io::Result<File> {
    if let Ok(metadata) = path.metadata() {
        check_appendable(&metadata)?;
    }
    let mut options = options();
    let file = options.read(false).append(true).create(true).open(path)?;
    check_appendable(&file.metadata()?)?;
    Ok(file)
}

fn check_appendable(metadata: &Metadata) -> io::Result<()> {
    let kind = metadata.file_type();
    #[cfg(unix)]
    let is_terminal = std::os::unix::fs::FileTypeExt::is_char_device(&kind);
    #[cfg(not(unix))]
    let is_terminal = false;
    if kind.is_file() || is_terminal {
        return Ok(());
    }
    Err(io::Error::other(format!(
        "it is {}, not a regular file",
        name_of(kind)
    )))
}

fn regular(metadata: io::Result<Metadata>) -> Result<Metadata, ReadError> {
    let metadata = metadata.map_err(|error| ReadError::of(&error))?;
    if metadata.is_file() {
        Ok(metadata)
    } else {
        Err(ReadError::NotRegular(name_of(metadata.file_type())))
    }
}

/// Opening a FIFO for reading waits for a writer, and opening a terminal makes it this process' own.
#[cfg(unix)]
fn options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;

    use rustix::fs::OFlags;
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits().cast_signed());
    options
}

#[cfg(not(unix))]
fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    options
}

#[cfg(unix)]
fn name_of(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt as _;
    if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else if kind.is_char_device() || kind.is_block_device() {
        "a device"
    } else {
        "something else"
    }
}

#[cfg(not(unix))]
fn name_of(kind: FileType) -> &'static str {
    if kind.is_dir() {
        "a directory"
    } else {
        "a device"
    }
}

#[cfg(test)]
mod tests;
