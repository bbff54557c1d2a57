//! Partition tables: the binary form as it is in flash. The CSV form is in [`csv`].
//!
//! Source of the layout: ESP-IDF `gen_esp32part.py` and `esp_flash_partitions.h` (v6.0).

pub mod csv;
pub mod loss;

use md5::{Digest, Md5};

/// Bytes of a row.
const ROW_BYTES: usize = 32;
/// Bytes of a table file. The sector it is in has 0x1000; the rest is FF or a signature.
pub const TABLE_BYTES: usize = 0xC00;
/// Bytes of flash that belong to the table.
pub const TABLE_SECTOR_BYTES: u32 = 0x1000;
/// Where the table is unless a project says otherwise.
pub const DEFAULT_TABLE_OFFSET: u32 = 0x8000;

const ROW_MAGIC: [u8; 2] = [0xAA, 0x50];
const MD5_ROW_START: [u8; 16] = {
    let mut start = [0xFF; 16];
    start[0] = 0xEB;
    start[1] = 0xEB;
    start
};

const TYPE_APP: u8 = 0x00;
const TYPE_DATA: u8 = 0x01;
const TYPE_BOOTLOADER: u8 = 0x02;
const TYPE_PARTITION_TABLE: u8 = 0x03;
const APP_FACTORY: u8 = 0x00;
const APP_OTA_MIN: u8 = 0x10;
const APP_OTA_MAX: u8 = 0x1F;
const DATA_OTA: u8 = 0x00;
const DATA_SPIFFS: u8 = 0x82;
const DATA_LITTLEFS: u8 = 0x83;

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its name. The binary form keeps the first 16 bytes.
    pub label: String,
    /// Type: 0 app, 1 data, …
    pub kind: u8,
    /// Subtype; what it means depends on the type.
    pub subtype: u8,
    /// Byte offset in flash.
    pub offset: u32,
    /// Size in bytes.
    pub size: u32,
    /// Bit 0 encrypted, bit 1 read-only.
    pub flags: u32,
}

impl Partition {
    /// Whether it holds an app (a TEE counts as one).
    pub fn is_app(&self) -> bool {
        self.kind == TYPE_APP
    }

    /// Whether it is the factory app.
    pub fn is_factory(&self) -> bool {
        self.kind == TYPE_APP && self.subtype == APP_FACTORY
    }

    /// Number of the OTA slot, if it is one.
    pub fn ota_slot(&self) -> Option<u8> {
        (self.kind == TYPE_APP && (APP_OTA_MIN..=APP_OTA_MAX).contains(&self.subtype))
            .then(|| self.subtype - APP_OTA_MIN)
    }

    /// Whether it says which OTA slot boots.
    pub fn is_otadata(&self) -> bool {
        self.kind == TYPE_DATA && self.subtype == DATA_OTA
    }

    /// Whether it holds a file system that an update over the air may replace.
    pub fn is_spiffs_or_littlefs(&self) -> bool {
        self.kind == TYPE_DATA && matches!(self.subtype, DATA_SPIFFS | DATA_LITTLEFS)
    }

    /// Whether it names the boot loader or the table itself, as tables may since ESP-IDF 5.4.
    pub fn is_part_of_start(&self) -> bool {
        matches!(self.kind, TYPE_BOOTLOADER | TYPE_PARTITION_TABLE)
    }

    /// First byte after it.
    pub fn end(&self) -> u64 {
        u64::from(self.offset) + u64::from(self.size)
    }

    /// Whether `offset` lies in it.
    pub fn contains(&self, offset: u32) -> bool {
        self.offset <= offset && u64::from(offset) < self.end()
    }

    fn row(&self) -> [u8; ROW_BYTES] {
        let mut row = [0; ROW_BYTES];
        row[0..2].copy_from_slice(&ROW_MAGIC);
        row[2] = self.kind;
        row[3] = self.subtype;
        row[4..8].copy_from_slice(&self.offset.to_le_bytes());
        row[8..12].copy_from_slice(&self.size.to_le_bytes());
        // gen_esp32part.py cuts at 16 bytes too, even inside a character.
        for (to, from) in row[12..28].iter_mut().zip(self.label.bytes()) {
            *to = from;
        }
        row[28..32].copy_from_slice(&self.flags.to_le_bytes());
        row
    }

    fn from_row(row: &[u8; ROW_BYTES]) -> Self {
        let word = |at: usize| u32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
        let name = &row[12..28];
        let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
        Self {
            label: String::from_utf8_lossy(name).into_owned(),
            kind: row[2],
            subtype: row[3],
            offset: word(4),
            size: word(8),
            flags: word(28),
        }
    }
}

/// Why bytes are not a partition table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// A row begins with something else than AA 50.
    #[error("row {row} begins with {found}, not with aa 50")]
    RowMagic {
        /// Number of the row, from 1.
        row: usize,
        /// Its first two bytes.
        found: String,
    },
    /// The rows' MD5 is not the one that is in the table.
    #[error("its MD5 does not match its rows")]
    Md5,
    /// No row of FF ends it.
    #[error("it has no end (a row of ff)")]
    NoEnd,
    /// It has no rows.
    #[error("it has no rows")]
    Empty,
}

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionTable {
    /// Its partitions, in the order of its rows.
    pub partitions: Vec<Partition>,
    /// Whether an MD5 of the rows follows them.
    pub has_md5: bool,
}

impl PartitionTable {
    /// Read the binary form. Bytes after the end (a signature, FF) do not matter.
    ///
    /// # Errors
    /// [`TableError`] says which row is wrong. Build the table again.
    pub fn parse(bytes: &[u8]) -> Result<Self, TableError> {
        let mut partitions = Vec::new();
        let mut has_md5 = false;
        for (index, row) in bytes.chunks(ROW_BYTES).enumerate() {
            let Ok(row) = <&[u8; ROW_BYTES]>::try_from(row) else {
                return Err(TableError::NoEnd);
            };
            if row.iter().all(|byte| *byte == 0xFF) {
                if partitions.is_empty() {
                    return Err(TableError::Empty);
                }
                return Ok(Self {
                    partitions,
                    has_md5,
                });
            }
            if row[..16] == MD5_ROW_START {
                let computed = Md5::digest(&bytes[..index * ROW_BYTES]);
                if computed[..] != row[16..] {
                    return Err(TableError::Md5);
                }
                has_md5 = true;
            } else if row[..2] == ROW_MAGIC && !has_md5 {
                partitions.push(Partition::from_row(row));
            } else {
                return Err(TableError::RowMagic {
                    row: index + 1,
                    found: format!("{:02x} {:02x}", row[0], row[1]),
                });
            }
        }
        Err(if bytes.is_empty() {
            TableError::Empty
        } else {
            TableError::NoEnd
        })
    }

    /// The binary form, as `gen_esp32part.py` writes it. More than 94 rows (95 without MD5) make it
    /// longer than a table may be; [`csv::compile`] refuses them.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.partitions.iter().flat_map(Partition::row).collect();
        if self.has_md5 {
            let digest = Md5::digest(&bytes);
            bytes.extend(MD5_ROW_START);
            bytes.extend(digest);
        }
        bytes.resize(bytes.len().max(TABLE_BYTES), 0xFF);
        bytes
    }

    /// The partition that `offset` lies in.
    pub fn at(&self, offset: u32) -> Option<&Partition> {
        self.partitions.iter().find(|p| p.contains(offset))
    }

    /// The app partition that begins at `offset`.
    pub fn app_at(&self, offset: u32) -> Option<&Partition> {
        self.apps().find(|p| p.offset == offset)
    }

    /// App partitions, in the order of the rows.
    pub fn apps(&self) -> impl Iterator<Item = &Partition> {
        self.partitions.iter().filter(|p| p.is_app())
    }

    /// The partition that says which OTA slot boots.
    pub fn otadata(&self) -> Option<&Partition> {
        self.partitions.iter().find(|p| p.is_otadata())
    }

    /// The factory app.
    pub fn factory(&self) -> Option<&Partition> {
        self.partitions.iter().find(|p| p.is_factory())
    }

    /// OTA slots, by number.
    pub fn ota_slots(&self) -> Vec<&Partition> {
        let mut slots: Vec<_> = self
            .partitions
            .iter()
            .filter(|p| p.ota_slot().is_some())
            .collect();
        slots.sort_by_key(|p| p.subtype);
        slots
    }

    /// The app that a board with empty otadata boots: factory, else the first OTA slot. This is
    /// also where ESP-IDF puts a freshly built app.
    pub fn boot_default(&self) -> Option<&Partition> {
        self.factory().or_else(|| self.ota_slots().first().copied())
    }

    /// One line about the first row in which `self` (from the CSV) and `built` differ.
    pub fn first_difference(&self, built: &Self) -> Option<String> {
        let rows = self.partitions.len().max(built.partitions.len());
        (0..rows).find_map(|index| {
            match (self.partitions.get(index), built.partitions.get(index)) {
                (Some(csv), Some(binary)) if csv.row() == binary.row() => None,
                (Some(csv), Some(binary)) => Some(csv.difference(binary)),
                (Some(csv), None) => Some(format!("'{}' is missing in the built table", csv.label)),
                (None, Some(binary)) => Some(format!("'{}' is missing in the CSV", binary.label)),
                (None, None) => None,
            }
        })
    }
}

impl Partition {
    /// What is different in `built`, in the words of a CSV's columns.
    fn difference(&self, built: &Self) -> String {
        let kib = |bytes: u32| crate::amount::amount_in_kib(bytes.into());
        let columns = [
            ("name", self.label.clone(), built.label.clone()),
            (
                "type",
                format!("{:#x}", self.kind),
                format!("{:#x}", built.kind),
            ),
            (
                "subtype",
                format!("{:#x}", self.subtype),
                format!("{:#x}", built.subtype),
            ),
            (
                "offset",
                format!("{:#x}", self.offset),
                format!("{:#x}", built.offset),
            ),
            ("size", kib(self.size), kib(built.size)),
            (
                "flags",
                format!("{:#x}", self.flags),
                format!("{:#x}", built.flags),
            ),
        ];
        let differing = columns.into_iter().filter(|(_, csv, built)| csv != built);
        let differing: Vec<_> = differing
            .map(|(column, csv, built)| {
                format!("{column} {csv} in the CSV, {built} in the built table")
            })
            .collect();
        format!("'{}' has {}", self.label, differing.join("; "))
    }
}

/// A partition table in either form.
///
/// # Errors
/// A text that says what is wrong, to follow the file's name.
pub fn parse_table(bytes: &[u8]) -> Result<PartitionTable, String> {
    if bytes.starts_with(&[0xAA, 0x50]) {
        return PartitionTable::parse(bytes).map_err(|error| error.to_string());
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    csv::compile_unverified(text, &csv::Options::default()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn two_ota() -> PartitionTable {
        csv::compile(
            "nvs,data,nvs,,16K\notadata,data,ota,,8K\nphy,data,phy,,4K\n\
             ota_1,app,ota_1,0x110000,1M\nota_0,app,ota_0,0x210000,1M\n",
            &csv::Options::default(),
        )
        .unwrap()
    }

    #[test]
    fn binary_form_survives_a_round_trip() {
        let table = two_ota();
        let bytes = table.to_bytes();
        assert_eq!(bytes.len(), TABLE_BYTES);
        assert_eq!(PartitionTable::parse(&bytes), Ok(table));
    }

    #[test]
    fn slots_are_ordered_by_number_and_the_first_boots_without_a_factory_app() {
        let table = two_ota();
        let slots: Vec<_> = table.ota_slots().iter().map(|p| p.label.as_str()).collect();
        assert_eq!(slots, ["ota_0", "ota_1"]);
        assert_eq!(table.boot_default().map(|p| p.offset), Some(0x21_0000));
        assert_eq!(table.otadata().map(|p| p.offset), Some(0xd000));
    }

    #[test]
    fn tells_what_is_wrong() {
        let bytes = two_ota().to_bytes();
        let mut flipped = bytes.clone();
        flipped[9] ^= 1;
        assert_eq!(PartitionTable::parse(&flipped), Err(TableError::Md5));
        assert_eq!(PartitionTable::parse(&bytes[..100]), Err(TableError::NoEnd));
        assert_eq!(PartitionTable::parse(&[0xFF; 64]), Err(TableError::Empty));
        assert_eq!(PartitionTable::parse(&[]), Err(TableError::Empty));
        assert_eq!(
            PartitionTable::parse(&[0; 64]),
            Err(TableError::RowMagic {
                row: 1,
                found: "00 00".into()
            })
        );
    }

    #[test]
    fn names_the_first_row_that_differs() {
        let table = two_ota();
        assert_eq!(table.first_difference(&table), None);
        let mut smaller = table.clone();
        smaller.partitions[3].size = 0x8_0000;
        assert_eq!(
            smaller.first_difference(&table).unwrap(),
            "'ota_1' has size 512 KiB in the CSV, 1024 KiB in the built table"
        );
    }

    proptest! {
        #[test]
        fn no_bytes_panic_the_parser(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = PartitionTable::parse(&bytes);
        }

        #[test]
        fn no_mutation_panics_the_parser(at in 0usize..TABLE_BYTES, value: u8, len in 0usize..=TABLE_BYTES) {
            let mut bytes = two_ota().to_bytes();
            bytes[at] = value;
            bytes.truncate(len);
            let _ = PartitionTable::parse(&bytes);
        }
    }
}
