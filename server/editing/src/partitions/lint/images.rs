//! Partitions and what was built for them. The rules for apps are those of ESP-IDF's
//! `check_sizes.py`, which ends a build when no app partition is large enough.

use fbuild_project::amount::amount;
use fbuild_project::partitions::csv::{Column, Row};
use fbuild_project::target::RegionKind;

use super::{APP, Diagnostic, Severity, Table, visible};
use crate::facts::Image;

/// TEE slots hold another program than the one that was built as the app.
const TEE: std::ops::RangeInclusive<u8> = 0x30..=0x31;
/// A twentieth of a partition: less than that free is "nearly full".
const NEARLY: u64 = 20;

pub(super) fn lint(table: &Table<'_>, found: &mut Vec<Diagnostic>) {
    let images = table.build.into_iter().flat_map(|build| &build.images);
    for image in images {
        let Some(len) = image.len_bytes else { continue };
        match image.region.kind {
            RegionKind::App => apps(table, len, found),
            RegionKind::Data | RegionKind::OtaData => data(table, image, len, found),
            RegionKind::Bootloader | RegionKind::PartitionTable => {}
        }
    }
}

fn apps(table: &Table<'_>, len: u64, found: &mut Vec<Diagnostic>) {
    let is_app =
        |row: &&Row| row.kind == Some(APP) && row.subtype.is_some_and(|s| !TEE.contains(&s));
    let apps = table.rows.iter().filter(is_app);
    let sized: Vec<(&Row, u64)> = apps
        .filter_map(|row| Some((row, row.size?.into())))
        .collect();
    let too_small = sized.iter().filter(|(_, size)| *size < len).count();
    let (severity, consequence) = if too_small == sized.len() {
        (Severity::Error, "the build refuses this")
    } else {
        (Severity::Warning, "it fits others")
    };
    for (row, size) in sized {
        let place = visible(row.place(Column::Size), row);
        if size < len {
            let message = format!(
                "The built app has {}, '{}' {}: {} too small ({consequence}).",
                amount(len),
                row.name,
                amount(size),
                amount(len - size)
            );
            found.push(Diagnostic::new(place, severity, "app-too-large", message));
        } else if (size - len) * NEARLY < size {
            let message = format!(
                "The built app has {} of the {} of '{}': less than 5 % is free.",
                amount(len),
                amount(size),
                row.name
            );
            found.push(Diagnostic::new(
                place,
                Severity::Warning,
                "app-nearly-full",
                message,
            ));
        }
    }
}

fn data(table: &Table<'_>, image: &Image, len: u64, found: &mut Vec<Diagnostic>) {
    let at = u64::from(image.region.offset);
    let holds = |row: &&Row| row.offset.map(u64::from) == Some(at);
    let Some(row) = table.rows.iter().find(holds) else {
        return;
    };
    if let Some(size) = row.size.map(u64::from).filter(|size| *size < len) {
        let message = format!(
            "What was built for '{}' has {}, the partition {}.",
            row.name,
            amount(len),
            amount(size)
        );
        let place = visible(row.place(Column::Size), row);
        found.push(Diagnostic::new(
            place,
            Severity::Error,
            "image-too-large",
            message,
        ));
    }
}
