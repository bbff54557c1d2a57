//! Arduino: exported binaries beside the sketch, and arduino-cli's build cache.
//!
//! Source: arduino-cli 5994c5d3 (`getDefaultSketchBuildPath`) and the upload recipe of arduino-esp32
//! 3.1.1: offsets are literals, and the header keeps what the build put there.

use std::path::{Path, PathBuf};

use md5::{Digest, Md5};
use serde_json::Value;

use super::environment::Environment;
use super::{Discovery, Look, image_chip, regions};
use crate::partitions::DEFAULT_TABLE_OFFSET;
use crate::target::{Target, Tool};

const OTADATA_OFFSET: u32 = 0xe000;
const FIRMWARE_OFFSET: u32 = 0x1_0000;
/// Architecture part of the FQBN of every ESP32 board.
const ARCHITECTURE: &str = "esp32";

pub(super) fn find(root: &Path, environment: &Environment, look: &Look, found: &mut Discovery) {
    if !has_sketch(root, look) {
        return;
    }
    // Exported: the directory is named by the FQBN without options, with dots.
    for dir in look.subdirectories(&root.join("build"), |_| true) {
        let Some(sketch) = built_sketch(&dir, look) else {
            continue;
        };
        let board = dir
            .file_name()
            .map(|n| n.to_string_lossy().into_owned())
            .unwrap_or_default();
        found
            .targets
            .extend(read(root, &dir, &sketch, &board, "", environment, look));
    }
    let sketch_hash = cache_name(root);
    for cache in environment.arduino_build_caches() {
        let dir = cache.join("sketches").join(&sketch_hash);
        let Some(sketch) = built_sketch(&dir, look) else {
            continue;
        };
        let Some(board) = board_of_build(&dir, look) else {
            continue;
        };
        found.targets.extend(read(
            root,
            &dir,
            &sketch,
            &board,
            "/cache",
            environment,
            look,
        ));
    }
}

fn has_sketch(root: &Path, look: &Look) -> bool {
    let entries = look.entries(root);
    entries
        .iter()
        .any(|entry| entry.path.extension().is_some_and(|e| e == "ino"))
}

/// arduino-cli names a sketch's build directory by the MD5 of its path.
fn cache_name(root: &Path) -> String {
    let digest = Md5::digest(root.display().to_string().as_bytes());
    digest.iter().flat_map(|byte| hex_digits(*byte)).collect()
}

fn hex_digits(byte: u8) -> [char; 2] {
    [byte >> 4, byte & 0xF].map(|digit| {
        let digit = char::from_digit(digit.into(), 16).unwrap_or('0');
        digit.to_ascii_uppercase()
    })
}

/// `blink.ino`, if `dir` holds `blink.ino.bin`.
fn built_sketch(dir: &Path, look: &Look) -> Option<String> {
    look.entries(dir).iter().find_map(|entry| {
        let stem = entry.name.strip_suffix(".ino.bin")?;
        Some(format!("{stem}.ino"))
    })
}

/// FQBN of `build.options.json`, without options and with dots.
fn board_of_build(dir: &Path, look: &Look) -> Option<String> {
    let options = look.json(&dir.join("build.options.json"))?;
    let fqbn = options.get("fqbn").and_then(Value::as_str)?;
    Some(fqbn.split(':').take(3).collect::<Vec<_>>().join("."))
}

fn read(
    root: &Path,
    dir: &Path,
    sketch: &str,
    board: &str,
    suffix: &str,
    environment: &Environment,
    look: &Look,
) -> Option<Target> {
    let mut parts = board.split('.');
    let vendor = parts.next().unwrap_or_default();
    let firmware = dir.join(format!("{sketch}.bin"));
    let bootloader = dir.join(format!("{sketch}.bootloader.bin"));
    let chip = image_chip(&firmware).or_else(|| image_chip(&bootloader));
    let is_esp32 = parts.next() == Some(ARCHITECTURE) || chip.is_some();
    if !is_esp32 {
        return None;
    }
    let mut target = Target::new(
        format!("arduino:{board}{suffix}"),
        Tool::Arduino,
        root,
        &firmware,
    );
    target.env = Some(board.to_owned());
    target.chip = chip;
    let bootloader_at = chip.map_or(0, |chip| chip.facts().bootloader_offset);
    target.regions = regions::tidy(vec![
        regions::bootloader(bootloader_at, bootloader),
        regions::partitions(
            DEFAULT_TABLE_OFFSET,
            dir.join(format!("{sketch}.partitions.bin")),
        ),
        regions::otadata(OTADATA_OFFSET, boot_app0(dir, vendor, environment, look)),
        regions::firmware(FIRMWARE_OFFSET, firmware),
    ]);
    // A table beside the sketch is used in preference to the menu's.
    target.partitions_csv = Some(root.join("partitions.csv")).filter(|path| path.is_file());
    target.inputs = vec![root.to_owned()];
    target.port = sketch_port(root, look);
    Some(target)
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

/// `default_port` of `sketch.yaml`, a file of plain lines in this part.
fn sketch_port(root: &Path, look: &Look) -> Option<String> {
    let text = look.text(&root.join("sketch.yaml"))?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix("default_port:"))?;
    let port = value.trim().trim_matches(['"', '\'']);
    (!port.is_empty()).then(|| port.to_owned())
}
