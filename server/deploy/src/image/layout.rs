//! Where regions are next to each other, and in the partition table.

use std::ops::Range;
use std::path::PathBuf;

use fbuild_chip::Chip;
use fbuild_chip::flash::{self, SECTOR_LEN};
use fbuild_project::input_error::InputError;
use fbuild_project::partitions::{Partition, PartitionTable, TABLE_SECTOR_BYTES};
use fbuild_project::target::{Region, RegionKind};

/// A region with its place.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) name: String,
    pub(super) kind: RegionKind,
    pub(super) path: PathBuf,
    pub(super) range: Range<u32>,
}

impl Placed {
    /// `None` where it would end beyond what flash can have.
    pub(super) fn new(region: &Region, len_bytes: u64) -> Option<Self> {
        Some(Self {
            name: region.name.clone(),
            kind: region.kind,
            path: region.source.path().to_owned(),
            range: flash::range(region.offset, len_bytes)?,
        })
    }

    fn len_bytes(&self) -> u64 {
        self.range.len() as u64
    }

    /// `app (0x7000-0xc8b0)`.
    fn place(&self) -> String {
        let Range { start, end } = self.range;
        format!("{} ({start:#x}-{end:#x})", self.name)
    }
}

/// `0x7000-0xc8b0`.
pub(super) fn span_text(offset: u32, len_bytes: u64) -> String {
    format!("{offset:#x}-{:#x}", u64::from(offset) + len_bytes)
}

/// Flash is erased by sectors, so that every region begins at one.
pub(super) fn check_alignment(region: &Region) -> Result<(), InputError> {
    if region.offset.is_multiple_of(SECTOR_LEN) {
        return Ok(());
    }
    Err(InputError::new(
        "misaligned-offset",
        format!(
            "{}: the offset {:#x} is not a multiple of 0x1000",
            region.name, region.offset
        ),
        "Flash is erased in sectors of 4 KiB: use an offset that ends in 000.",
    ))
}

/// No two regions may share a sector: writing one erases it for both.
pub(super) fn check_overlaps(regions: &[Placed]) -> Result<(), InputError> {
    let regions = regions.iter().filter(|region| !region.range.is_empty());
    let mut sorted: Vec<_> = regions.collect();
    sorted.sort_by_key(|region| region.range.start);
    for pair in sorted.windows(2) {
        let (first, second) = (pair[0], pair[1]);
        if flash::sectors(&first.range).end > flash::sectors(&second.range).start {
            let note = if first.range.end <= second.range.start {
                ": they share a 4 KiB sector, and erasing it for one destroys the other"
            } else {
                ""
            };
            return Err(InputError::new(
                "regions-overlap",
                format!("{} and {} overlap{note}", first.place(), second.place()),
                "Correct the offsets, and build again.",
            ));
        }
    }
    Ok(())
}

/// The ROM looks for the boot loader at one place only.
pub(super) fn check_bootloader(region: &Placed, chip: Chip) -> Result<(), InputError> {
    let expected = chip.facts().bootloader_offset;
    if region.kind != RegionKind::Bootloader || region.range.start == expected {
        return Ok(());
    }
    Err(InputError::bootloader_misplaced(
        &region.name,
        &region.path,
        region.range.start,
        &chip.to_string(),
        expected,
    ))
}

/// Whether a region lies where the table wants it. Gives warnings for what the tools do all the
/// same (`boot_app0.bin` at 0xe000 inside another partition).
pub(super) fn check_in_table(
    region: &Placed,
    table: &PartitionTable,
    table_offset: u32,
) -> Result<Option<String>, InputError> {
    match region.kind {
        RegionKind::App => check_app(region, table).map(|()| None),
        RegionKind::Bootloader | RegionKind::PartitionTable => Ok(None),
        RegionKind::OtaData | RegionKind::Data => check_data(region, table, table_offset),
    }
}

fn check_app(region: &Placed, table: &PartitionTable) -> Result<(), InputError> {
    let Some(partition) = table.app_at(region.range.start) else {
        let apps: Vec<_> = table
            .apps()
            .map(|p| format!("'{}' at {:#x}", p.label, p.offset))
            .collect();
        let known = if apps.is_empty() {
            "it has none".to_owned()
        } else {
            format!("its app partitions: {}", apps.join(", "))
        };
        let what = format!(
            "{}: {} goes to {:#x}, where the partition table has no app partition ({known})",
            region.name,
            region.path.display(),
            region.range.start
        );
        let remedy = "Make the partition table and the app's offset agree.";
        return Err(InputError::new("app-outside-partition", what, remedy).in_file(&region.path));
    };
    if region.len_bytes() > u64::from(partition.size) {
        return Err(InputError::app_exceeds_partition(
            &region.name,
            &region.path,
            region.len_bytes(),
            &partition.label,
            partition.offset,
            partition.size.into(),
        ));
    }
    Ok(())
}

fn check_data(
    region: &Placed,
    table: &PartitionTable,
    table_offset: u32,
) -> Result<Option<String>, InputError> {
    let (place, offset) = (region.place(), region.range.start);
    let Some(partition) = table.at(offset) else {
        let below_first = offset < table_offset.saturating_add(TABLE_SECTOR_BYTES);
        return Ok((!below_first).then(|| format!("{place} is outside every partition")));
    };
    let wrong_kind = region.kind == RegionKind::OtaData && !partition.is_otadata();
    if wrong_kind || partition.offset != offset {
        return Ok(Some(format!(
            "{place} is inside the partition '{}'",
            partition.label
        )));
    }
    exceeds(region, partition).map(|()| None)
}

fn exceeds(region: &Placed, partition: &Partition) -> Result<(), InputError> {
    if u64::from(region.range.end) <= partition.end() {
        return Ok(());
    }
    Err(InputError::region_exceeds_partition(
        &region.name,
        &region.path,
        region.len_bytes(),
        &partition.label,
        partition.offset,
        partition.size.into(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use fbuild_project::partitions::csv;

    fn placed(name: &str, kind: RegionKind, offset: u32, len_bytes: u64) -> Placed {
        Placed {
            name: name.into(),
            kind,
            path: "x.bin".into(),
            range: flash::range(offset, len_bytes).unwrap(),
        }
    }

    #[test]
    fn regions_may_touch_but_not_share_a_sector() {
        let a = placed("a", RegionKind::Data, 0x1000, 0x1001);
        let b = |offset| placed("b", RegionKind::Data, offset, 10);
        assert_eq!(check_overlaps(&[b(0x3000), a.clone()]), Ok(()));
        let error = check_overlaps(&[b(0x2800), a.clone()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a (0x1000-0x2001) and b (0x2800-0x280a) overlap: they share a 4 KiB sector, and \
             erasing it for one destroys the other"
        );
        let error = check_overlaps(&[b(0x2000), a]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a (0x1000-0x2001) and b (0x2000-0x200a) overlap"
        );
    }

    #[test]
    fn regions_fit_their_partitions() {
        let table = csv::compile(
            "nvs,data,nvs,0x9000,0x5000\notadata,data,ota,0xe000,8K\napp,app,ota_0,0x10000,64K\n",
            &csv::Options::default(),
        )
        .unwrap();
        let check =
            |kind, offset, len| check_in_table(&placed("r", kind, offset, len), &table, 0x8000);
        let code = |kind, offset, len| check(kind, offset, len).unwrap_err().code();
        assert_eq!(check(RegionKind::App, 0x1_0000, 0x1_0000), Ok(None));
        assert_eq!(
            code(RegionKind::App, 0x1_0000, 0x1_0001),
            "app-exceeds-partition"
        );
        assert_eq!(code(RegionKind::App, 0x2_0000, 1), "app-outside-partition");
        assert_eq!(check(RegionKind::OtaData, 0xe000, 0x2000), Ok(None));
        assert_eq!(
            code(RegionKind::Data, 0x9000, 0x6000),
            "region-exceeds-partition"
        );
        assert_eq!(
            check(RegionKind::OtaData, 0xd000, 0x2000).unwrap().unwrap(),
            "r (0xd000-0xf000) is inside the partition 'nvs'"
        );
        assert_eq!(
            check(RegionKind::Data, 0x20_0000, 1).unwrap().unwrap(),
            "r (0x200000-0x200001) is outside every partition"
        );
        let last = placed("r", RegionKind::Data, 0xFFFF_F000, 0xFFF);
        assert_eq!(check_in_table(&last, &table, 0xFFFF_F000), Ok(None));
    }
}
