//! Which esptool it is, and how that version spells its words.

use std::fmt;
use std::sync::LazyLock;

use regex::Regex;

/// A version as esptool says it in its first line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// How commands, their options and the names of resets are written.
///
/// Source: esptool's documentation, "Migration Guide, esptool v5". Version 5 still understands the
/// old words, and warns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spelling {
    /// `write_flash`, `default_reset`: version 4.
    Underscores,
    /// `write-flash`, `default-reset`: version 5 and, as far as anybody knows, later ones.
    Hyphens,
}

impl Spelling {
    /// A word, given with hyphens.
    pub fn of(self, word: &str) -> String {
        match self {
            Self::Underscores => word.replace('-', "_"),
            Self::Hyphens => word.to_owned(),
        }
    }
}

impl Version {
    /// The oldest one whose words are known here.
    pub const OLDEST: Self = Self {
        major: 4,
        minor: 0,
        patch: 0,
    };

    /// Reads it out of a line: `esptool v5.6.0`, `esptool.py v4.8.1`, `esptool.py v4.9.dev2`.
    pub fn from_line(line: &str) -> Option<Self> {
        // A literal pattern; the tests below compile it.
        static LINE: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r"^esptool(?:\.py)? v(\d{1,4})\.(\d{1,4})(?:\.(\d{1,4}))?")
                .expect("a valid pattern")
        });
        let found = LINE.captures(line)?;
        let number = |n| found.get(n).and_then(|text| text.as_str().parse().ok());
        Some(Self {
            major: number(1)?,
            minor: number(2)?,
            patch: number(3).unwrap_or(0),
        })
    }

    /// How this version writes its words; `None` if it is older than [`Self::OLDEST`].
    pub fn spelling(self) -> Option<Spelling> {
        match self.major {
            _ if self < Self::OLDEST => None,
            4 => Some(Spelling::Underscores),
            _ => Some(Spelling::Hyphens),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(String, Option<Spelling>)> {
        Version::from_line(line).map(|version| (version.to_string(), version.spelling()))
    }

    #[test]
    fn every_major_version_has_its_words() {
        let found = |version: &str, spelling| Some((version.to_owned(), spelling));
        assert_eq!(
            read("esptool v5.6.0"),
            found("5.6.0", Some(Spelling::Hyphens))
        );
        assert_eq!(
            read("esptool.py v4.8.1"),
            found("4.8.1", Some(Spelling::Underscores))
        );
        assert_eq!(
            read("esptool.py v4.9.dev2"),
            found("4.9.0", Some(Spelling::Underscores))
        );
        assert_eq!(
            read("esptool v6.0.1"),
            found("6.0.1", Some(Spelling::Hyphens))
        );
        assert_eq!(read("esptool.py v3.3.4-dev"), found("3.3.4", None));
        for other in ["5.6.0", "esptool", "GNU esptool v5.6.0", "esptool v5"] {
            assert_eq!(read(other), None, "{other}");
        }
        assert_eq!(Spelling::Underscores.of("no-reset"), "no_reset");
        assert_eq!(Spelling::Hyphens.of("no-reset"), "no-reset");
    }
}
