//! Everything that can be wrong with a request or with its files, found before a board is touched.
//!
//! The `Display` text says what is wrong, on which region, file and offset; [`InputError::remedy`]
//! what to do about it; [`InputError::code`] is stable, for programs.

mod advice;
mod place;

use std::path::{Path, PathBuf};

use crate::amount::{amount, amount_in_kib};
use crate::file::ReadError;

pub use advice::CONFIGURED;

/// What is wrong with the request or its files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// A region's file is not there.
    #[error("{region}: the file {} does not exist", path.display())]
    FileMissing {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// What to do: build, usually.
        remedy: String,
    },
    /// A region's file has no bytes.
    #[error("{region}: the file {} is empty", path.display())]
    FileEmpty {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// What to do: build, usually.
        remedy: String,
    },
    /// Something is there and is not read.
    #[error("{} {why}", path.display())]
    FileUnreadable {
        /// What it is.
        path: PathBuf,
        /// Why not.
        why: ReadError,
    },
    /// A JSON file of a build does not parse, or lacks what it must have.
    #[error("{}, line {line}: {why}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
        /// What to do: build, usually.
        remedy: String,
    },
    /// A configuration file that people write does not parse.
    #[error("{}{}: {why}", path.display(), line.map(|n| format!(", line {n}")).unwrap_or_default())]
    Config {
        /// The file.
        path: PathBuf,
        /// Line, from 1, where it is known.
        line: Option<usize>,
        /// What is wrong.
        why: String,
    },
    /// A file that has to be an ESP image does not begin like one.
    #[error("{region}: {} is not an ESP image: it begins with {found}, not with 0xe9", path.display())]
    ImageMagic {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// What it begins with.
        found: String,
        /// What to do: build, usually.
        remedy: String,
    },
    /// An image's header makes no sense.
    #[error("{region}: the header of {} is damaged: {why}", path.display())]
    ImageHeader {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What to do: build, usually.
        remedy: String,
    },
    /// An image ends before its header says.
    #[error(
        "{region}: {} is cut short: {len_bytes} bytes, at least {needed_bytes} expected",
        path.display()
    )]
    ImageTruncated {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// How long it is.
        len_bytes: u64,
        /// How long it has to be at least.
        needed_bytes: u64,
        /// What to do: build, usually.
        remedy: String,
    },
    /// An image's checksum byte does not match its segments.
    #[error(
        "{region}: {} is damaged: its checksum is {stored:#04x}, its contents give {computed:#04x}",
        path.display()
    )]
    ImageChecksum {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// The byte in the file.
        stored: u8,
        /// What it should be.
        computed: u8,
        /// What to do: build, usually.
        remedy: String,
    },
    /// An image's appended SHA-256 does not match its contents.
    #[error("{region}: {} is damaged: its SHA-256 does not match its contents", path.display())]
    ImageHash {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// What to do: build, usually.
        remedy: String,
    },
    /// Two parts of the request are for different chips.
    #[error("{region}: {} is for {found}, but {expected_by} {expected}", path.display())]
    ChipMismatch {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// The chip of the image.
        found: String,
        /// Who says otherwise, with the verb: `the board is`, `the build is for`.
        expected_by: String,
        /// The other chip.
        expected: String,
    },
    /// Nothing says what chip a target is for, where that must be known.
    #[error("{target}: nothing says which chip it is for")]
    ChipUnknown {
        /// Target name.
        target: String,
    },
    /// The image does not run on this revision of the chip.
    #[error(
        "{region}: {} needs chip revision {needed}, but the board has {found}",
        path.display()
    )]
    Revision {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// `v3.0 or newer`, `v1.99 or older`.
        needed: String,
        /// What the board has, `v0.4`.
        found: String,
        /// What to do: another board, or another build.
        remedy: String,
    },
    /// The app does not fit into its partition.
    #[error(
        "{region}: {} is {}, but the partition '{partition}' at {offset:#x} has {} ({} too much)",
        path.display(), amount_in_kib(*len_bytes), amount_in_kib(*partition_bytes), amount_in_kib(len_bytes - partition_bytes)
    )]
    AppExceedsPartition {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// How long it is.
        len_bytes: u64,
        /// The partition's name.
        partition: String,
        /// Where the partition begins.
        offset: u32,
        /// How large the partition is. Less than `len_bytes`.
        partition_bytes: u64,
    },
    /// The table has no app partition where the app goes, so that it would not start.
    #[error(
        "{region}: {} goes to {offset:#x}, where the partition table has no app partition ({known})",
        path.display()
    )]
    AppOutsidePartition {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// Where it goes.
        offset: u32,
        /// The app partitions of the table.
        known: String,
    },
    /// The boot loader does not go where the chip looks for it.
    #[error("{region}: {} goes to {offset:#x}, but an {chip} starts it from {expected:#x}", path.display())]
    BootloaderMisplaced {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// Where it goes.
        offset: u32,
        /// The chip.
        chip: String,
        /// Where that chip's ROM looks.
        expected: u32,
    },
    /// Some other region does not fit into its partition.
    #[error(
        "{region}: {} is {}, but the partition '{partition}' at {offset:#x} has {}",
        path.display(), amount_in_kib(*len_bytes), amount_in_kib(*partition_bytes)
    )]
    RegionExceedsPartition {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// How long it is.
        len_bytes: u64,
        /// The partition's name.
        partition: String,
        /// Where the partition begins.
        offset: u32,
        /// How large the partition is.
        partition_bytes: u64,
    },
    /// Two regions claim the same flash.
    #[error("{first} ({first_span}) and {second} ({second_span}) overlap{}", overlap_note(*only_sector))]
    RegionsOverlap {
        /// The region at the lower offset.
        first: String,
        /// Where it stands, `0x7000-0xc8b0`.
        first_span: String,
        /// The other one.
        second: String,
        /// Where that stands.
        second_span: String,
        /// They share no byte, only a 4 KiB sector.
        only_sector: bool,
    },
    /// A region does not begin at a sector.
    #[error("{region}: the offset {offset:#x} is not a multiple of 0x1000")]
    MisalignedOffset {
        /// The region.
        region: String,
        /// Its offset.
        offset: u32,
    },
    /// Something lies beyond the end of the flash.
    #[error("{what} ends at {end:#x}, but the flash {whose} ends at {flash_bytes:#x} ({})", amount(*flash_bytes))]
    PastFlashEnd {
        /// The region with its file, or the partition.
        what: String,
        /// Where it ends.
        end: u64,
        /// `of the board`, `that the build is configured for`.
        whose: String,
        /// Size of the flash.
        flash_bytes: u64,
    },
    /// The binary partition table makes no sense.
    #[error("{region}: {} is no partition table: {why}", path.display())]
    TableUnreadable {
        /// The region it is for.
        region: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What to do: build, usually.
        remedy: String,
    },
    /// The binary partition table was not made from the CSV as it stands.
    #[error(
        "{region}: {} does not match {}: {difference}",
        path.display(), csv.display()
    )]
    TableStale {
        /// The region it is for.
        region: String,
        /// The binary table.
        path: PathBuf,
        /// The CSV.
        csv: PathBuf,
        /// The first row that differs.
        difference: String,
        /// What to do: build, usually.
        remedy: String,
    },
    /// espflash cannot make images of an ELF file.
    #[error("{} cannot be turned into an image: {why}", path.display())]
    Elf {
        /// The ELF file.
        path: PathBuf,
        /// What espflash said.
        why: String,
        /// What to do.
        remedy: String,
    },
    /// The boot loader's header does not agree with the partition table.
    #[error("{what}")]
    HeaderFlashSize {
        /// Whose header, what it says, and what follows.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// Something that has to be there for a start is not.
    #[error("{what}")]
    NotBootable {
        /// What is missing, and where.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A flash mode, frequency or size that the chip does not have.
    #[error("the {what} '{value}' is not possible on {chip}; possible: {possible}")]
    FlashSetting {
        /// `flash mode`, `flash frequency`, `flash size`.
        what: &'static str,
        /// What was asked for.
        value: String,
        /// The chip.
        chip: String,
        /// What there is.
        possible: String,
    },
    /// Nothing to deploy was found.
    #[error("nothing to deploy was found in {}; looked for {looked_for}", root.display())]
    NoTarget {
        /// The workspace.
        root: PathBuf,
        /// What was looked for.
        looked_for: String,
        /// What to do.
        remedy: String,
    },
    /// All that was found is for other chips.
    #[error("nothing to deploy was found in {}: {what}", root.display())]
    ForeignTargets {
        /// The workspace.
        root: PathBuf,
        /// What each is for.
        what: String,
    },
    /// No target has this name.
    #[error("there is no target '{name}'")]
    UnknownTarget {
        /// What was asked for.
        name: String,
        /// What there is, or how to get the one that was asked for.
        remedy: String,
    },
    /// Several targets could be meant.
    #[error("several targets could be meant: {}", names.join(", "))]
    AmbiguousTarget {
        /// Their names.
        names: Vec<String>,
    },
    /// The target has no region of this name.
    #[error("{target} has no region '{region}'; its regions: {}", known.join(", "))]
    UnknownRegion {
        /// Target name.
        target: String,
        /// What was asked for.
        region: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A subset was asked for, with nothing in it.
    #[error("no region was chosen")]
    EmptySelection {
        /// What there is.
        known: Vec<String>,
    },
    /// One region was asked for twice, or two have one name.
    #[error("the region '{region}' is listed twice in {place}")]
    DuplicateRegion {
        /// The name.
        region: String,
        /// Where it is listed twice.
        place: String,
    },
    /// A project, or a file of it, asks for more than is looked at.
    #[error("{}: {what}", path.display())]
    TooMuch {
        /// The project or the file.
        path: PathBuf,
        /// Of what, and how much is allowed.
        what: String,
    },
    /// Somebody cancelled before everything was read.
    #[error("cancelled")]
    Cancelled,
    /// An argument makes no sense.
    #[error("'{argument}': {why}")]
    BadArgument {
        /// What was given.
        argument: String,
        /// What is wrong with it.
        why: String,
    },
    /// A plain write to a chip that decrypts its flash.
    #[error("{what}")]
    FlashEncrypted {
        /// What would go wrong.
        what: String,
    },
    /// A write to a chip with secure boot that would make it unbootable.
    #[error("{what}")]
    SecureBoot {
        /// What would go wrong.
        what: String,
    },
}

fn overlap_note(only_sector: bool) -> &'static str {
    if only_sector {
        ": they share a 4 KiB sector, and erasing it for one destroys the other"
    } else {
        ""
    }
}

impl InputError {
    /// A region's file that could not be read, told apart into missing and everything else.
    #[must_use]
    pub fn unread(region: &str, path: &Path, why: ReadError, remedy: &str) -> Self {
        match why {
            ReadError::NotFound => Self::FileMissing {
                region: region.to_owned(),
                path: path.to_owned(),
                remedy: remedy.to_owned(),
            },
            ReadError::Cancelled => Self::Cancelled,
            why => Self::FileUnreadable {
                path: path.to_owned(),
                why,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speaks_of_region_file_sizes_and_remedy() {
        let error = InputError::AppExceedsPartition {
            region: "firmware".into(),
            path: "build/app.bin".into(),
            len_bytes: 1_495_344,
            partition: "factory".into(),
            offset: 0x10000,
            partition_bytes: 0x10_0000,
        };
        assert_eq!(
            error.to_string(),
            "firmware: build/app.bin is 1460.3 KiB, but the partition 'factory' at 0x10000 has \
             1024 KiB (436.3 KiB too much)"
        );
        assert_eq!(error.code(), "app-exceeds-partition");
        assert!(error.remedy().contains("partition larger"));
    }
}
