//! The checks that the build makes once every row has its place.

use std::collections::BTreeMap;

use super::names::{APP, DATA, DATA_COREDUMP, DATA_NVS, DATA_OTA, DATA_TEE_OTA, FLAG_READONLY};
use super::{CsvError, Options, Placed, error, is_data};
use crate::partitions::{Partition, TABLE_BYTES};

const APP_ALIGNMENT: u32 = 0x1_0000;
const DATA_ALIGNMENT: u32 = 0x1000;
const MIN_NVS_BYTES: u32 = 0x3000;
const OTADATA_BYTES: u32 = 0x2000;
const ROW_BYTES: usize = 32;

/// In the order in which the genuine tool makes them.
pub(super) fn verify(rows: &[Placed], options: &Options) -> Result<(), CsvError> {
    for row in rows {
        partition(row.line, &row.partition)?;
    }
    names(rows)?;
    single(
        rows,
        DATA_OTA,
        "otadata-multiple",
        "otadata-size",
        "otadata",
    )?;
    single(
        rows,
        DATA_TEE_OTA,
        "tee-otadata-multiple",
        "tee-otadata-size",
        "TEE otadata",
    )?;
    flash_size(rows, options)?;
    length(rows, options)
}

fn partition(line: usize, partition: &Partition) -> Result<(), CsvError> {
    let Partition {
        offset,
        size,
        flags,
        ..
    } = partition;
    if partition.kind == APP {
        if offset % APP_ALIGNMENT != 0 {
            let next = u64::from(*offset).next_multiple_of(APP_ALIGNMENT.into());
            let message =
                format!("App partitions must start on a 64 KiB boundary. The next is {next:#x}.");
            return Err(error(line, "align-app-offset", message));
        }
        if size % DATA_ALIGNMENT != 0 {
            let message = format!("The size {size:#x} must be a multiple of 4 KiB.");
            return Err(error(line, "align-app-size", message));
        }
    } else if offset % DATA_ALIGNMENT != 0 {
        let message = format!("Partitions must start on a 4 KiB boundary; {offset:#x} does not.");
        return Err(error(line, "align-data-offset", message));
    }
    let read_only = flags & FLAG_READONLY != 0;
    if read_only && (is_data(partition, DATA_OTA) || is_data(partition, DATA_COREDUMP)) {
        let message = format!(
            "'{}' is always read-write; remove 'readonly'.",
            partition.label
        );
        return Err(error(line, "readonly-forbidden", message));
    }
    if is_data(partition, DATA_NVS) && !read_only && *size < MIN_NVS_BYTES {
        let message = "An nvs partition needs at least 0x3000 bytes, or the flag 'readonly'.";
        return Err(error(line, "nvs-min-size", message));
    }
    Ok(())
}

fn names(rows: &[Placed]) -> Result<(), CsvError> {
    let mut lines = BTreeMap::new();
    for row in rows {
        if let Some(first) = lines.insert(row.partition.label.as_str(), row.line) {
            let message = format!(
                "The name '{}' is used on line {first} already.",
                row.partition.label
            );
            return Err(error(row.line, "name-duplicate", message));
        }
    }
    Ok(())
}

fn single(
    rows: &[Placed],
    subtype: u8,
    multiple: &'static str,
    size: &'static str,
    what: &str,
) -> Result<(), CsvError> {
    let mut found = rows
        .iter()
        .filter(|row| row.partition.kind == DATA && row.partition.subtype == subtype);
    let first = found.next();
    if let Some(second) = found.next() {
        let message = format!("Only one {what} partition is possible.");
        return Err(error(second.line, multiple, message));
    }
    match first {
        Some(row) if row.partition.size != OTADATA_BYTES => Err(error(
            row.line,
            size,
            format!("The {what} partition must have 0x2000 bytes."),
        )),
        _ => Ok(()),
    }
}

fn flash_size(rows: &[Placed], options: &Options) -> Result<(), CsvError> {
    let last = rows.iter().max_by_key(|row| row.partition.offset);
    match (last, options.flash_bytes) {
        (Some(last), Some(flash)) if last.partition.end() > u64::from(flash) => Err(error(
            last.line,
            "flash-overflow",
            format!(
                "The table ends at {:#x}, but the flash at {flash:#x}.",
                last.partition.end()
            ),
        )),
        _ => Ok(()),
    }
}

fn length(rows: &[Placed], options: &Options) -> Result<(), CsvError> {
    let bytes = (rows.len() + usize::from(options.md5)) * ROW_BYTES;
    if bytes < TABLE_BYTES {
        return Ok(());
    }
    let most = TABLE_BYTES / ROW_BYTES - 1 - usize::from(options.md5);
    Err(CsvError {
        line: None,
        code: "too-many-entries",
        message: format!("The table has {} rows; at most {most} fit.", rows.len()),
    })
}
