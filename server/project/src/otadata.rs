//! What otadata on a board says about which app boots.
//!
//! Source: ESP-IDF `esp_flash_partitions.h` (`esp_ota_select_entry_t`) and `bootloader_common.c`
//! (v6.0): two entries, one a sector; the valid one with the higher sequence number wins.

use crate::partitions::{Partition, PartitionTable};

/// Bytes of the otadata partition: two sectors, one entry at the start of each.
pub const OTADATA_BYTES: usize = 0x2000;
const ENTRY_BYTES: usize = 32;
const SECOND_ENTRY: usize = 0x1000;

const STATE_INVALID: u32 = 3;
const STATE_ABORTED: u32 = 4;

/// One of the two entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Sequence number; the slot is `(seq - 1) mod slots`.
    pub seq: u32,
    /// State of the image that it selects.
    pub state: u32,
    /// CRC of the sequence number, as it is there.
    pub crc: u32,
}

impl Entry {
    /// Read an entry.
    pub fn parse(bytes: &[u8; ENTRY_BYTES]) -> Self {
        let word = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        Self {
            seq: word(0),
            state: word(24),
            crc: word(28),
        }
    }

    /// Whether something is there that is not an entry.
    pub fn is_damaged(&self) -> bool {
        let is_blank = (self.seq, self.state, self.crc) == (u32::MAX, u32::MAX, u32::MAX);
        !is_blank && self.crc != crc_of(self.seq)
    }

    /// Whether the boot loader takes it into account.
    pub fn is_valid(&self) -> bool {
        self.seq != u32::MAX
            && self.state != STATE_INVALID
            && self.state != STATE_ABORTED
            && self.crc == crc_of(self.seq)
    }
}

/// CRC-32 (the one of zlib, reflected) over the four bytes of `seq`, begun with the register at 0
/// where zlib begins with FFFFFFFF: the ROM's function inverts the start value that it is given.
fn crc_of(seq: u32) -> u32 {
    let mut register = 0u32;
    for byte in seq.to_le_bytes() {
        register ^= u32::from(byte);
        for _ in 0..8 {
            let carry = register & 1;
            register >>= 1;
            if carry == 1 {
                register ^= 0xEDB8_8320;
            }
        }
    }
    !register
}

/// The entries of an otadata partition that are there at all.
pub fn entries(otadata: &[u8]) -> Vec<Entry> {
    [0, SECOND_ENTRY]
        .into_iter()
        .filter_map(|at| otadata.get(at..at + ENTRY_BYTES)?.try_into().ok())
        .map(Entry::parse)
        .collect()
}

/// The app that the boot loader starts, given the board's table and the contents of its otadata
/// partition. `None` if the table has no app partition that could boot.
pub fn selected_slot<'t>(table: &'t PartitionTable, otadata: &[u8]) -> Option<&'t Partition> {
    let slots = table.ota_slots();
    let newest = entries(otadata)
        .into_iter()
        .filter(Entry::is_valid)
        .max_by_key(|entry| entry.seq);
    match newest {
        Some(entry) if !slots.is_empty() => {
            let index = entry.seq.wrapping_sub(1) as usize % slots.len();
            slots.get(index).copied()
        }
        _ => table.boot_default(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::partitions::csv;

    fn table(text: &str) -> PartitionTable {
        csv::compile(text, &csv::Options::default()).unwrap()
    }

    fn otadata(first: Option<u32>, second: Option<u32>) -> Vec<u8> {
        let mut bytes = vec![0xFF; OTADATA_BYTES];
        for (at, seq) in [(0, first), (SECOND_ENTRY, second)] {
            if let Some(seq) = seq {
                bytes[at..at + 4].copy_from_slice(&seq.to_le_bytes());
                bytes[at + 28..at + 32].copy_from_slice(&crc_of(seq).to_le_bytes());
            }
        }
        bytes
    }

    const WITH_FACTORY: &str =
        "otadata,data,ota,,8K\nfactory,app,factory,,1M\nota_0,app,ota_0,,1M\nota_1,app,ota_1,,1M\n";
    const WITHOUT_FACTORY: &str =
        "nvs,data,nvs,,20K\notadata,data,ota,,8K\nota_0,app,ota_0,,1M\nota_1,app,ota_1,,1M\n";

    #[test]
    fn crc_is_the_one_in_boot_app0() {
        // The word at 0x1c of boot_app0.bin, which every arduino-esp32 release writes for seq 1.
        assert_eq!(crc_of(1), 0x4743_989A);
    }

    #[test]
    fn picks_the_slot_that_boots() {
        let label = |text, first, second| {
            let table = table(text);
            let data = otadata(first, second);
            selected_slot(&table, &data)
                .map(|p| p.label.clone())
                .unwrap()
        };
        assert_eq!(label(WITH_FACTORY, None, None), "factory");
        assert_eq!(label(WITHOUT_FACTORY, None, None), "ota_0");
        assert_eq!(label(WITH_FACTORY, Some(1), None), "ota_0");
        assert_eq!(label(WITHOUT_FACTORY, Some(1), Some(2)), "ota_1");
        assert_eq!(label(WITHOUT_FACTORY, Some(3), Some(2)), "ota_0");
    }

    #[test]
    fn ignores_entries_that_the_boot_loader_ignores() {
        let table = table(WITHOUT_FACTORY);
        // New, to be verified, valid, invalid, aborted, and what a freshly written entry has.
        let states = [
            (0, "ota_1"),
            (1, "ota_1"),
            (2, "ota_1"),
            (3, "ota_0"),
            (4, "ota_0"),
        ];
        for (state, starts) in states.into_iter().chain([(u32::MAX, "ota_1")]) {
            let mut data = otadata(Some(1), Some(2));
            data[SECOND_ENTRY + 24..SECOND_ENTRY + 28].copy_from_slice(&state.to_le_bytes());
            let selected = selected_slot(&table, &data).unwrap();
            assert_eq!(selected.label, starts, "state {state}");
        }
        let mut data = otadata(Some(1), Some(2));
        data[SECOND_ENTRY + 28] ^= 1; // crc
        assert_eq!(selected_slot(&table, &data).unwrap().label, "ota_0");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(data in proptest::collection::vec(any::<u8>(), 0..0x1100)) {
            let table = table(WITHOUT_FACTORY);
            prop_assert!(selected_slot(&table, &data).is_some());
        }
    }
}
