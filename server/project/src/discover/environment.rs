//! What discovery knows of the process it runs in: its environment variables, and nothing else.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// Environment variables, captured once so that discovery itself depends on its arguments only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, String>,
}

impl Environment {
    /// The variables of this process. Those that are not Unicode are left out.
    #[must_use]
    pub fn from_process() -> Self {
        let unicode = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::from_pairs(unicode)
    }

    /// These variables and no others.
    #[must_use]
    pub fn from_pairs(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Self {
            variables: pairs.into_iter().collect(),
        }
    }

    /// All of them.
    #[must_use]
    pub fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    /// The value of a variable.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// A variable that names a directory, if it is set and not empty.
    #[must_use]
    pub fn dir(&self, name: &str) -> Option<PathBuf> {
        self.get(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    }

    /// A text with its `$NAME` and `${NAME}` put in, as Python's `os.path.expandvars` does it; those that are not
    /// set stay.
    pub(super) fn expand(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let braced = rest.strip_prefix('{').and_then(|it| it.split_once('}'));
            let (name, after) = braced.unwrap_or_else(|| {
                let len = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
                rest.split_at(len)
            });
            let Some(value) = self.get(name).filter(|_| !name.is_empty()) else {
                out.push('$');
                continue;
            };
            out.push_str(value);
            rest = after;
        }
        out + rest
    }

    /// The user's home directory.
    #[must_use]
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
        ] {
            assert_eq!(environment.expand(text), expected, "{text}");
        }
    }
}
