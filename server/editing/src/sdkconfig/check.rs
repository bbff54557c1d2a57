//! Lines that do nothing, chips and flash sizes that do not fit.

use fbuild_chip::Chip;
use fbuild_project::discover::sdkconfig::{self, Entry, SdkConfigText};

use super::keys::{self, Holds};
use super::{Config, Role};
use crate::{Diagnostic, Edit, Fix, Related, Severity, Span};

pub(super) fn check(config: &Config<'_>) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    lines(config, &mut found);
    values(config, &mut found);
    chip(config, &mut found);
    flash(config, &mut found);
    found
}

fn lines(config: &Config<'_>, found: &mut Vec<Diagnostic>) {
    for span in &config.text.faults {
        let line = &config.view.text[span.clone()];
        let tight = without_spaces(line);
        let message = match tight {
            Some(_) => "A space before CONFIG_ or around = makes the line do nothing.",
            None => "This line is neither CONFIG_NAME=value nor a comment; it does nothing.",
        };
        let mut lost = Diagnostic::new(span, Severity::Warning, "no-option", message);
        lost.fixes.extend(tight.map(|text| Fix {
            title: format!("Write {text}"),
            edits: vec![Edit {
                span: span.clone(),
                text,
            }],
        }));
        found.push(lost);
    }
    let text = config.view.text;
    let entries = &config.text.entries;
    // The last line of each name counts.
    let mut last: std::collections::HashMap<&str, &Entry> = std::collections::HashMap::new();
    for entry in entries.iter().rev() {
        let Some(winner) = last.get(entry.name.as_str()) else {
            last.insert(&entry.name, entry);
            continue;
        };
        let line = 1 + text[..winner.span.start].matches('\n').count();
        let name = &entry.name;
        let message = format!("CONFIG_{name} is set again on line {line}, which takes precedence.");
        let mut twice = Diagnostic::new(&entry.span, Severity::Warning, "set-twice", message);
        twice.related.push(Related {
            path: None,
            span: winner.span.clone(),
            message: "this counts".to_owned(),
        });
        let start = text[..entry.span.start].rfind('\n').map_or(0, |at| at + 1);
        let after = &text[entry.span.end..];
        let end = entry.span.end + after.find('\n').map_or(after.len(), |at| at + 1);
        twice.fixes.push(Fix {
            title: "Remove this line".to_owned(),
            edits: vec![Edit {
                span: start..end,
                text: String::new(),
            }],
        });
        found.push(twice);
    }
}

/// The option that a line would be without its spaces.
fn without_spaces(line: &str) -> Option<String> {
    let (name, value) = line.split_once('=')?;
    let text = format!("{}={}", name.trim(), value.trim());
    let is_option = SdkConfigText::parse(&text).entries.len() == 1;
    is_option.then_some(text)
}

fn replace(entry: &Entry, value: &str) -> Fix {
    Fix {
        title: format!("Change to {value}"),
        edits: vec![Edit {
            span: entry.value_span.clone(),
            text: value.to_owned(),
        }],
    }
}

fn values(config: &Config<'_>, found: &mut Vec<Diagnostic>) {
    for entry in config.text.entries.iter().filter(|it| !it.is_comment) {
        let Some(key) = keys::find(&entry.name) else {
            continue;
        };
        let written = config.view.text.get(entry.value_span.clone());
        let written = written.unwrap_or_default();
        let (is_fine, wanted, meant) = match key.holds {
            Holds::Flag => {
                let meant = match entry.value.to_lowercase().as_str() {
                    "yes" | "true" | "1" | "on" => Some("y".to_owned()),
                    "no" | "false" | "0" | "off" => Some("n".to_owned()),
                    _ => None,
                };
                (matches!(written, "y" | "n"), "y or n", meant)
            }
            Holds::Text(_) => {
                let is_quoted =
                    written.len() > 1 && written.starts_with('"') && written.ends_with('"');
                let meant = format!("\"{}\"", written.trim_matches('"'));
                (is_quoted, "a text in quotes", Some(meant))
            }
            Holds::Number(_) if key.is_hex() => {
                let value = sdkconfig::parse_hex(written);
                // As IDEs save it. Kconfig takes it for what it is; a person may not.
                let digits = written.trim_start_matches(['0', 'x', 'X']);
                if let Some(value) =
                    value.filter(|_| !digits.is_empty() && !written.contains(['x', 'X']))
                {
                    let message = format!(
                        "CONFIG_{} is hexadecimal, with 0x or without: this is {value:#x}.",
                        entry.name
                    );
                    let span = &entry.value_span;
                    let mut plain =
                        Diagnostic::new(span, Severity::Hint, "hex-without-0x", message);
                    plain.fixes.push(replace(entry, &format!("{value:#x}")));
                    found.push(plain);
                }
                (value.is_some(), "a hexadecimal number", None)
            }
            Holds::Number(_) => (written.trim().parse::<i64>().is_ok(), "a number", None),
        };
        if is_fine {
            continue;
        }
        let name = &entry.name;
        let message = format!("CONFIG_{name} takes {wanted}, not '{written}'.");
        let mut wrong = Diagnostic::new(&entry.value_span, Severity::Warning, "bad-value", message);
        wrong
            .fixes
            .extend(meant.map(|meant| replace(entry, &meant)));
        found.push(wrong);
    }
    if let Some(entry) = config.entry("ESPTOOLPY_BAUD").filter(|it| !it.is_comment) {
        let message = "No deploy looks at this, and neither does idf.py since ESP-IDF 5.0: set \
                       ESPBAUD, or fbuild.baud in the editor.";
        let mut unused = Diagnostic::new(&entry.span, Severity::Hint, "baud-unused", message);
        unused.is_deprecated = true;
        found.push(unused);
    }
    if config.role == Role::Defaults {
        overruled(config, found);
    }
}

/// Defaults count only while there is no sdkconfig.
fn overruled(config: &Config<'_>, found: &mut Vec<Diagnostic>) {
    for (name, choice) in [
        ("ESPTOOLPY_FLASHSIZE", "CONFIG_ESPTOOLPY_FLASHSIZE_4MB=y"),
        (
            "PARTITION_TABLE_FILENAME",
            "CONFIG_PARTITION_TABLE_CUSTOM=y",
        ),
    ] {
        let Some(entry) = config.entry(name) else {
            continue;
        };
        let message = format!(
            "CONFIG_{name} follows from a choice and is not read here; write {choice}, for example."
        );
        let mut computed = Diagnostic::new(&entry.span, Severity::Warning, "not-read", message);
        let size = entry.value.trim();
        if name == "ESPTOOLPY_FLASHSIZE" && keys::find(&format!("{name}_{size}")).is_some() {
            computed.fixes.push(Fix {
                title: format!("Write CONFIG_{name}_{size}=y"),
                edits: vec![Edit {
                    span: entry.span.clone(),
                    text: format!("CONFIG_{name}_{size}=y"),
                }],
            });
        }
        found.push(computed);
    }
    let complete = config.root().join("sdkconfig");
    let Some(text) = config.view.facts.files.texts.get(&complete) else {
        return;
    };
    let complete = sdkconfig::SdkConfigText::parse(text);
    // A file for another target takes no part.
    let name = config.view.path.file_name().and_then(|name| name.to_str());
    let target = name.and_then(|name| name.strip_prefix("sdkconfig.defaults."));
    let built_for = complete
        .entry("IDF_TARGET")
        .map(|entry| entry.value.as_str());
    if target.is_some_and(|target| target.parse::<Chip>().is_ok() && Some(target) != built_for) {
        return;
    }
    for entry in &config.text.entries {
        let is_last = config
            .entry(&entry.name)
            .is_some_and(|last| last.span == entry.span);
        if keys::find(&entry.name).is_none() || !is_last {
            continue;
        }
        let Some(used) = complete
            .entry(&entry.name)
            .filter(|used| used.value != entry.value)
        else {
            continue;
        };
        let message = format!(
            "sdkconfig has {}, which takes precedence: delete sdkconfig, or change it there (idf.py \
             menuconfig).",
            text.get(used.span.clone()).unwrap_or_default()
        );
        let mut other = Diagnostic::new(&entry.span, Severity::Information, "overruled", message);
        other.related.push(Related {
            path: Some(config.root().join("sdkconfig")),
            span: used.span.clone(),
            message: "this counts".to_owned(),
        });
        found.push(other);
    }
}

fn chip(config: &Config<'_>, found: &mut Vec<Diagnostic>) {
    let Some(entry) = config.entry("IDF_TARGET").filter(|it| !it.is_comment) else {
        return;
    };
    let Some((chip, _)) = config.chip() else {
        let known: Vec<&str> = Chip::ALL.iter().map(|chip| chip.name()).collect();
        let message = format!(
            "'{}' is not a chip that this program can deploy to: {}.",
            entry.value,
            known.join(", ")
        );
        let code = "unknown-chip";
        found.push(Diagnostic::new(
            &entry.value_span,
            Severity::Warning,
            code,
            message,
        ));
        return;
    };
    let span: &Span = &entry.value_span;
    if let Some(board) = config.board()
        && let Some(other) = board.chip.as_deref().filter(|other| *other != chip.name())
    {
        let message = format!(
            "The board that was deployed to last ({}) is an {}: a deploy of this to it would be \
             refused.",
            board.name(),
            display(other)
        );
        found.push(Diagnostic::new(
            span,
            Severity::Warning,
            "chip-of-board",
            message,
        ));
    }
    if config.role == Role::Complete
        && let Some(build) = config.builds().find(|build| {
            let built = build.target.chip;
            built.is_some_and(|built| built != chip)
        })
        && let Some(built) = build.target.chip
        // Several build directories, one for each chip, are usual.
        && config.builds().count() == 1
    {
        let message = format!(
            "The build in {} is for {built}: idf.py build, before it is deployed.",
            build.target.env.as_deref().unwrap_or("build")
        );
        found.push(Diagnostic::new(
            span,
            Severity::Warning,
            "chip-of-build",
            message,
        ));
    }
}

fn display(chip: &str) -> String {
    chip.parse::<Chip>()
        .map_or_else(|_| chip.to_owned(), |chip| chip.to_string())
}

fn flash(config: &Config<'_>, found: &mut Vec<Diagnostic>) {
    let Some((bytes, entry)) = config.flash() else {
        return;
    };
    let Some((board, flash)) = config.board().and_then(|it| Some((it, it.flash_bytes?))) else {
        return;
    };
    let is_updated = config.values.is_set("ESPTOOLPY_HEADER_FLASHSIZE_UPDATE");
    if bytes > flash && !is_updated {
        let message = format!(
            "The board that was deployed to last ({}) has {} MB of flash: with this size its \
             firmware does not start.",
            board.name(),
            flash >> 20
        );
        let code = "flash-of-board";
        found.push(Diagnostic::new(
            &entry.span,
            Severity::Warning,
            code,
            message,
        ));
    } else if bytes < flash {
        let message = format!(
            "The board that was deployed to last has {} MB of flash; the rest is not used.",
            flash >> 20
        );
        found.push(Diagnostic::new(
            &entry.span,
            Severity::Hint,
            "flash-unused",
            message,
        ));
    }
}
