//! What could be typed: names of types, subtypes and flags, free offsets, sizes, whole rows.

use fbuild_project::amount::amount;
use fbuild_project::partitions::csv::{Column, Row, Rules, lines};

use super::table::{Table, written};
use crate::{Completion, CompletionKind, Span};

/// Rows that most tables have. Sizes as ESP-IDF's own tables have them.
const ROWS: [(&str, &str); 8] = [
    ("nvs, data, nvs, , 0x6000,", "settings by key"),
    ("otadata, data, ota, , 0x2000,", "which OTA slot boots"),
    ("phy_init, data, phy, , 0x1000,", "calibration of the radio"),
    ("factory, app, factory, , 1M,", "the app"),
    ("ota_0, app, ota_0, , 1M,", "the first OTA slot"),
    ("ota_1, app, ota_1, , 1M,", "the second OTA slot"),
    ("storage, data, spiffs, , 1M,", "SPIFFS file system"),
    (
        "coredump, data, coredump, , 64K,",
        "what is left of a crash",
    ),
];

/// Sizes that are often wanted.
const SIZES: [u64; 8] = [
    0x1000, 0x2000, 0x3000, 0x6000, 0x1_0000, 0x10_0000, 0x18_0000, 0x20_0000,
];

const COLUMNS: [Column; 6] = [
    Column::Name,
    Column::Type,
    Column::Subtype,
    Column::Offset,
    Column::Size,
    Column::Flags,
];

pub(super) fn completions(table: &Table<'_>, at: usize) -> Vec<Completion> {
    let Some(line) = lines(table.text)
        .find(|line| line.start <= at && at <= line.end)
        .or_else(|| (at == table.text.len()).then_some(at..at))
    else {
        return Vec::new();
    };
    let before = &table.text[line.start..at];
    if before
        .trim_start_matches('\u{feff}')
        .trim_start()
        .starts_with('#')
        || before.contains('$')
    {
        return Vec::new();
    }
    let Some(column) = COLUMNS.get(before.matches(',').count()) else {
        return Vec::new();
    };
    let span = cell_around(table.text, &line, at);
    let index = table
        .rows
        .iter()
        .position(|row| row.span.start <= line.end && line.start <= row.span.end);
    let row = index.map(|index| &table.rows[index]);
    // A row that is not there yet follows those above it.
    let place = index.unwrap_or_else(|| table.rows.iter().filter(|row| row.span.end <= at).count());
    match column {
        Column::Name => whole_rows(table, &line, at),
        Column::Type => types(table, &span),
        Column::Subtype => subtypes(table, row, &span),
        Column::Offset => offsets(table, row, place, &span),
        Column::Size => sizes(table, row, place, &span),
        Column::Flags => flags(table, at, &span),
    }
}

/// The cell at `at`, without the space around it; empty if there is only space.
fn cell_around(text: &str, line: &Span, at: usize) -> Span {
    let start = text[line.start..at]
        .rfind(',')
        .map_or(line.start, |comma| line.start + comma + 1);
    let end = text[at..line.end]
        .find(',')
        .map_or(line.end, |comma| at + comma);
    let cell = &text[start..end];
    let inner = cell.trim();
    if inner.is_empty() {
        return at..at;
    }
    let from = start + (cell.len() - cell.trim_start().len());
    from.min(at)..(from + inner.len()).max(at)
}

fn value(span: &Span, text: String, detail: impl Into<String>) -> Completion {
    Completion {
        span: span.clone(),
        text,
        kind: CompletionKind::Value,
        detail: detail.into(),
        documentation: None,
    }
}

/// Only where the line has nothing but the beginning of a name.
fn whole_rows(table: &Table<'_>, line: &Span, at: usize) -> Vec<Completion> {
    let text = table.text[line.clone()].trim_start_matches('\u{feff}');
    if text.contains(',') {
        return Vec::new();
    }
    // What a completion replaces has to begin at the cursor at the latest.
    let start = at.min(line.end - text.trim_start().len());
    let is_there = |row: &str| {
        let name = row.split(',').next().unwrap_or_default();
        table
            .rows
            .iter()
            .any(|other| other.name == name && !other.text(Column::Type).is_empty())
    };
    let rows = ROWS.iter().filter(|(row, _)| !is_there(row));
    rows.map(|(row, about)| Completion {
        kind: CompletionKind::Section,
        ..value(&(start..line.end), (*row).to_owned(), *about)
    })
    .collect()
}

fn types(table: &Table<'_>, span: &Span) -> Vec<Completion> {
    let names = Rules::of(&table.options).types().into_iter().rev();
    names
        .map(|known| value(span, known.name, known.about))
        .collect()
}

/// Those already in the table come last.
fn subtypes(table: &Table<'_>, row: Option<&Row>, span: &Span) -> Vec<Completion> {
    let Some(kind) = row.and_then(|row| row.kind) else {
        return Vec::new();
    };
    let is_used = |value| {
        let others = table
            .rows
            .iter()
            .filter(|other| Some(other.line) != row.map(|row| row.line));
        others
            .clone()
            .any(|other| other.kind == Some(kind) && other.subtype == Some(value))
    };
    let mut names = Rules::of(&table.options).subtypes(kind);
    names.sort_by_key(|known| is_used(known.value));
    names
        .into_iter()
        .map(|known| value(span, known.name, known.about))
        .collect()
}

fn alignment(row: Option<&Row>) -> u64 {
    let is_app = row.is_some_and(|row| row.kind == Some(0));
    if is_app { 0x1_0000 } else { 0x1000 }
}

fn offsets(table: &Table<'_>, row: Option<&Row>, place: usize, span: &Span) -> Vec<Completion> {
    let next = table.end_before(place).next_multiple_of(alignment(row));
    vec![value(span, format!("{next:#x}"), "the next free offset")]
}

fn sizes(table: &Table<'_>, row: Option<&Row>, place: usize, span: &Span) -> Vec<Completion> {
    let start = match row.and_then(|row| row.offset) {
        Some(offset) => offset.into(),
        None => table.end_before(place).next_multiple_of(alignment(row)),
    };
    let room = table
        .limit_after(place)
        .and_then(|limit| limit.checked_sub(start));
    let room = room
        .map(|room| room - room % 0x1000)
        .filter(|room| *room > 0);
    let rest = room.map(|room| {
        value(
            span,
            written(room),
            format!("all that is free: {}", amount(room)),
        )
    });
    let fits = |size: &&u64| room.is_none_or(|room| **size < room);
    let usual = SIZES
        .iter()
        .filter(fits)
        .map(|size| value(span, written(*size), amount(*size)));
    rest.into_iter().chain(usual).collect()
}

/// One flag of the list, and those that are not in it yet.
fn flags(table: &Table<'_>, at: usize, span: &Span) -> Vec<Completion> {
    let cell = &table.text[span.clone()];
    let inside = at - span.start;
    let start = cell[..inside].rfind(':').map_or(0, |colon| colon + 1);
    let end = cell[inside..]
        .find(':')
        .map_or(cell.len(), |colon| inside + colon);
    let others = [&cell[..start], &cell[end..]].concat();
    let span = span.start + start..span.start + end;
    let rules = Rules::of(&table.options);
    let names = rules
        .flag_names()
        .filter(|(name, _)| !others.contains(name));
    names
        .map(|(name, about)| value(&span, name.to_owned(), about))
        .collect()
}
