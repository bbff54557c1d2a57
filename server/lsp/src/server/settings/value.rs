//! One setting after the other out of a JSON object, keeping a list of those that are wrong.

use std::path::{Path, PathBuf};

use fbuild_deploy::request::Baud;
use fbuild_project::password::Password;
use serde_json::Value;

use super::Wrong;
use crate::build::BuildCommand;
use crate::monitor::rate::is_rate;

/// The one key whose value is shown nowhere.
const OTA_PASSWORD: &str = "ota.password";

/// Reads values by their keys.
pub(super) struct Reader<'v> {
    section: &'v Value,
    pub(super) wrong: Vec<Wrong>,
}

impl<'v> Reader<'v> {
    pub(super) fn new(section: &'v Value) -> Self {
        Self {
            section,
            wrong: Vec::new(),
        }
    }

    /// What `read` makes of a value. Missing, `null` and empty text are the same: not set. A point in
    /// `key` is between an object and its field; a client may send both as one key.
    fn value<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Option<T> {
        let nested = key.split_once('.');
        let nested = nested.and_then(|(group, inner)| self.section.get(group)?.get(inner));
        let value = self.section.get(key).or(nested)?;
        if value.is_null() || value == "" {
            return None;
        }
        let read = read(value);
        if read.is_none() {
            let got = if key == OTA_PASSWORD {
                "something else".to_owned()
            } else {
                value.to_string()
            };
            let why = format!("expected {expected}, got {got}");
            self.wrong.push(Wrong { key, why });
        }
        read
    }

    /// A password; what is wrong with it is not quoted.
    pub(super) fn password(&mut self) -> Option<Password> {
        self.value(OTA_PASSWORD, "a text", |value| {
            Password::new(value.as_str()?)
        })
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        self.value(key, "a text", |value| value.as_str().map(str::to_owned))
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        self.value(key, "true or false", Value::as_bool)
    }

    pub(super) fn baud(&mut self, key: &'static str) -> Option<Baud> {
        self.value(key, Baud::EXPECTED, |value| {
            if value == "auto" {
                return Some(Baud::Auto);
            }
            Baud::fixed(u32::try_from(value.as_u64()?).ok()?)
        })
    }

    pub(super) fn rate(&mut self, key: &'static str) -> Option<u32> {
        self.value(key, "a number from 300 to 5000000", |value| {
            let rate = u32::try_from(value.as_u64()?).ok()?;
            is_rate(rate).then_some(rate)
        })
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<T> {
        let quoted: Vec<String> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        let expected = match quoted.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => quoted.concat(),
        };
        self.value(key, &expected, |value| {
            let found = words.iter().find(|(word, _)| value == word);
            found.map(|(_, meaning)| *meaning)
        })
    }

    /// A program, not as seen from some directory: nobody could tell from which.
    pub(super) fn program(&mut self, key: &'static str) -> Option<PathBuf> {
        self.value(key, "an absolute path or the name of a program", |value| {
            let path = Path::new(value.as_str()?);
            let is_name = path.components().count() == 1 && path.file_name().is_some();
            (path.is_absolute() || is_name).then(|| path.to_owned())
        })
    }

    pub(super) fn command(&mut self, key: &'static str) -> Option<BuildCommand> {
        let expected = "a command line, or a list of a program and its arguments";
        self.value(key, expected, |value| match value {
            Value::String(line) => Some(BuildCommand::Shell(line.clone())),
            Value::Array(words) => {
                let words: Option<Vec<String>> = words
                    .iter()
                    .map(|word| word.as_str().map(str::to_owned))
                    .collect();
                let words = words.filter(|words| words.first().is_some_and(|w| !w.is_empty()));
                words.map(BuildCommand::Program)
            }
            _ => None,
        })
    }
}
