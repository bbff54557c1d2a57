//! The manifest that a release has for an installer in a web page: it says what goes where, for each chip.
//!
//! Source: ESP Web Tools, documentation of `manifest.json`.

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use serde_json::Value;

use super::look::{Entry, Look};
use super::{Discovery, local_path};
use crate::target::Target;

/// Manifests, builds of one and parts of one that are looked at.
const MAX_MANIFESTS: usize = 10;
const MAX_BUILDS: usize = 20;
const MAX_PARTS: usize = 50;

/// Whether a file of this name may be one.
pub(super) fn may_be_one(name: &str) -> bool {
    name.starts_with("manifest") && name.strip_suffix(".json").is_some()
}

/// Adds what the manifests of a directory list; `name` is the directory's. Whether there was anything.
pub(super) fn add(
    dir: &Path,
    name: &str,
    entries: &[Entry],
    look: &Look,
    found: &mut Discovery,
) -> bool {
    let before = found.targets.len() + found.passed.len();
    let manifests = entries.iter().filter(|entry| may_be_one(&entry.name));
    for manifest in manifests.take(MAX_MANIFESTS) {
        let json = look.json(&manifest.path).unwrap_or_default();
        let builds = json.get("builds").and_then(Value::as_array);
        for build in builds.into_iter().flatten().take(MAX_BUILDS) {
            add_build(dir, name, manifest, build, found);
        }
    }
    found.targets.len() + found.passed.len() > before
}

fn add_build(dir: &Path, name: &str, manifest: &Entry, build: &Value, found: &mut Discovery) {
    let Some(family) = build.get("chipFamily").and_then(Value::as_str) else {
        return;
    };
    let stem = manifest
        .name
        .strip_suffix(".json")
        .unwrap_or(&manifest.name);
    let name = match stem {
        "manifest" => format!("files:{name}/{}", family.to_lowercase()),
        stem => format!("files:{name}/{stem}/{}", family.to_lowercase()),
    };
    let Ok(chip) = family.parse::<Chip>() else {
        return found.pass_foreign(&manifest.path, &name, family);
    };
    let part = |part: &Value| {
        let offset = u32::try_from(part.get("offset")?.as_u64()?).ok()?;
        // Queries are the web's.
        let path = part.get("path")?.as_str()?.split('?').next()?;
        Some((offset, dir.join(local_path(path.trim_start_matches('/')))))
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
