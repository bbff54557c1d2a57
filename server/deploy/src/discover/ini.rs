//! INI files as Python's `configparser` reads them (strict, `#` and `;` for comments, inline ones
//! after white space). `platformio.ini` is such a file.
//!
//! Source: documentation and behaviour of CPython's `configparser`, which PlatformIO Core uses; the
//! corpus in `tests/platformio` shows what PlatformIO Core 6.2.0 makes of it.

/// The section whose options appear in all others.
const DEFAULT_SECTION: &str = "DEFAULT";
const COMMENT_SIGNS: [char; 2] = ['#', ';'];

/// Sections in the order in which they first appear.
#[derive(Debug, Clone, Default)]
pub(super) struct Ini {
    sections: Vec<Section>,
    defaults: Vec<(String, String)>,
}

#[derive(Debug, Clone)]
struct Section {
    name: String,
    options: Vec<(String, String)>,
}

/// Why a text is no INI file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum IniError {
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
    pub(super) fn line(&self) -> usize {
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
                write!(f, "the section [{section}] stands in this file already")
            }
            Self::DuplicateOption {
                section, option, ..
            } => {
                write!(f, "the option '{option}' stands in [{section}] already")
            }
            Self::MissingSectionHeader { text, .. } => {
                write!(f, "'{text}' stands before the first section")
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
pub(super) enum PercentError {
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
            Self::Missing { name } => write!(f, "'%({name})s' refers to no option"),
        }
    }
}

/// The option that a continuation line belongs to, while reading.
#[derive(Default)]
struct Cursor {
    section: Option<String>,
    option: Option<String>,
    indent: usize,
    /// Options and sections that this file has defined already.
    seen: Vec<(String, Option<String>)>,
    /// Lines of the values being read, joined at the end.
    values: Vec<(String, String, Vec<String>)>,
}

impl Ini {
    /// Read `text` over what was read before: what it defines replaces earlier values.
    pub(super) fn read(&mut self, text: &str) -> Result<(), IniError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut cursor = Cursor::default();
        let mut first_fault = None;
        for (index, line) in text.lines().enumerate() {
            if let Err(fault) = self.read_line(line, index + 1, &mut cursor) {
                // Python goes on after a line that it cannot parse, and reports it at the end.
                match fault {
                    IniError::Parsing { .. } => first_fault = first_fault.or(Some(fault)),
                    fault => return Err(fault),
                }
            }
        }
        if let Some(fault) = first_fault {
            return Err(fault);
        }
        for (section, option, lines) in cursor.values {
            self.set(&section, &option, lines.join("\n").trim_end());
        }
        Ok(())
    }

    fn read_line(
        &mut self,
        line: &str,
        number: usize,
        cursor: &mut Cursor,
    ) -> Result<(), IniError> {
        let comment = comment_start(line);
        let value = line[..comment.unwrap_or(line.len())].trim();
        if value.is_empty() {
            // An empty line within a value counts, a comment does not.
            if comment.is_none()
                && cursor.option.is_some()
                && let Some((_, _, lines)) = cursor.values.last_mut()
            {
                lines.push(String::new());
            }
            return Ok(());
        }
        let indent = line.len() - line.trim_start().len();
        if cursor.option.is_some() && indent > cursor.indent {
            if let Some((_, _, lines)) = cursor.values.last_mut() {
                lines.push(value.to_owned());
            }
            return Ok(());
        }
        cursor.indent = indent;
        if let Some(name) = section_name(value) {
            return self.open_section(name, number, cursor);
        }
        let Some(section) = cursor.section.clone() else {
            return Err(IniError::MissingSectionHeader {
                line: number,
                text: value.to_owned(),
            });
        };
        let parsing = || IniError::Parsing {
            line: number,
            text: value.to_owned(),
        };
        let at = value.find(['=', ':']).ok_or_else(parsing)?;
        let option = value[..at].trim_end().to_lowercase();
        if option.is_empty() {
            return Err(parsing());
        }
        let key = (section.clone(), Some(option.clone()));
        if cursor.seen.contains(&key) {
            return Err(IniError::DuplicateOption {
                line: number,
                section,
                option,
            });
        }
        cursor.seen.push(key);
        let first = value[at + 1..].trim().to_owned();
        cursor.option = Some(option.clone());
        cursor.values.push((section, option, vec![first]));
        Ok(())
    }

    fn open_section(
        &mut self,
        name: &str,
        line: usize,
        cursor: &mut Cursor,
    ) -> Result<(), IniError> {
        if name != DEFAULT_SECTION {
            let key = (name.to_owned(), None);
            if cursor.seen.contains(&key) {
                return Err(IniError::DuplicateSection {
                    line,
                    section: name.to_owned(),
                });
            }
            cursor.seen.push(key);
            if !self.has_section(name) {
                self.sections.push(Section {
                    name: name.to_owned(),
                    options: Vec::new(),
                });
            }
        }
        cursor.section = Some(name.to_owned());
        cursor.option = None;
        Ok(())
    }

    fn set(&mut self, section: &str, option: &str, value: &str) {
        let options = match self.sections.iter_mut().find(|s| s.name == section) {
            Some(section) => &mut section.options,
            None => &mut self.defaults,
        };
        match options.iter_mut().find(|(name, _)| name == option) {
            Some((_, old)) => value.clone_into(old),
            None => options.push((option.to_owned(), value.to_owned())),
        }
    }

    pub(super) fn sections(&self) -> impl Iterator<Item = &str> {
        self.sections.iter().map(|section| section.name.as_str())
    }

    pub(super) fn has_section(&self, name: &str) -> bool {
        self.sections().any(|section| section == name)
    }

    /// Names of a section's options, with those of `[DEFAULT]`.
    pub(super) fn options(&self, section: &str) -> Vec<&str> {
        let Some(section) = self.sections.iter().find(|s| s.name == section) else {
            return Vec::new();
        };
        let own = section.options.iter().map(|(name, _)| name.as_str());
        let inherited = self.defaults.iter().map(|(name, _)| name.as_str());
        let inherited = inherited.filter(|name| !section.options.iter().any(|(o, _)| o == name));
        own.chain(inherited).collect()
    }

    fn raw(&self, section: &str, option: &str) -> Option<&str> {
        let own = self
            .sections
            .iter()
            .find(|s| s.name == section)
            .map(|s| &s.options);
        own.into_iter().chain([&self.defaults]).find_map(|options| {
            options
                .iter()
                .find(|(name, _)| name == option)
                .map(|(_, value)| value.as_str())
        })
    }

    /// The value of an option, with `%%` and `%(name)s` expanded.
    pub(super) fn get(&self, section: &str, option: &str) -> Result<Option<String>, PercentError> {
        self.raw(section, option)
            .map(|raw| self.expand(section, raw, 0))
            .transpose()
    }

    fn expand(&self, section: &str, value: &str, depth: usize) -> Result<String, PercentError> {
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
                if depth == MAX_DEPTH {
                    return Err(missing());
                }
                out.push_str(&self.expand(section, raw, depth + 1)?);
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

/// Where the comment of a line begins. A sign in the middle counts only after white space.
///
/// Python compares the first `#` with the first `;`, then the second ones, and so on, and stops at
/// the first round in which one counts. That can overlook an earlier sign of the other kind, which
/// then stays in the value; the same is done here.
fn comment_start(line: &str) -> Option<usize> {
    if line.trim_start().starts_with(COMMENT_SIGNS) {
        return Some(0);
    }
    let counts = |at: &usize| {
        line[..*at]
            .chars()
            .next_back()
            .is_none_or(char::is_whitespace)
    };
    let [mut hashes, mut semicolons] =
        COMMENT_SIGNS.map(|sign| line.match_indices(sign).map(|m| m.0));
    loop {
        let round = [hashes.next(), semicolons.next()];
        if round == [None, None] {
            return None;
        }
        let start = round.into_iter().flatten().filter(counts).min();
        if start.is_some() {
            return start;
        }
    }
}

/// `[name]`, where the name goes up to the last bracket; what follows it does not matter.
fn section_name(value: &str) -> Option<&str> {
    let inner = value.strip_prefix('[')?;
    let end = inner.rfind(']')?;
    (end > 0).then(|| &inner[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Ini, IniError> {
        let mut ini = Ini::default();
        ini.read(text).map(|()| ini)
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
        ini.read("[a]\nx = 3\n").unwrap();
        assert_eq!(ini.get("a", "x"), Ok(Some("3".into())));
        assert_eq!(ini.get("a", "y"), Ok(Some("2".into())));
    }

    #[test]
    fn percent_names_and_defaults() {
        let ini =
            read("[DEFAULT]\nd = 1\n[a]\nx = %(d)s-%(y)s\ny = 2\nz = %(z)s\nw = 5%\n").unwrap();
        assert_eq!(ini.get("a", "x"), Ok(Some("1-2".into())));
        assert_eq!(ini.options("a"), ["x", "y", "z", "w", "d"]);
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
            let _ = ini.read(&text);
            let _ = ini.read(&more);
            let names: Vec<_> = ini.sections().map(str::to_owned).collect();
            for section in names {
                for option in ini.options(&section) {
                    let _ = ini.get(&section, option);
                }
            }
        }
    }
}
