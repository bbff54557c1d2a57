//! INI files as Python's `configparser` reads them (strict, `#` and `;` for comments, inline ones
//! after white space). `platformio.ini` is such a file.
//!
//! Source: documentation and behaviour of CPython's `configparser`, which PlatformIO Core uses; the
//! corpus in `tests/platformio` shows what PlatformIO Core 6.2.0 makes of it.

mod text;

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

pub use text::{IniFault, IniText, OptionText, SectionText, Span};

/// Bytes that `%(name)s` are replaced by for one option, at most.
const MAX_EXPANDED: usize = 1 << 20;

/// The section whose options appear in all others.
const DEFAULT_SECTION: &str = "DEFAULT";

/// What several texts say together. Sections in the order in which they first appear.
#[derive(Debug, Clone, Default)]
pub(super) struct Ini {
    sections: Vec<Section>,
    /// Where each section is among them.
    places: HashMap<String, usize>,
    defaults: Options,
}

#[derive(Debug, Clone)]
struct Section {
    name: String,
    options: Options,
}

/// Options in the order in which they first appear.
#[derive(Debug, Clone, Default)]
struct Options {
    entries: Vec<Entry>,
    /// Where each option is among them.
    places: HashMap<String, usize>,
}

impl Options {
    fn get(&self, name: &str) -> Option<&Entry> {
        self.entries.get(*self.places.get(name)?)
    }

    fn set(&mut self, name: &str, value: String, set: Set) {
        let next = self.entries.len();
        let place = *self.places.entry(name.to_owned()).or_insert(next);
        match self.entries.get_mut(place) {
            Some(entry) => {
                entry.value = value;
                entry.set = set;
            }
            None => self.entries.push(Entry {
                name: name.to_owned(),
                key: key(name),
                value,
                set,
            }),
        }
    }
}

/// What stands for a name where many are put in order. Different names may have the same.
pub(super) fn key(name: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

/// An option of a section: one of its own, or one of `[DEFAULT]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    section: usize,
    option: usize,
    is_default: bool,
}

#[derive(Debug, Clone)]
struct Entry {
    name: String,
    key: u64,
    value: String,
    set: Set,
}

/// Why a text is not an INI file. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum IniError {
    DuplicateSection {
        line: usize,
        section: String,
    },
    DuplicateOption {
        line: usize,
        section: String,
        option: String,
    },
    MissingSectionHeader {
        line: usize,
        text: String,
    },
    Parsing {
        line: usize,
        text: String,
    },
}

impl IniError {
    /// The line that it is in.
    pub fn line(&self) -> usize {
        match self {
            Self::DuplicateSection { line, .. }
            | Self::DuplicateOption { line, .. }
            | Self::MissingSectionHeader { line, .. }
            | Self::Parsing { line, .. } => *line,
        }
    }
}

impl std::fmt::Display for IniError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DuplicateSection { section, .. } => {
                write!(f, "the section [{section}] is already in this file")
            }
            Self::DuplicateOption {
                section, option, ..
            } => {
                write!(f, "the option '{option}' is already in [{section}]")
            }
            Self::MissingSectionHeader { text, .. } => {
                write!(f, "'{text}' is before the first section")
            }
            Self::Parsing { text, .. } => {
                write!(
                    f,
                    "'{text}' is neither a section nor an option (name = value)"
                )
            }
        }
    }
}

/// Why `%` in a value cannot be expanded.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum PercentError {
    /// A `%` that is neither `%%` nor `%(`.
    Syntax { found: String },
    /// `%(name)s` of an option that is not there, or of itself.
    Missing { name: String },
}

impl std::fmt::Display for PercentError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Syntax { found } => {
                write!(
                    f,
                    "'%' must be doubled, or followed by '('; found '{found}'"
                )
            }
            Self::Missing { name } => {
                write!(f, "'%({name})s' refers to an option that does not exist")
            }
        }
    }
}

/// Where a value was set last: the number of the file, and in its text the numbers of the section
/// and of the option in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Set {
    pub(super) file: usize,
    pub(super) section: usize,
    pub(super) option: usize,
}

impl Ini {
    /// Takes over what is in a text: its values replace earlier ones.
    pub(super) fn read(&mut self, file: usize, text: &str, read: &IniText) {
        for (number, from) in read.sections.iter().enumerate() {
            let is_new = from.name != DEFAULT_SECTION && !self.has_section(&from.name);
            if is_new {
                self.places.insert(from.name.clone(), self.sections.len());
                self.sections.push(Section {
                    name: from.name.clone(),
                    options: Options::default(),
                });
            }
            for (option, entry) in from.options.iter().enumerate() {
                let set = Set {
                    file,
                    section: number,
                    option,
                };
                self.set(&from.name, &entry.name, entry.value(text), set);
            }
        }
    }

    fn set(&mut self, section: &str, name: &str, value: String, set: Set) {
        let place = self.places.get(section);
        let options = match place.and_then(|place| self.sections.get_mut(*place)) {
            Some(section) => &mut section.options,
            None => &mut self.defaults,
        };
        options.set(name, value, set);
    }

    pub(super) fn sections(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(|section| section.name.as_str())
    }

    fn section(&self, name: &str) -> Option<&Section> {
        self.sections.get(*self.places.get(name)?)
    }

    pub(super) fn has_section(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// A section's options, with those of `[DEFAULT]`.
    pub(super) fn places(&self, section: &str, found: &mut Vec<Place>) {
        let Some(&number) = self.places.get(section) else {
            return;
        };
        let Some(section) = self.sections.get(number) else {
            return;
        };
        let place = |option, is_default| Place {
            section: number,
            option,
            is_default,
        };
        found.extend((0..section.options.entries.len()).map(|option| place(option, false)));
        let defaults = self.defaults.entries.iter().enumerate();
        let inherited = defaults.filter(|(_, entry)| section.options.get(&entry.name).is_none());
        found.extend(inherited.map(|(option, _)| place(option, true)));
    }

    /// The names of the section and of the option at a place of this.
    pub(super) fn names(&self, place: Place) -> (&str, &str) {
        let section = self.sections.get(place.section);
        let option = self.at(place).map_or("", |entry| &entry.name);
        (section.map_or("", |section| &section.name), option)
    }

    /// The [`key`] of the option at a place of this.
    pub(super) fn key(&self, place: Place) -> u64 {
        self.at(place).map_or(0, |entry| entry.key)
    }

    fn at(&self, place: Place) -> Option<&Entry> {
        let options = if place.is_default {
            &self.defaults
        } else {
            &self.sections.get(place.section)?.options
        };
        options.entries.get(place.option)
    }

    fn entry(&self, section: &str, option: &str) -> Option<&Entry> {
        let own = self.section(section).map(|section| &section.options);
        let mut places = own.into_iter().chain([&self.defaults]);
        places.find_map(|options| options.get(option))
    }

    /// Where the value of an option of a section is.
    pub(super) fn set_by(&self, section: &str, option: &str) -> Option<Set> {
        self.entry(section, option).map(|entry| entry.set)
    }

    fn raw(&self, section: &str, option: &str) -> Option<&str> {
        self.entry(section, option)
            .map(|entry| entry.value.as_str())
    }

    /// The value of an option, with `%%` and `%(name)s` expanded.
    pub(super) fn get(&self, section: &str, option: &str) -> Result<Option<String>, PercentError> {
        let mut left = MAX_EXPANDED;
        self.raw(section, option)
            .map(|raw| self.expand(section, raw, 0, &mut left))
            .transpose()
    }

    fn expand(
        &self,
        section: &str,
        value: &str,
        depth: usize,
        left: &mut usize,
    ) -> Result<String, PercentError> {
        /// As in `configparser.MAX_INTERPOLATION_DEPTH`.
        const MAX_DEPTH: usize = 10;
        let mut out = String::new();
        let mut rest = value;
        while let Some(at) = rest.find('%') {
            out.push_str(&rest[..at]);
            let after = &rest[at + 1..];
            if let Some(tail) = after.strip_prefix('%') {
                out.push('%');
                rest = tail;
            } else if let Some((name, tail)) = after
                .strip_prefix('(')
                .and_then(|inner| inner.split_once(")s"))
            {
                let missing = || PercentError::Missing {
                    name: name.to_owned(),
                };
                let raw = self
                    .raw(section, &name.to_lowercase())
                    .ok_or_else(missing)?;
                *left = left.saturating_sub(raw.len() + 1);
                if depth == MAX_DEPTH || *left == 0 {
                    return Err(missing());
                }
                out.push_str(&self.expand(section, raw, depth + 1, left)?);
                rest = tail;
            } else {
                return Err(PercentError::Syntax {
                    found: rest[at..].to_owned(),
                });
            }
        }
        out.push_str(rest);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Ini, IniError> {
        let mut ini = Ini::default();
        let read = IniText::parse(text);
        ini.read(0, text, &read);
        read.fatal()
            .map_or(Ok(ini), |fault| Err(fault.error.clone()))
    }

    #[test]
    fn reads_comments_continuations_and_blank_lines() {
        let ini = read(
            "# c\n[a b] ; c\nKey: v ; c\nlist =\n  one\n\n  ; gone\n  two # gone\n  thr#ee\nnext = %%x\n",
        )
        .unwrap();
        assert_eq!(ini.sections().collect::<Vec<_>>(), ["a b"]);
        assert_eq!(ini.get("a b", "key"), Ok(Some("v".into())));
        assert_eq!(
            ini.get("a b", "list"),
            Ok(Some("\none\n\ntwo\nthr#ee".into()))
        );
        assert_eq!(ini.get("a b", "next"), Ok(Some("%x".into())));
        assert_eq!(ini.get("a b", "none"), Ok(None));
    }

    #[test]
    fn a_later_file_replaces_values_silently() {
        let mut ini = read("[a]\nx = 1\ny = 2\n").unwrap();
        let text = "[b]\n[a]\nx = 3\n";
        ini.read(1, text, &IniText::parse(text));
        let set = Set {
            file: 1,
            section: 1,
            option: 0,
        };
        assert_eq!(ini.set_by("a", "x"), Some(set));
        assert_eq!(ini.get("a", "x"), Ok(Some("3".into())));
        assert_eq!(ini.get("a", "y"), Ok(Some("2".into())));
    }

    #[test]
    fn percent_names_and_defaults() {
        let ini =
            read("[DEFAULT]\nd = 1\n[a]\nx = %(d)s-%(y)s\ny = 2\nz = %(z)s\nw = 5%\n").unwrap();
        assert_eq!(ini.get("a", "x"), Ok(Some("1-2".into())));
        let mut places = Vec::new();
        ini.places("a", &mut places);
        let names: Vec<_> = places.iter().map(|place| ini.names(*place).1).collect();
        assert_eq!(names, ["x", "y", "z", "w", "d"]);
        assert!(matches!(
            ini.get("a", "z"),
            Err(PercentError::Missing { .. })
        ));
        assert_eq!(
            ini.get("a", "w"),
            Err(PercentError::Syntax { found: "%".into() })
        );
    }

    #[test]
    fn errors_have_lines() {
        let line = |text| read(text).unwrap_err().line();
        assert_eq!(line("[a]\nx = 1\nx = 2\n"), 3);
        assert_eq!(line("[a]\n[b]\n[a]\n"), 3);
        assert_eq!(line("x = 1\n"), 1);
        assert_eq!(line("[a]\n\nnothing here\nx = 1\n= 2\n"), 3);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "([ \t]{0,2}[a-z\\[\\]=:;#% ()äé\u{feff}]{0,12}\n){0,12}", more in "\\PC{0,60}") {
            let mut ini = Ini::default();
            ini.read(0, &text, &IniText::parse(&text));
            ini.read(1, &more, &IniText::parse(&more));
            let names: Vec<_> = ini.sections().map(str::to_owned).collect();
            for section in names {
                let mut places = Vec::new();
                ini.places(&section, &mut places);
                for place in places {
                    let _ = ini.get(&section, ini.names(place).1);
                }
            }
        }
    }
}
