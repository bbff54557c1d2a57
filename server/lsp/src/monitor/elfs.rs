//! The ELF files that a board may run.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fbuild_deploy::kept_elfs::KeptElfs;
use fbuild_monitor::crash::Crash;
use fbuild_monitor::elf::{Elf, choose};
use fbuild_monitor::trace::{self, Frame, Trace, trace};
use fbuild_project::discover::{Environment, discover};
use fbuild_project::file::{self, ELF_LIMIT, ReadError};
use fbuild_project::target::Target;

/// Builds of one file that are kept: the board may run one that was overwritten since.
const BUILDS_KEPT: usize = 3;
/// Builds that were deployed before and are held in memory.
const DEPLOYED_KEPT: usize = 2;

/// ELF files, read when the first crash asks for them, and again when a build has changed them.
#[derive(Debug, Default)]
pub(crate) struct Elfs {
    /// Whose targets they belong to, and the likeliest target.
    project: Option<(PathBuf, Option<Target>)>,
    /// Where those of the last deploys are.
    kept: Option<PathBuf>,
    /// By path, the newest build first.
    files: Vec<Elf>,
    builds: Vec<Build>,
}

/// Which build of a file it was.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Build {
    path: PathBuf,
    len_bytes: u64,
    modified: Option<SystemTime>,
}

impl Elfs {
    /// Where in the state directory those of the last deploys are.
    pub(crate) const KEPT: &str = "elfs";

    /// Files that somebody has named.
    ///
    /// # Errors
    /// One cannot be read.
    pub(crate) fn named(paths: &[PathBuf]) -> Result<Self, (PathBuf, ReadError)> {
        let mut elfs = Self::default();
        for path in paths {
            elfs.load(path).map_err(|error| (path.clone(), error))?;
        }
        Ok(elfs)
    }

    /// Files beside what the targets of a directory flash: every build tool leaves them there. Those of `first`,
    /// or of what a deploy would take, come first; last come those of the last deploys, by the state directory.
    pub(crate) fn of_targets(
        directory: &Path,
        first: Option<&Target>,
        state_dir: Option<&Path>,
    ) -> Self {
        Self {
            project: Some((directory.to_owned(), first.cloned())),
            kept: state_dir.map(|dir| dir.join(Self::KEPT)),
            ..Self::default()
        }
    }

    /// This target's files are the likeliest from now on, where nobody has named any.
    pub(crate) fn prefer(&mut self, target: &Target) {
        if let Some((_, first)) = &mut self.project {
            *first = Some(target.clone());
        }
    }

    /// What a crash's addresses mean, by the file that fits.
    pub(crate) fn trace(&mut self, crash: &Crash) -> Trace {
        self.look();
        if crash.names_its_build() {
            self.look_among_kept(crash.elf_sha256.as_deref());
        }
        trace(crash, &choose(crash, &self.files))
    }

    /// The functions at an address, by the build that the board has named, if it has.
    pub(crate) fn at(&mut self, address: u32, elf_sha256: Option<&str>) -> Vec<Frame> {
        self.look();
        self.look_among_kept(elf_sha256);
        trace::at(address, elf_sha256, &self.files)
    }

    /// Reads what builds have made since.
    fn look(&mut self) {
        let project = self.project.as_ref();
        let paths = project.map(|(directory, first)| beside_targets(directory, first.as_ref()));
        for path in paths.unwrap_or_default() {
            let is_elf = || file::read_start(&path, 4).is_ok_and(|start| start == b"\x7fELF");
            let is_known = build(&path).is_some_and(|build| self.builds.contains(&build));
            if !is_known
                && is_elf()
                && let Err(error) = self.load(&path)
            {
                tracing::debug!(path = %path.display(), %error, "an ELF file");
            }
        }
    }

    /// Reads the build that the board has named, if it is another than those at hand and was deployed before.
    fn look_among_kept(&mut self, elf_sha256: Option<&str>) {
        let is_it = |elf: &Elf| elf_sha256.is_some_and(|named| elf.sha256().starts_with(named));
        let (Some(dir), Some(named)) = (&self.kept, elf_sha256) else {
            return;
        };
        if self.files.iter().any(is_it) {
            return;
        }
        let Some(path) = KeptElfs::new(dir).find(named) else {
            return;
        };
        let is_kept = |build: &Build| build.path.starts_with(dir);
        if self.builds.iter().filter(|build| is_kept(build)).count() >= DEPLOYED_KEPT
            && let Some(oldest) = self.builds.iter().position(is_kept)
        {
            self.files.remove(oldest);
            self.builds.remove(oldest);
        }
        if let Err(error) = self.load(&path) {
            tracing::debug!(path = %path.display(), %error, "an ELF file");
        }
    }

    fn load(&mut self, path: &Path) -> Result<(), ReadError> {
        let build = build(path);
        let bytes = file::read(path, ELF_LIMIT)?;
        let elf = Elf::new(path.display().to_string(), bytes);
        let older = self.builds.iter().position(|build| build.path == path);
        let at = older.unwrap_or(self.builds.len());
        self.files.insert(at, elf);
        self.builds.insert(
            at,
            build.unwrap_or_else(|| Build {
                path: path.to_owned(),
                len_bytes: 0,
                modified: None,
            }),
        );
        let of_path = self.builds.iter().filter(|build| build.path == path);
        if of_path.count() > BUILDS_KEPT {
            self.files.remove(at + BUILDS_KEPT);
            self.builds.remove(at + BUILDS_KEPT);
        }
        Ok(())
    }
}

fn beside_targets(directory: &Path, first: Option<&Target>) -> Vec<PathBuf> {
    let discovery = discover(directory, &Environment::from_process());
    let first = first.or_else(|| discovery.default_target().ok());
    let mut paths: Vec<PathBuf> = Vec::new();
    for target in first.into_iter().chain(&discovery.targets) {
        for region in &target.regions {
            for path in region.elfs() {
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
    }
    paths
}

fn build(path: &Path) -> Option<Build> {
    let metadata = path.metadata().ok()?;
    Some(Build {
        path: path.to_owned(),
        len_bytes: metadata.len(),
        modified: metadata.modified().ok(),
    })
}
