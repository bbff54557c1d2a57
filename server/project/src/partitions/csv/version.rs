//! Versions of ESP-IDF, as far as rules differ between them.

use std::fmt;

/// A version of ESP-IDF.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)]
pub struct IdfVersion {
    pub major: u16,
    pub minor: u16,
    pub patch: u16,
}

impl IdfVersion {
    /// The first release of a series.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self {
            major,
            minor,
            patch: 0,
        }
    }

    /// The first version in a text: `v5.3.1`, `5.3`, `v5.1-dev-1234`.
    pub fn find(text: &str) -> Option<Self> {
        let is_number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        text.split(|c: char| !c.is_ascii_digit() && c != '.')
            .find_map(|word| {
                let mut parts = word.split('.').filter(is_number);
                Some(Self {
                    major: parts.next()?.parse().ok()?,
                    minor: parts.next()?.parse().ok()?,
                    patch: parts.next().and_then(|part| part.parse().ok()).unwrap_or(0),
                })
            })
    }
}

impl fmt::Display for IdfVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        match self.patch {
            0 => Ok(()),
            patch => write!(f, ".{patch}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::IdfVersion;

    #[test]
    fn finds_the_version_in_what_tools_write() {
        for (text, version) in [
            ("v5.3.1", Some("5.3.1")),
            ("v4.4.8-dirty", Some("4.4.8")),
            (
                "# Espressif IoT Development Framework (ESP-IDF) 5.1.2 Project Configuration",
                Some("5.1.2"),
            ),
            ("6.0", Some("6.0")),
            ("release v6", None),
            ("", None),
        ] {
            let found = IdfVersion::find(text).map(|version| version.to_string());
            assert_eq!(found.as_deref(), version, "{text}");
        }
    }
}
