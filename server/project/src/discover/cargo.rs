//! Cargo: ELF files in `<target-dir>/<triple>/<profile>/`, turned into images by espflash.
//!
//! Source: cargo's documentation ("Build cache", "Configuration") and espflash 4.7.0.

mod config;
mod made;
mod manifest;
mod rp2;

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;

use super::environment::Environment;
use super::espflash_toml::{self, EspflashSettings};
use super::look::{Entry, Look};
use super::{Discovery, Unbuilt, image_chip, read_start, regions};
use crate::file::{self, TABLE_TEXT_LIMIT};
use crate::input_error::InputError;
use crate::partitions::{DEFAULT_TABLE_OFFSET, PartitionTable, TABLE_SECTOR_BYTES};
use crate::target::{ElfSource, Region, RegionKind, Source, Target, Tool};
use config::Config;
use made::Made;
use manifest::{Package, chip_of_features};

/// Sources of one program that are looked at.
const MAX_INPUTS: usize = 5000;

pub(super) fn find(root: &Path, environment: &Environment, look: &Look, found: &mut Discovery) {
    let Some(package) = Package::read(root, look) else {
        return;
    };
    let outer = package.workspace_around(look);
    let mut packages = package.members(look);
    packages.insert(0, package);
    let config = Config::of(root, environment, look);
    // Beside firmware there may be members for the host, which a workspace's runner says nothing of.
    let may_be_esp = |name: &str| is_esp_triple(name) || name.starts_with("cfg(");
    let workspace = outer.as_ref().map_or(root, |outer| outer.dir.as_path());
    let is_run_on_esp = config.has_runner(root, may_be_esp, espflash_toml::is_for_esp);
    if !packages.iter().any(Package::depends_on_esp) && !is_run_on_esp {
        let target_dir = config.target_dir();
        let target_dir = target_dir.unwrap_or_else(|| workspace.join("target"));
        if !rp2::add(root, &packages, &config, &target_dir, look, found) {
            add_foreign(&packages, &target_dir, look, found);
        }
        return;
    }
    let mut places = Vec::new();
    for dir in std::iter::once(root).chain(packages[1..].iter().map(|package| &*package.dir)) {
        match Place::read(dir, workspace, environment, look) {
            Ok(place) if dir == root || place.has_own(root) => places.push(place),
            Ok(_) => {}
            Err(problem) => return found.problems.push(problem),
        }
    }
    let project = Project {
        workspace,
        outer: outer.as_ref(),
        packages: &packages,
        places: &places,
        look,
    };
    let mut target_dirs: Vec<_> = places
        .iter()
        .map(|place| place.target_dir(workspace, environment))
        .collect();
    target_dirs.dedup();
    let before = found.targets.len();
    for target_dir in &target_dirs {
        for triple_dir in look.subdirectories(target_dir, is_esp_triple) {
            for profile_dir in look.subdirectories(&triple_dir, |_| true) {
                for (name, elf) in programs(&profile_dir, look) {
                    let package = project.package_of(&elf, &name);
                    // Others of a workspace lie beside those of a member.
                    if package.is_some() || outer.is_none() {
                        let target = project.target(package, &triple_dir, &profile_dir, &name, elf);
                        found.targets.push(target);
                    }
                }
            }
        }
    }
    if found.targets.len() == before {
        let name = packages.iter().find_map(Package::name).unwrap_or("app");
        let looked_for = target_dirs[0].join("<triple>/<profile>").join(name);
        found.unbuilt.push(Unbuilt::new(
            format!("cargo:{name}"),
            looked_for,
            Tool::Cargo,
            root,
            &["build", "--release"],
        ));
    }
}

/// What was built for other chips.
fn add_foreign(packages: &[Package], target_dir: &Path, look: &Look, found: &mut Discovery) {
    let name = packages.iter().find_map(Package::name).unwrap_or("app");
    let is_other = |triple: &str| {
        (triple.contains("-none") || triple.starts_with("avr")) && !is_esp_triple(triple)
    };
    for dir in look.subdirectories(target_dir, is_other) {
        let triple = dir.file_name().unwrap_or_default().to_string_lossy();
        found.pass_foreign(&dir, &format!("cargo:{name}"), &triple);
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
            if !name.contains('.') && !is_hashed(&name) && is_program(&path) {
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

/// A 32-bit executable ELF file for Xtensa, RISC-V or Arm.
fn is_program(path: &Path) -> bool {
    const EXECUTABLE: [u8; 2] = [2, 0];
    const XTENSA: [u8; 2] = [94, 0];
    const RISCV: [u8; 2] = [243, 0];
    const ARM: [u8; 2] = [40, 0];
    let start = read_start(path, 20).unwrap_or_default();
    start.starts_with(b"\x7fELF\x01")
        && start.get(16..18) == Some(&EXECUTABLE)
        && [XTENSA, RISCV, ARM]
            .iter()
            .any(|it| start.get(18..20) == Some(it))
}

/// A directory that cargo is run in, with what is configured there.
struct Place {
    dir: PathBuf,
    config: Config,
    settings: EspflashSettings,
    /// Where cargo puts what is not a result, if that is apart.
    build_dir: Option<PathBuf>,
}

impl Place {
    fn read(
        dir: &Path,
        workspace: &Path,
        environment: &Environment,
        look: &Look,
    ) -> Result<Self, InputError> {
        let config = Config::of(dir, environment, look);
        Ok(Self {
            dir: dir.to_owned(),
            build_dir: config.build_dir(workspace, environment),
            config,
            settings: EspflashSettings::read(dir, environment, look)?,
        })
    }

    /// Whether a member has settings that its workspace in `root` does not have.
    fn has_own(&self, root: &Path) -> bool {
        let mut between = self.dir.ancestors().take_while(|dir| *dir != root);
        between.any(|dir| self.config.is_set_in(dir))
            || self.dir.join(espflash_toml::FILE_NAME).is_file()
    }

    fn target_dir(&self, workspace: &Path, environment: &Environment) -> PathBuf {
        environment
            .dir("CARGO_TARGET_DIR")
            .or_else(|| environment.dir("CARGO_BUILD_TARGET_DIR"))
            .map(|dir| self.dir.join(dir))
            .or_else(|| self.config.target_dir())
            .unwrap_or_else(|| workspace.join("target"))
    }
}

struct Project<'p> {
    /// The directory of the workspace.
    workspace: &'p Path,
    /// The workspace, where only one of its members was opened.
    outer: Option<&'p Package>,
    /// What was opened, and its members.
    packages: &'p [Package],
    /// What was opened, and those members that have settings of their own.
    places: &'p [Place],
    look: &'p Look,
}

impl<'p> Project<'p> {
    /// The package that a program is made from, if it is one of those.
    fn package_of(&self, elf: &Path, name: &str) -> Option<&'p Package> {
        let Some(rule) = self.look.text(&elf.with_extension("d")) else {
            return self
                .packages
                .iter()
                .find(|package| package.name() == Some(name));
        };
        let sources = dependencies_of_rule(&rule).into_iter();
        let sources: Vec<_> = sources.map(|source| self.workspace.join(source)).collect();
        let is_of = |package: &&Package| {
            sources
                .iter()
                .any(|source| source.starts_with(&package.dir))
        };
        let found = self.packages.iter().filter(is_of);
        found.max_by_key(|package| {
            let is_its_name = package.name() == Some(name);
            (is_its_name, package.dir.components().count())
        })
    }

    fn target(
        &self,
        package: Option<&Package>,
        triple_dir: &Path,
        profile_dir: &Path,
        name: &str,
        elf: PathBuf,
    ) -> Target {
        let file_name = |path: &Path| {
            path.file_name()
                .map(|name| name.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let (profile, triple) = (file_name(profile_dir), file_name(triple_dir));
        let package_dir = package.map_or(&self.packages[0].dir, |package| &package.dir);
        let own = self.places.iter().find(|place| &place.dir == package_dir);
        let place = own.unwrap_or(&self.places[0]);
        let mut settings = place.settings.clone();
        settings.apply_runner(&place.dir, &place.config.runner(&triple));
        let mut target = Target::new(
            format!("cargo:{name}/{profile}"),
            Tool::Cargo,
            &place.dir,
            &package_dir.join("Cargo.toml"),
        );
        target.env = Some(name.to_owned());
        target.chip = self.chip(package, place, &settings, &triple, &elf);
        target.build = build_words(name, &profile, &triple);
        target.profile = Some(profile);
        // What was built before it was set apart is older.
        let apart = place.build_dir.as_ref();
        let apart = apart.map(|dir| {
            dir.join(&triple)
                .join(profile_dir.file_name().unwrap_or_default())
        });
        let dirs: Vec<_> = apart.into_iter().chain([profile_dir.to_owned()]).collect();
        let (source, remark) = self.source(package, &settings, elf, &dirs);
        target.remarks.extend(remark);
        target.remarks.extend(settings.remarks());
        let of_boot_loader = || image_chip(source.bootloader.as_ref()?);
        target.chip = target.chip.or_else(of_boot_loader);
        let layout = Layout::of(&source);
        target.table_offset = layout.table;
        target.inputs = inputs(
            &place.dir,
            self.workspace,
            &place.config,
            &source.elf,
            self.look,
        );
        target.flash = settings.flash;
        target.baud = settings.baud;
        target.port = settings.port;
        target.console.baud = settings.monitor_baud.map(|baud| (baud, "the runner"));
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

    /// What espflash is given, and what is told of it.
    fn source(
        &self,
        package: Option<&Package>,
        settings: &EspflashSettings,
        elf: PathBuf,
        profile_dirs: &[PathBuf],
    ) -> (ElfSource, Option<String>) {
        let is_std = self.related(package).any(Package::is_std);
        let made = is_std.then(|| Made::in_first(profile_dirs, settings, self.look));
        let made = made.unwrap_or_default();
        let source = ElfSource {
            elf,
            bootloader: settings.bootloader.clone().or(made.bootloader),
            partition_table: settings.partition_table.clone().or(made.table),
            partition_table_offset: settings.partition_table_offset,
            target_app_partition: settings.target_app_partition.clone(),
        };
        (source, made.remark)
    }

    /// A package and its workspace, whose dependencies it may take over; all of them where nothing
    /// says which package it is.
    fn related<'s>(&'s self, package: Option<&'s Package>) -> impl Iterator<Item = &'s Package> {
        let others = self
            .packages
            .iter()
            .enumerate()
            .filter(move |(index, other)| {
                package.is_none_or(|package| *index == 0 && other.dir != package.dir)
            });
        let others = others.map(|(_, other)| other);
        package.into_iter().chain(others).chain(self.outer)
    }

    /// The triple where it names a chip, then the features, the runner, the configuration, and what
    /// esp-hal wrote into the ELF file.
    fn chip(
        &self,
        package: Option<&Package>,
        place: &Place,
        settings: &EspflashSettings,
        triple: &str,
        elf: &Path,
    ) -> Option<Chip> {
        let from_triple = triple
            .strip_prefix("xtensa-")
            .and_then(|rest| rest.split('-').next());
        from_triple
            .and_then(|chip| chip.parse().ok())
            .or_else(|| chip_of_features(self.related(package)))
            .or(settings.chip)
            .or_else(|| place.config.mcu())
            .or_else(|| crate::elf::elf_chip(&self.look.elf(elf)?))
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
fn inputs(root: &Path, workspace: &Path, config: &Config, elf: &Path, look: &Look) -> Vec<PathBuf> {
    let mut inputs = ["Cargo.toml", "Cargo.lock"]
        .map(|name| root.join(name))
        .to_vec();
    inputs.extend(config.own(root).cloned());
    match look.text(&elf.with_extension("d")) {
        Some(rule) => inputs.extend(
            dependencies_of_rule(&rule)
                .into_iter()
                .map(|path| workspace.join(path)),
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
    fn dependency_rules_and_names() {
        assert_eq!(
            dependencies_of_rule("/t/app: /p/a\\ b.rs /p/c.rs\n"),
            [PathBuf::from("/p/a b.rs"), PathBuf::from("/p/c.rs")]
        );
        assert!(is_hashed("app-0123456789abcdef") && !is_hashed("my-app"));
    }
}
