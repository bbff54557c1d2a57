//! What is known about the row under the pointer.

use std::fmt::Write as _;

use fbuild_project::amount::amount;
use fbuild_project::partitions::csv::{Column, Row, Rules, type_name};
use fbuild_project::plain::{code, markdown};

use super::table::Table;
use crate::Hover;
use crate::facts::Image;

pub(super) fn hover(table: &Table<'_>, at: usize) -> Option<Hover> {
    let row = table
        .rows
        .iter()
        .find(|row| row.span.start <= at && at <= row.span.end)?;
    let mut text = format!("**{}**{}\n\n", markdown(&row.name), about(table, row));
    // No table, which editors in terminals show as it is written. Two spaces end a line.
    let mut line = |what: &str, value: String| {
        let _ = writeln!(text, "{what}: {value}  ");
    };
    if let Some(offset) = row.offset {
        let is_filled_in = row.is_read(Column::Offset) && row.text(Column::Offset).is_empty();
        let note = if is_filled_in { " (filled in)" } else { "" };
        line("Offset", format!("`{offset:#x}`{note}"));
    }
    if let Some(size) = row.size {
        line("Size", format!("`{size:#x}`, {}", amount(size.into())));
    }
    if let Some(end) = row.end() {
        line("End", format!("`{end:#x}`"));
    }
    for image in table.images_in(row) {
        line("Built", built(row, image));
        if let Some(said) = board(table, image) {
            line("Board", said);
        }
    }
    Some(Hover {
        span: row.span.clone(),
        markdown: text,
    })
}

/// Type and subtype, and what they are for.
fn about(table: &Table<'_>, row: &Row) -> String {
    let Some(kind) = row.kind else {
        return String::new();
    };
    let rules = Rules::of(&table.options);
    let known = rules
        .subtypes(kind)
        .into_iter()
        .find(|known| Some(known.value) == row.subtype);
    match (known, row.subtype) {
        (Some(known), _) => format!(" {}, {}: {}", type_name(kind), known.name, known.about),
        (None, Some(subtype)) => format!(" {}, {subtype:#x}", type_name(kind)),
        (None, None) => format!(" {}", type_name(kind)),
    }
}

fn built(row: &Row, image: &Image) -> String {
    let name = markdown(&image.region.name);
    let path = image.region.source.path();
    let file = code(&path.file_name().unwrap_or_default().to_string_lossy());
    match (image.len_bytes, row.size) {
        (Some(len), Some(size)) if size > 0 => {
            let percent = len.saturating_mul(100) / u64::from(size);
            let free = u64::from(size).checked_sub(len);
            let free = free.map_or_else(
                || "too large".to_owned(),
                |free| format!("{} free", amount(free)),
            );
            format!("{name}: {}, {percent} % full, {free} ({file})", amount(len))
        }
        (None, _) => format!("{name}, made from {file} when it is deployed"),
        (Some(len), _) => format!("{name}: {} ({file})", amount(len)),
    }
}

/// What the board held when this was deployed last.
fn board(table: &Table<'_>, image: &Image) -> Option<String> {
    let (board, deploy) = table.last_deploy()?;
    let region = deploy
        .regions
        .iter()
        .find(|region| region.name == image.region.name)?;
    let ended = match deploy.outcome.as_str() {
        "failed" => ", which failed",
        "cancelled" => ", which was cancelled",
        _ => "",
    };
    let said = match (region.verdict.as_str(), region.written) {
        (_, true) if !ended.is_empty() => "writing had begun",
        (_, true) => "was written",
        ("match", _) => "matched",
        ("differs", _) => "differed, and was not written",
        _ => "could not be compared",
    };
    let board = markdown(board.mac.as_ref().unwrap_or(&board.port));
    let is_newer = image.built_ms.is_some_and(|built| built > deploy.when_ms);
    let since = if is_newer { "; built again since" } else { "" };
    Some(format!(
        "{said} at the last deploy to {board}{ended}{since}"
    ))
}
