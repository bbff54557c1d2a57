//! What ESP-IDF accepts and is worth a word all the same: each function one subject.

mod images;
pub(super) mod names;
mod ota;
mod space;

use fbuild_project::partitions::csv::{Column, Row};

use super::table::Table;
use crate::{Diagnostic, Related, Severity, Span};

/// The flag that keeps firmware from writing.
const READONLY: u32 = 1 << 1;
const APP: u8 = 0;
const DATA: u8 = 1;
const DATA_OTA: u8 = 0;

pub(super) fn lints(table: &Table<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    names::lint(table, &mut found);
    ota::lint(table, &mut found);
    space::lint(table, &mut found);
    images::lint(table, &mut found);
    for row in &table.rows {
        extra_columns(row, &mut found);
        reserved_type(row, &mut found);
        readonly_app(row, &mut found);
    }
    found
}

fn extra_columns(row: &Row, found: &mut Vec<Diagnostic>) {
    let beyond = row
        .cells
        .get(Column::Flags as usize + 1..)
        .unwrap_or_default();
    if let (Some(first), Some(last)) = (beyond.first(), beyond.last())
        && beyond.iter().any(|cell| !cell.text.is_empty())
    {
        let span = visible(first.whole.start..last.whole.end, row);
        found.push(Diagnostic::new(
            span,
            Severity::Hint,
            "extra-columns",
            "Columns after Flags are ignored.",
        ));
    }
}

/// Source: ESP-IDF documentation, "Partition Tables": 0x40 to 0xFE are for applications. Espressif
/// itself uses 0x3F (`esp_secure_cert`), so this is a hint only.
fn reserved_type(row: &Row, found: &mut Vec<Diagnostic>) {
    if row.kind.is_some_and(|kind| (0x04..0x40).contains(&kind)) {
        found.push(Diagnostic::new(
            row.place(Column::Type),
            Severity::Hint,
            "type-reserved",
            "Types from 0x04 to 0x3f are reserved for ESP-IDF; 0x40 to 0xfe are free.",
        ));
    }
}

fn readonly_app(row: &Row, found: &mut Vec<Diagnostic>) {
    if row.kind == Some(APP) && row.flags.is_some_and(|flags| flags & READONLY != 0) {
        found.push(Diagnostic::new(
            row.place(Column::Flags),
            Severity::Hint,
            "readonly-app",
            "'readonly' on an app keeps updates over the air from being written to it.",
        ));
    }
}

/// A span that can be seen: the row where the cell is empty.
fn visible(span: Span, row: &Row) -> Span {
    if span.is_empty() {
        row.span.clone()
    } else {
        span
    }
}

/// A row that has to do with it.
fn related(row: &Row, message: impl Into<String>) -> Related {
    Related {
        path: None,
        span: row.span.clone(),
        message: message.into(),
    }
}
