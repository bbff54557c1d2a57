//! Names and kinds of regions, so that they are the same whatever tool built them.

use std::path::{Path, PathBuf};

use crate::partitions::{Partition, PartitionTable};
use crate::target::{Region, RegionKind, Source};

/// Region names that every tool shares.
pub(super) const BOOTLOADER: &str = "bootloader";
pub(super) const PARTITIONS: &str = "partitions";
pub(super) const FIRMWARE: &str = "firmware";
pub(super) const OTADATA: &str = "otadata";

fn region(name: &str, kind: RegionKind, offset: u32, path: PathBuf) -> Region {
    Region {
        name: name.to_owned(),
        offset,
        source: Source::File(path),
        kind,
        encrypted: false,
    }
}

pub(super) fn bootloader(offset: u32, path: PathBuf) -> Region {
    region(BOOTLOADER, RegionKind::Bootloader, offset, path)
}

pub(super) fn partitions(offset: u32, path: PathBuf) -> Region {
    region(PARTITIONS, RegionKind::PartitionTable, offset, path)
}

pub(super) fn firmware(offset: u32, path: PathBuf) -> Region {
    region(FIRMWARE, RegionKind::App, offset, path)
}

pub(super) fn otadata(offset: u32, path: PathBuf) -> Region {
    region(OTADATA, RegionKind::OtaData, offset, path)
}

/// An AVR part's EEPROM, which has addresses of its own.
pub(super) fn eeprom(path: PathBuf) -> Region {
    region("eeprom", RegionKind::Data, 0, path)
}

/// Any other image: named after the partition at its offset, else after its file.
pub(super) fn data(offset: u32, path: PathBuf, table: Option<&PartitionTable>) -> Region {
    let partition = table.and_then(|table| table.at(offset));
    let partition = partition.filter(|partition| partition.offset == offset);
    match partition {
        Some(partition) if partition.is_otadata() => otadata(offset, path),
        Some(partition) if !partition.label.is_empty() => {
            region(&partition.label, RegionKind::Data, offset, path)
        }
        _ => {
            let name = file_stem(&path);
            region(&name, RegionKind::Data, offset, path)
        }
    }
}

fn file_stem(path: &Path) -> String {
    path.file_stem().map_or_else(
        || "data".to_owned(),
        |stem| stem.to_string_lossy().into_owned(),
    )
}

/// By offset, and with every name once.
pub(super) fn tidy(mut regions: Vec<Region>) -> Vec<Region> {
    regions.sort_by_key(|region| region.offset);
    for index in 1..regions.len() {
        let (before, rest) = regions.split_at_mut(index);
        let region = &mut rest[0];
        let taken = |name: &str| before.iter().any(|other| other.name == name);
        if taken(&region.name) {
            region.name = format!("{}@{:#x}", region.name, region.offset);
        }
    }
    regions
}

/// Where the boot loader looks for a freshly built app: factory, else the first OTA slot.
pub(super) fn default_app_offset(table: Option<&PartitionTable>) -> u32 {
    /// Where nearly every project's app is.
    const USUAL: u32 = 0x1_0000;
    table
        .and_then(PartitionTable::boot_default)
        .map_or(USUAL, |partition: &Partition| partition.offset)
}
