//! `sdkconfig` and Zephyr's `.config`: lines `CONFIG_X=y`, `CONFIG_X="text"`, `CONFIG_X=0x8000`,
//! `# CONFIG_X is not set`.
//!
//! What is a line, and what is a number, is what esp-idf-kconfig 3.14 takes for one: no space before
//! `CONFIG_` or around `=`, and hexadecimal options are hexadecimal with `0x` or without.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::Look;

/// Byte offsets into a text.
pub type Span = Range<usize>;

/// The options of a Kconfig file, without `CONFIG_`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SdkConfig {
    values: BTreeMap<String, String>,
}

/// The lines of a Kconfig file, with the place of everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SdkConfigText {
    /// In the order of the text; the last one of a name counts.
    pub entries: Vec<Entry>,
    /// Lines that are neither an option nor a comment.
    pub faults: Vec<Span>,
}

/// One option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name without `CONFIG_`.
    pub name: String,
    /// Its name with `CONFIG_`.
    pub name_span: Span,
    /// Its value without quotes; `n` for `# CONFIG_X is not set`.
    pub value: String,
    /// Its value with its quotes, or the words `is not set`.
    pub value_span: Span,
    /// All of it.
    pub span: Span,
    /// Whether it is written as `# CONFIG_X is not set`.
    pub is_comment: bool,
}

impl SdkConfigText {
    /// Reads a text, whatever it is.
    pub fn parse(text: &str) -> Self {
        let mut found = Self::default();
        let mut at = 0;
        for (index, whole) in text.split_inclusive('\n').enumerate() {
            let mut start = at;
            at += whole.len();
            let mut line = whole;
            if let Some(rest) = line.strip_prefix('\u{feff}').filter(|_| index == 0) {
                start += line.len() - rest.len();
                line = rest;
            }
            let line = line.trim_end();
            let span = start..start + line.len();
            match entry(line, start) {
                Some(entry) => found.entries.push(entry),
                None if line.is_empty() || line.trim_start().starts_with('#') => {}
                None => found.faults.push(span),
            }
        }
        found
    }

    /// The entry that counts for an option.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.iter().rev().find(|entry| entry.name == name)
    }

    /// What the lines say together.
    pub fn config(&self) -> SdkConfig {
        let mut values = BTreeMap::new();
        for entry in &self.entries {
            if entry.is_comment {
                values.remove(&entry.name);
            } else {
                values.insert(entry.name.clone(), entry.value.clone());
            }
        }
        SdkConfig { values }
    }
}

fn entry(line: &str, start: usize) -> Option<Entry> {
    const PREFIX: &str = "CONFIG_";
    const UNSET: &str = "is not set";
    let is_name = |name: &str| {
        name.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    let span = start..start + line.len();
    if let Some(name) = line.strip_prefix(PREFIX) {
        let (name, value) = name.split_once('=').filter(|(name, _)| is_name(name))?;
        let name_end = start + PREFIX.len() + name.len();
        return Some(Entry {
            name: name.to_owned(),
            name_span: start..name_end,
            value: unquote(value),
            value_span: name_end + 1..span.end,
            span,
            is_comment: false,
        });
    }
    let comment = line.strip_prefix('#')?;
    let name = comment.trim_start();
    let from = span.end - name.len();
    let name = name.strip_prefix(PREFIX)?.strip_suffix(UNSET)?.trim_end();
    if !is_name(name) || name.is_empty() {
        return None;
    }
    Some(Entry {
        name: name.to_owned(),
        name_span: from..from + PREFIX.len() + name.len(),
        value: "n".to_owned(),
        value_span: span.end - UNSET.len()..span.end,
        span,
        is_comment: true,
    })
}

impl SdkConfig {
    /// Read a file; one that is not there has no options.
    pub(super) fn read(path: &Path, look: &Look) -> Self {
        look.lines(path)
            .map_or_else(Self::default, |text| Self::parse(&text))
    }

    /// Read files one upon the other: what a later one says, or unsets, counts.
    pub(super) fn read_all(paths: &[PathBuf], look: &Look) -> Self {
        let texts = paths.iter().filter_map(|path| look.lines(path));
        let texts: Vec<_> = texts
            .map(|text| text.trim_start_matches('\u{feff}').to_owned())
            .collect();
        Self::parse(&texts.join("\n"))
    }

    /// Read a text.
    pub fn parse(text: &str) -> Self {
        SdkConfigText::parse(text).config()
    }

    /// The value of an option; `None` where it is empty or not there.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    }

    /// Whether an option is `y`.
    pub fn is_set(&self, name: &str) -> bool {
        self.get(name) == Some("y")
    }

    /// Baud rate of the monitor, or of the console, and the option that says so.
    pub fn console_baud(&self) -> Option<(u32, &'static str)> {
        [
            "CONFIG_ESPTOOLPY_MONITOR_BAUD",
            "CONFIG_ESP_CONSOLE_UART_BAUDRATE",
        ]
        .into_iter()
        .find_map(|name| {
            let value = self.get(name.trim_start_matches("CONFIG_"))?;
            Some((value.parse().ok()?, name))
        })
    }

    /// The value of a hexadecimal option, which needs no `0x`.
    pub fn hex(&self, name: &str) -> Option<u32> {
        self.get(name).and_then(parse_hex)
    }
}

/// A hexadecimal number as Kconfig reads it. A comment may follow.
pub fn parse_hex(text: &str) -> Option<u32> {
    let text = text.split(" #").next().unwrap_or_default().trim();
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    // A sign is none of its digits.
    let digits = digits.unwrap_or(text);
    let is_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok())?
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
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_texts_numbers_and_flags() {
        let config = SdkConfig::parse(
            "# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=\"x \\\"y\\\"\"\nCONFIG_D=0x8000\nCONFIG_E=\"\"\nnoise\n",
        );
        assert!(!config.is_set("A") && config.is_set("B"));
        assert_eq!(config.get("C"), Some("x \"y\""));
        assert_eq!(config.hex("D"), Some(0x8000));
        assert_eq!(config.get("E"), None);
    }

    #[test]
    fn everything_has_its_place_with_crlf_bom_and_other_scripts() {
        let text = "\u{feff}# 漢字 😀\r\nCONFIG_A=\"値\"\r\n# CONFIG_B is not set\r\nnoise\r\nCONFIG_A=\"x\"";
        let read = SdkConfigText::parse(text);
        let places: Vec<_> = read
            .entries
            .iter()
            .map(|entry| {
                (
                    &text[entry.name_span.clone()],
                    &text[entry.value_span.clone()],
                )
            })
            .collect();
        assert_eq!(
            places,
            [
                ("CONFIG_A", "\"値\""),
                ("CONFIG_B", "is not set"),
                ("CONFIG_A", "\"x\"")
            ]
        );
        assert_eq!(read.faults.len(), 1);
        assert_eq!(&text[read.faults[0].clone()], "noise");
        assert_eq!(read.entry("A").map(|entry| entry.value.as_str()), Some("x"));
        assert_eq!(read.config().get("A"), Some("x"));
    }

    /// Each of them as esp-idf-kconfig 3.14.0 reads it.
    #[test]
    fn numbers_and_lines_are_those_of_kconfig() {
        for (value, expected) in [
            ("10000", Some(0x1_0000)),
            ("0x10000", Some(0x1_0000)),
            ("c000", Some(0xC000)),
            ("0XC000", Some(0xC000)),
            ("65536", Some(0x6_5536)),
            (" 0x9000", Some(0x9000)),
            ("0x9000 ", Some(0x9000)),
            ("0x9000 # why", Some(0x9000)),
            ("-1", None),
            ("0xzz", None),
            ("", None),
        ] {
            let config = SdkConfig::parse(&format!("CONFIG_X={value}\n"));
            assert_eq!(config.hex("X"), expected, "{value}");
        }
        for line in [
            "CONFIG_X = y",
            "CONFIG_X =y",
            " CONFIG_X=y",
            "\tCONFIG_X=y",
            "X=y",
        ] {
            let read = SdkConfigText::parse(line);
            assert_eq!((read.entries.len(), read.faults.len()), (0, 1), "{line}");
        }
    }

    #[test]
    fn what_is_unset_later_is_unset() {
        let config = SdkConfig::parse("CONFIG_A=y\n# CONFIG_A is not set\n");
        assert!(!config.is_set("A"));
    }

    proptest! {
        #[test]
        fn every_place_lies_in_the_text(text in "((# ?|\t)?(CONFIG_)?[A-Zä漢😀=\"\\\\ ]{0,9}( is not set)?(\n|\r\n|\r)){0,9}") {
            let read = SdkConfigText::parse(&text);
            let spans = read.entries.iter().flat_map(|entry| {
                [entry.name_span.clone(), entry.value_span.clone(), entry.span.clone()]
            });
            for span in spans.chain(read.faults.clone()) {
                prop_assert!(span.start <= span.end && text.get(span.clone()).is_some(), "{:?}", span);
            }
        }
    }
}
