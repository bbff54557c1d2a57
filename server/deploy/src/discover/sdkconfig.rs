//! `sdkconfig` and Zephyr's `.config`: lines `CONFIG_X=y`, `CONFIG_X="text"`, `CONFIG_X=0x8000`,
//! `# CONFIG_X is not set`.

use std::collections::BTreeMap;
use std::path::Path;

/// The options of a Kconfig file, without `CONFIG_`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SdkConfig {
    values: BTreeMap<String, String>,
}

impl SdkConfig {
    /// Read a file; one that is not there has no options.
    pub(super) fn read(path: &Path) -> Self {
        std::fs::read_to_string(path).map_or_else(|_| Self::default(), |text| Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let option = |line: &str| {
            let (name, value) = line.trim().strip_prefix("CONFIG_")?.split_once('=')?;
            Some((name.to_owned(), unquote(value)))
        };
        Self {
            values: text.lines().filter_map(option).collect(),
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    pub(super) fn is_set(&self, name: &str) -> bool {
        self.get(name) == Some("y")
    }

    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.get(name).and_then(super::parse_offset)
    }
}

fn unquote(value: &str) -> String {
    let Some(inner) = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    else {
        return value.to_owned();
    };
    let mut out = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' {
            chars.next().unwrap_or(c)
        } else {
            c
        });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_texts_numbers_and_flags() {
        let config = SdkConfig::parse(
            "# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=\"x \\\"y\\\"\"\nCONFIG_D=0x8000\nCONFIG_E=\"\"\nnoise\n",
        );
        assert!(!config.is_set("A") && config.is_set("B"));
        assert_eq!(config.get("C"), Some("x \"y\""));
        assert_eq!(config.number("D"), Some(0x8000));
        assert_eq!(config.get("E"), None);
    }
}
