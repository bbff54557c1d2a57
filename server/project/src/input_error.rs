//! Everything that can be wrong with a request or with its files, found before a board is touched.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::amount::amount_in_kib;
use crate::file::ReadError;
use crate::remedy::Remedy;

/// What is wrong with the request or its files.
///
/// Its `Display` text says what is wrong, on which region, file and offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputError {
    code: &'static str,
    what: String,
    path: Option<PathBuf>,
    remedy: Remedy,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for InputError {}

impl InputError {
    /// `code` has its row in docs/troubleshooting.md.
    pub fn new(code: &'static str, what: impl Into<String>, remedy: impl Into<Remedy>) -> Self {
        Self {
            code,
            what: what.into(),
            path: None,
            remedy: remedy.into(),
        }
    }

    /// The same with the file that is to blame, which `what` names.
    #[must_use]
    pub fn in_file(self, path: &Path) -> Self {
        Self {
            path: Some(path.to_owned()),
            ..self
        }
    }

    /// The same with another remedy.
    #[must_use]
    pub fn with_remedy(self, remedy: impl Into<Remedy>) -> Self {
        Self {
            remedy: remedy.into(),
            ..self
        }
    }

    /// Stable code of the cause, for programs.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// The file that is to blame, where it is one.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// What to do about it.
    pub fn remedy(&self) -> &Remedy {
        &self.remedy
    }

    /// Somebody cancelled before everything was read.
    pub fn cancelled() -> Self {
        Self::new("cancelled", "cancelled", "")
    }

    /// Whether it is the answer to a cancellation.
    pub fn is_cancelled(&self) -> bool {
        self.code == Self::cancelled().code
    }

    /// A region's file that could not be read, told apart into missing and everything else; `remedy` is
    /// what to do where it is missing: build, usually.
    pub fn unread(region: &str, path: &Path, why: &ReadError, remedy: impl Into<Remedy>) -> Self {
        match why {
            ReadError::NotFound => {
                let what = format!("{region}: the file {} does not exist", path.display());
                Self::new("file-missing", what, remedy).in_file(path)
            }
            ReadError::Cancelled => Self::cancelled(),
            why => Self::unreadable(path, why),
        }
    }

    /// Something is there and is not read.
    pub fn unreadable(path: &Path, why: &ReadError) -> Self {
        let what = format!("{} {why}", path.display());
        Self::new("file-unreadable", what, why.remedy()).in_file(path)
    }

    /// A region's file has no bytes.
    pub fn empty(region: &str, path: &Path, remedy: impl Into<Remedy>) -> Self {
        let what = format!("{region}: the file {} is empty", path.display());
        Self::new("file-empty", what, remedy).in_file(path)
    }

    /// A configuration file that people write does not parse; `line` from 1, where it is known.
    pub fn config(path: &Path, line: Option<usize>, why: &str) -> Self {
        let line = line.map(|n| format!(", line {n}")).unwrap_or_default();
        let what = format!("{}{line}: {why}", path.display());
        Self::new("config", what, "Correct the file.").in_file(path)
    }

    /// A project, or a file of it, asks for more than is looked at.
    pub fn too_much(path: &Path, what: &str) -> Self {
        Self::new(
            "too-much",
            format!("{}: {what}", path.display()),
            "Open the directory of one project, and name in its files what belongs to it.",
        )
        .in_file(path)
    }

    /// Two parts of the request are for different chips; `expected_by` says whose, with the verb: `the
    /// board is`, `the build is for`.
    pub fn chip_mismatch(
        region: &str,
        path: &Path,
        found: &str,
        expected_by: &str,
        expected: &str,
    ) -> Self {
        Self::new(
            "chip-mismatch",
            format!(
                "{region}: {} is for {found}, but {expected_by} {expected}",
                path.display()
            ),
            "Connect the right board, or build for the chip that is connected.",
        )
        .in_file(path)
    }

    /// An app of `len_bytes` does not fit into its partition at `offset`, which has `partition_bytes`.
    pub fn app_exceeds_partition(
        region: &str,
        path: &Path,
        len_bytes: u64,
        partition: &str,
        offset: u32,
        partition_bytes: u64,
    ) -> Self {
        Self::new(
            "app-exceeds-partition",
            format!(
                "{region}: {} is {}, but the partition '{partition}' at {offset:#x} has {} ({} too \
                 much)",
                path.display(),
                amount_in_kib(len_bytes),
                amount_in_kib(partition_bytes),
                amount_in_kib(len_bytes.saturating_sub(partition_bytes))
            ),
            "Make the app smaller, or its partition larger.",
        )
        .in_file(path)
    }

    /// The same for another region.
    pub fn region_exceeds_partition(
        region: &str,
        path: &Path,
        len_bytes: u64,
        partition: &str,
        offset: u32,
        partition_bytes: u64,
    ) -> Self {
        Self::new(
            "region-exceeds-partition",
            format!(
                "{region}: {} is {}, but the partition '{partition}' at {offset:#x} has {}",
                path.display(),
                amount_in_kib(len_bytes),
                amount_in_kib(partition_bytes)
            ),
            "Make the file smaller, or its partition larger.",
        )
        .in_file(path)
    }

    /// The boot loader does not go where the chip looks for it.
    pub fn bootloader_misplaced(
        region: &str,
        path: &Path,
        offset: u32,
        chip: &str,
        expected: u32,
    ) -> Self {
        Self::new(
            "bootloader-misplaced",
            format!(
                "{region}: {} goes to {offset:#x}, but an {chip} starts it from {expected:#x}",
                path.display()
            ),
            "Correct the offset, or build for the chip that is meant.",
        )
        .in_file(path)
    }

    /// The binary partition table makes no sense.
    pub fn table_unreadable(
        region: &str,
        path: &Path,
        why: &str,
        remedy: impl Into<Remedy>,
    ) -> Self {
        let what = format!(
            "{region}: {} is not a partition table: {why}",
            path.display()
        );
        Self::new("table-unreadable", what, remedy).in_file(path)
    }

    /// A flash mode, frequency or size, as `what` says, that the chip does not have.
    pub fn flash_setting(what: &str, value: &str, chip: &str, possible: &[String]) -> Self {
        Self::new(
            "flash-setting",
            format!(
                "the {what} '{value}' is not possible on {chip}; possible: {}",
                possible.join(", ")
            ),
            "Correct the flash settings of the project.",
        )
    }

    /// Something that has to be there for a start is not.
    pub fn not_bootable(what: impl Into<String>, remedy: &str) -> Self {
        Self::new("not-bootable", what, remedy)
    }
}
