//! Options that PlatformIO takes without a word and nothing reads: of boards, and in sections that
//! environments extend. Anything may be meant for a script, so only what is nearly a known name is told.

use std::collections::HashSet;

use fbuild_project::discover::ini::{OptionText, SectionText};
use fbuild_project::discover::platformio_config::{ProjectConfig, UPLOAD_PROTOCOLS, references};

use super::{Project, keys, replace};
use crate::{Diagnostic, Severity};

/// What is told of one text.
const MAX_TOLD: usize = 200;

/// What the builders of the platforms read of a board, without `board_`.
///
/// Source: `builder` of platform-espressif32 6.13.0 and pioarduino 55.03.311, `tools/platformio-build.py`
/// of arduino-esp32, and the boards' files.
pub(super) const OF_BOARDS: &[&str] = &[
    "build.app_partition_name",
    "build.arduino.custom_bootloader",
    "build.arduino.ldscript",
    "build.arduino.memory_type",
    "build.arduino.partitions",
    "build.arduino.upstream_packages",
    "build.boot",
    "build.bsp",
    "build.cdc",
    "build.chip_variant",
    "build.cmake_extra_args",
    "build.core",
    "build.embed_files",
    "build.embed_txtfiles",
    "build.encryption_key",
    "build.esp-idf.extra_lf_files",
    "build.esp-idf.ldscript",
    "build.esp-idf.overwrite_managed_components",
    "build.esp-idf.preserve_source_file_extension",
    "build.esp-idf.sdkconfig_path",
    "build.extra_flags",
    "build.f_boot",
    "build.f_cpu",
    "build.f_flash",
    "build.f_image",
    "build.f_psram",
    "build.filesystem",
    "build.filesystem_partition",
    "build.flash_mode",
    "build.flash_size",
    "build.flash_type",
    "build.hwids",
    "build.ldscript",
    "build.mcu",
    "build.memory_type",
    "build.partitions",
    "build.psram_type",
    "build.secure_boot_signing_key",
    "build.usb_product",
    "build.variant",
    "build.variants_dir",
    "build.zephyr.variant",
    "download.speed",
    "espidf.custom_sdkconfig",
    "upload.after_reset",
    "upload.arduino.flash_extra_images",
    "upload.arduino.tinyuf2_image",
    "upload.arduino.uf2_bootloader_offset",
    "upload.before_reset",
    "upload.bootloader_offset",
    "upload.flash_size",
    "upload.maximum_data_size",
    "upload.maximum_ram_size",
    "upload.maximum_size",
    "upload.offset_address",
    "upload.ota_partition_offset",
    "upload.partition_table_offset",
    "upload.protocol",
    "upload.protocols",
    "upload.require_upload_port",
    "upload.speed",
    "upload.use_1200bps_touch",
    "upload.wait_for_upload_port",
];

pub(super) fn check(project: &Project<'_>, found: &mut Vec<Diagnostic>) {
    let extended: HashSet<String> = project
        .options()
        .filter(|(_, option)| option.name == "extends")
        .flat_map(|(_, option)| project.items(option))
        .map(|(item, _)| item)
        .collect();
    let texts = project.config.texts().iter();
    let used = texts.flat_map(|file| references(&file.text));
    let used: HashSet<String> = used.map(|it| it.name.to_lowercase()).collect();
    let mut new = Vec::new();
    for (section, option) in project.options() {
        let is_env = section.name == "env" || section.name.starts_with("env:");
        let is_base = !is_env && extended.contains(&*section.name);
        let meant = if !is_env && !is_base {
            None
        } else if let Some(path) = option.name.strip_prefix("board_") {
            of_board(project, path)
        } else if is_base {
            of_base(project, section, option, &used)
        } else {
            None
        };
        let is_of_board = is_env && option.name.starts_with("board_");
        let is_for_esp32 = || match section.name.strip_prefix("env:") {
            Some(env) => project.is_for_esp32(env),
            None => project.config.envs().any(|env| project.is_for_esp32(env)),
        };
        if is_of_board && meant.is_none() && !option.name.contains('.') && is_for_esp32() {
            let message = format!(
                "Neither PlatformIO nor its platforms for ESP32 read '{}'; a script or a library may. Options of a \
                 board begin with board_build. or board_upload.",
                option.name
            );
            let (severity, code) = (Severity::Information, "misspelt-option");
            let span = option.name_span.clone();
            new.push(Diagnostic::new(span, severity, code, message));
        }
        if let Some(meant) = meant {
            let span = option.name_span.clone();
            let message = format!("Nothing reads '{}': did you mean {meant}?", option.name);
            let severity = Severity::Information;
            let mut unread = Diagnostic::new(span.clone(), severity, "misspelt-option", message);
            unread
                .fixes
                .push(replace(format!("Change to {meant}"), span, meant));
            new.push(unread);
        }
        if new.len() > MAX_TOLD {
            break;
        }
    }
    protocols(project, &mut new);
    super::add_new(new, found);
}

/// The option of a board that was meant: one that differs by some letters, or has another beginning.
fn of_board(project: &Project<'_>, path: &str) -> Option<String> {
    let known =
        |name: &str| OF_BOARDS.contains(&name) || keys::find(&format!("board_{name}")).is_some();
    if known(path) {
        return None;
    }
    let (group, rest) = path.split_once('.').unwrap_or(("", path));
    // The other beginning, or one that is missing.
    let elsewhere = ["upload", "build"].map(|own| format!("{own}.{rest}"));
    if let Some(meant) = elsewhere.into_iter().find(|it| it != path && known(it)) {
        return Some(format!("board_{meant}"));
    }
    let in_group = |wanted: &'static str| {
        let all = OF_BOARDS.iter();
        all.filter_map(move |name| name.strip_prefix(wanted)?.strip_prefix('.'))
    };
    for own in ["build", "upload"] {
        if group == own {
            let meant = project.closest(rest, in_group(own))?;
            return Some(format!("board_{own}.{meant}"));
        }
    }
    // A beginning that is no other table's of a board's file (debug, url, vendor, …).
    let own = project.closest(group, ["build", "upload"])?;
    let meant = format!("{own}.{rest}");
    known(&meant).then(|| format!("board_{meant}"))
}

/// The option of environments that was meant in a section that they extend.
fn of_base(
    project: &Project<'_>,
    section: &SectionText,
    option: &OptionText,
    used: &HashSet<String>,
) -> Option<String> {
    const ENV: &str = "env";
    // PlatformIO 6 has options of its own for what it held.
    const GONE: &str = "monitor_flags";
    let name = &*option.name;
    let section = section.name.to_lowercase();
    let is_used = [&*section, "this"].map(|from| used.contains(&format!("{from}.{name}")));
    if ProjectConfig::is_known(ENV, name) || is_used.contains(&true) || name == GONE {
        return None;
    }
    let meant = project.closest(name, ProjectConfig::known_options(ENV))?;
    Some(meant.to_owned())
}

/// Protocols that the platform does not upload by.
fn protocols(project: &Project<'_>, found: &mut Vec<Diagnostic>) {
    for env in project.config.envs() {
        let section = format!("env:{env}");
        let Some((protocol, option)) = project.text_here(&section, "upload_protocol") else {
            continue;
        };
        if UPLOAD_PROTOCOLS.contains(&&*protocol) || !project.is_for_esp32(env) {
            continue;
        }
        let span = option.value_span();
        let message = format!(
            "The ESP32 platform knows no upload protocol '{protocol}', unless it is a debug tool of the \
             board's file, and uploads nothing."
        );
        let (severity, code) = (Severity::Warning, "upload-protocol");
        let mut unknown = Diagnostic::new(span.clone(), severity, code, message);
        let meant = project.closest(&protocol, UPLOAD_PROTOCOLS.iter().copied());
        let fix = meant.map(|it| replace(format!("Change to {it}"), span, it));
        unknown.fixes.extend(fix);
        found.push(unknown);
    }
}
