//! The checks that the build makes once every row has its place.

use std::collections::HashMap;
use std::ops::Range;

use fbuild_chip::flash::SECTOR_LEN;

use super::names::{APP, DATA, DATA_COREDUMP, DATA_NVS, DATA_OTA, DATA_TEE_OTA, FLAG_READONLY};
use super::problem::{Complaint, Problem, Stage};
use super::row::{Column, Row};
use super::rules::Rules;
use super::{Options, SecureBoot};
use crate::partitions::TABLE_BYTES;

const APP_ALIGNMENT: u32 = 0x1_0000;
const MIN_NVS_BYTES: u32 = 0x3000;
const OTADATA_BYTES: u32 = 0x2000;
const ROW_BYTES: usize = 32;

/// In the order in which the genuine tool makes them.
pub(super) fn verify(
    rows: &[Row],
    text_len: usize,
    options: &Options,
    problems: &mut Vec<Problem>,
) {
    let rules = Rules::of(options);
    for (index, row) in rows.iter().enumerate() {
        partition(row, index, options, &rules, problems);
    }
    names(rows, problems);
    let otadata = ["otadata-multiple", "otadata-size"];
    single(rows, DATA_OTA, otadata, "otadata", problems);
    if rules.since(5, 5) {
        let tee = ["tee-otadata-multiple", "tee-otadata-size"];
        single(rows, DATA_TEE_OTA, tee, "TEE otadata", problems);
    }
    flash_size(rows, options, problems);
    length(rows, text_len, options, problems);
}

fn partition(
    row: &Row,
    index: usize,
    options: &Options,
    rules: &Rules<'_>,
    problems: &mut Vec<Problem>,
) {
    let mut refuse = |column, complaint| {
        problems.push(row.problem(index, Stage::Partition, column, complaint));
    };
    if row.kind == Some(APP) {
        if let Some(offset) = row.offset.filter(|offset| offset % APP_ALIGNMENT != 0) {
            let next = up(offset, APP_ALIGNMENT);
            let message =
                format!("App partitions must start on a 64 KiB boundary. The next is {next}.");
            refuse(
                Column::Offset,
                Complaint::new("align-app-offset", message).replaced_by(Some(next)),
            );
        }
        if let Some(complaint) = row.size.and_then(|size| app_size(size, options, rules)) {
            refuse(Column::Size, complaint);
        }
    }
    let read_only = row.flags.is_some_and(|flags| flags & FLAG_READONLY != 0);
    if read_only && (row.is(DATA, DATA_OTA) || row.is(DATA, DATA_COREDUMP)) {
        let message = format!("'{}' is always read-write; remove 'readonly'.", row.name);
        let mut complaint = Complaint::new("readonly-forbidden", message);
        complaint.part = part_of(row.text(Column::Flags), "readonly");
        refuse(Column::Flags, complaint);
    }
    let is_small = row.size.is_some_and(|size| size < MIN_NVS_BYTES);
    if rules.since(5, 5) && row.is(DATA, DATA_NVS) && !read_only && is_small {
        let message = "An nvs partition needs at least 0x3000 bytes, or the flag 'readonly'.";
        let complaint = Complaint::new("nvs-min-size", message);
        refuse(
            Column::Size,
            complaint.replaced_by(Some(format!("{MIN_NVS_BYTES:#x}"))),
        );
    }
    if row.kind.is_some_and(|kind| kind != APP)
        && let Some(offset) = row.offset.filter(|offset| offset % SECTOR_LEN != 0)
    {
        let next = up(offset, SECTOR_LEN);
        let message = format!(
            "Partitions must start on a 4 KiB boundary; {offset:#x} does not. The next is {next}."
        );
        let complaint = Complaint::new("align-data-offset", message).replaced_by(Some(next));
        let mut problem = row.problem(index, Stage::Partition, Column::Offset, complaint);
        problem.is_refused = offset % rules.data_alignment() != 0;
        problems.push(problem);
    }
}

/// What is wrong with an app partition's size.
fn app_size(size: u32, options: &Options, rules: &Rules<'_>) -> Option<Complaint> {
    let (alignment, code, unit, why) = match options.secure_boot {
        Some(SecureBoot::V1 { short_apps: false }) => (
            APP_ALIGNMENT,
            "align-app-size-v1",
            "64 KiB",
            " with secure boot V1",
        ),
        Some(_) => (SECTOR_LEN, "align-app-size", "4 KiB", ""),
        None if rules.since(5, 3) => (SECTOR_LEN, "align-app-size", "4 KiB", ""),
        None => return None,
    };
    if size.is_multiple_of(alignment) {
        return None;
    }
    let message =
        format!("The size {size:#x} of an app partition must be a multiple of {unit}{why}.");
    Some(Complaint::new(code, message).replaced_by(Some(up(size, alignment))))
}

/// The next multiple, as it is written.
fn up(value: u32, alignment: u32) -> String {
    format!("{:#x}", u64::from(value).next_multiple_of(alignment.into()))
}

fn part_of(text: &str, part: &str) -> Option<Range<usize>> {
    let start = text.find(part)?;
    Some(start..start + part.len())
}

fn names(rows: &[Row], problems: &mut Vec<Problem>) {
    let mut first: HashMap<&str, usize> = HashMap::new();
    for (index, row) in rows.iter().enumerate() {
        let Some(&before) = first.get(row.name.as_str()) else {
            first.insert(&row.name, index);
            continue;
        };
        let line = rows[before].line;
        let message = format!("The name '{}' is already used on line {line}.", row.name);
        let complaint = Complaint::new("name-duplicate", message);
        let mut problem = row.problem(index, Stage::Table, Column::Name, complaint);
        problem.related = Some((before, format!("'{}' is first used here", row.name)));
        problems.push(problem);
    }
}

fn single(
    rows: &[Row],
    subtype: u8,
    [multiple, size]: [&'static str; 2],
    what: &str,
    problems: &mut Vec<Problem>,
) {
    let mut found = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.is(DATA, subtype));
    let Some((first, row)) = found.next() else {
        return;
    };
    let mut others = found.peekable();
    if others.peek().is_none() && row.size.is_some_and(|size| size != OTADATA_BYTES) {
        let message = format!("The {what} partition must have 0x2000 bytes.");
        let complaint =
            Complaint::new(size, message).replaced_by(Some(format!("{OTADATA_BYTES:#x}")));
        problems.push(row.problem(first, Stage::Table, Column::Size, complaint));
    }
    for (index, row) in others {
        let complaint = Complaint::new(multiple, format!("Only one {what} partition is allowed."));
        let mut problem = row.problem(index, Stage::Table, Column::Subtype, complaint);
        problem.related = Some((first, "the first one is here".to_owned()));
        problems.push(problem);
    }
}

fn flash_size(rows: &[Row], options: &Options, problems: &mut Vec<Problem>) {
    let last = rows.iter().enumerate().max_by_key(|(_, row)| row.offset);
    if let (Some((index, row)), Some(flash)) = (last, options.flash_bytes)
        && let Some(end) = row.end().filter(|end| *end > u64::from(flash))
    {
        let message = format!(
            "The table ends at {end:#x} ({}), but the flash at {flash:#x} ({}).",
            mebibytes(end),
            mebibytes(flash.into())
        );
        let fits = row.offset.filter(|offset| *offset < flash);
        let complaint = Complaint::new("flash-overflow", message)
            .replaced_by(fits.map(|offset| format!("{:#x}", flash - offset)));
        problems.push(row.problem(index, Stage::Table, Column::Size, complaint));
    }
}

fn mebibytes(bytes: u64) -> String {
    if bytes.is_multiple_of(1 << 20) {
        format!("{} MiB", bytes >> 20)
    } else {
        format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
    }
}

fn length(rows: &[Row], text_len: usize, options: &Options, problems: &mut Vec<Problem>) {
    let bytes = (rows.len() + usize::from(options.md5)) * ROW_BYTES;
    if bytes < TABLE_BYTES {
        return;
    }
    let most = TABLE_BYTES / ROW_BYTES - 1 - usize::from(options.md5);
    let span = rows
        .get(most)
        .map_or(text_len..text_len, |row| row.span.clone());
    problems.push(Problem {
        stage: Stage::Table,
        code: "too-many-entries",
        is_refused: true,
        span,
        row: None,
        line: None,
        message: format!("The table has {} rows; at most {most} fit.", rows.len()),
        related: None,
        replacement: None,
    });
}
