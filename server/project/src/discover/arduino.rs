//! Arduino: exported binaries beside the sketch, and arduino-cli's build cache.
//!
//! Source: arduino-cli 5994c5d3 (`getDefaultSketchBuildPath`) and the upload recipe of arduino-esp32
//! 3.1.1: offsets are literals, and the header keeps what the build put there.

mod built_for;
mod default;
mod programs;
mod scheme;
mod sketch_yaml;

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use fbuild_chip::avr::{AvrBoard, other_protocol};
use fbuild_chip::usb::UsbBoard;
use md5::{Digest, Md5};

use super::environment::Environment;
use super::platformio::{avr, ota, usb};
use super::{Discovery, Look, image_chip, loose, read_table, regions, relative_name};
use crate::partitions::DEFAULT_TABLE_OFFSET;
use crate::target::{Region, Target, Tool};
use built_for::BuiltFor;

const OTADATA_OFFSET: u32 = 0xe000;
const FIRMWARE_OFFSET: u32 = 0x1_0000;
/// What the partition scheme for speech recognition adds.
const SPEECH_MODELS: &str = "srmodels.bin";
/// Architecture part of the FQBN of every ESP32 board.
const ARCHITECTURE: &str = "esp32";
const AVR: &str = "avr";
/// What a person puts a board into, where no file names it.
pub(super) const SOME_BOARD: &str = "esp32:esp32:BOARD";

pub(super) fn find(
    root: &Path,
    projects: &[PathBuf],
    environment: &Environment,
    look: &Look,
    found: &mut Discovery,
) {
    if !has_sketch(root, look) {
        return;
    }
    // `--output-dir .`
    let beside = |end: &str| Some(root.join(format!("{}.{end}", own_sketch(root, look)?)));
    let is_there = |end| beside(end).is_some_and(|path| path.is_file());
    if is_there("hex")
        || is_there("uf2")
        || beside("bin").is_some_and(|it| image_chip(&it).is_some())
    {
        add(root, root, projects, environment, look, found);
    }
    // `--output-dir build` puts everything there; exported, the directory is named by the board.
    let output = root.join("build");
    add(root, &output, projects, environment, look, found);
    for dir in look.subdirectories(&output, |_| true) {
        add(root, &dir, projects, environment, look, found);
    }
    for dir in caches_of(root, environment) {
        let board = built_for::built(&dir, look).map(|fqbn| built_for::without_options(&fqbn));
        if let Some(board) = board {
            let name = format!("{board}/cache");
            add_programs(root, &dir, &name, &[], environment, look, found);
        }
    }
}

/// Adds what a build directory of Arduino's holds, if it is one. `projects` may have the sketches that were
/// built into it from elsewhere.
pub(super) fn add(
    root: &Path,
    dir: &Path,
    projects: &[PathBuf],
    environment: &Environment,
    look: &Look,
    found: &mut Discovery,
) {
    let name = built_for::board_in_name(dir).unwrap_or_else(|| {
        if dir.starts_with(root) && dir != root {
            relative_name(root, dir)
        } else {
            dir.file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned()
        }
    });
    add_programs(root, dir, &name, projects, environment, look, found);
}

fn add_programs(
    root: &Path,
    dir: &Path,
    name: &str,
    projects: &[PathBuf],
    environment: &Environment,
    look: &Look,
    found: &mut Discovery,
) {
    let programs = programs::of(root, dir, projects, look, found);
    let is_alone = programs.len() == 1;
    if programs.is_empty() {
        let board = built_for::board_in_name(dir);
        let board = board
            .or_else(|| built_for::built(dir, look).map(|fqbn| built_for::without_options(&fqbn)));
        programs::tell_merged(dir, look, found);
        return add_foreign(dir, &board.unwrap_or_default(), look, found);
    }
    for program in programs {
        let sketch = &*program.sketch;
        let stem = sketch.strip_suffix(".ino").unwrap_or(sketch);
        let workspace = root;
        let root = programs::folder_of(sketch, root, projects, look);
        let kind = (program.is_hex, image_chip(&program.path));
        let build = Build {
            root,
            workspace,
            dir,
            sketch,
            built_for: BuiltFor::of(root, workspace, dir, kind, environment, look),
            name: if is_alone {
                name.to_owned()
            } else {
                format!("{name}/{stem}")
            },
        };
        build.add(program.remark, environment, look, found);
    }
}

/// A sketch that was built for a chip whose images are of another kind.
fn add_foreign(dir: &Path, board: &str, look: &Look, found: &mut Discovery) {
    let entries = look.entries(dir);
    let is_program = |name: &str| {
        [".ino.hex", ".ino.uf2", ".ino.elf"]
            .iter()
            .any(|end| name.ends_with(end))
    };
    let mut parts = board.split('.');
    let architecture = parts.nth(1).filter(|it| *it != ARCHITECTURE);
    let program = entries.iter().find(|entry| is_program(&entry.name));
    if let (Some(program), Some(architecture)) = (program, architecture) {
        let what_for = with_protocol(architecture, board);
        found.pass_foreign(&program.path, board, &what_for);
    }
}

/// An architecture, and why a board of it is not deployed to.
fn with_protocol(architecture: &str, board: &str) -> String {
    let name = board.split(['.', ':']).nth(2).unwrap_or_default();
    match other_protocol(name).filter(|_| architecture == "avr") {
        Some(protocol) => format!("{architecture} (board {name}, programmed by {protocol})"),
        None => architecture.to_owned(),
    }
}

pub(super) use default::settle;
pub(super) use sketch_yaml::board;

/// The sketch of a directory, which has the directory's name.
pub(super) fn own_sketch(root: &Path, look: &Look) -> Option<String> {
    let sketch = format!("{}.ino", root.file_name()?.to_str()?);
    look.has(&root.join(&sketch)).then_some(sketch)
}

fn has_sketch(root: &Path, look: &Look) -> bool {
    let entries = look.entries(root);
    entries
        .iter()
        .any(|entry| entry.path.extension().is_some_and(|e| e == "ino"))
}

/// Where arduino-cli may have built a sketch. It names the directory by the MD5 of the sketch's path, in
/// which links are resolved.
fn caches_of(root: &Path, environment: &Environment) -> Vec<PathBuf> {
    let mut paths = vec![root.to_owned()];
    let resolved = root.canonicalize().ok().filter(|path| path != root);
    paths.extend(resolved);
    let caches = environment.arduino_build_caches().into_iter();
    let of_cache = |cache: PathBuf| {
        let names = paths.iter().map(|path| cache_name(path));
        names
            .map(|name| cache.join("sketches").join(name))
            .collect::<Vec<_>>()
    };
    caches.flat_map(of_cache).collect()
}

fn cache_name(sketch: &Path) -> String {
    let digest = Md5::digest(sketch.display().to_string().as_bytes());
    digest.iter().flat_map(|byte| hex_digits(*byte)).collect()
}

fn hex_digits(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 0xF].map(|digit| {
        let digit = char::from_digit(digit.into(), 16).unwrap_or('0');
        digit.to_ascii_uppercase()
    })
}

/// A board that is none with an ESP32, and that is deployed to.
#[derive(Clone, Copy)]
pub(super) enum Other {
    Avr(AvrBoard),
    Usb(UsbBoard),
}

impl Other {
    pub(super) fn of_fqbn(fqbn: &str) -> Option<Self> {
        let usb = || UsbBoard::of_fqbn(fqbn).map(Self::Usb);
        AvrBoard::of_fqbn(fqbn).map(Self::Avr).or_else(usb)
    }

    /// How the file of a program ends.
    pub(super) fn extension(self) -> &'static str {
        match self {
            Self::Avr(_) => "hex",
            Self::Usb(board) => board.extension(),
        }
    }
}

/// A sketch that was built.
struct Build<'b> {
    /// The sketch's folder.
    root: &'b Path,
    /// The folder that is opened.
    workspace: &'b Path,
    dir: &'b Path,
    /// `blink.ino`.
    sketch: &'b str,
    built_for: BuiltFor,
    name: String,
}

impl Build<'_> {
    /// A program for another board than an ESP32, if it is one that is known.
    fn other(&self) -> Option<(Other, PathBuf)> {
        let board = Other::of_fqbn(self.built_for.fqbn.as_deref()?)?;
        let program = format!("{}.{}", self.sketch, board.extension());
        let program = self.dir.join(program);
        program.is_file().then_some((board, program))
    }

    /// What follows `arduino-cli`, so that the same board is built for, into the same place.
    fn build_words(&self, environment: &Environment, look: &Look) -> Vec<String> {
        let BuiltFor { board, fqbn, .. } = &self.built_for;
        let is_cache = caches_of(self.root, environment)
            .iter()
            .any(|dir| dir == self.dir);
        let place = relative_name(self.root, self.dir);
        let output = if is_cache {
            vec![]
        } else if place == format!("build/{board}") {
            vec!["--export-binaries".to_owned()]
        } else if built_for::built(self.dir, look).is_some() {
            vec!["--build-path".to_owned(), place]
        } else {
            vec!["--output-dir".to_owned(), place]
        };
        let what_for = match (&self.built_for.profile, fqbn) {
            (Some(profile), _) => ["--profile".to_owned(), profile.clone()],
            (None, Some(fqbn)) => ["--fqbn".to_owned(), fqbn.clone()],
            // arduino-cli builds for no board by itself.
            (None, None) => ["--fqbn".to_owned(), SOME_BOARD.to_owned()],
        };
        let words = std::iter::once("compile".to_owned());
        words.chain(what_for).chain(output).collect()
    }

    /// The build's own list of what goes where wins over the fixed places.
    fn apply_flash_args(&self, target: &mut Target, look: &Look) {
        for (offset, path) in loose::listed(&self.dir.join("flash_args"), self.dir, look) {
            let is_this =
                |region: &&mut Region| region.source.path().file_name() == path.file_name();
            match target.regions.iter_mut().find(is_this) {
                Some(region) => region.offset = offset,
                None if path.is_file() => target.regions.push(regions::data(offset, path, None)),
                None => {}
            }
        }
        let table = target.region(regions::PARTITIONS);
        target.table_offset = table.map_or(DEFAULT_TABLE_OFFSET, |table| table.offset);
    }

    /// A target without regions.
    fn target(&self, program: &Path, environment: &Environment, look: &Look) -> Target {
        let name = format!("arduino:{}", self.name);
        let mut target = Target::new(name, Tool::Arduino, self.root, program);
        let board = Some(&self.built_for.board).filter(|board| !board.is_empty());
        target.env = Some(board.unwrap_or(&self.name).clone());
        // A release has a build's files, and no sketch.
        if has_sketch(self.root, look) {
            target.build = self.build_words(environment, look);
        }
        target.inputs = vec![self.root.to_owned()];
        target.remarks.extend(self.built_for.remark.clone());
        let asked = sketch_yaml::connection(self.root, self.workspace, look);
        target.port = asked.port;
        target.console.baud = asked.monitor_baud.map(|baud| (baud, "sketch.yaml"));
        target.remarks.extend(asked.network.map(|host| {
            format!(
                "sketch.yaml names a board in the network, {host}: over the air a deploy goes to the port {}",
                ota::port(&host, &ota::Flags::default())
            )
        }));
        target
    }

    fn add(
        self,
        remark: Option<String>,
        environment: &Environment,
        look: &Look,
        found: &mut Discovery,
    ) {
        let Self { dir, sketch, .. } = self;
        let board = &self.built_for.board;
        let mut parts = board.split('.');
        let vendor = parts.next().filter(|vendor| !vendor.is_empty());
        let firmware = dir.join(format!("{sketch}.bin"));
        let bootloader = dir.join(format!("{sketch}.bootloader.bin"));
        let chip = image_chip(&firmware).or_else(|| image_chip(&bootloader));
        let architecture = parts.next();
        let program = dir.join(format!("{sketch}.hex"));
        if let Some((board, program)) = self.other() {
            let mut target = self.target(&program, environment, look);
            match board {
                Other::Avr(board) => avr::fill(&mut target, board, &program),
                Other::Usb(board) => usb::fill(&mut target, board, &program),
            }
            target.remarks.extend(remark);
            return found.targets.push(target);
        }
        if architecture != Some(ARCHITECTURE) && chip.is_none() {
            let what_for = architecture.unwrap_or("no ESP32");
            let what_for = with_protocol(what_for, board);
            let files = [&program, &firmware]
                .into_iter()
                .find(|path| path.is_file());
            return found.pass_foreign(files.unwrap_or(&firmware), &self.name, &what_for);
        }
        let mut target = self.target(&firmware, environment, look);
        target.remarks.extend(remark);
        target.baud = self.built_for.upload_baud();
        let other_size = self.built_for.other_flash_size(&bootloader);
        target.remarks.extend(other_size);
        target.remarks.extend(self.built_for.erased());
        target.chip = chip;
        if chip == Some(Chip::Esp8266) {
            // The core puts its boot loader before the sketch, in one file; no table says what follows.
            target.regions = vec![regions::firmware(0, firmware)];
            return found.targets.push(target);
        }
        let bootloader_at = chip.map_or(0, |chip| chip.facts().bootloader_offset);
        let table = dir.join(format!("{sketch}.partitions.bin"));
        let vendor = vendor.unwrap_or(ARCHITECTURE);
        target.regions = vec![
            regions::bootloader(bootloader_at, bootloader),
            regions::firmware(FIRMWARE_OFFSET, firmware),
        ];
        let otadata = boot_app0(dir, vendor, environment, look);
        // `VERSION/tools/partitions/boot_app0.bin`
        let core = otadata.ancestors().nth(3).map(|core| core.join("variants"));
        let variant =
            core.map(|variants| variants.join(board.rsplit('.').next().unwrap_or_default()));
        let models = dir.join(SPEECH_MODELS);
        let (extra, left_out) = extra_images(dir, variant.as_deref(), &table);
        if left_out.contains(&models) {
            found.pass(
                &models,
                "the partition table has no partition 'model' for it",
            );
        }
        target.regions.extend(extra);
        target
            .regions
            .push(regions::otadata(OTADATA_OFFSET, otadata));
        target
            .regions
            .push(regions::partitions(DEFAULT_TABLE_OFFSET, table));
        self.apply_flash_args(&mut target, look);
        target.regions = regions::tidy(target.regions);
        // A table beside the sketch is used in preference to the menu's.
        let csv = self.root.join("partitions.csv");
        target.partitions_csv = Some(csv).filter(|path| path.is_file());
        if target.partitions_csv.is_none()
            && let Some(table) = target.region(regions::PARTITIONS)
        {
            let other = self.built_for.other_scheme(table.source.path());
            target.remarks.extend(other);
        }
        found.targets.push(target);
    }
}

/// What the menu of partition schemes adds to an upload: a file that the build has put beside the
/// program or that the board's variant has, at a place that the scheme's table has a partition for.
///
/// Source: `upload.extra_flags` in arduino-esp32's boards.txt: `{build.path}/srmodels.bin` of the
/// scheme for speech recognition, `{build.variant.path}/tinyuf2.bin` of those with TinyUF2.
///
/// Those that the table has no partition for come second.
fn extra_images(dir: &Path, variant: Option<&Path>, table: &Path) -> (Vec<Region>, Vec<PathBuf>) {
    const IMAGES: [(&str, &str); 2] = [(SPEECH_MODELS, "model"), ("tinyuf2.bin", "uf2")];
    let table = read_table(table);
    let (mut found, mut left_out) = (Vec::new(), Vec::new());
    for (file, label) in IMAGES {
        let places = [Some(dir), variant].into_iter().flatten();
        let mut places = places.map(|dir| dir.join(file));
        let Some(path) = places.find(|path| path.is_file()) else {
            continue;
        };
        let rows = table.iter().flat_map(|table| &table.partitions);
        let row = rows.clone().find(|row| row.label == label);
        match row {
            Some(row) => found.push(regions::data(row.offset, path, table.as_ref())),
            None => left_out.push(path),
        }
    }
    (found, left_out)
}

/// The core's `boot_app0.bin`; the newest of several installed versions (all hold the same bytes).
fn boot_app0(dir: &Path, vendor: &str, environment: &Environment, look: &Look) -> PathBuf {
    let local = dir.join("boot_app0.bin");
    if local.is_file() {
        return local;
    }
    let data = environment.arduino_data();
    let mut versions: Vec<_> = data
        .iter()
        .flat_map(|data| {
            let hardware = data
                .join("packages")
                .join(vendor)
                .join("hardware")
                .join(ARCHITECTURE);
            look.subdirectories(&hardware, |_| true)
        })
        .map(|version| version.join("tools/partitions/boot_app0.bin"))
        .filter(|path| path.is_file())
        .collect();
    versions.sort_by_key(|path| version_numbers(path));
    let place = data.into_iter().next().unwrap_or_default();
    versions.pop().unwrap_or_else(|| {
        place
            .join("packages")
            .join(vendor)
            .join("hardware")
            .join(ARCHITECTURE)
            .join("boot_app0.bin")
    })
}

fn version_numbers(boot_app0: &Path) -> Vec<u32> {
    let version = boot_app0.ancestors().nth(3).and_then(Path::file_name);
    let version = version
        .map(|name| name.to_string_lossy().into_owned())
        .unwrap_or_default();
    version
        .split(['.', '-'])
        .map(|part| part.parse().unwrap_or(0))
        .collect()
}
