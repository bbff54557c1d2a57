//! Where the plugin lives: on which chips it was seen to work, on which it should, and what it finds there.
//!
//! `tests/it/genuine.rs` runs it on the genuine boot ROM and the genuine stub of ESP32-S3, C3, C5, C6, C61 and H2, in an
//! emulator, which proves neither timing nor electrical behaviour. On ESP32 (revision 3) an earlier version was seen in
//! another emulator. ESP32-C2 and S2 have too little RAM between stub and ROM, and where the ESP32-P4's cache
//! takes part of its RAM depends on its revision.
//!
//! The two programs are what Debian's clang 22.1.8 makes of `plugin.c`; `tests/it/plugin.rs` has the command, makes them
//! again and compares.

use std::ops::Range;

use fbuild_chip::Chip;
use fbuild_chip::flash::BLOCK_LEN;

use super::KEPT_LEN;
use super::operations::MOST_BYTES;
use crate::packet;
use crate::stub::{self, Stub};

/// The table's first and last operation codes. Source: esp-flasher-stub 1.1, `plugin_table.h`.
pub const TABLE_OPS: std::ops::RangeInclusive<u8> = 0xD5..=0xEF;

/// The program for one kind of processor.
#[derive(Debug)]
pub struct Program {
    /// Position-independent code.
    pub code: &'static [u8],
    /// Where it is entered, in bytes from its start.
    pub entry: u32,
}

/// For the RISC-V chips.
pub static RISCV32: Program = Program {
    code: include_bytes!("plugin.riscv32"),
    entry: 0,
};
/// For the Xtensa chips, whose constants stand before the code.
pub static XTENSA: Program = Program {
    code: include_bytes!("plugin.xtensa"),
    entry: 0x4C,
};

/// Addresses of what the boot ROM offers. Source: the ROM's linker scripts in esp-stub-lib. In the ELF files of the ROMs'
/// revisions that espflash 4.7.0 carries, these addresses lead to the functions of those names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // their names say it
pub struct Rom {
    pub read: u32,
    pub program: u32,
    pub erase_block: u32,
    pub erase_sector: u32,
    pub inflate: u32,
}

/// What the plugin needs on one chip.
#[derive(Debug)]
pub struct Place {
    /// The program.
    pub program: &'static Program,
    /// The ROM's functions.
    pub rom: Rom,
    /// RAM that neither ROM nor stub uses: for what is saved, and for everything else.
    saved: u32,
    others: u32,
    /// Whether it was seen to work there.
    pub was_seen: bool,
    stub: &'static Stub,
}

/// Length of the part for what is saved.
const SAVED_LEN: u32 = BLOCK_LEN + KEPT_LEN;

/// Parts of the other one, by their offset.
mod part {
    use super::MOST_BYTES;

    pub(super) const OPERATIONS: u32 = 0;
    pub(super) const SECTOR: u32 = OPERATIONS + MOST_BYTES as u32;
    pub(super) const INFLATER: u32 = SECTOR + 0x1000;
    /// The ROM's inflater has 10992 bytes.
    pub(super) const STATE: u32 = INFLATER + 0x2C00;
    pub(super) const END: u32 = STATE + 0x200;
}

/// What the table holds for an operation code that nobody added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// Its address.
    pub address: u32,
    /// What it holds.
    pub unused: u32,
}

/// Finds the slot of an operation code: the table is the one place in a stub's data with so many equal words.
pub fn slot(stub: &Stub, op: u8) -> Option<Slot> {
    let n_slots = TABLE_OPS.count();
    let words: Vec<u32> = stub
        .data
        .bytes
        .chunks_exact(4)
        .enumerate()
        .filter_map(|(at, _)| packet::word_at(&stub.data.bytes, at))
        .collect();
    let is_table = |words: &[u32]| words.iter().all(|word| *word == words[0] && *word != 0);
    let at = words.windows(n_slots).position(is_table)?;
    let nth = u32::from(op.checked_sub(*TABLE_OPS.start())?);
    TABLE_OPS.contains(&op).then_some(Slot {
        address: stub.data.address + (at as u32 + nth) * 4,
        unused: words[at],
    })
}

/// An ESP32-C61's are where an ESP32-C5's are.
const C5_ROM: Rom = Rom {
    read: 0x4000_0160,
    program: 0x4000_015C,
    erase_block: 0x4000_0158,
    erase_sector: 0x4000_0154,
    inflate: 0x4000_00FC,
};

/// What a chip needs, if that is known; [`Place::was_seen`] says whether the plugin was seen to work there.
pub fn for_chip(chip: Chip) -> Option<Place> {
    let unified = |from, rom| (&RISCV32, from, from + SAVED_LEN, rom);
    let (program, saved, others, rom) = match chip {
        Chip::Esp32 => (
            &XTENSA,
            0x3FFB_0000,
            0x3FFE_8000,
            Rom {
                read: 0x4006_2ED8,
                program: 0x4006_2D50,
                erase_block: 0x4006_2C4C,
                erase_sector: 0x4006_2CCC,
                inflate: 0x4005_EF30,
            },
        ),
        Chip::Esp32S3 => (
            &XTENSA,
            0x3FCB_4000,
            0x3FCB_4000 + SAVED_LEN,
            Rom {
                read: 0x4000_0A20,
                program: 0x4000_0A14,
                erase_block: 0x4000_0A08,
                erase_sector: 0x4000_09FC,
                inflate: 0x4000_0828,
            },
        ),
        Chip::Esp32C3 => unified(
            0x3FC9_8000,
            Rom {
                read: 0x4000_0130,
                program: 0x4000_012C,
                erase_block: 0x4000_0124,
                erase_sector: 0x4000_0128,
                inflate: 0x4000_00F4,
            },
        ),
        Chip::Esp32C5 => unified(0x4080_8000, C5_ROM),
        // Before the stub's data there is no room for everything.
        Chip::Esp32C61 => (&RISCV32, 0x4082_3000, 0x4080_3000, C5_ROM),
        Chip::Esp32C6 => unified(
            0x4080_8000,
            Rom {
                read: 0x4000_0150,
                program: 0x4000_014C,
                erase_block: 0x4000_0148,
                erase_sector: 0x4000_0144,
                inflate: 0x4000_00F8,
            },
        ),
        Chip::Esp32H2 => unified(
            0x4080_8000,
            Rom {
                read: 0x4000_0148,
                program: 0x4000_0144,
                erase_block: 0x4000_0140,
                erase_sector: 0x4000_013C,
                inflate: 0x4000_00F8,
            },
        ),
        _ => return None,
    };
    let stub = stub::for_chip(chip, None)?;
    slot(stub, super::OP)?;
    Some(Place {
        program,
        rom,
        saved,
        others,
        was_seen: matches!(
            chip,
            Chip::Esp32
                | Chip::Esp32S3
                | Chip::Esp32C3
                | Chip::Esp32C5
                | Chip::Esp32C6
                | Chip::Esp32C61
                | Chip::Esp32H2
        ),
        stub,
    })
}

impl Place {
    /// Where the code goes: right after the stub's.
    pub fn code(&self) -> u32 {
        (self.stub.text.address + self.stub.text.bytes.len() as u32).next_multiple_of(16)
    }

    /// Where it is entered.
    pub fn entry(&self) -> u32 {
        self.code() + self.program.entry
    }

    /// RAM that it works in.
    pub fn memory(&self) -> [Range<u32>; 2] {
        [
            self.saved..self.saved + SAVED_LEN,
            self.others..self.others + part::END,
        ]
    }

    /// Where its state goes.
    pub fn state(&self) -> u32 {
        self.others + part::STATE
    }

    /// Its slot in the stub's table.
    pub fn slot(&self) -> Option<Slot> {
        slot(self.stub, super::OP)
    }

    /// What its state holds at first, for a run from one offset to another.
    pub fn state_bytes(&self, first: u32, end: u32) -> Vec<u8> {
        let own = |part: u32| self.others + part;
        packet::words(&[
            self.rom.read,
            self.rom.program,
            self.rom.erase_block,
            self.rom.erase_sector,
            self.rom.inflate,
            self.entry(),
            own(part::INFLATER),
            own(part::OPERATIONS),
            MOST_BYTES as u32,
            self.saved,
            own(part::SECTOR),
            first,
            end,
            // What is the plugin's own: nothing saved, nothing done.
            0,
            0,
            0,
            0,
            0,
            0,
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_stub_or_the_rom_is_overwritten() {
        // Code: the end of the stub's own part of RAM (its linker scripts); where that begins for data, and where the
        // ROM's begins (ESP-IDF, linker scripts of the second-stage boot loader, "Memory Usage of ROM bootloader"). An
        // ESP32 has its ROM's stacks up to 0x3FFE5230. Its SRAM 1 is at two addresses, word by word the other way round
        // (technical reference manual, "Internal SRAM 1"): 0x400AB000 for code is 0x3FFF5000 for data.
        for (chip, code_end, free) in [
            (
                Chip::Esp32,
                0x400A_B000,
                [0x3FFB_0000..0x3FFC_C000, 0x3FFE_5230..0x3FFF_5000],
            ),
            (
                Chip::Esp32S3,
                0x4039_0000,
                [0x3FCB_3000..0x3FCD_7E00, 0x3FCB_3000..0x3FCD_7E00],
            ),
            (
                Chip::Esp32C3,
                0x4038_4000,
                [0x3FC9_7000..0x3FCC_AE00, 0x3FC9_7000..0x3FCC_AE00],
            ),
            (
                Chip::Esp32C5,
                0x4080_4500,
                [0x4080_4500..0x4084_0000, 0x4080_4500..0x4084_0000],
            ),
            (
                Chip::Esp32C6,
                0x4080_4500,
                [0x4080_4500..0x4084_0000, 0x4080_4500..0x4084_0000],
            ),
            // The stub ends long before its part does.
            (
                Chip::Esp32C61,
                0x4080_3000,
                [0x4082_3000..0x4083_E670, 0x4080_3000..0x4081_0000],
            ),
            (
                Chip::Esp32H2,
                0x4080_4500,
                [0x4080_4500..0x4083_0000, 0x4080_4500..0x4083_0000],
            ),
        ] {
            let place = for_chip(chip).unwrap();
            assert!(
                place.code() + place.program.code.len() as u32 <= code_end,
                "{chip}"
            );
            let stub = stub::for_chip(chip, None).unwrap();
            let data = stub.data.address..stub.data.address + stub.data.bytes.len() as u32;
            let [saved, others] = place.memory();
            assert!(
                saved.end <= others.start || others.end <= saved.start,
                "{chip}"
            );
            for (part, free) in [saved, others].into_iter().zip(free) {
                assert!(free.start <= part.start && part.end <= free.end, "{chip}");
                assert!(
                    data.end <= part.start || part.end <= data.start,
                    "{chip}: {data:x?}"
                );
            }
        }
    }

    #[test]
    fn every_stub_has_the_table() {
        for &chip in Chip::ESP32_FAMILY {
            let stub = stub::for_chip(chip, None).unwrap();
            let slot = slot(stub, super::super::OP).unwrap();
            let text = stub.text.address..stub.text.address + stub.text.bytes.len() as u32;
            assert!(text.contains(&slot.unused), "{chip}: {slot:x?}");
        }
    }
}
