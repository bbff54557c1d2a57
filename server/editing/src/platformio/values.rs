//! What PlatformIO takes and a deploy stumbles over: ports, tables, flash sizes, builds.

use std::fmt::Write as _;
use std::path::Path;

use fbuild_project::discover::configuration::Configuration;
use fbuild_project::discover::glob;
use fbuild_project::discover::platformio_values::BoardValue;
use fbuild_project::flash_size::{Sizes, conflicts, size_bytes};
use fbuild_project::partitions::{DEFAULT_TABLE_OFFSET, csv};

use super::keys::DEAD_FLASH_SIZE;
use super::{Project, replace};
use crate::{Diagnostic, Severity};

/// Names of tables that the Arduino framework brings. Source: `tools/partitions` of arduino-esp32
/// 2.0 to 3.2.
const FRAMEWORK_TABLES: &[&str] = &[
    "app3M_fat9M_16MB.csv",
    "app3M_fat9M_fact512k_16MB.csv",
    "app3M_spiffs9M_fact512k_16MB.csv",
    "bare_minimum_2MB.csv",
    "default.csv",
    "default_16MB.csv",
    "default_32MB.csv",
    "default_8MB.csv",
    "default_ffat.csv",
    "default_ffat_8MB.csv",
    "default_qspi.csv",
    "esp_sr_16.csv",
    "ffat.csv",
    "huge_app.csv",
    "large_fat_32MB.csv",
    "large_ffat_8MB.csv",
    "large_littlefs_32MB.csv",
    "large_spiffs_16MB.csv",
    "large_spiffs_8MB.csv",
    "m5stack_partitions_16MB_factory_4_apps.csv",
    "max_app_8MB.csv",
    "min_spiffs.csv",
    "minimal.csv",
    "no_fs.csv",
    "no_ota.csv",
    "noota_3g.csv",
    "noota_3gffat.csv",
    "noota_ffat.csv",
    "rainmaker.csv",
    "rainmaker_4MB_no_ota.csv",
    "rainmaker_8MB.csv",
    "tinyuf2-partitions-16MB.csv",
    "tinyuf2-partitions-4MB.csv",
    "tinyuf2-partitions-4MB-noota.csv",
    "tinyuf2-partitions-8MB.csv",
    "zigbee.csv",
    "zigbee_8MB.csv",
    "zigbee_zczr.csv",
    "zigbee_zczr_8MB.csv",
];

/// Names of tables that need not be in the project.
pub(super) fn framework_tables<'p>(project: &'p Project<'_>) -> Vec<&'p str> {
    match &project.files().framework_tables {
        Some(installed) => installed.iter().map(String::as_str).collect(),
        None => FRAMEWORK_TABLES.to_vec(),
    }
}

pub(super) fn check(project: &Project<'_>, found: &mut Vec<Diagnostic>) {
    let mut new = Vec::new();
    for env in project.config.envs() {
        port(project, env, &mut new);
        table(project, env, &mut new);
        dead_flash_size(project, env, &mut new);
        flash_size(project, env, &mut new);
        table_end(project, env, &mut new);
        filesystem(project, env, &mut new);
        numbers(project, env, &mut new);
    }
    for (env, section) in project.envs() {
        build(project, env, &section.header, &mut new);
    }
    super::add_new(new, found);
}

/// Whether a port means an update over the network.
fn is_network(port: &str) -> bool {
    port.rsplit('.').next() == Some("local") || port.parse::<std::net::IpAddr>().is_ok()
}

fn port(project: &Project<'_>, env: &str, found: &mut Vec<Diagnostic>) {
    let section = format!("env:{env}");
    let Some((port, option)) = project.text_here(&section, "upload_port") else {
        return;
    };
    // An address is none of the ports of this machine, whatever signs are in it.
    if is_network(&port) || port.contains("://") || !glob::is_pattern(&port) {
        return;
    }
    let ports = project.view.facts.ports.iter();
    let matching: Vec<&str> = ports
        .map(|port| &*port.name)
        .filter(|name| glob::matches(&port, name))
        .collect();
    let span = option.value_span();
    let (severity, code, message) = match matching.as_slice() {
        [_] => return,
        [] => (
            Severity::Information,
            "port-none",
            format!("No port that is plugged in matches '{port}'."),
        ),
        [first, ..] => (
            Severity::Warning,
            "port-several",
            format!(
                "{} ports match '{port}': {}. PlatformIO takes {first}.",
                matching.len(),
                matching.join(", ")
            ),
        ),
    };
    let mut wrong = Diagnostic::new(span.clone(), severity, code, message);
    if matching.len() > 1 {
        wrong.fixes.extend(
            matching
                .iter()
                .map(|name| replace(format!("Change to {name}"), span.clone(), *name)),
        );
    }
    found.push(wrong);
}

const TABLE: &str = "board_build.partitions";

fn table(project: &Project<'_>, env: &str, found: &mut Vec<Diagnostic>) {
    let section = format!("env:{env}");
    let Some((name, option)) = project.text_here(&section, TABLE) else {
        return;
    };
    if name.contains("${") || !project.is_for_esp32(env) {
        return;
    }
    let files = project.files();
    let root = project.config.project();
    if files.tables.contains(&clean(&root.join(&name))) {
        return;
    }
    if framework_tables(project).contains(&&*name) {
        return;
    }
    // Outside of the project nobody has looked.
    if !clean(&root.join(&name)).starts_with(root) {
        return;
    }
    let is_certain = files.framework_tables.is_some() || name.contains('/');
    let (severity, message) = if is_certain {
        let text = format!(
            "There is no partition table '{name}', neither in the project nor in the framework."
        );
        (Severity::Error, text)
    } else {
        let text = format!(
            "There is no partition table '{name}' in the project, and none of that name is known in \
             the framework, which is not installed here."
        );
        (Severity::Warning, text)
    };
    let span = option.value_span();
    let mut wrong = Diagnostic::new(span.clone(), severity, "table-missing", message);
    let own = project_tables(project);
    let known = own
        .iter()
        .map(String::as_str)
        .chain(framework_tables(project));
    wrong.fixes.extend(
        project
            .closest(&name, known)
            .map(|it| replace(format!("Change to {it}"), span, it)),
    );
    found.push(wrong);
}

/// Without `.` and `..`, by the text alone.
fn clean(path: &Path) -> std::path::PathBuf {
    let mut out = std::path::PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::CurDir => {}
            std::path::Component::ParentDir => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

/// The project's tables as `board_build.partitions` names them.
pub(super) fn project_tables(project: &Project<'_>) -> Vec<String> {
    let root = project.config.project();
    let inside = |path: &std::path::PathBuf| {
        let path = path.strip_prefix(root).ok()?;
        Some(path.to_str()?.replace('\\', "/"))
    };
    project.files().tables.iter().filter_map(inside).collect()
}

const FLASH_SIZE: &str = "board_upload.flash_size";

/// The option that everybody tries first.
fn dead_flash_size(project: &Project<'_>, env: &str, found: &mut Vec<Diagnostic>) {
    let section = format!("env:{env}");
    let Some(option) = project.option_here(&section, DEAD_FLASH_SIZE) else {
        return;
    };
    if !project.is_for_esp32(env) {
        return;
    }
    let message = format!(
        "{DEAD_FLASH_SIZE} has no effect: the size of the flash, which goes into the boot loader's \
         header, is {FLASH_SIZE}."
    );
    let span = option.name_span.clone();
    let code = "dead-option";
    let mut dead = Diagnostic::new(span.clone(), Severity::Warning, code, message);
    if project.text(&section, FLASH_SIZE).is_none() {
        dead.fixes.push(replace(
            format!("Rename it to {FLASH_SIZE}"),
            span,
            FLASH_SIZE,
        ));
    }
    found.push(dead);
}

/// The table that the environment chooses against the flash size that goes into the boot loader's
/// header. It is reported on whichever of the two is in this file.
fn table_end(project: &Project<'_>, env: &str, found: &mut Vec<Diagnostic>) {
    let section = format!("env:{env}");
    let Some((name, table)) = project.text_here(&section, TABLE) else {
        return;
    };
    let facts = project.view.facts;
    let is_env = |it: &&Configuration| it.env.as_deref() == Some(env);
    let Some(configuration) = facts.configurations.iter().find(is_env) else {
        return;
    };
    let size = project.text_here(&section, FLASH_SIZE);
    let header = match &size {
        Some((size, _)) => size_bytes(size),
        None => configuration.flash_bytes,
    };
    let path = clean(&project.config.project().join(&name));
    let Some(text) = project.files().texts.get(&path) else {
        return;
    };
    let options = csv::Options {
        table_offset: configuration.table_offset.unwrap_or(DEFAULT_TABLE_OFFSET),
        bootloader_offset: configuration
            .chip
            .map(|chip| chip.facts().bootloader_offset),
        ..csv::Options::default()
    };
    let Ok(rows) = csv::compile_unverified(text, &options) else {
        return;
    };
    let sizes = Sizes {
        header,
        table: Some(&rows),
        board: None,
    };
    for conflict in conflicts(&sizes) {
        let message = format!("{}.", conflict.text("The boot loader's header"));
        let option = size.as_ref().map_or(table, |(_, size)| size);
        let mut wrong = Diagnostic::new(
            option.value_span(),
            Severity::Error,
            "header-flash-size",
            message,
        );
        if size.is_none() {
            let _ = write!(
                wrong.message,
                " The size comes from the board's file; {FLASH_SIZE} changes it."
            );
        }
        found.push(wrong);
    }
}

fn flash_size(project: &Project<'_>, env: &str, found: &mut Vec<Diagnostic>) {
    let section = format!("env:{env}");
    let Some((size, option)) = project.text_here(&section, FLASH_SIZE) else {
        return;
    };
    if size == "detect" || size == "keep" {
        return;
    }
    let span = option.value_span();
    let Some(bytes) = size_bytes(&size) else {
        let message = format!("'{size}' is not a flash size: write 4MB, 8MB, 16MB …");
        let mut wrong = Diagnostic::new(span.clone(), Severity::Warning, "flash-size", message);
        let upper = size.replace(' ', "").to_uppercase();
        let meant = [upper.clone(), format!("{upper}B"), format!("{upper}MB")];
        let meant = meant.into_iter().find(|it| size_bytes(it).is_some());
        wrong
            .fixes
            .extend(meant.map(|it| replace(format!("Change to {it}"), span, it)));
        found.push(wrong);
        return;
    };
    let target = format!("platformio:{env}");
    let board = project.view.facts.boards.iter().find(|board| {
        let mut deploys = board.deploys.iter();
        deploys.any(|deploy| deploy.target == target)
    });
    let Some((board, flash)) = board.and_then(|it| Some((it, it.flash_bytes?))) else {
        return;
    };
    if bytes > flash {
        let message = format!(
            "The board that was deployed to last ({}) has {} MB: with this size its firmware does \
             not start.",
            board.mac.as_deref().unwrap_or(&board.port),
            flash >> 20
        );
        let mut wrong = Diagnostic::new(span.clone(), Severity::Warning, "flash-of-board", message);
        let own = format!("{}MB", flash >> 20);
        wrong
            .fixes
            .push(replace(format!("Change to {own}"), span, own));
        found.push(wrong);
    }
}

fn filesystem(project: &Project<'_>, env: &str, found: &mut Vec<Diagnostic>) {
    const OPTION: &str = "board_build.filesystem";
    let known = super::keys::find(OPTION).map_or(&[][..], |key| key.values);
    let section = format!("env:{env}");
    let Some((name, option)) = project.text_here(&section, OPTION) else {
        return;
    };
    if known.contains(&&*name) || !project.is_for_esp32(env) {
        return;
    }
    let span = option.value_span();
    let message = format!(
        "'{name}' is not a file system that can be built: {}.",
        known.join(", ")
    );
    let mut wrong = Diagnostic::new(span.clone(), Severity::Warning, "filesystem", message);
    let meant = project.closest(&name, known.iter().copied());
    wrong
        .fixes
        .extend(meant.map(|it| replace(format!("Change to {it}"), span, it)));
    found.push(wrong);
}

/// What the flash is read by. Source: esptool's `--flash-mode`, and the builders for `opi`.
const FLASH_MODES: [&str; 6] = ["qio", "qout", "dio", "dout", "opi", "keep"];

/// Numbers and words that the build or esptool does not take.
fn numbers(project: &Project<'_>, env: &str, found: &mut Vec<Diagnostic>) {
    let section = format!("env:{env}");
    for name in project.config.option_names(&section).unwrap_or_default() {
        let kind = name.strip_prefix("board_").and_then(BoardValue::of);
        let is_mode = name == "board_build.flash_mode";
        if kind.is_none() && !is_mode {
            continue;
        }
        let Some((value, option)) = project.text_here(&section, name) else {
            continue;
        };
        if !project.is_for_esp32(env) {
            return;
        }
        let is_taken = match kind {
            Some(kind) => kind.takes(&value),
            None => FLASH_MODES.contains(&&*value),
        };
        if !is_taken {
            let written = option.value(project.view.text);
            let taken = kind.map_or_else(
                || {
                    format!(
                        "a flash mode; esptool takes {}",
                        FLASH_MODES[..4].join(", ")
                    )
                },
                |kind| kind.taken().to_owned(),
            );
            let message = format!("'{written}' is not {taken}.");
            let span = option.value_span();
            found.push(Diagnostic::new(span, Severity::Error, "bad-value", message));
        }
    }
}

/// What a deploy would say about the build of an environment.
fn build(project: &Project<'_>, env: &str, header: &crate::Span, found: &mut Vec<Diagnostic>) {
    let target = format!("platformio:{env}");
    let Some(judged) = project.files().judged.get(&target) else {
        return;
    };
    if let Some((refusal, severity, message)) = judged.refusal_text() {
        found.push(Diagnostic::new(header, severity, refusal.code, message));
    } else if let Some(stale) = judged.stale_text(project.config.project()) {
        let message = format!("{stale}: pio run -e {env}");
        found.push(Diagnostic::new(
            header.clone(),
            Severity::Hint,
            "stale-build",
            message,
        ));
    }
}
