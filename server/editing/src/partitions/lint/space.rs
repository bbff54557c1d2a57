//! Flash that is wasted, and sizes that waste it.

use fbuild_project::amount::amount;
use fbuild_project::partitions::csv::{Column, Row};

use super::{APP, DATA, DATA_OTA, Diagnostic, Severity, Table, related, visible};

const SECTOR_BYTES: u64 = 0x1000;
/// Where the Arduino framework writes `boot_app0.bin`, whatever the table says, and its length.
const BOOT_APP0: std::ops::Range<u64> = 0xe000..0x1_0000;

pub(super) fn lint(table: &Table<'_>, found: &mut Vec<Diagnostic>) {
    for (index, row) in table.rows.iter().enumerate() {
        size(row, found);
        if !row.is_fixed() {
            gap(table, index, row, found);
        }
    }
    unused(table, found);
    if table.is_arduino() {
        boot_app0(table, found);
    }
    fixed_app(table, found);
}

fn size(row: &Row, found: &mut Vec<Diagnostic>) {
    let place = visible(row.place(Column::Size), row);
    match row.size {
        Some(0) => found.push(Diagnostic::new(
            place,
            Severity::Warning,
            "size-zero",
            "The partition has no bytes.",
        )),
        Some(size) if row.kind != Some(APP) && u64::from(size) % SECTOR_BYTES != 0 => {
            let message =
                "The size is not a multiple of 4 KiB; the last sector cannot be erased alone.";
            found.push(Diagnostic::new(
                place,
                Severity::Warning,
                "size-unaligned-data",
                message,
            ));
        }
        _ => {}
    }
}

/// Space before a row that alignment does not ask for.
fn gap(table: &Table<'_>, index: usize, row: &Row, found: &mut Vec<Diagnostic>) {
    let alignment = if row.kind == Some(APP) {
        0x1_0000
    } else {
        SECTOR_BYTES
    };
    let end = table.end_before(index);
    let could_start = end.next_multiple_of(alignment);
    // One that does not start on a boundary is refused, which is enough to say.
    let is_gap = |offset: &u64| *offset > could_start && offset.is_multiple_of(alignment);
    let Some(offset) = row.offset.map(u64::from).filter(is_gap) else {
        return;
    };
    // Of rows that could not be read nobody knows what they take up.
    if table.rows[..index].iter().any(|row| row.end().is_none()) {
        return;
    }
    let message = format!(
        "{} are unused before '{}' ({end:#x} to {:#x}).",
        amount(offset - end),
        row.name,
        offset - 1
    );
    let place = visible(row.place(Column::Offset), row);
    let mut diagnostic = Diagnostic::new(place, Severity::Hint, "gap", message);
    let before = table.rows[..index].iter().filter(|row| !row.is_fixed());
    if let Some(before) = before.max_by_key(|row| row.end()) {
        diagnostic.related.push(related(
            before,
            format!("'{}' ends at {end:#x}", before.name),
        ));
    }
    found.push(diagnostic);
}

fn unused(table: &Table<'_>, found: &mut Vec<Diagnostic>) {
    let last = table.rows.iter().max_by_key(|row| row.end());
    if let (Some(row), Some(flash)) = (last, table.options.flash_bytes.map(u64::from))
        && let Some(end) = row.end().filter(|end| *end + SECTOR_BYTES <= flash)
        && table.rows.iter().all(|row| row.end().is_some())
    {
        let message = format!(
            "{} of the flash ({}) are unused after '{}'.",
            amount(flash - end),
            amount(flash),
            row.name
        );
        found.push(Diagnostic::new(
            visible(row.place(Column::Size), row),
            Severity::Hint,
            "flash-unused",
            message,
        ));
    }
}

fn boot_app0(table: &Table<'_>, found: &mut Vec<Diagnostic>) {
    let hit: Vec<&Row> = table
        .rows
        .iter()
        .filter(|row| {
            let is_otadata = row.kind == Some(DATA) && row.subtype == Some(DATA_OTA);
            let (start, end) = (row.offset.map(u64::from), row.end());
            !is_otadata
                && start.is_some_and(|start| start < BOOT_APP0.end)
                && end.is_some_and(|end| BOOT_APP0.start < end)
        })
        .collect();
    if let Some((first, others)) = hit.split_first() {
        let names: Vec<_> = hit.iter().map(|row| format!("'{}'", row.name)).collect();
        let message = format!(
            "The Arduino build writes boot_app0.bin to 0xe000-0xffff, inside {}.",
            names.join(" and ")
        );
        let mut diagnostic = Diagnostic::new(
            first.span.clone(),
            Severity::Warning,
            "boot-app0-clobbers",
            message,
        );
        diagnostic
            .related
            .extend(others.iter().map(|row| related(row, "this one, too")));
        found.push(diagnostic);
    }
}

/// PlatformIO's Arduino platform writes the app to a fixed offset.
fn fixed_app(table: &Table<'_>, found: &mut Vec<Diagnostic>) {
    let Some(fixed) = table.configuration.and_then(|known| known.fixed_app_offset) else {
        return;
    };
    let is_bootable =
        |row: &&Row| row.kind == Some(APP) && matches!(row.subtype, Some(0x00 | 0x10));
    let mut apps = table.rows.iter().filter(is_bootable).peekable();
    let Some(first) = apps.peek().copied() else {
        return;
    };
    if apps.all(|row| row.offset.is_some_and(|offset| offset != fixed)) {
        let message = format!(
            "The Arduino build writes the app to {fixed:#x}, where no app partition begins."
        );
        let place = visible(first.place(Column::Offset), first);
        found.push(Diagnostic::new(
            place,
            Severity::Warning,
            "app-not-at-fixed-offset",
            message,
        ));
    }
}
