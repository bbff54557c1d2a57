//! Partition tables as people write them: `partitions.csv`.
//!
//! The rules are those of `gen_esp32part.py` of ESP-IDF v6.0.2, tested against what the genuine
//! tool makes of a corpus of tables. Where older versions differ, the newest counts.

mod names;
mod number;
mod verify;
mod version;

use std::collections::BTreeMap;

pub use self::names::ExtraSubtype;
use self::names::{APP, BOOTLOADER, DATA, PARTITION_TABLE};
pub use self::version::IdfVersion;
use super::{DEFAULT_TABLE_OFFSET, Partition, PartitionTable, TABLE_SECTOR_BYTES};

/// How a build signs apps, as far as tables are concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecureBoot {
    /// The ESP32's first scheme. `short_apps`: app partitions need not be multiples of 64 KiB.
    #[allow(missing_docs)]
    V1 { short_apps: bool },
    /// Every later scheme.
    V2,
}

/// What the build adds to the CSV.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where the table stands in flash.
    pub table_offset: u32,
    /// Where the boot loader stands; needed by `bootloader` rows only.
    pub bootloader_offset: Option<u32>,
    /// Where the recovery boot loader stands; needed by `recovery` rows only.
    pub recovery_offset: Option<u32>,
    /// Size of the flash, to check against.
    pub flash_bytes: Option<u32>,
    /// Whether an MD5 row follows.
    pub md5: bool,
    /// Variables for `$NAME` and `${NAME}`.
    pub variables: BTreeMap<String, String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            table_offset: DEFAULT_TABLE_OFFSET,
            bootloader_offset: None,
            recovery_offset: None,
            flash_bytes: None,
            md5: true,
            variables: BTreeMap::new(),
        }
    }
}

/// What is wrong with a CSV table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{message}", line.map(|n| format!("line {n}: ")).unwrap_or_default())]
pub struct CsvError {
    /// Line, from 1; `None` where the whole table is meant.
    pub line: Option<usize>,
    /// Stable code of the rule that is broken.
    pub code: &'static str,
    /// What is wrong, for people.
    pub message: String,
}

fn error(line: usize, code: &'static str, message: impl Into<String>) -> CsvError {
    CsvError {
        line: Some(line),
        code,
        message: message.into(),
    }
}

/// A row whose offset may still be blank and whose size may still be an end address.
#[derive(Debug)]
struct Row {
    line: usize,
    name: String,
    kind: u8,
    subtype: u8,
    offset: Option<i128>,
    size: i128,
    flags: u32,
}

impl Row {
    /// Rows that describe what the build places anyway; they take no part in filling blanks.
    fn is_fixed(&self) -> bool {
        (self.kind == BOOTLOADER || self.kind == PARTITION_TABLE) && self.subtype == 0
    }

    fn alignment(&self) -> i128 {
        if self.kind == APP { 0x1_0000 } else { 0x1000 }
    }
}

/// A row with everything known.
#[derive(Debug)]
struct Placed {
    line: usize,
    partition: Partition,
}

/// Compile a table, and check it as the build does.
pub fn compile(text: &str, options: &Options) -> Result<PartitionTable, CsvError> {
    let placed = place(text, options)?;
    verify::verify(&placed, options)?;
    Ok(table(placed, options))
}

/// Compile a table without the checks that only some versions of ESP-IDF make. For comparing with a
/// table that a build has accepted already.
pub fn compile_unverified(text: &str, options: &Options) -> Result<PartitionTable, CsvError> {
    Ok(table(place(text, options)?, options))
}

fn table(placed: Vec<Placed>, options: &Options) -> PartitionTable {
    PartitionTable {
        partitions: placed.into_iter().map(|row| row.partition).collect(),
        has_md5: options.md5,
    }
}

fn place(text: &str, options: &Options) -> Result<Vec<Placed>, CsvError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut rows = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = expand(line, &options.variables);
        let line = line.trim();
        let number = index + 1;
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('$') {
            let name = name.trim_matches(['{', '}']);
            return Err(error(
                number,
                "unknown-variable",
                format!("Unknown variable '{name}'."),
            ));
        }
        rows.push(row(number, line, options)?);
    }
    fill(rows, options)
}

/// Replace `$NAME` and `${NAME}` where NAME is set, as `os.path.expandvars` does.
fn expand(line: &str, variables: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        let after = &rest[at + 1..];
        let braced = after.strip_prefix('{').and_then(|s| s.split_once('}'));
        let (name, len) = if let Some((name, _)) = braced {
            (name, name.len() + 2)
        } else {
            let ends = |c: char| !c.is_ascii_alphanumeric() && c != '_';
            let len = after.find(ends).unwrap_or(after.len());
            (&after[..len], len)
        };
        if let Some(value) = variables.get(name) {
            out.push_str(value);
            rest = &after[len..];
        } else {
            out.push('$');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

fn row(line: usize, text: &str, options: &Options) -> Result<Row, CsvError> {
    let mut fields = text.split(',').map(str::trim).chain(std::iter::repeat(""));
    let mut field = || fields.next().unwrap_or_default();
    let (name, kind, subtype, offset, size, flags) =
        (field(), field(), field(), field(), field(), field());
    let kind = names::kind(line, kind)?;
    let subtype = names::subtype(line, kind, subtype)?;
    let number = |text: &str| {
        let value = number::parse(text, &|_| None).ok_or_else(|| {
            let message =
                format!("'{text}' is not a number. Use decimal, 0x hex, or a K or M suffix.");
            error(line, "number-invalid", message)
        })?;
        // Far more than 32 bits, and sums of such numbers cannot overflow.
        if value.unsigned_abs() > 1 << 64 {
            return Err(error(
                line,
                "offset-range",
                format!("{text} does not fit in 32 bits."),
            ));
        }
        Ok(value)
    };
    let offset = if offset.is_empty() {
        None
    } else {
        Some(number(offset)?)
    };
    let size = if size.is_empty() {
        None
    } else {
        Some(number(size)?)
    };
    let (offset, size) = fixed_places(line, (kind, subtype), offset, size, options)?;
    let size = size.ok_or_else(|| error(line, "size-empty", "Size is required."))?;
    Ok(Row {
        line,
        name: name.to_owned(),
        kind,
        subtype,
        offset,
        size,
        flags: names::flags(line, flags)?,
    })
}

/// Offset and size of rows that describe the boot loader or the table: the build fixes them.
fn fixed_places(
    line: usize,
    (kind, subtype): (u8, u8),
    offset: Option<i128>,
    size: Option<i128>,
    options: &Options,
) -> Result<(Option<i128>, Option<i128>), CsvError> {
    let table = i128::from(options.table_offset);
    let bootloader = |line| {
        options.bootloader_offset.map(i128::from).ok_or_else(|| {
            let message = "The offset of the boot loader is set by the ESP-IDF build, not by \
                           PlatformIO or Arduino.";
            error(line, "primary-offset-undefined", message)
        })
    };
    Ok(match (kind, subtype) {
        (BOOTLOADER, names::PRIMARY) => {
            let offset = bootloader(line)?;
            (Some(offset), Some(table - offset))
        }
        (BOOTLOADER, names::OTA) => (offset, Some(table - bootloader(line)?)),
        (BOOTLOADER, names::RECOVERY) => {
            let recovery = options.recovery_offset.ok_or_else(|| {
                let message = "The offset of the recovery boot loader is set by the ESP-IDF build, \
                               not by PlatformIO or Arduino.";
                error(line, "recovery-offset-undefined", message)
            })?;
            (Some(i128::from(recovery)), Some(table - bootloader(line)?))
        }
        (PARTITION_TABLE, names::PRIMARY) => (Some(table), Some(TABLE_SECTOR_BYTES.into())),
        (PARTITION_TABLE, names::OTA) => (offset, Some(TABLE_SECTOR_BYTES.into())),
        _ => (offset, size),
    })
}

/// Fill blank offsets, turn end addresses into sizes, and check the order.
fn fill(rows: Vec<Row>, options: &Options) -> Result<Vec<Placed>, CsvError> {
    let table_end = i128::from(options.table_offset) + i128::from(TABLE_SECTOR_BYTES);
    let mut last_end = table_end;
    let mut last_name: Option<String> = None;
    let mut placed = Vec::with_capacity(rows.len());
    for mut row in rows {
        if !row.is_fixed() {
            let start = match row.offset {
                Some(offset) if offset < last_end => {
                    return Err(before_previous(
                        &row,
                        offset,
                        last_end,
                        last_name.as_deref(),
                    ));
                }
                Some(offset) => offset,
                None => (last_end + row.alignment() - 1) / row.alignment() * row.alignment(),
            };
            row.offset = Some(start);
            if row.size < 0 {
                row.size = -row.size - start;
            }
            last_end = start + row.size;
            last_name = Some(row.name.clone());
        }
        placed.push(in_32_bits(row)?);
    }
    Ok(placed)
}

fn before_previous(row: &Row, offset: i128, last_end: i128, last: Option<&str>) -> CsvError {
    match last {
        None => error(
            row.line,
            "below-table-end",
            format!(
                "Offset {offset:#x} is inside or before the partition table; the first free offset \
                 is {last_end:#x}."
            ),
        ),
        Some(last) => error(
            row.line,
            "overlap",
            format!(
                "'{}' at {offset:#x} overlaps '{last}', which ends at {last_end:#x}; rows must be \
                 in ascending order.",
                row.name
            ),
        ),
    }
}

fn in_32_bits(row: Row) -> Result<Placed, CsvError> {
    if row.size < 0 {
        let message = "The end address lies before the start.";
        return Err(error(row.line, "size-negative", message));
    }
    let word = |value: i128| {
        u32::try_from(value).map_err(|_| {
            error(
                row.line,
                "offset-range",
                format!("{value:#x} does not fit in 32 bits."),
            )
        })
    };
    Ok(Placed {
        line: row.line,
        partition: Partition {
            offset: word(row.offset.unwrap_or_default())?,
            size: word(row.size)?,
            label: row.name,
            kind: row.kind,
            subtype: row.subtype,
            flags: row.flags,
        },
    })
}

/// Whether a data partition is meant; the rules for them differ in several places.
fn is_data(partition: &Partition, subtype: u8) -> bool {
    partition.kind == DATA && partition.subtype == subtype
}

#[cfg(test)]
mod tests;
