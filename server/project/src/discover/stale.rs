//! Sources and configuration that are newer than the firmware: the build is stale.
//!
//! A hint, not a proof: times say nothing after a checkout, and only the build tool knows what its
//! firmware depends on.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::modified;
use crate::target::Target;

/// Files looked at, at most: a workspace on a slow disk must not hold up a deploy.
const MAX_FILES: usize = 20_000;
const MAX_DEPTH: usize = 24;

/// Directories that no person writes sources into.
const SKIPPED: &[&str] = &[
    "build",
    "target",
    "node_modules",
    "managed_components",
    "libdeps",
];

/// What compilers read.
const SOURCE_EXTENSIONS: &[&str] = &[
    "c", "cc", "cpp", "cxx", "h", "hh", "hpp", "hxx", "ino", "s", "S", "rs", "ld", "x", "py",
    "toml",
];

impl Target {
    /// The inputs that are newer than the firmware, in alphabetical order. Empty where the firmware
    /// is not there.
    pub fn stale_inputs(&self) -> Vec<PathBuf> {
        let built = self.firmware();
        let built = built.and_then(|region| modified(region.source.path()));
        built.map_or_else(Vec::new, |built| self.inputs_newer_than(built))
    }

    /// The inputs that were changed after this time, in alphabetical order.
    pub fn inputs_newer_than(&self, built: SystemTime) -> Vec<PathBuf> {
        let mut stale = Vec::new();
        let mut budget = MAX_FILES;
        let newer = |path: &Path| modified(path).is_some_and(|time| time > built);
        for input in &self.inputs {
            if input.is_dir() {
                walk(input, 0, &mut budget, &mut |path| {
                    if newer(path) {
                        stale.push(path.to_owned());
                    }
                });
            } else if newer(input) {
                stale.push(input.clone());
            }
        }
        stale.sort();
        stale.dedup();
        stale
    }
}

fn walk(dir: &Path, depth: usize, budget: &mut usize, visit: &mut impl FnMut(&Path)) {
    if depth > MAX_DEPTH {
        return;
    }
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in entries {
        if *budget == 0 {
            return;
        }
        *budget -= 1;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        // Symbolic links are not followed: they can lead in circles.
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() {
            if !name.starts_with('.') && !SKIPPED.contains(&name.as_str()) {
                walk(&path, depth + 1, budget, visit);
            }
        } else if kind.is_file() && is_source(&path) {
            visit(&path);
        }
    }
}

fn is_source(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| SOURCE_EXTENSIONS.contains(&extension))
}
