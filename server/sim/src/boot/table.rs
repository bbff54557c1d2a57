//! The partition table, as the second stage reads it. Source: ESP-IDF's documentation, "Partition
//! Tables".

use super::View;

const ENTRY_LEN: usize = 32;
const TABLE_LEN: u32 = 0xC00;
const ENTRY_MAGIC: [u8; 2] = [0xAA, 0x50];
const TYPE_APP: u8 = 0;
const TYPE_DATA: u8 = 1;
const SUBTYPE_FACTORY: u8 = 0;
const SUBTYPE_OTADATA: u8 = 0;
const SUBTYPE_OTA_FIRST: u8 = 0x10;
const SUBTYPE_OTA_LAST: u8 = 0x1F;
/// The usual offset, tried first.
const USUAL_OFFSET: u32 = 0x8000;
/// A table that is elsewhere is looked for up to here. (A genuine second stage has the offset
/// compiled in; it cannot be read from its image.)
const SEARCH_END: u32 = 0x4_0000;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) factory: Option<u32>,
    /// Offsets of `ota_0`, `ota_1`, ... in the order of their subtypes.
    pub(super) ota: Vec<u32>,
    pub(super) otadata: Option<u32>,
}

pub(super) fn find(view: View<'_>, bootloader_end: u32) -> Option<Table> {
    let first = bootloader_end.next_multiple_of(0x1000);
    std::iter::once(USUAL_OFFSET)
        .chain((first..SEARCH_END).step_by(0x1000))
        .find_map(|offset| parse(&view.read(offset, TABLE_LEN)?))
}

pub(super) fn is_at_usual_place(view: View<'_>) -> bool {
    let bytes = view.read(USUAL_OFFSET, TABLE_LEN);
    bytes.is_some_and(|bytes| parse(&bytes).is_some())
}

fn parse(bytes: &[u8]) -> Option<Table> {
    let mut table = Table::default();
    let mut ota = Vec::new();
    let mut entries = 0;
    for entry in bytes.chunks_exact(ENTRY_LEN) {
        if entry[..2] != ENTRY_MAGIC {
            break;
        }
        entries += 1;
        let offset = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        match (entry[2], entry[3]) {
            (TYPE_APP, SUBTYPE_FACTORY) => table.factory = Some(offset),
            (TYPE_APP, subtype @ SUBTYPE_OTA_FIRST..=SUBTYPE_OTA_LAST) => {
                ota.push((subtype, offset));
            }
            (TYPE_DATA, SUBTYPE_OTADATA) => table.otadata = Some(offset),
            _ => {}
        }
    }
    ota.sort_unstable();
    table.ota = ota.into_iter().map(|(_, offset)| offset).collect();
    (entries > 0).then_some(table)
}
