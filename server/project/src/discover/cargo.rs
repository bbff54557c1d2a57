//! Cargo: ELF files in `<target-dir>/<triple>/<profile>/`, turned into images by espflash.
//!
//! Source: cargo's documentation ("Build cache", "Configuration") and espflash 4.7.0.

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use toml::{Table, Value};

use super::environment::Environment;
use super::espflash_toml::EspflashSettings;
use super::look::{Entry, Look};
use super::{Discovery, Unbuilt, glob, read_start, regions};
use crate::file::{self, TABLE_TEXT_LIMIT};
use crate::input_error::InputError;
use crate::partitions::{DEFAULT_TABLE_OFFSET, PartitionTable, TABLE_SECTOR_BYTES};
use crate::target::{ElfSource, Region, RegionKind, Source, Target, Tool};

/// Sources of one program that are looked at.
const MAX_INPUTS: usize = 5000;

/// Directories around a package in which its workspace is looked for.
const MAX_AROUND: usize = 6;

/// Crates that only ESP firmware depends on.
const ESP_CRATES: &[&str] = &[
    "esp-hal",
    "esp-idf-sys",
    "esp-idf-svc",
    "esp-idf-hal",
    "esp-bootloader-esp-idf",
    "esp-wifi",
    "esp-radio",
    "esp-backtrace",
];

pub(super) fn find(root: &Path, environment: &Environment, look: &Look, found: &mut Discovery) {
    let Some(manifest) = look.toml(&root.join("Cargo.toml")) else {
        return;
    };
    let outer = workspace_around(root, &manifest, look);
    let configured_in = |dir: &Path| {
        let config = look.toml(&dir.join(".cargo/config.toml"));
        config.or_else(|| look.toml(&dir.join(".cargo/config")))
    };
    let workspace = outer.as_ref().map_or(root, |(dir, _)| dir.as_path());
    let own_config = configured_in(root);
    let mut manifests = with_members(root, manifest, look);
    // Beside firmware there may be members for the host, which a workspace's runner says nothing of.
    let runs_by_espflash = |config| runner(config).iter().any(|word| word.ends_with("espflash"));
    if !manifests.iter().any(depends_on_esp) && !own_config.as_ref().is_some_and(runs_by_espflash) {
        return;
    }
    let config = own_config
        .or_else(|| configured_in(workspace))
        .unwrap_or_default();
    let runner = runner(&config);
    manifests.extend(outer.as_ref().map(|(_, manifest)| manifest.clone()));
    let mut settings = match EspflashSettings::read(root, environment, look) {
        Ok(settings) => settings,
        Err(problem) => return found.problems.push(problem),
    };
    settings.apply_runner(root, &runner);
    let project = Project {
        root,
        workspace,
        config: &config,
        manifests: &manifests,
        settings: &settings,
        look,
    };
    let target_dir = project.target_dir(environment);
    let before = found.targets.len();
    for triple_dir in look.subdirectories(&target_dir, is_esp_triple) {
        for profile_dir in look.subdirectories(&triple_dir, |_| true) {
            for (name, elf) in programs(&profile_dir, look) {
                if outer.is_none() || project.is_source_of(&elf, &name) {
                    let target = project.target(&triple_dir, &profile_dir, &name, elf);
                    found.targets.push(target);
                }
            }
        }
    }
    if found.targets.len() == before {
        let name = manifests.iter().find_map(package_name).unwrap_or("app");
        let looked_for = target_dir.join("<triple>/<profile>").join(name);
        found.unbuilt.push(Unbuilt::new(
            format!("cargo:{name}"),
            looked_for,
            Tool::Cargo,
            root,
            &["build", "--release"],
        ));
    }
}

fn with_members(root: &Path, manifest: Table, look: &Look) -> Vec<Table> {
    let members = manifest
        .get("workspace")
        .and_then(|w| w.get("members"))
        .and_then(Value::as_array);
    let patterns: Vec<_> = members
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let mut members = Vec::new();
    for pattern in patterns {
        match glob::find(root, pattern, look) {
            Ok(dirs) => members.extend(dirs),
            Err(glob::TooWide) => look.tell(InputError::too_much(
                &root.join("Cargo.toml"),
                &format!("the member '{pattern}' {}", glob::TooWide),
            )),
        }
    }
    let members: Vec<_> = members
        .iter()
        .filter_map(|dir| look.toml(&dir.join("Cargo.toml")))
        .collect();
    std::iter::once(manifest).chain(members).collect()
}

/// The workspace that a member belongs to: the nearest one around it, unless it says otherwise.
fn workspace_around(root: &Path, manifest: &Table, look: &Look) -> Option<(PathBuf, Table)> {
    let named = || manifest.get("package")?.get("workspace")?.as_str();
    if manifest.contains_key("workspace") {
        return None;
    }
    let named = named().and_then(|place| root.join(place).canonicalize().ok());
    let around = root.ancestors().skip(1).map(Path::to_owned);
    let places: Vec<_> = named.map_or_else(|| around.take(MAX_AROUND).collect(), |it| vec![it]);
    places.into_iter().find_map(|dir| {
        let manifest = look.toml(&dir.join("Cargo.toml"))?;
        manifest
            .contains_key("workspace")
            .then_some((dir, manifest))
    })
}

fn package_name(manifest: &Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

fn dependencies(manifest: &Table) -> impl Iterator<Item = (&String, &Value)> {
    let workspace = manifest.get("workspace").and_then(Value::as_table);
    let tables = [
        manifest.get("dependencies"),
        workspace.and_then(|w| w.get("dependencies")),
    ];
    tables
        .into_iter()
        .flatten()
        .filter_map(Value::as_table)
        .flatten()
}

fn depends_on_esp(manifest: &Table) -> bool {
    dependencies(manifest).any(|(name, _)| ESP_CRATES.contains(&name.as_str()))
}

/// The words of the first runner of an ESP triple.
fn runner(config: &Table) -> Vec<String> {
    let targets = config
        .get("target")
        .and_then(Value::as_table)
        .into_iter()
        .flatten();
    let runner = targets
        .filter(|(triple, _)| is_esp_triple(triple) || triple.starts_with("cfg("))
        .find_map(|(_, target)| target.get("runner"));
    match runner {
        Some(Value::String(text)) => text.split_whitespace().map(str::to_owned).collect(),
        Some(Value::Array(words)) => words
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect(),
        _ => Vec::new(),
    }
}

fn is_esp_triple(name: &str) -> bool {
    name.starts_with("xtensa-esp32") || name.starts_with("riscv32")
}

/// ELF programs of a profile, with their names; examples below `examples/`.
fn programs(profile_dir: &Path, look: &Look) -> Vec<(String, PathBuf)> {
    let mut found = Vec::new();
    for (dir, prefix) in [
        (profile_dir.to_owned(), ""),
        (profile_dir.join("examples"), "examples/"),
    ] {
        for Entry { name, path, .. } in look.entries(&dir) {
            if !name.contains('.') && !is_hashed(&name) && is_esp_program(&path) {
                found.push((format!("{prefix}{name}"), path));
            }
        }
    }
    found.sort();
    found
}

/// What follows `cargo`; the triple is the directory's name, also of a target specification.
fn build_words(name: &str, profile: &str, triple: &str) -> Vec<String> {
    let profile = match profile {
        "debug" => vec![],
        "release" => vec!["--release"],
        profile => vec!["--profile", profile],
    };
    let example = name.strip_prefix("examples/");
    let example = example
        .map(|name| ["--example", name])
        .into_iter()
        .flatten();
    let words = ["build"].into_iter().chain(profile).chain(example);
    let words = words.chain(["--target", triple]);
    words.map(str::to_owned).collect()
}

/// `name-0123456789abcdef`: cargo's own copy.
fn is_hashed(name: &str) -> bool {
    let hash = name.rsplit_once('-').map(|(_, hash)| hash);
    hash.is_some_and(|hash| hash.len() == 16 && hash.chars().all(|c| c.is_ascii_hexdigit()))
}

/// A 32-bit executable ELF file for Xtensa or RISC-V.
fn is_esp_program(path: &Path) -> bool {
    const EXECUTABLE: [u8; 2] = [2, 0];
    const XTENSA: [u8; 2] = [94, 0];
    const RISCV: [u8; 2] = [243, 0];
    let start = read_start(path, 20).unwrap_or_default();
    start.starts_with(b"\x7fELF\x01")
        && start.get(16..18) == Some(&EXECUTABLE)
        && [Some(&XTENSA[..]), Some(&RISCV[..])].contains(&start.get(18..20))
}

struct Project<'p> {
    root: &'p Path,
    /// The directory of the workspace that this is a member of, else its own.
    workspace: &'p Path,
    config: &'p Table,
    manifests: &'p [Table],
    settings: &'p EspflashSettings,
    look: &'p Look,
}

impl Project<'_> {
    fn target_dir(&self, environment: &Environment) -> PathBuf {
        let configured = self
            .config
            .get("build")
            .and_then(|build| build.get("target-dir"))
            .and_then(Value::as_str);
        let dir = environment
            .dir("CARGO_TARGET_DIR")
            .or_else(|| environment.dir("CARGO_BUILD_TARGET_DIR"))
            .or_else(|| configured.map(PathBuf::from));
        self.workspace
            .join(dir.unwrap_or_else(|| PathBuf::from("target")))
    }

    /// Whether a program is made from this directory: others of a workspace lie beside it.
    fn is_source_of(&self, elf: &Path, name: &str) -> bool {
        let Some(rule) = self.look.text(&elf.with_extension("d")) else {
            return self.manifests.first().and_then(package_name) == Some(name);
        };
        let mut sources = dependencies_of_rule(&rule).into_iter();
        sources.any(|source| self.workspace.join(source).starts_with(self.root))
    }

    fn target(&self, triple_dir: &Path, profile_dir: &Path, name: &str, elf: PathBuf) -> Target {
        let file_name = |path: &Path| {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let profile = file_name(profile_dir);
        let manifest = self.root.join("Cargo.toml");
        let mut target = Target::new(
            format!("cargo:{name}/{profile}"),
            Tool::Cargo,
            self.root,
            &manifest,
        );
        target.env = Some(name.to_owned());
        target.chip = self.chip(&file_name(triple_dir), &elf);
        target.build = build_words(name, &profile, &file_name(triple_dir));
        target.profile = Some(profile);
        target.flash = self.settings.flash.clone();
        target.baud = self.settings.baud;
        target.port.clone_from(&self.settings.port);
        let source = self.source(elf, profile_dir);
        let layout = Layout::of(&source);
        target.table_offset = layout.table;
        target.inputs = inputs(self.root, &source.elf, self.look);
        let bootloader = target.chip.map_or(0, |chip| chip.facts().bootloader_offset);
        let region = |name: &str, kind, offset| Region {
            name: name.to_owned(),
            offset,
            source: Source::Elf(source.clone()),
            kind,
            encrypted: false,
        };
        target.regions = vec![
            region(regions::BOOTLOADER, RegionKind::Bootloader, bootloader),
            region(
                regions::PARTITIONS,
                RegionKind::PartitionTable,
                layout.table,
            ),
            region(regions::FIRMWARE, RegionKind::App, layout.app),
        ];
        target
    }

    /// esp-idf-sys leaves the boot loader and the table that it built beside the ELF file.
    fn source(&self, elf: PathBuf, profile_dir: &Path) -> ElfSource {
        let beside = |name: &str| {
            let path = profile_dir.join(name);
            let is_std = self.manifests.iter().any(|manifest| {
                dependencies(manifest).any(|(name, _)| name.starts_with("esp-idf-"))
            });
            (is_std && path.is_file()).then_some(path)
        };
        let settings = self.settings;
        ElfSource {
            elf,
            bootloader: settings
                .bootloader
                .clone()
                .or_else(|| beside("bootloader.bin")),
            partition_table: settings
                .partition_table
                .clone()
                .or_else(|| beside("partition-table.bin")),
            partition_table_offset: settings.partition_table_offset,
            target_app_partition: settings.target_app_partition.clone(),
        }
    }

    /// The triple where it names a chip, then the features, the runner, the configuration, and what
    /// esp-hal wrote into the ELF file.
    fn chip(&self, triple: &str, elf: &Path) -> Option<Chip> {
        let from_triple = triple
            .strip_prefix("xtensa-")
            .and_then(|rest| rest.split('-').next());
        let from_environment = || {
            let mcu = self.config.get("env")?.get("MCU")?;
            mcu.as_str()
                .or_else(|| mcu.get("value")?.as_str())?
                .parse()
                .ok()
        };
        from_triple
            .and_then(|chip| chip.parse().ok())
            .or_else(|| chip_of_features(self.manifests))
            .or(self.settings.chip)
            .or_else(from_environment)
            .or_else(|| crate::elf::elf_chip(&self.look.elf(elf)?))
    }
}

/// The one chip that features name: of a dependency, or by default.
fn chip_of_features(manifests: &[Table]) -> Option<Chip> {
    let mut chips = Vec::new();
    for manifest in manifests {
        let of_dependencies = dependencies(manifest)
            .filter(|(name, _)| name.starts_with("esp"))
            .filter_map(|(_, dependency)| dependency.get("features")?.as_array())
            .flatten();
        let default = manifest.get("features").and_then(|f| f.get("default"));
        let default = default.and_then(Value::as_array).into_iter().flatten();
        for feature in of_dependencies.chain(default).filter_map(Value::as_str) {
            let name = feature.rsplit('/').next().unwrap_or(feature);
            chips.extend(name.parse::<Chip>());
        }
    }
    chips.sort();
    chips.dedup();
    match chips.as_slice() {
        [chip] => Some(*chip),
        _ => None,
    }
}

/// Where espflash will put table and app.
struct Layout {
    table: u32,
    app: u32,
}

impl Layout {
    fn of(source: &ElfSource) -> Self {
        let bytes = source
            .partition_table
            .as_ref()
            .and_then(|path| file::read(path, TABLE_TEXT_LIMIT).ok());
        let table = bytes.and_then(|bytes| crate::partitions::parse_table(&bytes).ok());
        let first = table
            .iter()
            .flat_map(|t| &t.partitions)
            .map(|p| p.offset)
            .min();
        let before_first = first.and_then(|offset| offset.checked_sub(TABLE_SECTOR_BYTES));
        Self {
            table: source
                .partition_table_offset
                .or(before_first)
                .unwrap_or(DEFAULT_TABLE_OFFSET),
            app: app_offset(source, table.as_ref()),
        }
    }
}

/// The named partition, else the one called `factory`, else the first app partition.
fn app_offset(source: &ElfSource, table: Option<&PartitionTable>) -> u32 {
    let Some(table) = table else {
        return regions::default_app_offset(None);
    };
    let called = |label: &str| table.partitions.iter().find(|p| p.label == label);
    let partition = match &source.target_app_partition {
        Some(label) => called(label),
        None => called("factory").or_else(|| table.apps().next()),
    };
    partition.map_or_else(|| regions::default_app_offset(Some(table)), |p| p.offset)
}

/// What cargo says that the program was made from, else the usual places.
fn inputs(root: &Path, elf: &Path, look: &Look) -> Vec<PathBuf> {
    let mut inputs: Vec<PathBuf> = ["Cargo.toml", "Cargo.lock", ".cargo/config.toml"]
        .iter()
        .map(|name| root.join(name))
        .collect();
    match look.text(&elf.with_extension("d")) {
        Some(rule) => inputs.extend(
            dependencies_of_rule(&rule)
                .into_iter()
                .map(|path| root.join(path)),
        ),
        None => inputs.extend([root.join("src"), root.join("build.rs")]),
    }
    inputs.retain(|path| look.spend(1) && path.exists());
    inputs.shrink_to_fit();
    inputs
}

/// The right side of `target: a b\ c`.
fn dependencies_of_rule(rule: &str) -> Vec<PathBuf> {
    let Some((_, list)) = rule.lines().next().and_then(|line| line.split_once(": ")) else {
        return Vec::new();
    };
    let spaces = list.replace("\\ ", "\0");
    spaces
        .split(' ')
        .filter(|p| !p.is_empty())
        .take(MAX_INPUTS)
        .map(|p| PathBuf::from(p.replace('\0', " ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chip_stands_in_features() {
        let chip = |text: &str| chip_of_features(&[text.parse().unwrap()]);
        assert_eq!(
            chip(
                "[dependencies]\nesp-hal = { version = \"1\", features = [\"esp32c6\", \"unstable\"] }"
            ),
            Some(Chip::Esp32C6)
        );
        assert_eq!(
            chip("[features]\ndefault = [\"esp-hal/esp32h2\"]"),
            Some(Chip::Esp32H2)
        );
        assert_eq!(
            chip(
                "[features]\ndefault = [\"esp32c3\"]\n[dependencies]\nesp-hal = { features = [\"esp32\"] }"
            ),
            None
        );
    }

    #[test]
    fn dependency_rules_and_names() {
        assert_eq!(
            dependencies_of_rule("/t/app: /p/a\\ b.rs /p/c.rs\n"),
            [PathBuf::from("/p/a b.rs"), PathBuf::from("/p/c.rs")]
        );
        assert!(is_hashed("app-0123456789abcdef") && !is_hashed("my-app"));
    }

    #[test]
    fn runners_are_texts_or_lists() {
        let words = |text: &str| runner(&text.parse().unwrap());
        let expected = ["espflash", "flash", "--chip", "esp32"];
        assert_eq!(
            words("[target.xtensa-esp32-none-elf]\nrunner = \"espflash flash --chip esp32\""),
            expected
        );
        assert_eq!(
            words(
                "[target.'cfg(target_arch = \"xtensa\")']\nrunner = [\"espflash\", \"flash\", \"--chip\", \"esp32\"]"
            ),
            expected
        );
    }
}
