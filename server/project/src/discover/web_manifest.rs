//! The manifest that a release has for an installer in a web page: it says what goes where, for each chip.
//!
//! Source: ESP Web Tools, documentation of `manifest.json`.

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use fbuild_chip::flash::parse_offset;
use serde_json::Value;

use super::look::{Entry, Look};
use super::{Discovery, local_path, without_dots};
use crate::target::Target;

/// Manifests, builds of one and parts of one that are looked at.
const MAX_MANIFESTS: usize = 10;
const MAX_BUILDS: usize = 20;
const MAX_PARTS: usize = 50;

/// Whether a file of this name may be one.
pub(super) fn may_be_one(name: &str) -> bool {
    name.strip_suffix(".json")
        .is_some_and(|stem| stem.contains("manifest"))
}

/// Adds what the manifests of a directory list; `name` is the directory's. Whether there was a build in
/// them whose files are here, or one for another chip.
pub(super) fn add(
    dir: &Path,
    name: &str,
    entries: &[Entry],
    look: &Look,
    found: &mut Discovery,
) -> bool {
    let before = found.targets.len() + found.foreign.len();
    let manifests = entries.iter().filter(|entry| may_be_one(&entry.name));
    for manifest in manifests.take(MAX_MANIFESTS) {
        let json = look.json(&manifest.path).unwrap_or_default();
        let builds = json.get("builds").and_then(Value::as_array);
        for build in builds.into_iter().flatten().take(MAX_BUILDS) {
            add_build(dir, name, manifest, build, found);
        }
    }
    found.targets.len() + found.foreign.len() > before
}

fn add_build(dir: &Path, name: &str, manifest: &Entry, build: &Value, found: &mut Discovery) {
    let Some(family) = build.get("chipFamily").and_then(Value::as_str) else {
        return;
    };
    let stem = manifest
        .name
        .strip_suffix(".json")
        .unwrap_or(&manifest.name);
    let mut name = match stem {
        "manifest" => format!("files:{name}/{}", family.to_lowercase()),
        stem => format!("files:{name}/{stem}/{}", family.to_lowercase()),
    };
    // One for boards with a bridge, one for the chip's own USB.
    if let Some(serial) = build.get("serialType").and_then(Value::as_str) {
        name = format!("{name}/{serial}");
    }
    let Ok(chip) = family.parse::<Chip>() else {
        return found.pass_foreign(&manifest.path, &name, family);
    };
    let part = |part: &Value| {
        let offset = part.get("offset")?;
        let number = offset
            .as_u64()
            .and_then(|offset| u32::try_from(offset).ok());
        let offset = number.or_else(|| parse_offset(offset.as_str()?))?;
        Some((offset, here(part.get("path")?.as_str()?, dir)))
    };
    let parts = build.get("parts").and_then(Value::as_array);
    let parts = parts.into_iter().flatten().take(MAX_PARTS);
    let Some(pairs) = parts.map(part).collect::<Option<Vec<(u32, PathBuf)>>>() else {
        return found.pass(
            &manifest.path,
            format!("{name} has a part without offset or path"),
        );
    };
    match Target::from_files(&pairs) {
        Ok(target)
            if found
                .targets
                .iter()
                .any(|known| known.regions == target.regions) =>
        {
            found.pass(
                &manifest.path,
                format!("{name} has the parts of another target"),
            );
        }
        Ok(mut target) => {
            target.chip = Some(chip);
            target.env = name.split_once(':').map(|(_, name)| name.to_owned());
            target.name = name;
            found.targets.push(target);
        }
        // A release's page may bring its files from elsewhere.
        Err(problem) => found.pass(&manifest.path, format!("{name}: {problem}")),
    }
}

/// The file that an address of a part names: relative to the manifest, `/` being the site that it is on.
fn here(address: &str, dir: &Path) -> PathBuf {
    let file = |path: &str| {
        let path = local_path(path.trim_start_matches('/'));
        without_dots(&dir.join(path))
    };
    let whole = file(address);
    // Queries and escapes are the web's, and may be in a file's name all the same.
    if whole.is_file() {
        return whole;
    }
    file(&unescaped(
        address.split(['?', '#']).next().unwrap_or(address),
    ))
}

/// `%20` is a space.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let byte = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        let escaped = byte.filter(|_| *first == b'%');
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() {
            &after[2..]
        } else {
            after
        };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}
