//! The partition table that the options lead to.

use fbuild_project::flash_size::{Sizes, conflicts};
use fbuild_project::partitions::{PartitionTable, TABLE_SECTOR_BYTES, csv};
use fbuild_project::target::RegionKind;

use super::{Config, Role};
use crate::{Diagnostic, Edit, Fix, Severity};

pub(super) fn check(config: &Config<'_>, found: &mut Vec<Diagnostic>) {
    custom_file(config, found);
    offset(config, found);
    end(config, found);
    outgrown(config, found);
}

/// The project's own table, if one is chosen.
fn custom(config: &Config<'_>) -> Option<std::path::PathBuf> {
    let is_chosen = config.values.is_set("PARTITION_TABLE_CUSTOM");
    // Source: `components/partition_table/Kconfig.projbuild`, default of the file's name.
    let name = config.values.get("PARTITION_TABLE_CUSTOM_FILENAME");
    is_chosen.then(|| config.root().join(name.unwrap_or("partitions.csv")))
}

fn custom_file(config: &Config<'_>, found: &mut Vec<Diagnostic>) {
    let named = config.entry("PARTITION_TABLE_CUSTOM_FILENAME");
    let chosen = config.entry("PARTITION_TABLE_CUSTOM");
    if let (Some(named), Role::Defaults) = (named, &config.role)
        && chosen.is_none_or(|entry| entry.value != "y")
    {
        let message = "Without CONFIG_PARTITION_TABLE_CUSTOM=y this does nothing here.";
        let mut idle = Diagnostic::new(&named.span, Severity::Hint, "table-not-chosen", message);
        if chosen.is_none() {
            idle.fixes.push(Fix {
                title: "Add CONFIG_PARTITION_TABLE_CUSTOM=y".to_owned(),
                edits: vec![Edit {
                    span: named.span.start..named.span.start,
                    text: "CONFIG_PARTITION_TABLE_CUSTOM=y\n".to_owned(),
                }],
            });
        }
        found.push(idle);
        return;
    }
    let (Some(path), Some(entry)) = (custom(config), named.or(chosen)) else {
        return;
    };
    let tables = &config.view.facts.files.tables;
    // Outside of the project nobody has looked; and before anything was gathered neither.
    if tables.contains(&path)
        || !path.starts_with(config.root())
        || path
            .components()
            .any(|it| it == std::path::Component::ParentDir)
    {
        return;
    }
    let name = path.strip_prefix(config.root()).unwrap_or(&path).display();
    let message = format!("There is no partition table {name} in the project: the build fails.");
    let mut wrong = Diagnostic::new(&entry.value_span, Severity::Error, "table-missing", message);
    if named.is_some() {
        let inside = tables
            .iter()
            .filter_map(|table| table.strip_prefix(config.root()).ok()?.to_str());
        wrong.fixes.extend(inside.map(|table| Fix {
            title: format!("Change to {table}"),
            edits: vec![Edit {
                span: entry.value_span.clone(),
                text: format!("\"{}\"", table.replace('\\', "/")),
            }],
        }));
    }
    found.push(wrong);
}

fn offset(config: &Config<'_>, found: &mut Vec<Diagnostic>) {
    let Some(entry) = config.entry("PARTITION_TABLE_OFFSET") else {
        return;
    };
    let Some(offset) = config.values.hex("PARTITION_TABLE_OFFSET") else {
        return;
    };
    let mut say = |severity, code, message: String| {
        found.push(Diagnostic::new(&entry.value_span, severity, code, message));
    };
    if offset % TABLE_SECTOR_BYTES != 0 {
        let next = offset.next_multiple_of(TABLE_SECTOR_BYTES);
        say(
            Severity::Error,
            "table-offset",
            format!("The table must begin at a multiple of 0x1000; the next one is {next:#x}."),
        );
        return;
    }
    for build in config.builds() {
        let mut images = build.images.iter();
        let bootloader = images.find(|image| image.region.kind == RegionKind::Bootloader);
        let Some((image, len)) = bootloader.and_then(|it| Some((it, it.len_bytes?))) else {
            continue;
        };
        let end = u64::from(image.region.offset) + len;
        if end > u64::from(offset) {
            say(
                Severity::Error,
                "table-in-boot-loader",
                format!(
                    "The boot loader that is built ends at {end:#x}, after the beginning of the \
                     table; the first place for the table is {:#x}.",
                    end.next_multiple_of(TABLE_SECTOR_BYTES.into())
                ),
            );
            return;
        }
        if build.target.table_offset != offset && config.role == Role::Complete {
            let built = build.target.table_offset;
            say(
                Severity::Warning,
                "table-offset-of-build",
                format!("In the existing build the table is at {built:#x}: idf.py build."),
            );
            return;
        }
    }
}

/// The table as the options make it, if it can be made.
fn table(config: &Config<'_>) -> Option<PartitionTable> {
    let text = config.view.facts.files.texts.get(&custom(config)?)?;
    let options = csv::Options {
        table_offset: config.table_offset(),
        bootloader_offset: config
            .chip()
            .map(|(chip, _)| chip.facts().bootloader_offset),
        ..csv::Options::default()
    };
    csv::compile_unverified(text, &options).ok()
}

fn end(config: &Config<'_>, found: &mut Vec<Diagnostic>) {
    let (Some((flash, entry)), Some(table)) = (config.flash(), table(config)) else {
        return;
    };
    let sizes = Sizes {
        header: Some(flash),
        table: Some(&table),
        board: None,
    };
    for conflict in conflicts(&sizes) {
        let message = format!("{}.", conflict.text("The boot loader's header"));
        let code = "flash-overflow";
        found.push(Diagnostic::new(&entry.span, Severity::Error, code, message));
    }
}

/// An app that no longer fits: said here where the table is ESP-IDF's own, and so has no rows of the
/// project that it could be said on.
fn outgrown(config: &Config<'_>, found: &mut Vec<Diagnostic>) {
    let choice = config.text.entries.iter().find(|entry| {
        let choice = entry.name.strip_prefix("PARTITION_TABLE_");
        let is_choice =
            choice.is_some_and(|it| it.starts_with("SINGLE_APP") || it.starts_with("TWO_OTA"));
        is_choice && entry.value == "y"
    });
    let Some(choice) = choice else { return };
    let judged = &config.view.facts.files.judged;
    let refusal = config
        .builds()
        .filter_map(|build| judged.get(&build.target.name)?.refusal.as_ref())
        .find(|refusal| refusal.code == "app-exceeds-partition");
    if let Some(refusal) = refusal {
        let message = format!(
            "{}. Choose a table with a larger app partition.",
            refusal.message
        );
        found.push(Diagnostic::new(
            &choice.span,
            Severity::Error,
            refusal.code,
            message,
        ));
    }
}
