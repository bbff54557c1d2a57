//! Which platform builds an environment: PlatformIO's own, or pioarduino's and what was made from it.

use std::path::{Path, PathBuf};

use crate::discover::platformio_config::{ConfigProblem, ProjectConfig};
use crate::discover::{Look, glob};

/// What a platform is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Esp32,
    Foreign,
    /// A platform whose name does not say it.
    Unknown,
}

impl Kind {
    /// From the option `platform`, and from the platform's own description where it lies in a directory.
    pub(super) fn of(config: &ProjectConfig<'_>, option: &str, look: &Look) -> Self {
        let of_name = |name: &str| {
            let name = name.to_lowercase();
            if name.contains("espressif32") {
                Some(Self::Esp32)
            } else {
                name.contains("espressif8266").then_some(Self::Foreign)
            }
        };
        let is_place =
            option.contains("://") || Path::new(option).is_absolute() || option.starts_with('.');
        let described = || {
            let dir = local(option).unwrap_or_else(|| PathBuf::from(option));
            let json = look.json(&config.project().join(dir).join("platform.json"))?;
            of_name(json.get("name")?.as_str()?)
        };
        of_name(option)
            .or_else(|| is_place.then(described).flatten())
            .unwrap_or(Self::Unknown)
    }
}

/// The directory of a platform that lies in one.
fn local(option: &str) -> Option<PathBuf> {
    let schemes = ["file://", "symlink://"];
    let local = schemes
        .iter()
        .find_map(|scheme| option.strip_prefix(scheme));
    local.map(PathBuf::from)
}

/// A platform for ESP32.
pub(super) struct Platform {
    /// It looks the app's slot up in the table, and lets esptool detect the flash size.
    pub(super) is_pioarduino: bool,
}

impl Platform {
    /// From the option `platform`, and from the platform itself where its name says nothing.
    pub(super) fn of(config: &ProjectConfig<'_>, option: &str) -> Result<Self, ConfigProblem> {
        let option = option.to_lowercase();
        let is_said = ["pioarduino", "tasmota", "jason2866"]
            .iter()
            .any(|name| option.contains(name));
        Ok(Self {
            is_pioarduino: is_said || !is_official(&option) && is_fork(config, &option)?,
        })
    }
}

/// A name, with a version or without, or the address of PlatformIO's repository.
fn is_official(option: &str) -> bool {
    let name = option.split('@').next().unwrap_or_default().trim();
    name == "espressif32"
        || name == "platformio/espressif32"
        || option.contains("platformio/platform-espressif32")
}

/// The builder of the one platform that was installed from this place. One that is not there is taken
/// for what nearly all forks come from.
fn is_fork(config: &ProjectConfig<'_>, option: &str) -> Result<bool, ConfigProblem> {
    const LOOKS_SLOT_UP: &str = "env.Replace(ESP32_APP_OFFSET=";
    let platforms = config.dir("platforms_dir")?;
    let look = config.look();
    let installed: Vec<PathBuf> = glob::find(&platforms, "espressif32*", look).unwrap_or_default();
    let is_this = |dir: &&PathBuf| {
        let origin = look.json(&dir.join(".piopm"));
        let uri = origin
            .as_ref()
            .and_then(|origin| origin.get("spec")?.get("uri")?.as_str());
        uri.is_some_and(|uri| uri.to_lowercase() == option)
    };
    let local = local(option);
    let place = installed.iter().find(is_this).or(local.as_ref());
    let builder = place.and_then(|dir| look.text(&dir.join("builder/main.py")));
    Ok(builder.is_none_or(|text| text.contains(LOOKS_SLOT_UP)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses() {
        for (option, official) in [
            ("espressif32", true),
            ("espressif32@6.9.0", true),
            ("platformio/espressif32 @ ^6.0", true),
            (
                "https://github.com/platformio/platform-espressif32.git#v6",
                true,
            ),
            (
                "https://github.com/tasmota/platform-espressif32/releases/x.zip",
                false,
            ),
            ("https://github.com/me/platform-espressif32.git", false),
            ("file:///opt/platform-espressif32", false),
        ] {
            assert_eq!(is_official(option), official, "{option}");
        }
    }
}
