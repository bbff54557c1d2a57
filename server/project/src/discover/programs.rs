//! Programs that lie beside each other in a build directory. A project that was renamed, or whose
//! scripts name the program, leaves the older one behind.

use std::path::{Path, PathBuf};

use super::look::Look;
use super::{modified, read_start};
use crate::target::Target;

/// Parts of names of what is made from a program, or of other programs of the same build.
const DERIVED: [&str; 9] = [
    "bootloader",
    "boot_app0",
    "signed",
    "encrypted",
    "merged",
    "factory",
    "combined",
    "_flashed",
    "tinyuf2",
];

/// What both kinds of a program's image begin with.
const IMAGE: u8 = 0xE9;
const MCUBOOT: [u8; 4] = 0x96F3_B83D_u32.to_le_bytes();

/// The programs in a build directory, the newest first. Where there are ELF files, only what was
/// made from one is a program; anything else is a copy.
pub(super) fn in_directory(dir: &Path, look: &Look) -> Vec<PathBuf> {
    let entries = look.entries(dir);
    let stem = |name: &str, end: &str| name.strip_suffix(end).map(str::to_owned);
    let elves: Vec<_> = entries
        .iter()
        .filter_map(|it| stem(&it.name, ".elf"))
        .collect();
    let is_program = |name: &str| {
        let is_derived = DERIVED.iter().any(|part| name.contains(part));
        let stem = stem(name, ".bin");
        !is_derived && stem.is_some_and(|stem| elves.is_empty() || elves.contains(&stem))
    };
    let mut found: Vec<_> = entries
        .iter()
        .filter(|entry| is_program(&entry.name) && is_image(&entry.path))
        .map(|entry| entry.path.clone())
        .collect();
    found.sort_by_key(|path| std::cmp::Reverse(modified(path)));
    found
}

fn is_image(path: &Path) -> bool {
    let start = read_start(path, 4).unwrap_or_default();
    start.first() == Some(&IMAGE) || start == MCUBOOT
}

/// A program beside `program` that was built after it, and is another one.
pub(super) fn newer_than(program: &Path, look: &Look) -> Option<PathBuf> {
    let built = modified(program)?;
    let newest = in_directory(program.parent()?, look).into_iter().next()?;
    let is_newer = modified(&newest).is_some_and(|time| time > built);
    (is_newer && newest != program && differ(&newest, program)).then_some(newest)
}

/// What is reported of a target whose program is the older of two.
pub(super) fn older_program(target: &Target, named_by: &str, look: &Look) -> Option<String> {
    let program = target.firmware()?.source.path();
    let newer = newer_than(program, look)?;
    // One of two apps that are deployed together is no leftover.
    let mut sources = target.regions.iter().map(|region| region.source.path());
    if sources.any(|source| source == newer) {
        return None;
    }
    Some(format!(
        "{} is newer than {}, which {named_by} names and which is deployed",
        newer.display(),
        program.display()
    ))
}

/// By length and by the beginning, in which the hash of the ELF file is.
pub(super) fn differ(one: &Path, other: &Path) -> bool {
    const START: u64 = 0x1_0000;
    let len = |path: &Path| path.metadata().map(|metadata| metadata.len()).ok();
    len(one) != len(other) || read_start(one, START) != read_start(other, START)
}
