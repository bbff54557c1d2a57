//! What discovery knows of the process it runs in: its environment variables, and nothing else.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Bytes of a text that variables are put into.
const MAX_EXPANDED: usize = 64 << 10;

/// Environment variables, captured once so that discovery itself depends on its arguments only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// The variables of this process. Those that are not Unicode are left out.
    pub fn from_process() -> Self {
        let unicode = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::from_pairs(unicode)
    }

    /// These variables and no others.
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            variables: pairs.into_iter().collect(),
        }
    }

    /// All of them.
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A variable that names a directory, if it is set and not empty.
    pub fn dir(&self, name: &str) -> Option<PathBuf> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    }

    /// A text with its `$NAME` and `${NAME}` put in, as Python's `os.path.expandvars` does it; those that are not
    /// set stay, as do all from where it is longer than any name of a file.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        // Whether a `}` may be ahead.
        let mut is_closed = true;
        while let Some(at) = rest.find('$').filter(|_| out.len() <= MAX_EXPANDED) {
            let (before, reference) = rest.split_at(at);
            out.push_str(before);
            let after = &reference[1..];
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let inner = after.strip_prefix('{').filter(|_| is_closed);
            let braced = inner.and_then(|it| it.split_once('}'));
            is_closed &= inner.is_none() || braced.is_some();
            let (name, behind) = braced.unwrap_or_else(|| {
                let len = after.find(|c| !is_name(c)).unwrap_or(after.len());
                after.split_at(len)
            });
            let whole = &reference[..reference.len() - behind.len()];
            out.push_str(self.get(name).unwrap_or(whole));
            rest = behind;
        }
        out + rest
    }

    /// The user's home directory.
    pub fn home(&self) -> Option<PathBuf> {
        self.dir("HOME").or_else(|| self.dir("USERPROFILE"))
    }

    /// Where arduino-cli and the IDE keep installed cores. Source: arduino-cli documentation,
    /// "directories.data".
    pub(super) fn arduino_data(&self) -> Vec<PathBuf> {
        if let Some(dir) = self.dir("ARDUINO_DIRECTORIES_DATA") {
            return vec![dir];
        }
        let home = self.home();
        let local = self.dir("LOCALAPPDATA");
        [
            home.as_ref().map(|home| home.join(".arduino15")),
            home.as_ref().map(|home| home.join("Library/Arduino15")),
            local.map(|local| local.join("Arduino15")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Where arduino-cli keeps its builds. Source: arduino-cli documentation, "build_cache.path",
    /// and the older place below the directory for temporary files.
    pub(super) fn arduino_build_caches(&self) -> Vec<PathBuf> {
        let home = self.home();
        [
            self.dir("ARDUINO_BUILD_CACHE_PATH"),
            self.dir("XDG_CACHE_HOME")
                .map(|cache| cache.join("arduino")),
            home.as_ref().map(|home| home.join(".cache/arduino")),
            home.as_ref()
                .map(|home| home.join("Library/Caches/arduino")),
            self.dir("LOCALAPPDATA").map(|local| local.join("arduino")),
            self.dir("TMPDIR")
                .or_else(|| self.dir("TEMP"))
                .map(|tmp| tmp.join("arduino")),
            Some(PathBuf::from("/tmp/arduino")),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// Names only: values hold tokens and passwords.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Environment({} variables)", self.variables.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each of them as Python 3.11 prints it.
    #[test]
    fn variables_are_put_in_and_what_is_not_set_stays() {
        let pairs = [("CFG", "/cfg"), ("A", "$CFG"), ("NIL", "")];
        let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let environment = Environment::from_pairs(pairs);
        for (text, expected) in [
            ("$CFG/sdkconfig.${A}", "/cfg/sdkconfig.$CFG"),
            ("x$NIL/${NIL}y", "x/y"),
            ("$NONE/${NONE}", "$NONE/${NONE}"),
            ("$CFGx", "$CFGx"),
            ("$CFG-${CFG", "/cfg-${CFG"),
            ("$/${}$$CFG $", "$/${}$/cfg $"),
            ("${${CFG}/$CFG", "${${CFG}//cfg"),
            ("${CFG}${$CFG", "/cfg${/cfg"),
        ] {
            assert_eq!(environment.expand(text), expected, "{text}");
        }
        // What is looked for is looked for once, and what is put in has an end.
        for open in ["${".repeat(300_000), "${".repeat(300_000) + "}"] {
            assert_eq!(environment.expand(&open), open);
        }
        let long = environment.expand(&"$CFG".repeat(300_000));
        assert!(long.len() < 1_300_000 && long.ends_with("$CFG"));
    }
}
