//! UF2: blocks of 512 bytes, each with an address and what it is for, so that a boot loader can take them from
//! a file system that it only pretends to have.
//!
//! Source: Microsoft, "USB Flashing Format (UF2)"; what the boot ROMs want besides: RP2040 data sheet, 2.8.4.2,
//! and RP2350 data sheet, 5.5.2. Of a file the boot ROM takes the blocks of its own families.

use std::collections::BTreeMap;

use fbuild_chip::usb::Rp2;

/// Length of a block.
pub const BLOCK_BYTES: usize = 512;

const MAGIC: [u32; 2] = [0x0A32_4655, 0x9E5D_5157];
const MAGIC_END: u32 = 0x0AB1_6F30;
/// It is no part of the flash: a file to be kept, for instance.
const NOT_MAIN_FLASH: u32 = 0x0001;
const HAS_FAMILY: u32 = 0x2000;
const DATA_AT: usize = 32;
/// What the boot ROMs take in a block.
const PAYLOAD_BYTES: usize = 256;

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Uf2Error {
    /// A block is none, or says what cannot be.
    #[error("block {block}: {what}")]
    Block {
        /// Block of the file, counted from 1.
        block: usize,
        /// What is wrong with it.
        what: String,
    },
    /// Blocks are missing.
    #[error("{found} of {wanted} blocks are there: the file is cut off")]
    Missing {
        /// Blocks that are there.
        found: usize,
        /// Blocks that there should be.
        wanted: u32,
    },
    /// It is an ELF file, and no program for this chip.
    #[error("it is an ELF file with {what}")]
    Elf {
        /// What is wrong with it.
        what: &'static str,
    },
    /// There is no program in it for this chip.
    #[error("it is for {found}")]
    OtherFamily {
        /// For what there is one.
        found: String,
    },
}

/// A program of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// The chip that it is for.
    pub chip: Rp2,
    /// Where its first byte goes, from the start of the flash.
    pub offset: u32,
    /// Its bytes; FF where no block sets any.
    pub bytes: Vec<u8>,
}

struct Block<'b> {
    address: u32,
    number: u32,
    count: u32,
    family: Option<u32>,
    payload: &'b [u8],
}

impl<'b> Block<'b> {
    /// `None`: it is no part of the flash.
    fn read(block: &'b [u8]) -> Result<Option<Self>, String> {
        let word = |at: usize| {
            let bytes = block.get(at..at + 4).and_then(|it| it.try_into().ok());
            bytes.map_or(0, u32::from_le_bytes)
        };
        if [word(0), word(4)] != MAGIC || word(BLOCK_BYTES - 4) != MAGIC_END {
            return Err("it is no block of a UF2 file".to_owned());
        }
        let flags = word(8);
        if flags & NOT_MAIN_FLASH != 0 {
            return Ok(None);
        }
        let (number, count, len_bytes) = (word(20), word(24), word(16));
        if number >= count {
            return Err(format!("it says that it is block {number} of {count}"));
        }
        if len_bytes as usize != PAYLOAD_BYTES {
            return Err(format!(
                "it carries {len_bytes} bytes, and boot ROMs take {PAYLOAD_BYTES}"
            ));
        }
        Ok(Some(Self {
            address: word(12),
            number,
            count,
            family: (flags & HAS_FAMILY != 0).then(|| word(28)),
            payload: &block[DATA_AT..DATA_AT + PAYLOAD_BYTES],
        }))
    }
}

/// What begins an ELF file: 32 bits, the low byte first.
const ELF: &[u8] = b"\x7fELF\x01\x01";

/// Whether it is an ELF file, which [`of_elf`] makes a UF2 file of.
pub fn is_elf(bytes: &[u8]) -> bool {
    bytes.starts_with(&ELF[..4])
}

/// A UF2 file of what an ELF file loads to flash. Source: System V ABI, "Program Header"; the machines' numbers
/// there.
///
/// # Errors
/// It is cut off, for a machine that the chip has not, or loads nothing to flash.
pub fn of_elf(elf: &[u8], chip: Rp2) -> Result<Vec<u8>, Uf2Error> {
    const LOADED: u32 = 1;
    const MACHINE_AT: usize = 18;
    let cut = Uf2Error::Elf {
        what: "an end too early",
    };
    let half = |at: usize| Some(u16::from_le_bytes(elf.get(at..at + 2)?.try_into().ok()?));
    let word = |at: usize| Some(u32::from_le_bytes(elf.get(at..at + 4)?.try_into().ok()?));
    let family = match (half(MACHINE_AT), chip.families()) {
        (Some(40), [arm, ..]) | (Some(243), [_, arm]) if elf.starts_with(ELF) => *arm,
        _ => {
            return Err(Uf2Error::Elf {
                what: "code for another chip",
            });
        }
    };
    let header = |n: u16| {
        let at = word(28)? as usize + usize::from(half(42)?) * usize::from(n);
        let (kind, from, len) = (word(at)?, word(at + 4)? as usize, word(at + 16)? as usize);
        Some((kind, word(at + 12)?, from, len))
    };
    let mut pages: BTreeMap<u32, [u8; PAYLOAD_BYTES]> = BTreeMap::new();
    for n in 0..half(44).unwrap_or_default() {
        let (kind, address, from, len) = header(n).ok_or(cut.clone())?;
        if kind != LOADED || len == 0 || !Rp2::FLASH.contains(&address) {
            continue;
        }
        let end = from.checked_add(len).ok_or(cut.clone())?;
        let bytes = elf.get(from..end).ok_or(cut.clone())?;
        if len > (Rp2::FLASH.end - address) as usize {
            return Err(Uf2Error::Elf {
                what: "more than the flash holds",
            });
        }
        for (place, byte) in (address..).zip(bytes) {
            let within = place as usize % PAYLOAD_BYTES;
            let page = pages
                .entry(place - within as u32)
                .or_insert([0; PAYLOAD_BYTES]);
            page[within] = *byte;
        }
    }
    if pages.is_empty() {
        return Err(Uf2Error::Elf {
            what: "nothing for the flash",
        });
    }
    let count = pages.len() as u32;
    let mut file = Vec::with_capacity(pages.len() * BLOCK_BYTES);
    for (number, (address, payload)) in (0_u32..).zip(pages) {
        let words = [
            HAS_FAMILY,
            address,
            PAYLOAD_BYTES as u32,
            number,
            count,
            family,
        ];
        for word in MAGIC.into_iter().chain(words) {
            file.extend(word.to_le_bytes());
        }
        file.extend(payload);
        file.resize(file.len() + BLOCK_BYTES - DATA_AT - PAYLOAD_BYTES - 4, 0);
        file.extend(MAGIC_END.to_le_bytes());
    }
    Ok(file)
}

/// The program that a file has for `wanted`, or for the first chip that it has one for.
///
/// # Errors
/// The first block that is damaged or cannot be written to flash; missing blocks; no program for this chip.
pub fn read(bytes: &[u8], wanted: Option<Rp2>) -> Result<Program, Uf2Error> {
    let mut blocks = Vec::new();
    for (n, block) in bytes.chunks(BLOCK_BYTES).enumerate() {
        let wrong = |what| Uf2Error::Block { block: n + 1, what };
        let read = Block::read(block).map_err(wrong)?;
        blocks.extend(read.map(|block| (n + 1, block)));
    }
    let families = || blocks.iter().map(|(_, block)| block.family);
    let mut known = families().flatten();
    let family = known.find(|&family| {
        let chip = Rp2::of_family(family);
        chip.is_some() && (wanted.is_none() || wanted == chip)
    });
    let (Some(family), Some(chip)) = (family, family.and_then(Rp2::of_family)) else {
        let found = families().map(family_text).next();
        let found = found.unwrap_or_else(|| "nothing: it is empty".to_owned());
        return Err(Uf2Error::OtherFamily { found });
    };
    let own = blocks.iter().filter(|(_, it)| it.family == Some(family));
    program(chip, own)
}

fn program<'b>(
    chip: Rp2,
    blocks: impl Iterator<Item = &'b (usize, Block<'b>)>,
) -> Result<Program, Uf2Error> {
    let mut placed: BTreeMap<u32, &[u8]> = BTreeMap::new();
    let mut numbers = std::collections::BTreeSet::new();
    let mut wanted = None;
    for (n, block) in blocks {
        let wrong = |what| Uf2Error::Block { block: *n, what };
        let Block { address, .. } = *block;
        if !Rp2::FLASH.contains(&address) {
            let what = format!("{address:#x} is not in flash");
            return Err(wrong(what));
        }
        if !(address as usize).is_multiple_of(PAYLOAD_BYTES) {
            return Err(wrong(format!("{address:#x} is not the start of a page")));
        }
        let count = *wanted.get_or_insert(block.count);
        let is_new = numbers.insert(block.number) && !placed.contains_key(&address);
        if !is_new || count != block.count {
            let what = format!(
                "it does not go with the others: number {} of {}, at {address:#x}",
                block.number, block.count
            );
            return Err(wrong(what));
        }
        placed.insert(address, block.payload);
    }
    let wanted = wanted.unwrap_or_default();
    if numbers.len() < wanted as usize {
        let found = numbers.len();
        return Err(Uf2Error::Missing { found, wanted });
    }
    let first = placed.keys().next().copied().unwrap_or(Rp2::FLASH.start);
    let mut bytes = Vec::new();
    for (address, payload) in placed {
        bytes.resize((address - first) as usize, 0xFF);
        bytes.extend_from_slice(payload);
    }
    Ok(Program {
        chip,
        offset: first - Rp2::FLASH.start,
        bytes,
    })
}

fn family_text(family: Option<u32>) -> String {
    match family {
        None => "no family of chips that it names".to_owned(),
        Some(family) => match Rp2::of_family(family) {
            Some(chip) => chip.to_string(),
            None => format!("the family {family:#010x}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const RP2040: u32 = 0xE48B_FF56;
    const ARM: u32 = 0xE48B_FF59;
    /// Where the RP2350's erratum E10 has an empty block put, in a family of its own.
    const ABSOLUTE: u32 = 0xE48B_FF57;

    fn block(family: u32, number: u32, count: u32, address: u32, fill: u8) -> Vec<u8> {
        let words = [
            MAGIC[0], MAGIC[1], HAS_FAMILY, address, 256, number, count, family,
        ];
        let mut block: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        block.extend([fill; PAYLOAD_BYTES]);
        block.resize(BLOCK_BYTES - 4, 0);
        block.extend(MAGIC_END.to_le_bytes());
        block
    }

    fn error(file: &[u8], wanted: Rp2) -> String {
        read(file, Some(wanted)).unwrap_err().to_string()
    }

    #[test]
    fn a_program_is_found_among_other_families() {
        let file = [
            block(ABSOLUTE, 0, 2, 0x10FF_FF00, 0xEF),
            block(ARM, 0, 2, 0x1000_0000, 1),
            block(ARM, 1, 2, 0x1000_0200, 2),
        ]
        .concat();
        let program = read(&file, None).unwrap();
        assert_eq!((program.chip, program.offset), (Rp2::Rp2350, 0));
        assert_eq!(program.bytes.len(), 0x300);
        let at = |n: usize| program.bytes[n];
        assert_eq!((at(0), at(0x100), at(0x200)), (1, 0xFF, 2));
        assert_eq!(read(&file, Some(Rp2::Rp2350)), Ok(program));
        assert_eq!(error(&file, Rp2::Rp2040), "it is for the family 0xe48bff57");
        let own = block(ARM, 0, 1, 0x1000_0000, 1);
        assert_eq!(error(&own, Rp2::Rp2040), "it is for RP2350");
    }

    #[test]
    fn what_a_boot_rom_would_not_take_whole_is_refused() {
        let good = block(RP2040, 0, 2, 0x1000_0000, 1);
        let of = |second: Vec<u8>| error(&[good.clone(), second].concat(), Rp2::Rp2040);
        let mut short = block(RP2040, 1, 2, 0x1000_0100, 1);
        assert!(read(&[good.clone(), short.clone()].concat(), None).is_ok());
        short.truncate(500);
        assert_eq!(of(short.clone()), "block 2: it is no block of a UF2 file");
        short.resize(BLOCK_BYTES, 0);
        assert_eq!(of(short), "block 2: it is no block of a UF2 file");
        assert_eq!(
            error(&good, Rp2::Rp2040),
            "1 of 2 blocks are there: the file is cut off"
        );
        for (second, why) in [
            (
                block(RP2040, 1, 2, 0x2000_0000, 1),
                "0x20000000 is not in flash",
            ),
            (
                block(RP2040, 1, 2, 0x1000_0101, 1),
                "0x10000101 is not the start of a page",
            ),
            (
                block(RP2040, 2, 2, 0x1000_0100, 1),
                "it says that it is block 2 of 2",
            ),
            (
                good.clone(),
                "it does not go with the others: number 0 of 2, at 0x10000000",
            ),
            (
                block(RP2040, 1, 3, 0x1000_0100, 1),
                "it does not go with the others: number 1 of 3, at 0x10000100",
            ),
        ] {
            assert_eq!(of(second), format!("block 2: {why}"));
        }
        let mut long = good.clone();
        long[16..20].copy_from_slice(&476_u32.to_le_bytes());
        assert_eq!(
            error(&long, Rp2::Rp2040),
            "block 1: it carries 476 bytes, and boot ROMs take 256"
        );
        assert_eq!(error(&[], Rp2::Rp2040), "it is for nothing: it is empty");
    }

    /// An ELF file for Arm (40) or RISC-V (243) with these segments: kind, address, bytes.
    fn elf(machine: u8, segments: &[(u8, u32, &[u8])]) -> Vec<u8> {
        let mut bytes = ELF.to_vec();
        bytes.resize(52 + 32 * segments.len(), 0);
        (bytes[16], bytes[18], bytes[28], bytes[42]) = (2, machine, 52, 32);
        bytes[44] = segments.len() as u8;
        for (n, (kind, address, content)) in segments.iter().enumerate() {
            let (at, from) = (52 + 32 * n, bytes.len() as u32);
            bytes[at] = *kind;
            bytes[at + 4..at + 8].copy_from_slice(&from.to_le_bytes());
            bytes[at + 12..at + 16].copy_from_slice(&address.to_le_bytes());
            bytes[at + 16..at + 20].copy_from_slice(&(content.len() as u32).to_le_bytes());
            bytes.extend(*content);
        }
        bytes
    }

    /// The second boot loader, code in the middle of a page, data that is loaded from flash, and RAM.
    #[test]
    fn an_elf_file_becomes_pages() {
        let segments: &[(u8, u32, &[u8])] = &[
            (1, 0x1000_0000, &[1; 256]),
            (1, 0x1000_0100, &[2; 300]),
            (1, 0x1000_022C, &[3; 4]),
            (1, 0x2000_0000, &[4; 16]),
            (0x70, 0x1000_0300, &[5; 16]),
            (1, 0x1000_1000, &[]),
        ];
        let mut expected = [vec![1; 256], vec![2; 300], vec![3; 4]].concat();
        expected.resize(768, 0);
        for (chip, machine) in [(Rp2::Rp2040, 40), (Rp2::Rp2350, 40), (Rp2::Rp2350, 243)] {
            let file = of_elf(&elf(machine, segments), chip).unwrap();
            let program = read(&file, Some(chip)).unwrap();
            assert_eq!((program.chip, program.offset), (chip, 0));
            assert_eq!(program.bytes, expected);
        }
        for (machine, segments, what) in [
            (243, segments, "code for another chip"),
            (94, segments, "code for another chip"),
            (40, &segments[3..], "nothing for the flash"),
            (
                40,
                &[(1, 0x10FF_FFFF, &[1, 2][..])][..],
                "more than the flash holds",
            ),
        ] {
            let error = of_elf(&elf(machine, segments), Rp2::Rp2040).unwrap_err();
            assert_eq!(error, Uf2Error::Elf { what });
        }
    }

    proptest! {
        #[test]
        fn any_damage_to_an_elf_file_is_survived(at in 0usize..120, with in any::<u32>(), len in 0usize..400) {
            let mut bytes = elf(40, &[(1, 0x1000_0000, &[1; 256]), (1, 0x1000_0180, &[2; 30])]);
            let end = (at + 4).min(bytes.len());
            bytes[at..end].copy_from_slice(&with.to_le_bytes()[..end - at]);
            bytes.truncate(len);
            let _ = of_elf(&bytes, Rp2::Rp2040);
        }
    }
}
