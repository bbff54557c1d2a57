//! The file that mirrors a flash chip.

#![expect(
    clippy::disallowed_methods,
    reason = "to read and to write: that waits for nobody"
)]

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use fbuild_chip::flash::SECTOR_LEN;

/// The largest flash that a simulated board can have.
const LARGEST: u64 = 256 << 20;

/// An open, locked flash file.
#[derive(Debug)]
pub(crate) struct Store {
    path: PathBuf,
    file: File,
}

impl Store {
    /// Opens the file, makes it if needed, and reads it. The lock makes a second board on the same
    /// file an error, as a second program on the same serial port is.
    pub(crate) fn open(
        path: &Path,
        size: Option<u32>,
        default_size: u32,
    ) -> io::Result<(Self, Vec<u8>)> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(
                    io::ErrorKind::ResourceBusy,
                    "the flash file is in use by another simulated board",
                ));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        if !file.metadata()?.is_file() {
            let why = "the flash file is not a regular file";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let mut contents = Vec::new();
        (&mut file).take(LARGEST + 1).read_to_end(&mut contents)?;
        if contents.len() as u64 > LARGEST {
            let why = "the flash file is larger than any flash, 256 MiB";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let size = size.map_or_else(
            || {
                if contents.is_empty() {
                    default_size as usize
                } else {
                    contents.len().next_multiple_of(SECTOR_LEN as usize)
                }
            },
            |size| size as usize,
        );
        if contents.len() > size {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!(
                    "the flash file is {} bytes long, but a flash of {size} bytes was asked for",
                    contents.len()
                ),
            ));
        }
        let mut store = Self {
            path: path.to_owned(),
            file,
        };
        if contents.len() < size {
            let old_len = contents.len();
            contents.resize(size, 0xFF);
            store.write(old_len as u64, &contents[old_len..])?;
        }
        Ok((store, contents))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(bytes)
    }
}
