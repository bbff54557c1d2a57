//! What lies around a project's configuration: other files that it reads, tables, boards, and what
//! a deploy makes of the builds.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fbuild_project::discover::Environment;
use fbuild_project::discover::platformio_config::{Files, TooWide};
use fbuild_project::file::ReadError;
use fbuild_project::partitions::PartitionTable;

use super::Severity;

/// Gathered by who calls; everything here is a value.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ProjectFiles {
    pub environment: Environment,
    /// Texts of platformio.ini and of what its `extra_configs` names, and of the project's sdkconfig
    /// files.
    pub texts: BTreeMap<PathBuf, String>,
    /// What each pattern of `extra_configs` finds.
    pub patterns: BTreeMap<String, Result<Vec<PathBuf>, TooWide>>,
    /// Files among them that lie outside of the project.
    pub outside: BTreeSet<PathBuf>,
    /// Files among them that are there and were not read, and why.
    pub unread: BTreeMap<PathBuf, ReadError>,
    /// The project's CSV files.
    pub tables: BTreeSet<PathBuf>,
    /// Partition tables of the installed Arduino framework; `None` where it is not installed.
    pub framework_tables: Option<BTreeSet<String>>,
    /// Boards that have a file: the project's own, and those of the installed platforms.
    pub board_names: BTreeSet<String>,
    /// By the names of targets that are built.
    pub judged: BTreeMap<String, Judged>,
    /// Sizes in bytes of files that builds name; `None` where there is no such file.
    pub sizes: BTreeMap<PathBuf, Option<u64>>,
}

/// What a deploy would find about a build.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Judged {
    /// Why it would be refused before a board is touched.
    pub refusal: Option<Refusal>,
    /// Why the board that it was deployed to last would refuse it, as that was seen.
    pub refusal_of_board: Option<Refusal>,
    /// What is newer than the firmware.
    pub stale: Vec<PathBuf>,
    /// The partition table that was built.
    pub table: Option<PartitionTable>,
}

/// Why a build cannot be deployed.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub code: &'static str,
    pub message: String,
    pub remedy: String,
    /// The file that is to blame, where it is one.
    pub path: Option<PathBuf>,
}

impl Files for ProjectFiles {
    fn read(&self, path: &Path) -> Result<String, ReadError> {
        let unread = || {
            self.unread
                .get(path)
                .cloned()
                .unwrap_or(ReadError::NotFound)
        };
        self.texts.get(path).cloned().ok_or_else(unread)
    }

    fn find(&self, _: &Path, pattern: &str) -> Result<Vec<PathBuf>, TooWide> {
        let found = self.patterns.get(pattern).cloned();
        found.unwrap_or_else(|| Ok(Vec::new()))
    }

    fn is_outside(&self, _: &Path, path: &Path) -> bool {
        self.outside.contains(path)
    }
}

impl ProjectFiles {
    /// Whether `extra_configs` names a file.
    pub fn is_extra_config(&self, path: &Path) -> bool {
        self.patterns
            .values()
            .flatten()
            .flatten()
            .any(|found| found == path)
    }
}

impl Judged {
    /// What a deploy of the build would be refused for, in words, and how much that matters: a file
    /// is wrong for every board, while another board may be plugged in by now.
    pub fn refusal_text(&self) -> Option<(&Refusal, Severity, String)> {
        let text = |what: &str, refusal: &Refusal| {
            format!(
                "{what} would be refused: {}. {}",
                refusal.message, refusal.remedy
            )
        };
        let of_board = || {
            let refusal = self.refusal_of_board.as_ref()?;
            let what = "A deploy of this build to the board that it was deployed to last";
            Some((refusal, Severity::Warning, text(what, refusal)))
        };
        let of_files = self.refusal.as_ref().map(|refusal| {
            let what = "A deploy of this build";
            (refusal, Severity::Error, text(what, refusal))
        });
        of_files.or_else(of_board)
    }

    /// What is newer than the firmware, in words; `None` if nothing is.
    pub fn stale_text(&self, root: &Path) -> Option<String> {
        let first = self.stale.first()?;
        let name = first.strip_prefix(root).unwrap_or(first).display();
        Some(match self.stale.len() {
            1 => format!("{name} is newer than the firmware"),
            n => format!("{name} and {} more are newer than the firmware", n - 1),
        })
    }
}
