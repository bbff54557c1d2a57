//! What boards were given before: images as they are in flash, in a directory of this program's own.
//!
//! Nothing here is known of a board. An old image is a hypothesis of what it may hold, and it is used
//! only where the board's own hashes say the same ([`crate::search`]): a wrong one costs a hash.
//!
//! One file per image, named by its SHA-256: a first line that says what it is, the MD5 of each sector,
//! and the bytes, compressed. Firmware may hold secrets: nobody else may read them ([`own_file`]).

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::SystemTime;

use fbuild_chip::flash::SECTOR_LEN;
use fbuild_loader::session::md5_of;
use fbuild_project::file::STATE_LIMIT;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use sha2::{Digest as _, Sha256};

use crate::own_file;

const FIRST_LINE: &[u8] = b"fbuild image 1\n";
const EXTENSION: &str = "image";
/// What all of them may take; the ones that were not used for longest go first.
const LIMIT_BYTES: u64 = 64 << 20;
/// Larger ones, file systems mostly, are not kept.
const LARGEST_BYTES: usize = 4 << 20;
/// How many are taken into account: a person works on a few projects and boards at a time.
const NEWEST: usize = 8;

/// MD5 of each sector of an image.
pub(crate) type SectorDigests = Vec<[u8; 16]>;

pub(crate) fn sector_digests(image: &[u8]) -> SectorDigests {
    image.chunks(SECTOR_LEN as usize).map(md5_of).collect()
}

/// The directory.
#[derive(Debug)]
pub(crate) struct OldImages<'d> {
    dir: &'d Path,
}

/// A file that is being made: where it goes, and what it has, unless it is there.
pub(crate) type Making = JoinHandle<io::Result<(PathBuf, Vec<u8>)>>;

/// One of its files.
#[derive(Debug)]
pub(crate) struct OldImage {
    path: PathBuf,
    pub(crate) digests: SectorDigests,
}

impl<'d> OldImages<'d> {
    pub(crate) fn new(dir: &'d Path) -> Self {
        Self { dir }
    }

    /// The ones that were used last, the newest first.
    pub(crate) fn newest(&self) -> Vec<OldImage> {
        let mut files = self.files();
        files.retain(|file| file.path.extension().is_some_and(|it| it == EXTENSION));
        files.truncate(NEWEST);
        let read = |file: File| {
            let (digests, _) = parts(&own_file::read(&file.path).ok()?)?;
            let path = file.path;
            Some(OldImage { path, digests })
        };
        files.into_iter().filter_map(read).collect()
    }

    /// Makes an image's file in a thread, since a board takes longer with its part: whole sectors, which a board may
    /// hold soon.
    pub(crate) fn make(&self, image: &Arc<Vec<u8>>) -> Option<Making> {
        if image.len() > LARGEST_BYTES {
            return None;
        }
        let (dir, image) = (self.dir.to_owned(), image.clone());
        let make = move || {
            let digest: [u8; 32] = Sha256::digest(&*image).into();
            let name = digest.map(|byte| format!("{byte:02x}")).concat();
            let path = dir.join(name).with_extension(EXTENSION);
            let file = if path.is_file() {
                Vec::new()
            } else {
                file_of(&image)?
            };
            Ok((path, file))
        };
        std::thread::Builder::new().spawn(make).ok()
    }

    /// Keeps it, since a board holds it now.
    pub(crate) fn keep(&self, made: Making) {
        if let Ok(Err(error)) = made.join().map(|made| self.write(made?)) {
            tracing::warn!(path = %self.dir.display(), %error, "an image is not kept");
        }
    }

    fn write(&self, (path, file): (PathBuf, Vec<u8>)) -> io::Result<()> {
        own_file::directory(self.dir)?;
        // Nothing was made where it was there; another process may have forgotten it since.
        if own_file::touch(&path).is_err() && !file.is_empty() && file.len() as u64 <= STATE_LIMIT {
            own_file::replace(&path, &file)?;
            forget_oldest(self.files(), LIMIT_BYTES);
        }
        Ok(())
    }

    /// Everything in the directory, the newest first.
    fn files(&self) -> Vec<File> {
        newest_first(self.dir)
    }
}

/// A file of such a directory.
pub(crate) struct File {
    path: PathBuf,
    len_bytes: u64,
    used: SystemTime,
}

/// All files of a directory, the newest first.
pub(crate) fn newest_first(dir: &Path) -> Vec<File> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let file = |entry: fs::DirEntry| {
        let found = entry.metadata().ok().filter(fs::Metadata::is_file)?;
        Some(File {
            path: entry.path(),
            len_bytes: found.len(),
            used: found.modified().ok()?,
        })
    };
    let mut files: Vec<File> = entries.flatten().filter_map(file).collect();
    files.sort_by_key(|file| std::cmp::Reverse(file.used));
    files
}

fn file_of(image: &[u8]) -> io::Result<Vec<u8>> {
    let mut file = FIRST_LINE.to_vec();
    let digests = sector_digests(image);
    file.extend((digests.len() as u32).to_le_bytes());
    file.extend(digests.as_flattened());
    let mut encoder = ZlibEncoder::new(file, Compression::fast());
    encoder.write_all(image)?;
    encoder.finish()
}

/// Removes the last of them where they have more than `limit_bytes`.
pub(crate) fn forget_oldest(files: Vec<File>, limit_bytes: u64) {
    let mut total_bytes = 0;
    for file in files {
        total_bytes += file.len_bytes;
        if total_bytes > limit_bytes {
            // Another process may have been faster.
            let _ = fs::remove_file(file.path);
        }
    }
}

impl OldImage {
    /// Its bytes, if they can still be read.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        let file = own_file::read(&self.path).ok()?;
        let (digests, deflated) = parts(&file)?;
        let len_bytes = digests.len() * SECTOR_LEN as usize;
        let mut bytes = Vec::with_capacity(len_bytes);
        // One byte more than it may have: an image that is longer than it says is none.
        let mut decoder = ZlibDecoder::new(deflated).take(len_bytes as u64 + 1);
        decoder.read_to_end(&mut bytes).ok()?;
        (bytes.len() == len_bytes).then_some(bytes)
    }
}

/// The sectors' digests, and the compressed bytes.
fn parts(file: &[u8]) -> Option<(SectorDigests, &[u8])> {
    let (count, rest) = file.strip_prefix(FIRST_LINE)?.split_first_chunk()?;
    let count = u32::from_le_bytes(*count) as usize;
    if count > LARGEST_BYTES / SECTOR_LEN as usize {
        return None;
    }
    let (digests, deflated) = rest.split_at_checked(count * 16)?;
    let (digests, _) = digests.as_chunks();
    Some((digests.to_vec(), deflated))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(first: u8, len_sectors: usize) -> Vec<u8> {
        let mut state = u32::from(first) + 1;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        (0..len_sectors * SECTOR_LEN as usize)
            .map(|_| next())
            .collect()
    }

    fn keep(kept: &OldImages<'_>, image: &[u8]) {
        kept.keep(kept.make(&Arc::new(image.to_vec())).unwrap());
    }

    #[test]
    fn what_was_kept_comes_back_the_one_used_last_first() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("images");
        let kept = OldImages::new(&dir);
        assert!(kept.newest().is_empty());
        let (a, b) = (image(1, 3), image(2, 5));
        for image in [&a, &b, &a] {
            keep(&kept, image);
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        let newest = kept.newest();
        let bytes: Vec<_> = newest.iter().map(|old| old.bytes().unwrap()).collect();
        assert_eq!(bytes, [a.clone(), b]);
        let digests: SectorDigests = a.chunks(4096).map(md5_of).collect();
        assert_eq!(newest[0].digests, digests);
    }

    #[test]
    fn files_that_are_damaged_are_not_there() {
        let dir = tempfile::tempdir().unwrap();
        let kept = OldImages::new(dir.path());
        keep(&kept, &image(1, 3));
        let path = kept.newest()[0].path.clone();
        let good = fs::read(&path).unwrap();
        for cut in [0, 10, 20, 60] {
            fs::write(&path, &good[..cut]).unwrap();
            assert!(kept.newest().is_empty(), "{cut}");
        }
        for (at, to) in [(good.len() - 1, 0x55), (good.len() - 2000, 0x55)] {
            let mut bad = good.clone();
            bad[at] ^= to;
            fs::write(&path, &bad).unwrap();
            assert_eq!(kept.newest()[0].bytes(), None, "{at}");
        }
    }

    #[test]
    fn the_oldest_go_where_there_is_too_much() {
        let dir = tempfile::tempdir().unwrap();
        let kept = OldImages::new(dir.path());
        // What a process left behind that was killed counts, too.
        let left = dir.path().join("left.123.new");
        fs::write(&left, vec![0; 40 << 20]).unwrap();
        let large = dir.path().join("large.image");
        fs::write(&large, vec![0; 30 << 20]).unwrap();
        for (path, ago_s) in [(&left, 200), (&large, 100)] {
            let file = fs::File::options().write(true).open(path).unwrap();
            let then = SystemTime::now() - std::time::Duration::from_secs(ago_s);
            file.set_modified(then).unwrap();
        }
        keep(&kept, &image(1, 3));
        assert_eq!((left.exists(), large.exists()), (false, true));
        assert_eq!(kept.newest().len(), 1);
        let too_large = Arc::new(vec![0; LARGEST_BYTES + 4096]);
        assert!(kept.make(&too_large).is_none());
    }
}
