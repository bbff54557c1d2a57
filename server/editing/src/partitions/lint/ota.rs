//! Apps and OTA slots that do not go together.

use fbuild_project::amount::amount;
use fbuild_project::partitions::csv::{Column, Row};

use super::{APP, DATA, DATA_OTA, Diagnostic, Severity, Table, related, visible};

const OTA_0: u8 = 0x10;
const OTA_15: u8 = 0x1F;

pub(super) fn lint(table: &Table<'_>, found: &mut Vec<Diagnostic>) {
    let is_readable = table.rows.iter().all(|row| row.kind.is_some());
    let apps: Vec<&Row> = table
        .rows
        .iter()
        .filter(|row| row.kind == Some(APP))
        .collect();
    if apps.is_empty()
        && is_readable
        && let Some(first) = table.rows.first()
    {
        let message = "No app partition: there is nothing to boot.";
        found.push(Diagnostic::new(
            first.span.clone(),
            Severity::Warning,
            "no-app",
            message,
        ));
    }
    duplicates(&apps, found);

    let mut slots: Vec<(u8, &Row)> = apps
        .iter()
        .filter_map(|row| Some((row.subtype?, *row)))
        .filter(|(subtype, _)| (OTA_0..=OTA_15).contains(subtype))
        .collect();
    slots.sort_by_key(|(subtype, _)| *subtype);
    let otadata = table
        .rows
        .iter()
        .find(|row| row.kind == Some(DATA) && row.subtype == Some(DATA_OTA));
    match (otadata, slots.as_slice()) {
        (Some(row), []) => found.push(Diagnostic::new(
            row.span.clone(),
            Severity::Hint,
            "otadata-without-ota",
            "There is otadata, but no OTA slot (ota_0, ota_1) that it could select.",
        )),
        (None, [(_, first), ..]) if is_readable => found.push(Diagnostic::new(
            visible(first.place(Column::Subtype), first),
            Severity::Warning,
            "otadata-missing",
            "OTA slots need an otadata partition (data, ota, 0x2000 bytes), which says which one boots.",
        )),
        _ => {}
    }
    for (index, (subtype, row)) in slots.iter().enumerate() {
        let expected = match index.checked_sub(1) {
            Some(before) => slots[before].0 + 1,
            None => OTA_0,
        };
        if *subtype > expected {
            let missing = expected - OTA_0;
            let message = format!(
                "OTA slots are counted from ota_0 without gaps; ota_{missing} is missing before this one."
            );
            let place = visible(row.place(Column::Subtype), row);
            found.push(Diagnostic::new(
                place,
                Severity::Warning,
                "ota-gap",
                message,
            ));
        }
    }
    different_sizes(&slots, found);
}

fn duplicates(apps: &[&Row], found: &mut Vec<Diagnostic>) {
    for (index, row) in apps.iter().enumerate() {
        let first = apps[..index]
            .iter()
            .find(|other| other.subtype.is_some() && other.subtype == row.subtype);
        if let Some(first) = first {
            let message = format!(
                "Two partitions share the subtype {}; the boot loader takes the last one.",
                row.text(Column::Subtype)
            );
            let place = visible(row.place(Column::Subtype), row);
            let mut diagnostic =
                Diagnostic::new(place, Severity::Warning, "subtype-duplicate", message);
            diagnostic
                .related
                .push(related(first, "the other one is here"));
            found.push(diagnostic);
        }
    }
}

/// An update must fit whichever slot is free.
fn different_sizes(slots: &[(u8, &Row)], found: &mut Vec<Diagnostic>) {
    let sized = slots.iter().filter_map(|(_, row)| Some((row.size?, *row)));
    let Some((largest, large)) = sized.clone().max_by_key(|(size, _)| *size) else {
        return;
    };
    for (size, row) in sized.filter(|(size, _)| *size < largest) {
        let message = format!(
            "This slot is smaller than '{}' ({} of {}): an update has to fit both.",
            large.name,
            amount(size.into()),
            amount(largest.into())
        );
        let place = visible(row.place(Column::Size), row);
        found.push(Diagnostic::new(
            place,
            Severity::Information,
            "ota-sizes-differ",
            message,
        ));
    }
}
