//! ESP-IDF: `flasher_args.json` and `project_description.json` in a build directory.
//!
//! Source: `components/esptool_py/flasher_args.json.in` and `tools/cmake/project_description.json.in`
//! of ESP-IDF v4.4 to v6.1.

pub(super) mod contradictions;
mod moved;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use serde_json::Value;

use super::cmake::CMakeLists;
use super::environment::Environment;
use super::flasher_args::{self, FlasherArgs, Placed};
use super::named::Configured;
use super::programs::older_program;
use super::sdkconfig::SdkConfig;
use super::{
    Discovery, Look, Unbuilt, all_here, ending_like, image_chip, local_path, read_table, regions,
    relative_name, without_dots,
};
use crate::build::{self, Machine};
use crate::input_error::InputError;
use crate::partitions::{DEFAULT_TABLE_OFFSET, PartitionTable};
use crate::target::{FlashParams, Region, RegionKind, Setting, Target, Tool};
use moved::Moved;

const FLASHER_ARGS: &str = "flasher_args.json";
const DESCRIPTION: &str = "project_description.json";
/// Components in the project that are looked at for changes.
const MAX_COMPONENTS: usize = 500;

pub(super) fn find(root: &Path, environment: &Environment, look: &Look, found: &mut Discovery) {
    for dir in build_directories(root, look) {
        add(root, &dir, environment, look, found);
    }
}

/// Adds what a build directory of ESP-IDF's holds, if it is one.
pub(super) fn add(
    root: &Path,
    dir: &Path,
    environment: &Environment,
    look: &Look,
    found: &mut Discovery,
) {
    if !is_build_directory(dir, look) {
        return;
    }
    let flasher_args = dir.join(FLASHER_ARGS);
    let name = build_name(root, dir);
    if let Some(other) = other_chip(dir, look) {
        return found.pass_foreign(&flasher_args, &format!("espidf:{name}"), &other);
    }
    if !look.has(&flasher_args) {
        return found.unbuilt.push(Unbuilt::new(
            format!("espidf:{name}"),
            flasher_args,
            Tool::EspIdf,
            root,
            &build_words(&name),
        ));
    }
    match read(root, dir, &flasher_args, environment, look) {
        Ok(target) => found.targets.push(target),
        Err(problem) => found.problems.push(problem),
    }
}

/// What a build is for, if that is none of the chips that are deployed to here: a newer one, or this machine
/// (`linux`).
fn other_chip(dir: &Path, look: &Look) -> Option<String> {
    let said = |file: &str, keys: &[&str]| {
        let json = look.json(&dir.join(file))?;
        let value = keys.iter().try_fold(&json, |value, key| value.get(key))?;
        Some(value.as_str()?.to_owned())
    };
    let chip = said(FLASHER_ARGS, &["extra_esptool_args", "chip"])
        .or_else(|| said(DESCRIPTION, &["target"]))?;
    let is_other = !chip.is_empty() && chip != "auto" && chip.parse::<Chip>().is_err();
    is_other.then_some(chip)
}

/// PlatformIO lets ESP-IDF's CMake work in the directory of an environment, and flashes by itself.
fn is_build_directory(dir: &Path, look: &Look) -> bool {
    let is_built = look.has(&dir.join(FLASHER_ARGS)) || look.has(&dir.join(DESCRIPTION));
    let beside = dir.parent().map(|parent| parent.join("project.checksum"));
    is_built && !beside.is_some_and(|path| path.is_file())
}

/// The workspace itself, `build*`, and one level below (`build/esp32s3`).
fn build_directories(root: &Path, look: &Look) -> Vec<PathBuf> {
    if is_build_directory(root, look) {
        return vec![root.to_owned()];
    }
    let mut dirs = Vec::new();
    for dir in look.subdirectories(root, |name| name.starts_with("build")) {
        // Below a build directory lies the boot loader's own, which is not a target.
        if is_build_directory(&dir, look) {
            dirs.push(dir);
        } else {
            let inner = look.subdirectories(&dir, |_| true).into_iter();
            dirs.extend(inner.filter(|dir| is_build_directory(dir, look)));
        }
    }
    dirs
}

/// What follows `idf.py` where the build is in this directory.
pub(super) fn build_words(dir: &str) -> Vec<&str> {
    match dir {
        "build" | "" => vec!["build"],
        dir => vec!["-B", dir, "build"],
    }
}

/// What follows `idf.py` where a preset of CMake's names this directory and idf.py takes presets. It would take the
/// first one, and its variables, for the build of another; and macros in the name of a directory it leaves as they are.
fn preset_words(
    it: &Configured,
    root: &Path,
    environment: &Environment,
    look: &Look,
) -> Option<Vec<String>> {
    let place = relative_name(root, &it.dir);
    let words = ["--preset", it.preset.as_ref()?, "-B", &place, "build"];
    let machine = Machine::this(environment);
    let made_by = || build::made_by(&look.json(&it.dir.join(DESCRIPTION))?);
    let takes = look.takes_presets(&machine).of(&machine, made_by);
    takes.then(|| words.map(str::to_owned).to_vec())
}

/// How what presets name is built; those of one directory are not told apart.
pub(super) fn presets(
    root: &Path,
    configured: &[Configured],
    environment: &Environment,
    look: &Look,
) -> Vec<(PathBuf, Vec<String>)> {
    let mut times: HashMap<&Path, usize> = HashMap::new();
    for it in configured {
        *times.entry(&it.dir).or_default() += 1;
    }
    let alone = configured.iter().filter(|it| times[&*it.dir] == 1);
    let words =
        |it: &Configured| Some((it.dir.clone(), preset_words(it, root, environment, look)?));
    alone.filter_map(words).collect()
}

/// Builds what was found in the directories of presets as they say.
pub(super) fn build_by_presets(
    root: &Path,
    configured: &[Configured],
    environment: &Environment,
    look: &Look,
    found: &mut Discovery,
) {
    for (dir, words) in presets(root, configured, environment, look) {
        let is_its =
            |tool: Tool, place: &Path| tool == Tool::EspIdf && place.parent() == Some(&dir);
        let targets = found.targets.iter_mut();
        for target in targets.filter(|it| is_its(it.tool, &it.found_in) && !it.build.is_empty()) {
            target.build.clone_from(&words);
        }
        let unbuilt = found.unbuilt.iter_mut();
        for it in unbuilt.filter(|it| is_its(it.recipe.tool, &it.looked_for)) {
            it.recipe.arguments.clone_from(&words);
            it.build_hint = it.recipe.line();
        }
    }
}

fn build_name(root: &Path, dir: &Path) -> String {
    if dir == root {
        return dir
            .file_name()
            .map_or_else(|| ".".to_owned(), |n| n.to_string_lossy().into_owned());
    }
    relative_name(root, dir)
}

fn json_error(path: &Path, line: usize, why: &str) -> InputError {
    let what = format!("{}, line {line}: {why}", path.display());
    let remedy = "Configure the project again: idf.py reconfigure";
    InputError::new("json", what, remedy).in_file(path)
}

fn read(
    root: &Path,
    dir: &Path,
    flasher_args: &Path,
    environment: &Environment,
    look: &Look,
) -> Result<Target, InputError> {
    let text = look
        .read(flasher_args)
        .map_err(|why| InputError::unreadable(flasher_args, &why))?;
    let args = FlasherArgs::parse(&text);
    if let Some(fault) = args.faults.first() {
        let line = line_at(&text, fault.span.start);
        return Err(json_error(flasher_args, line, &fault.why));
    }
    // A damaged description only makes the target poorer: flasher_args.json says what to flash.
    let description = look.json(&dir.join(DESCRIPTION)).unwrap_or_default();
    let project = project_directory(root, dir, &description);
    let moved = Moved::of(&description, &project, dir);
    let sdkconfig_path = sdkconfig_path(&project, &description, &moved, environment, look);
    let sdkconfig = SdkConfig::read(&sdkconfig_path, look);

    let name = build_name(root, dir);
    let mut target = Target::new(
        format!("espidf:{name}"),
        Tool::EspIdf,
        &project,
        flasher_args,
    );
    target.env = Some(name);
    let place = relative_name(&project, dir);
    // A release has a build's files, and no project.
    let sources = [project.join("CMakeLists.txt"), dir.join("CMakeCache.txt")];
    if sources.iter().any(|path| look.has(path)) || project.join("main").is_dir() {
        let words = build_words(&place).into_iter();
        target.build = words.map(str::to_owned).collect();
    }
    target.chip = args
        .chip
        .as_ref()
        .map(|chip| chip.value.as_str())
        .or_else(|| description.get("target").and_then(Value::as_str))
        .or_else(|| sdkconfig.get("IDF_TARGET"))
        .and_then(|chip| chip.parse().ok());
    let mut images = args.files.iter().filter_map(|entry| entry.file.as_ref());
    target.chip = target
        .chip
        .or_else(|| images.find_map(|file| image_chip(&dir.join(file))));
    target.table_offset = args
        .named
        .iter()
        .find(|image| image.name.value == "partition-table")
        .map(|image| image.offset.value)
        .or_else(|| sdkconfig.hex("PARTITION_TABLE_OFFSET"))
        .unwrap_or(DEFAULT_TABLE_OFFSET);
    target.regions = files(dir, flasher_args, &text, &args, &moved, &target)?;
    target.flash = flash_params(&args);
    target.flash_encryption = sdkconfig.is_set("SECURE_FLASH_ENC_ENABLED")
        || target.regions.iter().any(|region| region.encrypted);
    target.secure_boot = [
        "SECURE_BOOT",
        "SECURE_BOOT_V1_ENABLED",
        "SECURE_BOOT_V2_ENABLED",
    ]
    .iter()
    .any(|option| sdkconfig.is_set(option));
    target.partitions_csv = custom_table(&project, &sdkconfig, look);
    target.inputs = inputs(&project, &description, &moved, sdkconfig_path.clone());
    target
        .remarks
        .extend(older_program(&target, FLASHER_ARGS, look));
    if target.chip != Some(Chip::Esp8266) {
        // Its SDK's template has the ESP32's place of the boot loader.
        target.remarks.extend(contradictions::of_places(&args));
    }
    let of_settings = contradictions::of_settings(
        &contradictions::Built::of(&args),
        &|_| sdkconfig_path.clone(),
        &sdkconfig,
        ", which is deployed; idf.py build makes it anew",
    );
    target.remarks.extend(of_settings);
    target.remarks.extend(contradictions::of_chips(
        target.chip,
        &description,
        (&sdkconfig_path, &sdkconfig),
        environment,
    ));
    target.port = environment.get("ESPPORT").map(str::to_owned);
    target.baud = environment
        .get("ESPBAUD")
        .and_then(|baud| baud.parse().ok());
    target.console.baud = console_baud(environment, &description, &sdkconfig);
    Ok(target)
}

/// As `idf.py monitor` finds it, and what the program says where no build does.
fn console_baud(
    environment: &Environment,
    description: &Value,
    sdkconfig: &SdkConfig,
) -> Option<(u32, &'static str)> {
    let variable = |name| Some((environment.get(name)?.parse().ok()?, name));
    let built = || {
        let baud = description.get("monitor_baud").and_then(Value::as_str);
        Some((baud?.parse().ok()?, DESCRIPTION))
    };
    variable("IDF_MONITOR_BAUD")
        .or_else(|| variable("MONITORBAUD"))
        .or_else(built)
        .or_else(|| sdkconfig.console_baud())
}

/// The absolute paths of the description are wrong after a move, or after a build in a container.
fn project_directory(root: &Path, dir: &Path, description: &Value) -> PathBuf {
    let said = description
        .get("project_path")
        .and_then(Value::as_str)
        .map(|said| without_dots(Path::new(said)));
    let is_here = |path: &Path| dir.starts_with(path) || path.starts_with(root);
    let said = said.filter(|path| is_here(path) && path.join("CMakeLists.txt").is_file());
    let parent = (dir == root).then(|| dir.parent()).flatten();
    said.or_else(|| parent.map(Path::to_owned))
        .unwrap_or_else(|| root.to_owned())
}

/// The file that the build was configured by. Where it was built elsewhere, that is the one in the same
/// place of this project, or else one whose path ends like it.
fn sdkconfig_path(
    project: &Path,
    description: &Value,
    moved: &Moved,
    environment: &Environment,
    look: &Look,
) -> PathBuf {
    let cmake = || CMakeLists::read(project, look);
    let usual = || cmake().files("SDKCONFIG", project, environment)?.pop();
    let Some(said) = description.get("config_file").and_then(Value::as_str) else {
        return usual().unwrap_or_else(|| project.join("sdkconfig"));
    };
    let there = local_path(said);
    let moved = moved.here(said).filter(|path| path.is_file());
    moved
        .or_else(|| there.is_file().then(|| there.clone()))
        .or_else(|| ending_like(&there, project))
        .unwrap_or_else(|| project.join("sdkconfig"))
}

/// The list to flash is `flash_files`; the named entries give names and encryption.
fn files(
    dir: &Path,
    path: &Path,
    text: &str,
    args: &FlasherArgs,
    moved: &Moved,
    target: &Target,
) -> Result<Vec<Region>, InputError> {
    let table = args
        .named
        .iter()
        .find(|image| image.name.value == "partition-table")
        .and_then(|image| read_table(&dir.join(&image.file.value)));
    let place = |written: &str| {
        let moved = moved.here(written).filter(|path| path.is_file());
        moved.unwrap_or_else(|| dir.join(written))
    };
    let written = args.files.iter();
    let written = written.map(|listed| place(listed.file.as_deref().unwrap_or_default()));
    let paths = all_here(&written.collect::<Vec<_>>(), dir);
    let mut found = Vec::new();
    for (listed, place) in args.files.iter().zip(paths) {
        let written = &listed.offset.value;
        let wrong = |why: &str| json_error(path, line_at(text, listed.offset.span.start), why);
        let offset = listed
            .offset_bytes()
            .ok_or_else(|| wrong(&format!("'{written}' in flash_files is not an offset")))?;
        let file = listed
            .file
            .as_deref()
            .ok_or_else(|| wrong(&format!("the file at {written} is not a string")))?;
        let is_this = |image: &&flasher_args::Named| image.file.value == file;
        let mut named = args.named.iter().filter(is_this);
        let entry = named
            .clone()
            .find(|image| image.offset.value == offset)
            .or_else(|| named.next());
        found.push(region(place, offset, entry, table.as_ref(), target));
    }
    if found.is_empty() {
        return Err(json_error(path, 1, "flash_files names no image"));
    }
    Ok(regions::tidy(found))
}

/// The line, from 1, of a place.
fn line_at(text: &str, at: usize) -> usize {
    1 + text.get(..at).unwrap_or_default().matches('\n').count()
}

fn region(
    path: PathBuf,
    offset: u32,
    entry: Option<&flasher_args::Named>,
    table: Option<&PartitionTable>,
    target: &Target,
) -> Region {
    let name = entry.map(|entry| entry.name.value.as_str());
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

fn flash_params(args: &FlasherArgs) -> FlashParams {
    let text = |setting: &Option<Placed<String>>| setting.as_ref().map(|it| it.value.clone());
    let setting = |value: &Option<Placed<String>>| match text(value).as_deref() {
        None | Some("keep" | "") => Setting::Keep,
        Some("detect") => Setting::Detect,
        Some(value) => Setting::Set(value.to_owned()),
    };
    FlashParams {
        mode: setting(&args.mode),
        freq: setting(&args.freq),
        size: setting(&args.size),
    }
}

/// The project's own table; the built-in ones lie in ESP-IDF and do not change.
fn custom_table(project: &Path, sdkconfig: &SdkConfig, look: &Look) -> Option<PathBuf> {
    if !sdkconfig.is_set("PARTITION_TABLE_CUSTOM") {
        return None;
    }
    let name = sdkconfig
        .get("PARTITION_TABLE_CUSTOM_FILENAME")
        .or_else(|| sdkconfig.get("PARTITION_TABLE_FILENAME"))?;
    Some(project.join(name)).filter(|path| look.has(path))
}

/// `main`, `components`, whatever other components lie in the project, and the configuration.
fn inputs(project: &Path, description: &Value, moved: &Moved, sdkconfig: PathBuf) -> Vec<PathBuf> {
    let mut inputs = vec![project.join("main"), project.join("components")];
    let paths = description
        .get("build_component_paths")
        .and_then(Value::as_array);
    let paths = paths.into_iter().flatten().filter_map(Value::as_str);
    let own = paths
        .map(|path| moved.here(path).unwrap_or_else(|| PathBuf::from(path)))
        .filter(|path| path.starts_with(project));
    for path in own.take(MAX_COMPONENTS) {
        if !inputs.iter().any(|input| path.starts_with(input)) {
            inputs.push(path);
        }
    }
    inputs.push(sdkconfig);
    inputs.retain(|path| path.exists());
    inputs
}
