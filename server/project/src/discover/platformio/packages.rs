//! Where PlatformIO has installed the Arduino framework.
//!
//! Source: PlatformIO Core 6.2.0, `platformio/package/manager`: a second version of a package lies in
//! `NAME@VERSION`, and one that is linked stays where it is.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::discover::platformio_config::installed::Wanted;
use crate::discover::platformio_config::{ConfigProblem, ProjectConfig};
use crate::discover::{Look, local_path, modified};

const FRAMEWORK: &str = "framework-arduinoespressif32";

/// The directory of the framework for ESP32, whether it is there or not: the one that the project asks for, or else
/// its platform.
pub(super) fn framework(
    config: &ProjectConfig<'_>,
    section: &str,
    look: &Look,
) -> Result<PathBuf, ConfigProblem> {
    installed(FRAMEWORK, config, section, look)
}

/// A package's directory, whether it is there or not.
pub(super) fn installed(
    name: &str,
    config: &ProjectConfig<'_>,
    section: &str,
    look: &Look,
) -> Result<PathBuf, ConfigProblem> {
    let packages = config.dir("packages_dir")?;
    let mut asked = None;
    for package in config.list(section, "platform_packages")? {
        let (own, wanted) = package.split_once('@').unwrap_or((&package, ""));
        if own.trim().rsplit('/').next() != Some(name) {
            continue;
        }
        if let Some(linked) = wanted.trim().strip_prefix("symlink://") {
            return Ok(config.project().join(linked));
        }
        let version = wanted.trim().trim_start_matches(['=', '~', '^']);
        let dir = packages.join(format!("{name}@{version}"));
        if dir.is_dir() {
            return Ok(dir);
        }
        asked = Some(Wanted::named(name, wanted));
    }
    let platform = config.platform(section)?;
    let described = || {
        let dir = config.platform_dir(&platform).ok()??;
        let text = config.text_once(&dir.join("platform.json"))?;
        let json: Value = serde_json::from_str(&text).ok()?;
        let package = json.get("packages")?.get(name)?;
        let text = |key: &str| package.get(key)?.as_str();
        let owner = text("owner").map_or_else(String::new, |owner| format!("{owner}/"));
        let whole = format!("{owner}{name}");
        Some(Wanted::named(&whole, text("version").unwrap_or_default()))
    };
    if let Some(wanted) = asked.or_else(described)
        && let Some(dir) = config.framework_dir(name, &wanted)?
    {
        return Ok(dir);
    }
    let usual = packages.join(name);
    if usual.is_dir() {
        return Ok(usual);
    }
    let versions = look.subdirectories(&packages, |dir| {
        dir.strip_prefix(name)
            .is_some_and(|rest| rest.starts_with('@'))
    });
    let newest = versions.into_iter().max_by_key(|dir| modified(dir));
    Ok(newest.unwrap_or(usual))
}

/// A file of the framework that another system names by its own path.
pub(super) fn in_framework(framework: &Path, written: &str) -> Option<PathBuf> {
    let path = local_path(&written.replace('\\', "/"));
    let parts: Vec<_> = path.iter().collect();
    let is_framework = |part: &&std::ffi::OsStr| {
        part.to_str()
            .is_some_and(|name| name.split('@').next() == Some(FRAMEWORK))
    };
    let at = parts.iter().position(is_framework)?;
    let path = framework.join(parts[at + 1..].iter().collect::<PathBuf>());
    path.is_file().then_some(path)
}
