//! pico-sdk: programs for RP2040 and RP2350 in build directories of CMake's.
//!
//! Source: pico-sdk 2.1, `external/pico_sdk_import.cmake` (PICO_SDK_PATH in the cache), `cmake/` (PICO_PLATFORM)
//! and `pico_add_extra_outputs`, which puts `NAME.uf2` beside `NAME.elf`.

use std::path::{Path, PathBuf};

use fbuild_chip::usb::{Rp2, UsbBoard};

use super::look::{Entry, Look};
use super::{Discovery, Unbuilt, regions, relative_name};
use crate::target::{Target, Tool};

/// Directories below a build that are looked at, in levels: a program may be a subdirectory's.
const LEVELS: usize = 2;
/// Programs of one build.
const MAX_PROGRAMS: usize = 100;
/// What CMake and the SDK build for themselves.
const OTHERS: [&str; 7] = [
    "CMakeFiles",
    "_deps",
    "elf2uf2",
    "generated",
    "pico-sdk",
    "picotool",
    "pioasm",
];
/// Endings of sources that lie in the project itself.
const SOURCES: [&str; 7] = ["c", "cpp", "cc", "h", "hpp", "S", "pio"];

pub(super) fn find(root: &Path, look: &Look, found: &mut Discovery) {
    for dir in look.subdirectories(root, |name| name.starts_with("build")) {
        add(root, &dir, look, found);
    }
}

/// Adds what a build directory holds, if it is one of pico-sdk's.
pub(super) fn add(root: &Path, dir: &Path, look: &Look, found: &mut Discovery) {
    let cache = look.lines(&dir.join("CMakeCache.txt")).unwrap_or_default();
    let entry = |name: &str| {
        let mut lines = cache.lines();
        lines.find_map(|line| {
            let (_, value) = line
                .strip_prefix(name)?
                .strip_prefix(':')?
                .split_once('=')?;
            Some(value.trim())
        })
    };
    if entry("PICO_SDK_PATH").is_none_or(str::is_empty) {
        return;
    }
    let place = relative_name(root, dir);
    let words = ["--build", &place];
    let platform = entry("PICO_PLATFORM").filter(|platform| !platform.is_empty());
    if let Some(other) = platform.filter(|platform| Rp2::named(platform).is_none()) {
        return found.pass_foreign(dir, &format!("picosdk:{place}"), other);
    }
    let mut programs = Vec::new();
    collect(dir, LEVELS, look, &mut programs);
    if programs.is_empty() {
        let name = format!("picosdk:{place}");
        let looked_for = dir.join("NAME.uf2");
        let unbuilt = Unbuilt::new(name, looked_for, Tool::PicoSdk, root, &words);
        return found.unbuilt.push(unbuilt);
    }
    let is_alone = programs.len() == 1;
    for program in programs {
        let stem = program.file_stem().unwrap_or_default().to_string_lossy();
        let name = if is_alone {
            format!("picosdk:{place}")
        } else {
            format!("picosdk:{place}/{stem}")
        };
        let mut target = Target::new(name, Tool::PicoSdk, root, &program);
        target.env = Some(stem.into_owned());
        if look.has(&root.join("CMakeLists.txt")) {
            target.build = words.map(str::to_owned).to_vec();
        }
        target.usb = Some(UsbBoard::Rp2(platform.and_then(Rp2::named)));
        target.inputs = inputs(root, look);
        target.regions = vec![regions::firmware(0, program)];
        found.targets.push(target);
    }
}

/// Programs, each with the ELF file that it was made from.
fn collect(dir: &Path, levels: usize, look: &Look, found: &mut Vec<PathBuf>) {
    for Entry { path, .. } in look.entries(dir) {
        let is_program = path.extension().is_some_and(|end| end == "uf2");
        if is_program && path.with_extension("elf").is_file() && found.len() < MAX_PROGRAMS {
            found.push(path);
        }
    }
    if levels > 0 {
        let is_own = |name: &str| !name.starts_with('.') && !OTHERS.contains(&name);
        for inner in look.subdirectories(dir, is_own) {
            collect(&inner, levels - 1, look, found);
        }
    }
}

fn inputs(root: &Path, look: &Look) -> Vec<PathBuf> {
    let usual = ["CMakeLists.txt", "src", "include", "lib"].map(|name| root.join(name));
    let is_source = |entry: &Entry| {
        let end = entry.path.extension().and_then(|end| end.to_str());
        end.is_some_and(|end| SOURCES.contains(&end))
    };
    let own = look.entries(root).into_iter().filter(is_source);
    let mut inputs: Vec<_> = usual
        .into_iter()
        .chain(own.map(|entry| entry.path))
        .collect();
    inputs.retain(|path| path.exists());
    inputs
}
