//! ESP-IDF: `flasher_args.json` and `project_description.json` in a build directory.
//!
//! Source: `components/esptool_py/flasher_args.json.in` and `tools/cmake/project_description.json.in`
//! of ESP-IDF v4.4 to v6.1.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::environment::Environment;
use super::sdkconfig::SdkConfig;
use super::{Discovery, Unbuilt, parse_offset, read_table, regions, relative_name, subdirectories};
use crate::input_error::InputError;
use crate::partitions::{DEFAULT_TABLE_OFFSET, PartitionTable};
use crate::target::{FlashParams, Region, RegionKind, Setting, Target, Tool};

const FLASHER_ARGS: &str = "flasher_args.json";
const DESCRIPTION: &str = "project_description.json";

/// Keys of flasher_args.json that are no image of this name.
const FIXED_KEYS: [&str; 4] = [
    "write_flash_args",
    "flash_settings",
    "flash_files",
    "extra_esptool_args",
];

pub(super) fn find(root: &Path, environment: &Environment, found: &mut Discovery) {
    for dir in build_directories(root) {
        let flasher_args = dir.join(FLASHER_ARGS);
        if !flasher_args.is_file() {
            found.unbuilt.push(Unbuilt {
                name: format!("espidf:{}", build_name(root, &dir)),
                looked_for: flasher_args,
                build_hint: "idf.py build".to_owned(),
            });
            continue;
        }
        match read(root, &dir, &flasher_args, environment) {
            Ok(target) => found.targets.push(target),
            Err(problem) => found.problems.push(problem),
        }
    }
}

fn is_build_directory(dir: &Path) -> bool {
    dir.join(FLASHER_ARGS).is_file() || dir.join(DESCRIPTION).is_file()
}

/// The workspace itself, `build*`, one level below (`build/esp32s3`), and where VS Code's
/// extension was told to build.
fn build_directories(root: &Path) -> Vec<PathBuf> {
    if is_build_directory(root) {
        return vec![root.to_owned()];
    }
    let mut found = Vec::new();
    let configured = vs_code_build_path(root).filter(|dir| !dir.starts_with(root.join("build")));
    for dir in subdirectories(root, |name| name.starts_with("build"))
        .into_iter()
        .chain(configured)
    {
        // Below a build directory lies the boot loader's own, which is no target.
        if is_build_directory(&dir) {
            found.push(dir);
        } else {
            found.extend(
                subdirectories(&dir, |_| true)
                    .into_iter()
                    .filter(|d| is_build_directory(d)),
            );
        }
    }
    found.dedup();
    found
}

/// `idf.buildPath` of `.vscode/settings.json`.
fn vs_code_build_path(root: &Path) -> Option<PathBuf> {
    let text = std::fs::read_to_string(root.join(".vscode/settings.json")).ok()?;
    // Comments are allowed there and rare; a file with some is left alone.
    let settings: Value = serde_json::from_str(&text).ok()?;
    let path = settings.get("idf.buildPath")?.as_str()?;
    let path = path.replace("${workspaceFolder}", &root.display().to_string());
    Some(root.join(path)).filter(|path| path.is_dir())
}

fn build_name(root: &Path, dir: &Path) -> String {
    if dir == root {
        return dir
            .file_name()
            .map_or_else(|| ".".to_owned(), |n| n.to_string_lossy().into_owned());
    }
    relative_name(root, dir)
}

/// An object whose keys keep their order and may stand twice.
#[derive(Debug, Default)]
struct Entries(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;
        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Entries, M::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(EntriesVisitor)
    }
}

/// The part of flasher_args.json whose shape is fixed.
#[derive(Debug, Deserialize)]
struct FlasherArgs {
    flash_files: Entries,
    #[serde(default)]
    flash_settings: FlashSettings,
    #[serde(default)]
    extra_esptool_args: Value,
}

#[derive(Debug, Default, Deserialize)]
struct FlashSettings {
    #[serde(rename = "flash_mode")]
    mode: Option<String>,
    #[serde(rename = "flash_size")]
    size: Option<String>,
    #[serde(rename = "flash_freq")]
    freq: Option<String>,
}

/// One named image of flasher_args.json.
struct Named<'j> {
    name: &'j str,
    offset: u32,
    file: &'j str,
    encrypted: bool,
}

fn json_error(path: &Path, line: usize, why: String) -> InputError {
    InputError::Json {
        path: path.to_owned(),
        line,
        why,
        remedy: "Configure the project again: idf.py reconfigure".to_owned(),
    }
}

fn read(
    root: &Path,
    dir: &Path,
    flasher_args: &Path,
    environment: &Environment,
) -> Result<Target, InputError> {
    let text =
        std::fs::read_to_string(flasher_args).map_err(|error| InputError::FileUnreadable {
            path: flasher_args.to_owned(),
            why: error.to_string(),
        })?;
    let parse = |error: serde_json::Error| {
        // serde_json repeats the line, which stands before the text already.
        let text = error.to_string();
        let why = text.split(" at line ").next().unwrap_or(&text);
        json_error(flasher_args, error.line(), why.to_owned())
    };
    let args: FlasherArgs = serde_json::from_str(&text).map_err(parse)?;
    let all: Value = serde_json::from_str(&text).map_err(parse)?;
    let description = std::fs::read_to_string(dir.join(DESCRIPTION)).unwrap_or_default();
    // A damaged description only makes the target poorer: flasher_args.json says what to flash.
    let description: Value = serde_json::from_str(&description).unwrap_or_default();
    let project = project_directory(root, dir, &description);
    let sdkconfig_path = sdkconfig_path(&project, &description);
    let sdkconfig = SdkConfig::read(&sdkconfig_path);

    let named = named_images(&all);
    let name = build_name(root, dir);
    let mut target = Target::new(
        format!("espidf:{name}"),
        Tool::EspIdf,
        &project,
        flasher_args,
    );
    target.env = Some(name);
    target.chip = args
        .extra_esptool_args
        .get("chip")
        .and_then(Value::as_str)
        .or_else(|| description.get("target").and_then(Value::as_str))
        .or_else(|| sdkconfig.get("IDF_TARGET"))
        .and_then(|chip| chip.parse().ok());
    target.table_offset = named
        .iter()
        .find(|image| image.name == "partition-table")
        .map(|image| image.offset)
        .or_else(|| sdkconfig.number("PARTITION_TABLE_OFFSET"))
        .unwrap_or(DEFAULT_TABLE_OFFSET);
    target.regions = files(dir, flasher_args, &args.flash_files, &named, &target)?;
    target.flash = flash_params(&args.flash_settings);
    target.flash_encryption = sdkconfig.is_set("SECURE_FLASH_ENC_ENABLED")
        || target.regions.iter().any(|region| region.encrypted);
    target.secure_boot = [
        "SECURE_BOOT",
        "SECURE_BOOT_V1_ENABLED",
        "SECURE_BOOT_V2_ENABLED",
    ]
    .iter()
    .any(|option| sdkconfig.is_set(option));
    target.partitions_csv = custom_table(&project, &sdkconfig);
    target.inputs = inputs(&project, &description, sdkconfig_path);
    target.port = environment.get("ESPPORT").map(str::to_owned);
    target.baud = environment
        .get("ESPBAUD")
        .and_then(|baud| baud.parse().ok());
    Ok(target)
}

/// The absolute paths of the description are wrong after a move, or after a build in a container.
fn project_directory(root: &Path, dir: &Path, description: &Value) -> PathBuf {
    let said = description
        .get("project_path")
        .and_then(Value::as_str)
        .map(PathBuf::from);
    let said = said.filter(|path| dir.starts_with(path) && path.join("CMakeLists.txt").is_file());
    let parent = (dir == root).then(|| dir.parent()).flatten();
    said.or_else(|| parent.map(Path::to_owned))
        .unwrap_or_else(|| root.to_owned())
}

fn sdkconfig_path(project: &Path, description: &Value) -> PathBuf {
    let said = description
        .get("config_file")
        .and_then(Value::as_str)
        .map(PathBuf::from);
    match said {
        Some(path) if path.is_file() => path,
        Some(path) => project.join(path.file_name().unwrap_or_else(|| "sdkconfig".as_ref())),
        None => project.join("sdkconfig"),
    }
}

fn named_images(all: &Value) -> Vec<Named<'_>> {
    let entries = all.as_object().into_iter().flatten();
    entries
        .filter(|(name, _)| !FIXED_KEYS.contains(&name.as_str()))
        .filter_map(|(name, entry)| {
            Some(Named {
                name,
                offset: parse_offset(entry.get("offset")?.as_str()?)?,
                file: entry.get("file")?.as_str()?,
                // A text in every version so far; a bool would mean the same.
                encrypted: match entry.get("encrypted") {
                    Some(Value::String(text)) => text == "true",
                    Some(Value::Bool(value)) => *value,
                    _ => false,
                },
            })
        })
        .collect()
}

/// The list to flash is `flash_files`; the named entries give names and encryption.
fn files(
    dir: &Path,
    path: &Path,
    files: &Entries,
    named: &[Named<'_>],
    target: &Target,
) -> Result<Vec<Region>, InputError> {
    let table = named
        .iter()
        .find(|image| image.name == "partition-table")
        .and_then(|image| read_table(&dir.join(image.file)));
    let mut found = Vec::new();
    for (offset_text, file) in &files.0 {
        let offset = parse_offset(offset_text).ok_or_else(|| {
            json_error(
                path,
                line_of(path, offset_text),
                format!("'{offset_text}' in flash_files is no offset"),
            )
        })?;
        let file = file.as_str().ok_or_else(|| {
            json_error(
                path,
                line_of(path, offset_text),
                format!("the file at {offset_text} is no text"),
            )
        })?;
        let entry = named
            .iter()
            .find(|image| image.offset == offset && image.file == file)
            .or_else(|| named.iter().find(|image| image.file == file));
        found.push(region(
            dir.join(file),
            offset,
            entry,
            table.as_ref(),
            target,
        ));
    }
    if found.is_empty() {
        return Err(json_error(path, 1, "flash_files names no image".to_owned()));
    }
    Ok(regions::tidy(found))
}

fn line_of(path: &Path, text: &str) -> usize {
    let contents = std::fs::read_to_string(path).unwrap_or_default();
    contents
        .lines()
        .position(|line| line.contains(text))
        .map_or(1, |index| index + 1)
}

fn region(
    path: PathBuf,
    offset: u32,
    entry: Option<&Named<'_>>,
    table: Option<&PartitionTable>,
    target: &Target,
) -> Region {
    let name = entry.map(|entry| entry.name);
    let mut region = match name {
        Some("app") => regions::firmware(offset, path),
        Some("bootloader") => regions::bootloader(offset, path),
        Some("partition-table") => regions::partitions(offset, path),
        Some("otadata") => regions::otadata(offset, path),
        Some(name) => Region {
            name: name.to_owned(),
            ..regions::data(offset, path, table)
        },
        // An entry added by hand: only its place tells what it is.
        None if target
            .chip
            .is_some_and(|chip| chip.facts().bootloader_offset == offset) =>
        {
            regions::bootloader(offset, path)
        }
        None if offset == target.table_offset => regions::partitions(offset, path),
        None if table.is_some_and(|t| t.boot_default().is_some_and(|app| app.offset == offset)) => {
            regions::firmware(offset, path)
        }
        None => regions::data(offset, path, table),
    };
    if region.kind == RegionKind::OtaData {
        regions::OTADATA.clone_into(&mut region.name);
    }
    region.encrypted = entry.is_some_and(|entry| entry.encrypted);
    region
}

fn flash_params(settings: &FlashSettings) -> FlashParams {
    let setting = |value: &Option<String>| match value.as_deref() {
        None | Some("keep" | "") => Setting::Keep,
        Some("detect") => Setting::Detect,
        Some(value) => Setting::Set(value.to_owned()),
    };
    FlashParams {
        mode: setting(&settings.mode),
        freq: setting(&settings.freq),
        size: setting(&settings.size),
    }
}

/// The project's own table; the built-in ones lie in ESP-IDF and do not change.
fn custom_table(project: &Path, sdkconfig: &SdkConfig) -> Option<PathBuf> {
    if !sdkconfig.is_set("PARTITION_TABLE_CUSTOM") {
        return None;
    }
    let name = sdkconfig
        .get("PARTITION_TABLE_CUSTOM_FILENAME")
        .or_else(|| sdkconfig.get("PARTITION_TABLE_FILENAME"))?;
    Some(project.join(name)).filter(|path| path.is_file())
}

/// `main`, `components`, whatever other components lie in the project, and the configuration.
fn inputs(project: &Path, description: &Value, sdkconfig: PathBuf) -> Vec<PathBuf> {
    let mut inputs = vec![project.join("main"), project.join("components")];
    let paths = description
        .get("build_component_paths")
        .and_then(Value::as_array);
    for path in paths
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(PathBuf::from)
    {
        if path.starts_with(project) && !inputs.iter().any(|input| path.starts_with(input)) {
            inputs.push(path);
        }
    }
    inputs.push(sdkconfig);
    inputs.retain(|path| path.exists());
    inputs
}
