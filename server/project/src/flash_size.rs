//! The flash size in the boot loader's header, compared with everything that has to agree with it.
//!
//! The boot loader believes its own header and asks no flash chip: a partition that ends beyond that
//! size makes it refuse the whole table. The firmware asks the chip, and stops where that is smaller
//! than the header says. Both are silent while writing.
//!
//! Source: ESP-IDF (v6.0) `flash_partitions.c`, `esp_partition_table_verify`, and
//! `esp_flash_spi_init.c`; esptool 5.6.0 `write-flash` warns of the second and refuses images beyond
//! the size that it is told.

use fbuild_chip::Chip;

use crate::amount::amount;
use crate::esp_image::{ImageChip, MAGIC, SIZE_FREQ_AT, peek_chip};
use crate::input_error::InputError;
use crate::partitions::PartitionTable;
use crate::target::Tool;

/// Names of flash sizes, in the order of the header's nibble.
pub const SIZES: &[&str] = &["1MB", "2MB", "4MB", "8MB", "16MB", "32MB", "64MB", "128MB"];

/// The same of an ESP8266, with the header's nibble and the size in KiB; the last two are those of
/// an older way to lay out two apps.
///
/// Source: ESP8266_RTOS_SDK `esp_image_format.h`; esptool 5.6.0 `targets/esp8266.py`.
const SIZES_8266: &[(&str, u8, u32)] = &[
    ("512KB", 0, 512),
    ("256KB", 1, 256),
    ("1MB", 2, 1024),
    ("2MB", 3, 2048),
    ("4MB", 4, 4096),
    ("8MB", 8, 8192),
    ("16MB", 9, 16384),
    ("2MB-c1", 5, 2048),
    ("4MB-c1", 6, 4096),
];

/// Names of the flash sizes that a chip's header can hold.
pub fn header_sizes(chip: Chip) -> Vec<&'static str> {
    match chip {
        Chip::Esp8266 => SIZES_8266.iter().map(|(name, ..)| *name).collect(),
        _ => SIZES.to_vec(),
    }
}

/// What a chip's header says for a flash size: the upper half of byte 3.
pub fn header_nibble(chip: Chip, name: &str) -> Option<u8> {
    let is_it = |known: &str| known.eq_ignore_ascii_case(name);
    if chip == Chip::Esp8266 {
        let found = SIZES_8266.iter().find(|(known, ..)| is_it(known))?;
        return Some(found.1);
    }
    let nibble = SIZES.iter().position(|known| is_it(known))?;
    u8::try_from(nibble).ok()
}

/// Size of a flash in bytes, from its name in build tools (`4MB`).
pub fn size_bytes(name: &str) -> Option<u32> {
    let nibble = SIZES
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name))?;
    Some(0x10_0000 << nibble)
}

/// The name of a flash size, for the sizes that a chip's header can hold.
pub fn size_name_for(chip: Chip, bytes: u32) -> Option<&'static str> {
    if chip != Chip::Esp8266 {
        return size_name(bytes);
    }
    let found = SIZES_8266.iter().find(|(_, _, kib)| kib << 10 == bytes)?;
    Some(found.0)
}

/// The same for the ESP32 family.
pub fn size_name(bytes: u32) -> Option<&'static str> {
    SIZES
        .iter()
        .copied()
        .find(|name| size_bytes(name) == Some(bytes))
}

/// The flash size that a boot loader's header says; `None` for what is not an image, and for the values
/// that mean no size.
pub fn header_flash_size(start: &[u8]) -> Option<u32> {
    if start.first() != Some(&MAGIC) {
        return None;
    }
    let nibble = *start.get(SIZE_FREQ_AT)? >> 4;
    if peek_chip(start) == Some(ImageChip::Known(Chip::Esp8266)) {
        let found = SIZES_8266.iter().find(|(_, known, _)| *known == nibble)?;
        return Some(found.2 << 10);
    }
    size_bytes(SIZES.get(usize::from(nibble))?)
}

/// What is known of sizes. What is not known disagrees with nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sizes<'a> {
    /// What the boot loader's header says, or will say.
    pub header: Option<u32>,
    /// The table that this boot loader is going to read.
    pub table: Option<&'a PartitionTable>,
    /// The flash chip on the board.
    pub board: Option<u32>,
}

/// A disagreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// A partition ends beyond what the header says: nothing starts.
    Table {
        /// Name of the partition that reaches farthest.
        partition: String,
        /// Where it ends.
        end: u64,
        /// What the header says.
        header: u32,
    },
    /// The flash chip is smaller than the header says: firmware made with ESP-IDF 4 or newer stops.
    Board {
        /// What the header says.
        header: u32,
        /// Size of the chip.
        board: u32,
    },
}

/// Everything that disagrees.
pub fn conflicts(sizes: &Sizes<'_>) -> Vec<Conflict> {
    let Some(header) = sizes.header else {
        return Vec::new();
    };
    let last = sizes
        .table
        .and_then(|table| table.partitions.iter().max_by_key(|it| it.end()))
        .filter(|partition| partition.end() > u64::from(header));
    let table = last.map(|partition| Conflict::Table {
        partition: partition.label.clone(),
        end: partition.end(),
        header,
    });
    let board = sizes.board.filter(|board| *board < header);
    let board = board.map(|board| Conflict::Board { header, board });
    table.into_iter().chain(board).collect()
}

impl Conflict {
    /// Whether it keeps every firmware from starting.
    pub fn is_certain(&self) -> bool {
        matches!(self, Self::Table { .. })
    }

    /// What follows from it. `header` says whose header it is, at the beginning of the sentence.
    pub fn text(&self, header_of: &str) -> String {
        match self {
            Self::Table {
                partition,
                end,
                header,
            } => format!(
                "{header_of} says {} of flash, and the partition '{partition}' ends at {end:#x}: the \
                 boot loader refuses such a table, and nothing starts",
                size_text(*header)
            ),
            Self::Board { header, board } => format!(
                "{header_of} says {} of flash, and the board has {}: firmware made with ESP-IDF 4 or \
                 newer stops at its start, and the board starts over and over",
                size_text(*header),
                size_text(*board)
            ),
        }
    }

    /// The refusal, where it is certain. `tool` made the build; `board` has so much flash.
    pub fn refusal(&self, header_of: &str, tool: Tool, board: Option<u32>) -> Option<InputError> {
        let Self::Table { end, .. } = self else {
            return None;
        };
        let needed = SIZES
            .iter()
            .find(|name| size_bytes(name).is_some_and(|bytes| u64::from(bytes) >= *end));
        let needed = needed.map(|name| name.replace("MB", " MB"));
        let remedy = match board.filter(|board| u64::from(*board) < *end) {
            Some(board) => format!(
                "Make the partition table smaller than the {} of flash that this board has, or use a \
                 board with {}.",
                size_text(board),
                needed.unwrap_or_else(|| "more".to_owned())
            ),
            None => format!(
                "Set the flash size of the project{} ({}) and deploy the boot loader, too; or make the \
                 partition table smaller.",
                needed.map_or_else(String::new, |size| format!(" to {size}")),
                setting(tool)
            ),
        };
        let what = self.text(header_of);
        Some(InputError::new("header-flash-size", what, remedy))
    }
}

/// `4 MB`, as build tools count.
fn size_text(bytes: u32) -> String {
    if bytes.is_multiple_of(1 << 20) {
        format!("{} MB", bytes >> 20)
    } else {
        amount(bytes.into())
    }
}

/// Where a project says how large its flash is.
fn setting(tool: Tool) -> &'static str {
    match tool {
        Tool::EspIdf => "idf.py menuconfig, Serial flasher config, Flash size",
        Tool::PlatformIo | Tool::Fbuild => "board_upload.flash_size in platformio.ini",
        Tool::Arduino => "the board's menu, Flash Size",
        Tool::Cargo => "size under [flash] in espflash.toml",
        Tool::Zephyr => "CONFIG_ESPTOOLPY_FLASHSIZE",
        Tool::EspHome => "flash_size under esp32 in the YAML file",
        Tool::PicoSdk | Tool::Files => "the one that the boot loader was made with",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partitions::csv;

    const MB: u32 = 1 << 20;

    fn eight_mb() -> PartitionTable {
        let text = "nvs,data,nvs,0x9000,0x4000\napp,app,factory,0x10000,1M\nfs,data,fat,2M,6M\n";
        csv::compile(text, &csv::Options::default()).unwrap()
    }

    #[test]
    fn the_size_is_the_upper_half_of_the_fourth_byte() {
        assert_eq!(header_flash_size(&[0xE9, 1, 2, 0x20]), Some(4 * MB));
        assert_eq!(header_flash_size(&[0xE9, 1, 2, 0x4F]), Some(16 * MB));
        assert_eq!(header_flash_size(&[0xE9, 1, 2, 0xF0]), None);
        assert_eq!(header_flash_size(&[0xE9, 1, 2]), None);
        assert_eq!(header_flash_size(&[0xFF; 4]), None);
    }

    #[test]
    fn a_table_must_end_within_the_header_and_the_header_within_the_chip() {
        let table = eight_mb();
        let of = |header, board| {
            conflicts(&Sizes {
                header,
                table: Some(&table),
                board,
            })
        };
        assert_eq!(of(Some(8 * MB), Some(8 * MB)), []);
        assert_eq!(of(Some(8 * MB), Some(16 * MB)), []);
        assert_eq!(of(None, Some(MB)), []);
        assert_eq!(of(Some(16 * MB), None), []);
        let [small] = &of(Some(4 * MB), Some(8 * MB))[..] else {
            panic!()
        };
        assert_eq!(
            small.text("the header of a.bin"),
            "the header of a.bin says 4 MB of flash, and the partition 'fs' ends at 0x800000: the \
             boot loader refuses such a table, and nothing starts"
        );
        let refusal = small.refusal("it", Tool::PlatformIo, Some(8 * MB)).unwrap();
        assert_eq!(refusal.code(), "header-flash-size");
        assert!(
            refusal
                .remedy()
                .to_string()
                .contains("to 8 MB (board_upload.flash_size in platformio.ini)"),
            "{}",
            refusal.remedy()
        );
        // A larger size would not help on a board that has less.
        let refusal = small.refusal("it", Tool::PlatformIo, Some(4 * MB)).unwrap();
        assert_eq!(
            refusal.remedy().to_string(),
            "Make the partition table smaller than the 4 MB of flash that this board has, or use a \
             board with 8 MB."
        );
        let [large] = &of(Some(16 * MB), Some(4 * MB))[..] else {
            panic!()
        };
        assert!(!large.is_certain() && large.refusal("it", Tool::EspIdf, None).is_none());
        assert!(
            large
                .text("it")
                .contains("16 MB of flash, and the board has 4 MB")
        );
    }
}
