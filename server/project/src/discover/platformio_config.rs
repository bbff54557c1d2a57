//! `platformio.ini` as PlatformIO reads it: inheritance, interpolation, typed values, extra files,
//! overriding environment variables.
//!
//! Source: behaviour of PlatformIO Core 6.2.0 (`platformio/project/config.py`), compared on the
//! corpus in `tests/platformio`. One difference: Core never returns from a cycle in `extends`, here
//! it is an error.

mod inherited;
pub(super) mod installed;
mod load;
mod origin;
mod problems;
mod reference;
mod value;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::environment::Environment;
use super::glob;
pub use super::glob::TooWide;
use super::ini::{Ini, IniError, IniText, OptionText, PercentError, SectionText};
use super::look::Look;
pub use super::platformio_options::UPLOAD_PROTOCOLS;
use super::platformio_options::{self as options, Kind, OptionFacts};
use crate::file::ReadError;
use inherited::{Base, Inherited};
use installed::Installed;
pub use load::{Files, OnDisk};
pub use origin::Origin;
pub use reference::{Reference, references};
pub(super) use value::is_env_name;
pub use value::{ConfigProblem, ProblemKind, Value, list_items};
use value::{normal, split_list};

/// Name of the file.
pub(crate) const FILE_NAME: &str = "platformio.ini";
/// `${…}` within `${…}`, at most. Deeper means that an option refers to itself.
const MAX_NESTING: usize = 32;
/// `${…}` replaced for one option, at most. More is an attack, not a project.
const MAX_REPLACEMENTS: usize = 10_000;
/// Bytes that `${…}` are replaced by for one option, at most.
const MAX_REPLACED: usize = 1 << 20;
/// Options and bytes looked at for all values together, at most. The largest project that was seen (three hundred
/// environments that build their flags out of each other's) takes half; one value of [`MAX_REPLACED`] takes twice
/// its bytes.
const MAX_STEPS: usize = 20_000_000;
/// Environments that are looked at; three times as many as of any project that was seen.
const MAX_ENVS: usize = 1000;
/// Lines of all files together, at most.
const MAX_LINES: usize = 30_000;
/// Files that are read, and patterns that they are looked for by, at most.
const MAX_FILES: usize = 200;

/// What the value of one option has taken so far.
#[derive(Default)]
struct Taken {
    replacements: Cell<usize>,
    bytes: Cell<usize>,
    /// A variable of the user's environment went into it.
    environment: Cell<bool>,
}

/// How far one option's value has been expanded.
#[derive(Clone, Copy)]
struct Nesting<'c> {
    depth: usize,
    taken: &'c Taken,
}

impl<'c> Nesting<'c> {
    fn new(taken: &'c Taken) -> Self {
        Self { depth: 0, taken }
    }
}

/// A read `platformio.ini` with its extra files.
#[derive(Debug)]
pub struct ProjectConfig<'e> {
    project: PathBuf,
    ini: Ini,
    environment: &'e Environment,
    /// Every file that was read: `platformio.ini` first.
    files: Vec<ConfigFile>,
    /// What is wrong with the files themselves.
    faults: Vec<ConfigProblem>,
    look: Look,
    /// What all values together have taken.
    steps: Cell<usize>,
    kept: RefCell<HashMap<String, Rc<Inherited>>>,
    bases: RefCell<HashMap<String, Rc<Base>>>,
    n_kept: Cell<usize>,
    installed: Installed,
}

/// One file that was read.
#[derive(Debug)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// What was in it.
    pub text: String,
    /// The same with the place of everything.
    pub ini: IniText,
    /// It lies outside of the project, where any file of the user's can be.
    pub is_outside: bool,
}

impl ConfigFile {
    /// What is wrong with it, in words: without a word out of a file that is not the project's.
    pub fn what_is_wrong(&self, error: &IniError) -> String {
        if self.is_outside {
            "this is not a PlatformIO configuration".to_owned()
        } else {
            error.to_string()
        }
    }
}

/// The value of an option; `None` if it is not set anywhere.
pub type OptionValue = Result<Option<Value>, ConfigProblem>;

impl ProjectConfig<'_> {
    /// What was read besides the files themselves.
    pub(super) fn look(&self) -> &Look {
        &self.look
    }

    /// An option as it is written, where a variable of the user's environment goes into its value:
    /// what is in there may be a secret, and has no place in a message.
    pub(super) fn shown(&self, section: &str, option: &str) -> Option<String> {
        let taken = Taken::default();
        self.get_nested(section, option, Nesting::new(&taken))
            .ok()?;
        let places = self.walk(section).ok()?;
        let (from, name) = self.hit(&places, option, options::facts(section, option))?;
        taken
            .environment
            .get()
            .then(|| self.ini.get(from, name).ok().flatten())?
    }

    /// Counts what a value takes.
    fn step(&self, n: usize, section: &str, option: &str) -> Result<(), ConfigProblem> {
        self.steps.set(self.steps.get().saturating_add(n));
        if self.steps.get() <= MAX_STEPS {
            return Ok(());
        }
        let message = "its values refer to each other more often than in any project".to_owned();
        Err(self.problem_in(section, option, ProblemKind::TooMuch, message))
    }

    /// What is wrong with the files themselves, the first of each file.
    pub fn faults(&self) -> &[ConfigProblem] {
        &self.faults
    }

    /// The files that were read: `platformio.ini` first.
    pub fn texts(&self) -> &[ConfigFile] {
        &self.files
    }

    /// The files that were read: `platformio.ini` first.
    pub fn files(&self) -> impl Iterator<Item = &Path> {
        self.files.iter().map(|file| file.path.as_path())
    }

    /// Sections in the order in which they appear.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.ini.sections()
    }

    /// Names of the environments, in the order in which they appear.
    pub fn envs(&self) -> impl Iterator<Item = &str> {
        self.sections()
            .filter_map(|section| section.strip_prefix("env:"))
    }

    /// The environments that PlatformIO builds where none is named; empty: all.
    ///
    /// # Errors
    /// The option cannot be read; the problem says where and why.
    pub fn default_envs(&self) -> Result<Vec<String>, ConfigProblem> {
        self.list("platformio", "default_envs")
    }

    /// Every option of a section with its value, inherited ones included, in PlatformIO's order.
    ///
    /// # Errors
    /// The first option that cannot be read; [`Self::values`] goes on after it.
    pub fn items(&self, section: &str) -> Result<Vec<(String, Option<Value>)>, ConfigProblem> {
        let values = self.values(section)?.into_iter();
        values.map(|(name, value)| Ok((name, value?))).collect()
    }

    /// The same, where an option that cannot be read does not hide the others.
    ///
    /// # Errors
    /// The section itself cannot be read (`extends` goes in circles, or too far).
    pub fn values(&self, section: &str) -> Result<Vec<(String, OptionValue)>, ConfigProblem> {
        let places = self.walk(section)?;
        let value =
            |name: &str| self.value(section, name, &places, Nesting::new(&Taken::default()));
        Ok(self
            .names_in(section, &places)
            .into_iter()
            .map(|name| (name.to_owned(), value(name)))
            .collect())
    }

    /// The names of a section's options, inherited ones included.
    ///
    /// # Errors
    /// `extends` goes in circles, or too far.
    pub fn option_names(&self, section: &str) -> Result<Vec<&str>, ConfigProblem> {
        let places = self.walk(section)?;
        Ok(self.names_in(section, &places))
    }

    fn names_in(&self, section: &str, places: &Inherited) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        let mut seen = HashSet::new();
        for place in &places.order {
            let (_, option) = self.ini.names(*place);
            if seen.insert(option) {
                names.push(option);
            }
        }
        for facts in options::overridable(section) {
            let set = facts
                .variable
                .is_some_and(|name| self.environment.get(name).is_some());
            if set && seen.insert(facts.name) {
                names.push(facts.name);
            }
        }
        names
    }

    /// The value of an option, inherited, interpolated and typed; its default if it is not there.
    ///
    /// # Errors
    /// The option is set and cannot be read; the problem says where and why.
    pub fn get(&self, section: &str, option: &str) -> Result<Option<Value>, ConfigProblem> {
        self.get_nested(section, option, Nesting::new(&Taken::default()))
    }

    /// An option as text.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn text(&self, section: &str, option: &str) -> Result<Option<String>, ConfigProblem> {
        Ok(self.get(section, option)?.map(|value| value.to_text()))
    }

    /// The platform of an environment, which may begin on a line of its own; empty where it names none.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn platform(&self, section: &str) -> Result<String, ConfigProblem> {
        let text = self.text(section, "platform")?.unwrap_or_default();
        Ok(text.trim().to_owned())
    }

    /// An option as a list.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn list(&self, section: &str, option: &str) -> Result<Vec<String>, ConfigProblem> {
        Ok(match self.get(section, option)? {
            Some(Value::List(items)) => items,
            Some(value) => split_list(&value.to_text()),
            None => Vec::new(),
        })
    }

    /// A directory of `[platformio]`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn dir(&self, option: &str) -> Result<PathBuf, ConfigProblem> {
        let text = self.text("platformio", option)?.unwrap_or_default();
        Ok(self.project.join(text))
    }

    fn get_nested(
        &self,
        section: &str,
        option: &str,
        nesting: Nesting<'_>,
    ) -> Result<Option<Value>, ConfigProblem> {
        let places = self.walk(section)?;
        self.value(section, option, &places, nesting)
    }

    /// The value of an option. `places` are those of its section.
    fn value(
        &self,
        section: &str,
        option: &str,
        places: &Inherited,
        nesting: Nesting<'_>,
    ) -> OptionValue {
        self.step(1, section, option)?;
        let facts = options::facts(section, option);
        let hit = self.hit(places, option, facts);
        let mut raw = hit.map_or(Ok(None), |(from, name)| self.raw(from, name))?;
        if let Some(facts) = facts {
            raw = self.overridden(raw, facts);
            raw = raw.or_else(|| facts.default.map(str::to_owned));
        }
        // The older way to write it; everything else without braces is the build's own.
        let Some(raw) = raw.map(|raw| raw.replace("$PROJECT_HASH", "${PROJECT_HASH}")) else {
            return Ok(None);
        };
        self.step(raw.len(), section, option)?;
        let text = self.interpolate(section, option, &raw, nesting)?;
        let Some(facts) = facts else {
            return Ok(Some(Value::Text(text)));
        };
        let is_secret = nesting.taken.environment.get();
        let shown = is_secret.then_some(raw.as_str());
        self.typed(section, facts, text, shown).map(Some)
    }

    fn raw(&self, section: &str, option: &str) -> Result<Option<String>, ConfigProblem> {
        self.ini
            .get(section, option)
            .map_err(|error: PercentError| {
                let message = format!("option '{option}' in [{section}]: {error}");
                self.problem_in(section, option, ProblemKind::Percent, message)
            })
    }

    fn overridden(&self, raw: Option<String>, facts: &OptionFacts) -> Option<String> {
        let Some((_, value)) = self.variable_of(facts) else {
            return raw;
        };
        match raw.filter(|raw| facts.kind == Kind::List && !raw.is_empty()) {
            Some(raw) => Some(format!("{raw}\n{value}")),
            None => Some(value.to_owned()),
        }
    }

    /// The environment variable that overrides an option, and its value.
    fn variable_of(&self, facts: &OptionFacts) -> Option<(&'static str, &str)> {
        let variable = facts.variable?;
        let set = |name: &str| self.environment.get(name).filter(|value| !value.is_empty());
        let old = |name: &&str| set(&format!("PLATFORMIO_{}", name.to_uppercase()));
        let value = set(variable).or_else(|| facts.old_names.iter().find_map(old))?;
        Some((variable, value))
    }

    fn typed(
        &self,
        section: &str,
        facts: &OptionFacts,
        text: String,
        shown: Option<&str>,
    ) -> Result<Value, ConfigProblem> {
        let bad = |what: &str| {
            let shown = shown.unwrap_or(&text);
            let message = format!(
                "option '{}' in [{section}]: '{shown}' is not {what}",
                facts.name
            );
            self.problem_in(section, facts.name, ProblemKind::BadValue, message)
        };
        Ok(match facts.kind {
            Kind::Text => Value::Text(text),
            Kind::Choice(words) if words.contains(&text.as_str()) => Value::Text(text),
            Kind::Choice(words) => return Err(bad(&format!("one of {}", words.join(", ")))),
            Kind::Bit => match text.trim().parse() {
                Ok(bit @ (0 | 1)) => Value::Int(bit),
                _ => return Err(bad("0 or 1")),
            },
            Kind::List => Value::List(split_list(&text)),
            Kind::Int => Value::Int(text.trim().parse().map_err(|_| bad("a whole number"))?),
            Kind::Bool => match text.trim().to_lowercase().as_str() {
                "1" | "true" | "t" | "yes" | "y" | "on" => Value::Bool(true),
                "" | "0" | "false" | "f" | "no" | "n" | "off" => Value::Bool(false),
                _ => return Err(bad("yes or no")),
            },
            Kind::Dir => Value::Text(self.normal_dir(&text)),
        })
    }

    fn normal_dir(&self, text: &str) -> String {
        if text.is_empty() || (text.contains("${") && text.contains('}')) {
            return text.to_owned();
        }
        normal(&self.project.join(self.expand_home(text)))
            .display()
            .to_string()
    }

    fn expand_home(&self, text: &str) -> String {
        let home = self.environment.home();
        match (text.strip_prefix('~'), home) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                format!("{}{rest}", home.display())
            }
            _ => text.to_owned(),
        }
    }

    fn problem(&self, kind: ProblemKind, message: String) -> ConfigProblem {
        let file = self.files.first().map(|file| file.path.clone());
        ConfigProblem {
            kind,
            file: file.unwrap_or_else(|| self.project.join(FILE_NAME)),
            line: None,
            place: None,
            message,
        }
    }

    pub(super) fn problem_in(
        &self,
        section: &str,
        option: &str,
        kind: ProblemKind,
        message: String,
    ) -> ConfigProblem {
        ConfigProblem {
            place: Some((section.to_owned(), option.to_owned())),
            ..self.problem(kind, message)
        }
    }
}

#[cfg(test)]
mod tests;
