//! ESPHome, which writes a project for PlatformIO out of a YAML file, and has PlatformIO build that.
//!
//! Source: ESPHome's `esphome/storage_json.py` and `esphome/core`: what is made of `kiln.yaml` is in `.esphome` beside it,
//! and `.esphome/storage/kiln.yaml.json` says in which directory.

use std::path::{Path, PathBuf};

use super::Look;

const FOLDER: &str = ".esphome";
/// Files that a YAML file and its parts include.
const MAX_PARTS: usize = 50;

/// The YAML file that the project in `root` was written from, if it was.
pub(super) fn source(root: &Path, look: &Look) -> Option<PathBuf> {
    let name = root.file_name()?.to_str()?;
    let data = root.ancestors().find(|dir| dir.ends_with(FOLDER))?;
    let folder = data.parent()?;
    let recorded = look.entries(&data.join("storage")).into_iter();
    let recorded = recorded.filter_map(|entry| {
        let yaml = entry.name.strip_suffix(".json")?;
        let record = look.json(&entry.path)?;
        let built = record.get("build_path")?.as_str()?;
        // Only the last part: ESPHome may have run in a container, or the folder may be a copy.
        let is_it = built.rsplit(['/', '\\']).next() == Some(name);
        is_it.then(|| folder.join(yaml))
    });
    let usual = ["yaml", "yml"].map(|end| folder.join(format!("{name}.{end}")));
    recorded.chain(usual).find(|path| look.has(path))
}

/// The YAML file, and those that it and its parts include. Not `secrets.yaml`, which all devices share: PlatformIO does not
/// link again where the generated code stays the same, and the program would be old for good.
pub(super) fn parts(yaml: &Path, look: &Look) -> Vec<PathBuf> {
    let mut parts = vec![yaml.to_owned()];
    let mut read = 0;
    while let Some(part) = parts.get(read).cloned() {
        read += 1;
        let (Some(text), Some(dir)) = (look.text(&part), part.parent()) else {
            continue;
        };
        for path in text.lines().filter_map(included).map(|name| dir.join(name)) {
            if parts.len() < MAX_PARTS && !parts.contains(&path) && look.has(&path) {
                parts.push(path);
            }
        }
    }
    parts
}

/// The file that a line includes: `!include base.yaml`, `!include {file: base.yaml, vars: …}`.
fn included(line: &str) -> Option<&str> {
    let (before, named) = line.split_once("!include ")?;
    if before.trim_start().starts_with('#') {
        return None;
    }
    let named = named
        .split_once("file:")
        .map_or(named, |(_, named)| named)
        .trim();
    let ends = [' ', ',', '}', ']'];
    match named.strip_prefix(['"', '\'']) {
        Some(quoted) => quoted.split(['"', '\'']).next(),
        None => named.split(ends).next(),
    }
}
