//! Images of the whole flash: where their partition table is.

use crate::esp_image::EspImage;
use crate::partitions::{PartitionTable, TABLE_SECTOR_BYTES};

/// No table is looked for after this. The boot loader of an image of the whole flash has tens of KiB,
/// and the table is next to it.
pub const TABLE_WITHIN: usize = 1 << 20;

/// Where the table is in an image of the whole flash that has none at `usual`. `bytes` begin with
/// the boot loader, and go to `place`. The first that is found: after the boot loader, and before
/// all that it names.
pub fn table_in(bytes: &[u8], place: u32, usual: u32) -> Option<u32> {
    let boot_loader = EspImage::parse(bytes).ok()?;
    let offset = |at: usize| place + at as u32;
    let table_at = |at: usize| {
        let table = PartitionTable::parse(&bytes[at..]).ok();
        let end = offset(at).saturating_add(TABLE_SECTOR_BYTES);
        table.filter(|table| {
            let mut named = table.partitions.iter().filter(|it| !it.is_part_of_start());
            named.all(|partition| partition.offset >= end)
        })
    };
    let at_usual = usual.checked_sub(place).map(|at| at as usize);
    if at_usual.is_some_and(|at| at < bytes.len() && table_at(at).is_some()) {
        return Some(usual);
    }
    let first = boot_loader
        .len_bytes()
        .next_multiple_of(TABLE_SECTOR_BYTES as usize);
    let sectors = first..bytes.len().min(TABLE_WITHIN);
    sectors
        .step_by(TABLE_SECTOR_BYTES as usize)
        .find(|at| table_at(*at).is_some())
        .map(offset)
}
