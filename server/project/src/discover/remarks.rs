//! What the files of a target contradict each other in, whatever tool left them.

use super::{AT_ONCE, ending_like, modified, read_table};
use crate::partitions::{Partition, TABLE_SECTOR_BYTES};
use crate::plain;
use crate::target::{RegionKind, Source, Target, Tool};

/// Adds what a person should know of each, on a line each.
pub(super) fn add(targets: &mut [Target]) {
    for target in targets {
        let remarks = [
            misplaced_table(target),
            files_elsewhere(target),
            unfinished(target),
        ];
        target.remarks.extend(remarks.into_iter().flatten());
        for remark in &mut target.remarks {
            *remark = plain::line(remark).into_owned();
        }
    }
}

/// A table is made for a place, and everything in it comes after that.
fn misplaced_table(target: &Target) -> Option<String> {
    let mut tables = target.regions.iter();
    let region = tables.find(|region| region.kind == RegionKind::PartitionTable)?;
    let Source::File(path) = &region.source else {
        return None;
    };
    let table = read_table(path)?;
    let end = region.offset.checked_add(TABLE_SECTOR_BYTES)?;
    // Rows for the boot loader and for the table itself come before it.
    let of_data = |row: &&Partition| row.kind <= 1;
    let first = table
        .partitions
        .iter()
        .filter(of_data)
        .min_by_key(|row| row.offset)?;
    (first.offset < end).then(|| {
        format!(
            "{} goes to {:#x}, but was made for another place: its partition '{}' begins at {:#x}, \
             before the table ends",
            path.display(),
            region.offset,
            first.label,
            first.offset
        )
    })
}

/// Every tool makes the image from the ELF file; one that is older was made from another.
fn unfinished(target: &Target) -> Option<String> {
    let program = target.firmware()?.source.path();
    let elf = program.with_extension("elf");
    let (made, linked) = (modified(program)?, modified(&elf)?);
    (linked > made.checked_add(AT_ONCE)?).then(|| {
        format!(
            "{} is newer than {}, which is deployed: the build did not finish, or was made elsewhere",
            elf.display(),
            program.display()
        )
    })
}

/// A build that was copied may name the files of the one that it is a copy of.
fn files_elsewhere(target: &Target) -> Option<String> {
    let dir = match target.tool {
        Tool::EspIdf => target.found_in.parent(),
        Tool::Zephyr => target.found_in.ancestors().nth(2),
        _ => None,
    }?;
    let paths = target.regions.iter().map(|region| region.source.path());
    let mut elsewhere =
        paths.filter(|path| !path.starts_with(dir) && !path.starts_with(&target.root));
    let (path, own) = elsewhere.find_map(|path| Some((path, ending_like(path, dir)?)))?;
    Some(format!(
        "{} is deployed, which lies outside this build, and not {}: the build may be a copy that still \
         names the files of the original",
        path.display(),
        own.display()
    ))
}
