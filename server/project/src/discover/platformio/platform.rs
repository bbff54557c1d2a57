//! Which platform builds an environment: PlatformIO's own, or pioarduino's and what was made from it.

use std::path::Path;

use serde_json::Value;

use crate::discover::Look;
use crate::discover::platformio_config::{ConfigProblem, ProjectConfig};

/// What a platform is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Esp32,
    Esp8266,
    /// A platform whose name does not say it.
    Unknown,
}

impl Kind {
    /// From the option `platform`, and from the platform's own description where it is installed.
    pub(super) fn of(config: &ProjectConfig<'_>, option: &str, look: &Look) -> Self {
        let of_name = |name: &str| {
            let name = name.to_lowercase();
            if name.contains("espressif32") {
                Some(Self::Esp32)
            } else {
                name.contains("espressif8266").then_some(Self::Esp8266)
            }
        };
        let described = || {
            let dir = config.platform_dir(option).ok()??;
            let json = look.json(&dir.join("platform.json"))?;
            of_name(json.get("name")?.as_str()?)
        };
        of_name(option).or_else(described).unwrap_or(Self::Unknown)
    }
}

/// A platform for ESP32.
pub(super) struct Platform {
    /// It looks the app's slot up in the table, and lets esptool detect the flash size.
    pub(super) is_pioarduino: bool,
}

impl Platform {
    /// From the platform that is installed, whatever it is called; from the option `platform` where it
    /// is not. One that says nothing is taken for what nearly all forks come from.
    pub(super) fn of(config: &ProjectConfig<'_>, option: &str) -> Result<Self, ConfigProblem> {
        let installed = config.platform_dir(option)?;
        let said = installed.and_then(|dir| {
            let builder = config.text_once(&dir.join("builder/main.py"));
            let of_builder = builder.and_then(|text| looks_up(&text));
            of_builder.or_else(|| of_origin(&dir, config.look()))
        });
        let option = option.to_lowercase();
        Ok(Self {
            is_pioarduino: said.unwrap_or_else(|| is_fork(&option) || !is_official(&option)),
        })
    }
}

/// Whether a builder takes the app's offset from anywhere but the board's options.
fn looks_up(builder: &str) -> Option<bool> {
    const NAME: &str = "ESP32_APP_OFFSET";
    let is_code = |line: &&str| !line.trim_start().starts_with('#');
    let code: String = builder.lines().filter(is_code).collect();
    let code: String = code.split_whitespace().collect();
    let values = code.match_indices(NAME).filter_map(|(at, _)| {
        // What is read is no place where it is set.
        let is_read = code[..at].ends_with(['$', '{']);
        let rest = &code[at + NAME.len()..];
        let rest = rest.strip_prefix(['"', '\'']).unwrap_or(rest);
        let rest = rest.strip_prefix(']').unwrap_or(rest);
        let value = rest.strip_prefix([':', '=']).filter(|_| !is_read);
        value.filter(|value| !value.starts_with('='))
    });
    let is_fixed = |value: &str| {
        let is_number = value
            .trim_start_matches(['"', '\''])
            .starts_with(|c: char| c.is_ascii_digit());
        is_number || value.starts_with("board.get(") || value.starts_with("board_config.get(")
    };
    values
        .map(|value| !is_fixed(value))
        .reduce(|one, other| one || other)
}

/// Whose platform is installed, by what it says of itself and by where it came from.
fn of_origin(dir: &Path, look: &Look) -> Option<bool> {
    /// pioarduino's and Tasmota's versions begin with the one of ESP-IDF, or with a year.
    const FIRST_MAJOR: u32 = 50;
    let json = look.json(&dir.join("platform.json")).unwrap_or_default();
    let installed = look.json(&dir.join(".piopm")).unwrap_or_default();
    let places = [
        json.get("repository"),
        json.pointer("/repository/url"),
        json.get("homepage"),
        installed.pointer("/spec/uri"),
    ];
    let places = places.into_iter().flatten().filter_map(Value::as_str);
    let places: Vec<_> = places.map(str::to_lowercase).collect();
    let version = json.get("version").and_then(Value::as_str);
    let major = version.and_then(|version| version.split('.').next()?.trim().parse().ok());
    if places.iter().any(|place| is_fork(place)) || major.is_some_and(|it: u32| it >= FIRST_MAJOR) {
        return Some(true);
    }
    places
        .iter()
        .any(|place| is_official(place))
        .then_some(false)
}

/// An address at one of those who changed PlatformIO's platform.
fn is_fork(place: &str) -> bool {
    let names = ["pioarduino", "tasmota", "jason2866"];
    names.iter().any(|name| place.contains(name))
}

/// A name, with a version or without, or the address of PlatformIO's repository.
fn is_official(option: &str) -> bool {
    let name = option.split('@').next().unwrap_or_default().trim();
    name == "espressif32"
        || name == "platformio/espressif32"
        || option.contains("platformio/platform-espressif32")
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

    #[test]
    fn a_builder_says_whether_it_looks_the_slot_up() {
        for (builder, expected) in [
            (
                "env.Replace(ESP32_APP_OFFSET=str(hex(app_offset)))\nenv.Replace(\n    \
                 ESP32_APP_OFFSET=env.get(\"INTEGRATION_EXTRA_DATA\").get(\"application_offset\"),)",
                Some(true),
            ),
            ("env['ESP32_APP_OFFSET'] = slot()", Some(true)),
            (
                "# ESP32_APP_OFFSET=app_offset\nenv.Replace(\n    ESP32_APP_OFFSET=board.get(\
                 \"upload.offset_address\", \"0x10000\"),\n)\nif a == \"$ESP32_APP_OFFSET\": pass",
                Some(false),
            ),
            ("ESP32_APP_OFFSET=\"0x10000\",", Some(false)),
            ("UPLOADCMD=\"$ESP32_APP_OFFSET $SOURCE\"", None),
            ("", None),
        ] {
            assert_eq!(looks_up(builder), expected, "{builder}");
        }
    }
}
