//! What is shown in and beside a table without being asked for: hints, lenses, the outline.

use fbuild_project::amount::amount;
use fbuild_project::partitions::csv::{Column, type_name};
use serde_json::json;

use super::table::Table;
use crate::{InlayHint, Lens, Symbol, SymbolKind};

/// Offsets that the build fills in, and sizes that are hard to read.
pub(super) fn inlay_hints(table: &Table<'_>) -> Vec<InlayHint> {
    let mut hints = Vec::new();
    for row in &table.rows {
        let blank = row.cell(Column::Offset).filter(|cell| cell.text.is_empty());
        if let (Some(cell), Some(offset)) = (blank, row.offset) {
            hints.push(InlayHint {
                at: cell.span.start,
                label: format!("{offset:#x}"),
                tooltip: Some("Where the build puts it.".to_owned()),
            });
        }
        let Some((cell, size)) = row.cell(Column::Size).zip(row.size) else {
            continue;
        };
        let is_plain = cell.text.ends_with(['K', 'k', 'M', 'm']) && !cell.text.starts_with('-');
        if !is_plain || !row.is_read(Column::Size) {
            hints.push(InlayHint {
                at: cell.span.end,
                label: amount(size.into()),
                tooltip: row.end().map(|end| format!("Ends at {end:#x}.")),
            });
        }
    }
    hints
}

/// "Deploy" and "Verify" over every row that something was built for.
pub(super) fn lenses(table: &Table<'_>) -> Vec<Lens> {
    let Some(build) = table.build else {
        return Vec::new();
    };
    let mut lenses = Vec::new();
    for row in &table.rows {
        for image in table.images_in(row) {
            let region = &image.region.name;
            for (verb, command) in [
                ("Deploy", "fbuild.server.deploy"),
                ("Verify", "fbuild.server.verify"),
            ] {
                lenses.push(Lens {
                    span: row.span.clone(),
                    title: format!("{verb} {region}"),
                    command,
                    arguments: json!({
                        "root": table.facts.root,
                        "target": build.target.name,
                        "regions": [region],
                    }),
                });
            }
        }
    }
    lenses
}

/// Every row, with its place.
pub(super) fn symbols(table: &Table<'_>) -> Vec<Symbol> {
    let symbol = |row: &fbuild_project::partitions::csv::Row| {
        let kind = row
            .kind
            .map_or_else(|| row.text(Column::Type).to_owned(), type_name);
        let mut detail = kind;
        for part in [
            Some(row.text(Column::Subtype).to_owned()).filter(|text| !text.is_empty()),
            row.offset.map(|offset| format!("{offset:#x}")),
            row.size.map(|size| amount(size.into())),
        ] {
            detail.extend(part.map(|part| format!(" {part}")));
        }
        let name_span = row.place(Column::Name);
        Symbol {
            name: row.name.clone(),
            detail,
            kind: SymbolKind::Partition,
            span: row.span.clone(),
            name_span: if name_span.is_empty() {
                row.span.clone()
            } else {
                name_span
            },
            children: Vec::new(),
        }
    };
    table.rows.iter().map(symbol).collect()
}
