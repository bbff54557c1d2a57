//! What a deploy of this file would refuse, and what does not fit the board.

use fbuild_chip::Chip;
use fbuild_project::discover::flasher_args::Placed;
use fbuild_project::flash_size::{Sizes, conflicts, size_bytes};

use super::{Args, Document, OnDisk};
use crate::{Diagnostic, Related, Severity};

pub(super) fn check(document: &Document<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for fault in &document.args.faults {
        let message = format!("This is not JSON as a deploy reads it: {}.", fault.why);
        found.push(Diagnostic::new(
            &fault.span,
            Severity::Error,
            "json",
            message,
        ));
    }
    files(document, &mut found);
    places(document, &mut found);
    names(document, &mut found);
    table(document, &mut found);
    board(document, &mut found);
    judged(document, &mut found);
    found
}

/// Offsets and files, one by one.
fn files(document: &Document<'_>, found: &mut Vec<Diagnostic>) {
    let args = &document.args;
    if let Some(key) = args.files_key.as_ref().filter(|_| args.files.is_empty()) {
        let message = "flash_files names no image: there is nothing to deploy.";
        found.push(Diagnostic::new(key, Severity::Error, "no-image", message));
    }
    for entry in &args.files {
        if entry.offset_bytes().is_none() {
            let message = format!(
                "'{}' is not an offset, such as 0x10000.",
                entry.offset.value
            );
            let span = &entry.offset.span;
            found.push(Diagnostic::new(span, Severity::Error, "no-offset", message));
        }
        let Some(file) = &entry.file else {
            let message = "The name of a file is expected here.";
            found.push(Diagnostic::new(
                &entry.file_span,
                Severity::Error,
                "no-file",
                message,
            ));
            continue;
        };
        let (code, message) = match document.file(entry) {
            OnDisk::Missing => (
                "file-missing",
                format!("There is no file {file} in the build directory: idf.py build."),
            ),
            OnDisk::Bytes(0) => ("file-empty", format!("{file} is empty: idf.py build.")),
            _ => continue,
        };
        found.push(Diagnostic::new(
            &entry.file_span,
            Severity::Error,
            code,
            message,
        ));
    }
}

/// Images that overlap each other, or end beyond the flash.
fn places(document: &Document<'_>, found: &mut Vec<Diagnostic>) {
    let args = &document.args;
    let mut placed: Vec<_> = args
        .files
        .iter()
        .filter_map(|entry| {
            let offset = u64::from(entry.offset_bytes()?);
            // Of a file that is not there the place still counts.
            let bytes = match document.file(entry) {
                OnDisk::Bytes(bytes) => bytes.max(1),
                OnDisk::Unknown | OnDisk::Missing => 1,
            };
            Some((offset, offset + bytes, entry))
        })
        .collect();
    placed.sort_by_key(|(offset, ..)| *offset);
    for pair in placed.windows(2) {
        let [(_, end, before), (offset, _, entry)] = pair else {
            continue;
        };
        if end <= offset {
            continue;
        }
        let message = format!(
            "{} at {} ends at {end:#x}, which overlaps this.",
            before.file.as_deref().unwrap_or_default(),
            before.offset.value
        );
        let span = &entry.offset.span;
        let mut wrong = Diagnostic::new(span, Severity::Error, "regions-overlap", message);
        wrong.related.push(Related {
            path: None,
            span: before.offset.span.clone(),
            message: "this one".to_owned(),
        });
        found.push(wrong);
    }
    let sizes = sizes(args).filter_map(|(size, _)| Some((size, size_bytes(&size.value)?)));
    let Some((size, bytes)) = sizes.min_by_key(|(_, bytes)| *bytes) else {
        return;
    };
    for (_, end, entry) in placed.iter().filter(|(_, end, _)| *end > u64::from(bytes)) {
        let message = format!(
            "It ends at {end:#x}, beyond the end of {} of flash.",
            size.value
        );
        let span = &entry.offset.span;
        found.push(Diagnostic::new(
            span,
            Severity::Error,
            "past-flash-end",
            message,
        ));
    }
}

/// Images by name that are not in the list, or elsewhere in it: somebody has edited the file.
fn names(document: &Document<'_>, found: &mut Vec<Diagnostic>) {
    let args = &document.args;
    if args.files_key.is_none() || !args.faults.is_empty() {
        return;
    }
    for image in &args.named {
        let listed = args.files.iter().find(|entry| {
            entry.file.as_deref() == Some(&*image.file.value)
                && entry.offset_bytes() == Some(image.offset.value)
        });
        if listed.is_none() {
            let message = format!(
                "flash_files does not have {} at {:#x}, and only flash_files counts.",
                image.file.value, image.offset.value
            );
            let span = &image.name.span;
            found.push(Diagnostic::new(
                span,
                Severity::Warning,
                "not-listed",
                message,
            ));
        }
    }
}

/// Every flash size that the file gives, and what becomes of it, at the beginning of a sentence.
fn sizes(args: &Args) -> impl Iterator<Item = (&Placed<String>, &'static str)> {
    let setting = args.size.as_ref().map(|size| (size, "This becomes"));
    let argument = args.size_argument.as_ref();
    let argument = argument.map(|size| (size, "With idf.py flash this becomes"));
    setting.into_iter().chain(argument)
}

/// The sizes that go into the boot loader's header: against the table that was built, and each other.
fn table(document: &Document<'_>, found: &mut Vec<Diagnostic>) {
    let args = &document.args;
    let judged = &document.view.facts.files.judged;
    let judged = document
        .build()
        .and_then(|build| judged.get(&build.target.name));
    let table = judged.and_then(|it| it.table.as_ref());
    for (size, becomes) in sizes(args) {
        let sizes = Sizes {
            header: size_bytes(&size.value),
            table,
            board: None,
        };
        for conflict in conflicts(&sizes) {
            let header = format!("{becomes} the boot loader's header, which");
            let message = format!("{}.", conflict.text(&header));
            found.push(Diagnostic::new(
                &size.span,
                Severity::Error,
                "header-flash-size",
                message,
            ));
        }
    }
    if let (Some(setting), Some(argument)) = (&args.size, &args.size_argument)
        && setting.value != argument.value
    {
        let message = format!(
            "idf.py flash takes this; a deploy takes {} of flash_settings.",
            setting.value
        );
        let mut differs = Diagnostic::new(
            &argument.span,
            Severity::Warning,
            "flash-size-differs",
            message,
        );
        differs.related.push(Related {
            path: None,
            span: setting.span.clone(),
            message: "flash_settings".to_owned(),
        });
        found.push(differs);
    }
}

fn board(document: &Document<'_>, found: &mut Vec<Diagnostic>) {
    let Some(board) = document.view.facts.boards.first() else {
        return;
    };
    let who = board.mac.as_deref().unwrap_or(&board.port);
    if let Some(chip) = &document.args.chip
        && let Some(other) = board.chip.as_deref().filter(|other| *other != chip.value)
    {
        let other = other
            .parse::<Chip>()
            .map_or_else(|_| other.to_owned(), |chip| chip.to_string());
        let message = format!(
            "The board that was deployed to last ({who}) is an {other}: a deploy of this to it would \
             be refused."
        );
        let code = "chip-of-board";
        found.push(Diagnostic::new(
            &chip.span,
            Severity::Warning,
            code,
            message,
        ));
    }
    let Some(flash) = board.flash_bytes else {
        return;
    };
    let is_more = |size: &Placed<String>| size_bytes(&size.value) > Some(flash);
    for (size, _) in sizes(&document.args).filter(|(size, _)| is_more(size)) {
        let message = format!(
            "The board that was deployed to last ({who}) has {} MB of flash: with this size its \
             firmware does not start.",
            flash >> 20
        );
        let code = "flash-of-board";
        found.push(Diagnostic::new(
            &size.span,
            Severity::Warning,
            code,
            message,
        ));
    }
}

/// What a deploy says about the files as they were saved, where nothing of this is wrong.
fn judged(document: &Document<'_>, found: &mut Vec<Diagnostic>) {
    let Some(build) = document.build() else {
        return;
    };
    let Some(judged) = document.view.facts.files.judged.get(&build.target.name) else {
        return;
    };
    let Some(key) = &document.args.files_key else {
        return;
    };
    let is_said = found.iter().any(|it| it.severity == Severity::Error);
    if let Some((refusal, severity, message)) = judged.refusal_text().filter(|_| !is_said) {
        let mut entries = document.args.files.iter();
        let blamed = entries.find(|entry| document.path(entry) == refusal.path);
        let span = blamed.map_or(key, |entry| &entry.file_span);
        found.push(Diagnostic::new(span, severity, refusal.code, message));
    } else if let Some(stale) = judged.stale_text(&build.target.root) {
        let message = format!("{stale}: {}", build.target.build_command());
        found.push(Diagnostic::new(key, Severity::Hint, "stale-build", message));
    }
}
