//! ELF files of what boards were given last, in a directory of this program's own: by the time that a board crashes, a
//! build may have replaced the one that it runs.
//!
//! They are copies, since a linker may write into the file that is there, and named by their SHA-256, as a board names
//! its build. Nobody else may read them ([`own_file`]).

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use fbuild_project::file;
use fbuild_project::target::{Region, RegionKind};
use sha2::{Digest as _, Sha256};

use crate::old_images::{forget_oldest, newest_first};
use crate::own_file::{self, New};
use crate::request::{Mode, Request};

const EXTENSION: &str = "elf";
/// What all of them may take; the ones that were not used for longest go first.
const LIMIT_BYTES: u64 = 256 << 20;
/// Larger ones are not kept.
const LARGEST_BYTES: u64 = 64 << 20;
/// `e_machine` of the chips whose addresses can be explained: Xtensa and RISC-V.
const MACHINES: [[u8; 2]; 2] = [[94, 0], [243, 0]];

/// The directory.
#[derive(Debug)]
pub struct KeptElfs<'d> {
    dir: &'d Path,
}

/// Copies that are made while a board is written.
#[derive(Debug)]
pub struct Copying {
    thread: JoinHandle<Vec<Copied>>,
    is_unwanted: Arc<AtomicBool>,
}

/// A file, and the name that it gets: `None` where it is kept already.
type Copied = (Option<New>, PathBuf);

impl<'d> KeptElfs<'d> {
    /// Those in this directory.
    pub fn new(dir: &'d Path) -> Self {
        Self { dir }
    }

    /// The one whose SHA-256 begins with these digits.
    pub fn find(&self, sha256: &str) -> Option<PathBuf> {
        let entries = fs::read_dir(self.dir).ok()?;
        let mut paths = entries.flatten().map(|entry| entry.path());
        paths.find(|path| {
            let name = path.file_stem().and_then(|name| name.to_str());
            path.extension().is_some_and(|it| it == EXTENSION)
                && !path.is_symlink()
                && name.is_some_and(|name| name.len() == 64 && name.starts_with(sha256))
        })
    }

    /// Copies what is beside the apps of a deploy, as it is now: a build may go on meanwhile. `None`: there is none.
    pub fn copy(&self, request: &Request) -> Option<Copying> {
        let is_asked = |region: &&Region| {
            let asked = request.regions.as_ref();
            region.kind != RegionKind::Bootloader
                && asked.is_none_or(|names| names.contains(&region.name))
        };
        let regions = request.target.regions.iter().filter(is_asked);
        let mut paths: Vec<PathBuf> = regions.flat_map(Region::elfs).collect();
        paths.dedup();
        paths.retain(|path| is_of_esp(path));
        if paths.is_empty() || request.mode == Mode::Plan {
            return None;
        }
        let is_unwanted = Arc::new(AtomicBool::new(false));
        let (dir, stop) = (self.dir.to_owned(), is_unwanted.clone());
        let copied = move |path: &PathBuf| match copied(path, &dir, &stop) {
            Ok(copied) => Some(copied),
            Err(error) => {
                tracing::debug!(path = %path.display(), %error, "an ELF file is not kept");
                None
            }
        };
        let thread = std::thread::Builder::new()
            .name("copy of an ELF file".to_owned())
            .spawn(move || paths.iter().filter_map(copied).collect());
        let thread = thread.ok()?;
        Some(Copying {
            thread,
            is_unwanted,
        })
    }

    /// The board runs them, or it was not written after all.
    pub fn conclude(&self, copying: Copying, is_wanted: bool) {
        copying.is_unwanted.store(!is_wanted, Ordering::Relaxed);
        let copied = copying.thread.join().unwrap_or_default();
        // Nothing is removed from a directory that is not this program's own.
        if !is_wanted || own_file::directory(self.dir).is_err() {
            return;
        }
        for (new, path) in copied {
            let kept = match new {
                Some(new) => new.keep(&path),
                None => own_file::touch(&path),
            };
            if let Err(error) = kept {
                tracing::warn!(path = %path.display(), %error, "an ELF file is not kept");
            }
        }
        forget_oldest(newest_first(self.dir), LIMIT_BYTES);
    }
}

fn is_of_esp(path: &Path) -> bool {
    file::read_start(path, 20).is_ok_and(|start| {
        let is_32_bit = start.starts_with(b"\x7fELF\x01");
        is_32_bit && MACHINES.iter().any(|machine| start.ends_with(machine))
    })
}

/// Writes what goes through it into a file, and hashes it.
struct Hashed<'a> {
    to: Option<&'a mut New>,
    sha256: Sha256,
    is_unwanted: &'a AtomicBool,
}

impl Write for Hashed<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_unwanted.load(Ordering::Relaxed) {
            return Err(io::Error::other("it is not wanted any more"));
        }
        if let Some(new) = &mut self.to {
            new.write_all(bytes)?;
        }
        self.sha256.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn copied(path: &Path, dir: &Path, is_unwanted: &AtomicBool) -> io::Result<Copied> {
    let through = |to: Option<&mut New>| {
        let mut hashed = Hashed {
            to,
            sha256: Sha256::new(),
            is_unwanted,
        };
        file::copy(path, LARGEST_BYTES, &mut hashed)?;
        let digest: [u8; 32] = hashed.sha256.finalize().into();
        let name = digest.map(|byte| format!("{byte:02x}")).concat();
        Ok::<_, io::Error>(dir.join(name).with_extension(EXTENSION))
    };
    let known = through(None)?;
    if known.is_file() {
        return Ok((None, known));
    }
    own_file::directory(dir)?;
    let mut new = New::beside(&known)?;
    let name = through(Some(&mut new))?;
    new.sync()?;
    Ok((Some(new), name))
}

#[cfg(test)]
mod tests {
    use fbuild_project::target::Target;

    use super::*;

    /// A 32-bit ELF file of this machine, as far as is looked.
    fn elf(machine: u8, more: &str) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x01".to_vec();
        bytes.resize(18, 0);
        bytes.extend([machine, 0]);
        bytes.extend(more.as_bytes());
        bytes
    }

    fn request(folder: &Path) -> Request {
        let app = folder.join("app.bin");
        fs::write(&app, "").unwrap();
        let target = Target::from_files(&[(0x10000, app)]).unwrap();
        Request::new(target, "COM5")
    }

    fn deploy(kept: &KeptElfs<'_>, request: &Request, is_wanted: bool) {
        if let Some(copying) = kept.copy(request) {
            kept.conclude(copying, is_wanted);
        }
    }

    fn names(dir: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        entries.map(|entry| entry.path()).collect()
    }

    #[test]
    fn what_a_board_runs_is_found_by_its_hash_whatever_a_build_does_then() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("state/elfs");
        let kept = KeptElfs::new(&dir);
        let request = request(folder.path());
        let path = folder.path().join("app.elf");
        for machine in [94, 243] {
            let bytes = elf(machine, "first");
            fs::write(&path, &bytes).unwrap();
            let copying = kept.copy(&request).unwrap();
            let digest: [u8; 32] = Sha256::digest(&bytes).into();
            let sha256 = digest.map(|byte| format!("{byte:02x}")).concat();
            assert_eq!(
                kept.find(&sha256[..9]),
                None,
                "nothing is known of the board yet"
            );
            kept.conclude(copying, true);
            fs::write(&path, elf(machine, "other")).unwrap();
            let found = kept.find(&sha256[..9]).unwrap();
            assert_eq!(fs::read(&found).unwrap(), bytes);
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
                assert_eq!((mode(&dir), mode(&found)), (0o700, 0o600));
            }
        }
        assert_eq!(kept.find("0123456789"), None);
        // The same again is one file.
        fs::write(&path, elf(243, "first")).unwrap();
        deploy(&kept, &request, true);
        assert_eq!(names(&dir).len(), 2);
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_leads_to_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (elsewhere, dir) = (folder.path().join("elsewhere"), folder.path().join("elfs"));
        fs::create_dir(&elsewhere).unwrap();
        let large = fs::File::create(elsewhere.join("large")).unwrap();
        large.set_len(LIMIT_BYTES + 1).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &dir).unwrap();
        fs::write(folder.path().join("app.elf"), elf(94, "")).unwrap();
        deploy(&KeptElfs::new(&dir), &request(folder.path()), true);
        assert_eq!(names(&elsewhere), [elsewhere.join("large")]);
    }

    #[test]
    fn what_explains_nothing_or_did_not_reach_the_board_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("elfs");
        let kept = KeptElfs::new(&dir);
        let mut request = request(folder.path());
        let path = folder.path().join("app.elf");
        for bytes in [elf(83, "AVR"), b"\x7fELF\x02".to_vec(), Vec::new()] {
            fs::write(&path, bytes).unwrap();
            deploy(&kept, &request, true);
        }
        fs::write(&path, elf(94, "")).unwrap();
        deploy(&kept, &request, false);
        request.mode = Mode::Plan;
        deploy(&kept, &request, true);
        request.mode = Mode::Auto;
        request.regions = Some(vec!["nvs".to_owned()]);
        deploy(&kept, &request, true);
        request.regions = None;
        let file = fs::File::options().write(true).open(&path).unwrap();
        file.set_len(LARGEST_BYTES + 1).unwrap();
        deploy(&kept, &request, true);
        assert!(names(&dir).is_empty());
    }

    #[test]
    fn the_oldest_go_where_there_is_too_much() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("elfs");
        own_file::directory(&dir).unwrap();
        for (name, ago_s) in [("a.elf", 300), ("b.elf", 200)] {
            let file = fs::File::create(dir.join(name)).unwrap();
            file.set_len(LIMIT_BYTES / 2).unwrap();
            let then = std::time::SystemTime::now() - std::time::Duration::from_secs(ago_s);
            file.set_modified(then).unwrap();
        }
        fs::write(folder.path().join("app.elf"), elf(94, "")).unwrap();
        deploy(&KeptElfs::new(&dir), &request(folder.path()), true);
        let left = names(&dir);
        assert_eq!(left.len(), 2);
        assert!(!left.contains(&dir.join("a.elf")), "{left:?}");
    }
}
