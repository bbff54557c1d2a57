//! Arduino: exported binaries beside the sketch, and arduino-cli's build cache.
//!
//! Source: arduino-cli 5994c5d3 (`getDefaultSketchBuildPath`) and the upload recipe of arduino-esp32
//! 3.1.1: offsets are literals, and the header keeps what the build put there.

mod sketch_yaml;

use std::path::{Path, PathBuf};

use fbuild_chip::avr::{AvrBoard, other_protocol};
use md5::{Digest, Md5};

use super::environment::Environment;
use super::platformio::avr;
use super::{Discovery, Look, image_chip, loose, modified, read_table, regions, relative_name};
use crate::partitions::DEFAULT_TABLE_OFFSET;
use crate::target::{Region, Target, Tool};

const OTADATA_OFFSET: u32 = 0xe000;
const FIRMWARE_OFFSET: u32 = 0x1_0000;
/// What the partition scheme for speech recognition adds.
const SPEECH_MODELS: &str = "srmodels.bin";
/// Architecture part of the FQBN of every ESP32 board.
const ARCHITECTURE: &str = "esp32";

pub(super) fn find(root: &Path, environment: &Environment, look: &Look, found: &mut Discovery) {
    if !has_sketch(root, look) {
        return;
    }
    // `--output-dir build` puts everything there; exported, the directory is named by the board.
    let output = root.join("build");
    add(root, &output, environment, look, found);
    for dir in look.subdirectories(&output, |_| true) {
        add(root, &dir, environment, look, found);
    }
    for dir in caches_of(root, environment) {
        let Some(sketch) = built_sketch(&dir, look) else {
            continue;
        };
        let Some(board) = board_of_build(&dir, look) else {
            continue;
        };
        let build = Build {
            root,
            dir: &dir,
            sketch: &sketch,
            board: &board,
            name: format!("{board}/cache"),
        };
        build.add(environment, look, found);
    }
}

/// Adds what a build directory of Arduino's holds, if it is one.
pub(super) fn add(
    root: &Path,
    dir: &Path,
    environment: &Environment,
    look: &Look,
    found: &mut Discovery,
) {
    let last = dir
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let last = last.unwrap_or_default();
    // The directory is named by the FQBN without options, with dots; any other name is a person's.
    let is_board = last.matches('.').count() == 2;
    let board = || {
        if is_board {
            last.clone()
        } else {
            board_of_build(dir, look).unwrap_or_default()
        }
    };
    let Some(sketch) = built_sketch(dir, look) else {
        return add_foreign(dir, &board(), look, found);
    };
    let board = board();
    let name = if is_board {
        last
    } else {
        relative_name(root, dir)
    };
    let build = Build {
        root,
        dir,
        sketch: &sketch,
        board: &board,
        name,
    };
    build.add(environment, look, found);
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

/// `blink.ino`, if `dir` holds `blink.ino.bin`, or for AVR `blink.ino.hex`: of a sketch that was renamed the
/// newer one.
fn built_sketch(dir: &Path, look: &Look) -> Option<String> {
    let entries = look.entries(dir);
    let sketch = |name: &str| {
        let ends = [".ino.bin", ".ino.hex"];
        let stem = ends.iter().find_map(|end| name.strip_suffix(end))?;
        Some(format!("{stem}.ino"))
    };
    let built = entries
        .iter()
        .filter_map(|entry| Some((sketch(&entry.name)?, &entry.path)));
    let (newest, _) = built.max_by_key(|(_, path)| modified(path))?;
    Some(newest)
}

/// FQBN of `build.options.json`, without options and with dots.
fn board_of_build(dir: &Path, look: &Look) -> Option<String> {
    Some(without_options(&fqbn_of_build(dir, look)?))
}

fn fqbn_of_build(dir: &Path, look: &Look) -> Option<String> {
    let options = look.json(&dir.join("build.options.json"))?;
    Some(options.get("fqbn")?.as_str()?.to_owned())
}

fn without_options(fqbn: &str) -> String {
    fqbn.split(':').take(3).collect::<Vec<_>>().join(".")
}

/// A sketch that was built.
struct Build<'b> {
    root: &'b Path,
    dir: &'b Path,
    /// `blink.ino`.
    sketch: &'b str,
    /// FQBN without options, with dots; empty where nothing says it.
    board: &'b str,
    name: String,
}

impl Build<'_> {
    /// The board, with its options where they are known.
    fn fqbn(&self, caches: &[PathBuf], look: &Look) -> Option<String> {
        let own = fqbn_of_build(self.dir, look);
        // What was exported does not say the board's options; the last build of it does.
        let built = caches.iter().filter_map(|dir| fqbn_of_build(dir, look));
        let mut known = own.into_iter().chain(built);
        let fqbn = known.find(|fqbn| without_options(fqbn) == self.board);
        let is_board = self.board.matches('.').count() == 2;
        fqbn.or_else(|| is_board.then(|| self.board.replace('.', ":")))
    }

    /// A program for an AVR board, if it is one that is known.
    fn avr(&self, program: &Path, environment: &Environment, look: &Look) -> Option<AvrBoard> {
        let caches = caches_of(self.root, environment);
        let board = AvrBoard::of_fqbn(&self.fqbn(&caches, look)?)?;
        program.is_file().then_some(board)
    }

    /// What follows `arduino-cli`, so that the same board is built for, into the same place.
    fn build_words(&self, environment: &Environment, look: &Look) -> Vec<String> {
        let caches = caches_of(self.root, environment);
        let has_options = fqbn_of_build(self.dir, look).is_some();
        let fqbn = self.fqbn(&caches, look);
        let place = relative_name(self.root, self.dir);
        let output = if caches.iter().any(|dir| dir == self.dir) {
            vec![]
        } else if place == format!("build/{}", self.board) {
            vec!["--export-binaries".to_owned()]
        } else if has_options {
            vec!["--build-path".to_owned(), place]
        } else {
            vec!["--output-dir".to_owned(), place]
        };
        let fqbn = fqbn.map(|fqbn| ["--fqbn".to_owned(), fqbn]);
        let words = std::iter::once("compile".to_owned());
        words
            .chain(fqbn.into_iter().flatten())
            .chain(output)
            .collect()
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

    fn add(self, environment: &Environment, look: &Look, found: &mut Discovery) {
        let Self {
            root, dir, sketch, ..
        } = self;
        let mut parts = self.board.split('.');
        let vendor = parts.next().filter(|vendor| !vendor.is_empty());
        let firmware = dir.join(format!("{sketch}.bin"));
        let bootloader = dir.join(format!("{sketch}.bootloader.bin"));
        let chip = image_chip(&firmware).or_else(|| image_chip(&bootloader));
        let architecture = parts.next();
        let program = dir.join(format!("{sketch}.hex"));
        if let Some(board) = self.avr(&program, environment, look) {
            let name = format!("arduino:{}", self.name);
            let mut target = Target::new(name, Tool::Arduino, root, &program);
            target.env = Some(self.board.to_owned());
            if has_sketch(root, look) {
                target.build = self.build_words(environment, look);
            }
            avr::fill(&mut target, board, &program);
            target.inputs = vec![root.to_owned()];
            target.port = sketch_yaml::port(root, look);
            return found.targets.push(target);
        }
        if architecture != Some(ARCHITECTURE) && (chip.is_none() || architecture == Some("esp8266"))
        {
            let what_for = architecture.unwrap_or("no ESP32");
            let what_for = with_protocol(what_for, self.board);
            return found.pass_foreign(&firmware, &self.name, &what_for);
        }
        let mut target = Target::new(
            format!("arduino:{}", self.name),
            Tool::Arduino,
            root,
            &firmware,
        );
        let board = if self.board.is_empty() {
            &self.name
        } else {
            self.board
        };
        target.env = Some(board.to_owned());
        // A release has a build's files, and no sketch.
        if has_sketch(root, look) {
            target.build = self.build_words(environment, look);
        }
        target.chip = chip;
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
            core.map(|variants| variants.join(self.board.rsplit('.').next().unwrap_or_default()));
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
        target.partitions_csv = Some(root.join("partitions.csv")).filter(|path| path.is_file());
        target.inputs = vec![root.to_owned()];
        target.port = sketch_yaml::port(root, look);
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
