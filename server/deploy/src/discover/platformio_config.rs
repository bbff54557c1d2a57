//! `platformio.ini` as PlatformIO reads it: inheritance, interpolation, typed values, extra files,
//! overriding environment variables.
//!
//! Source: behaviour of PlatformIO Core 6.2.0 (`platformio/project/config.py`), compared on the
//! corpus in `tests/platformio`. One difference: Core never returns from a cycle in `extends`, here
//! it is an error.

mod origin;
mod problems;
mod reference;
mod value;

use std::cell::Cell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::glob;
use super::ini::{Ini, IniText, OptionText, PercentError, SectionText};
use super::platformio_options::{self as options, Kind, OptionFacts};
pub use origin::Origin;
pub use reference::{Reference, references};
pub use value::{ConfigProblem, ProblemKind, Value, list_items};
use value::{is_env_name, normal, split_list};

/// Name of the file.
pub(crate) const FILE_NAME: &str = "platformio.ini";
/// `${…}` within `${…}`, at most. Deeper means that an option refers to itself.
const MAX_NESTING: usize = 32;
/// `${…}` replaced for one option, at most. More is an attack, not a project.
const MAX_REPLACEMENTS: usize = 10_000;
/// Options looked at for one section with all that it extends, at most.
const MAX_INHERITED: usize = 100_000;

/// How far one option's value has been expanded.
#[derive(Clone, Copy)]
struct Nesting<'c> {
    depth: usize,
    replacements: &'c Cell<usize>,
}

impl<'c> Nesting<'c> {
    fn new(replacements: &'c Cell<usize>) -> Self {
        Self {
            depth: 0,
            replacements,
        }
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
}

/// One file that was read.
#[derive(Debug)]
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// What stood in it.
    pub text: String,
    /// The same with the place of everything.
    pub ini: IniText,
}

/// What an option comes to; `None` where nobody says anything.
pub type OptionValue = Result<Option<Value>, ConfigProblem>;

/// Where the files come from.
pub trait Files {
    /// The text of a file.
    fn read(&self, path: &Path) -> std::io::Result<String>;

    /// The files below `root` that match a pattern of `extra_configs`.
    fn find(&self, root: &Path, pattern: &str) -> Vec<PathBuf>;
}

/// The files as they lie on the disk.
#[derive(Debug, Clone, Copy)]
pub struct OnDisk;

impl Files for OnDisk {
    fn read(&self, path: &Path) -> std::io::Result<String> {
        std::fs::read_to_string(path)
    }

    fn find(&self, root: &Path, pattern: &str) -> Vec<PathBuf> {
        glob::find(root, pattern)
    }
}

impl<'e> ProjectConfig<'e> {
    /// Read the `platformio.ini` of the directory `project`.
    pub fn load(project: &Path, environment: &'e Environment) -> Result<Self, ConfigProblem> {
        let config = Self::read(project, environment, &OnDisk);
        match config.faults.first() {
            Some(fault) => Err(fault.clone()),
            None => Ok(config),
        }
    }

    /// Read it as far as it can be understood. What is wrong with the files is in
    /// [`Self::faults`]; of what stands twice, the last counts.
    #[must_use]
    pub fn read(project: &Path, environment: &'e Environment, files: &dyn Files) -> Self {
        let mut config = Self {
            project: std::path::absolute(project).unwrap_or_else(|_| project.to_owned()),
            ini: Ini::default(),
            environment,
            files: Vec::new(),
            faults: Vec::new(),
        };
        let path = config.project.join(FILE_NAME);
        config.read_file(&path, files);
        config
    }

    fn read_file(&mut self, path: &Path, files: &dyn Files) {
        if self.files.iter().any(|file| file.path == path) {
            return;
        }
        let number = self.files.len();
        let text = files.read(path);
        let fault = |kind, line, message| ConfigProblem {
            kind,
            file: path.to_owned(),
            line,
            place: None,
            message,
        };
        if let Err(error) = &text {
            let why = error.to_string();
            self.faults.push(fault(ProblemKind::Unreadable, None, why));
        }
        let text = text.unwrap_or_default();
        let ini = IniText::parse(&text);
        if let Some(fatal) = ini.fatal() {
            let error = &fatal.error;
            let line = Some(error.line());
            self.faults
                .push(fault(error.into(), line, error.to_string()));
        }
        self.ini.read(number, &text, &ini);
        self.files.push(ConfigFile {
            path: path.to_owned(),
            text,
            ini,
        });
        let patterns = self.list("platformio", "extra_configs");
        let patterns = patterns.unwrap_or_else(|problem| {
            self.faults.push(problem);
            Vec::new()
        });
        for pattern in patterns {
            let pattern = self.expand_home(&pattern);
            for extra in files.find(&self.project, &pattern) {
                self.read_file(&extra, files);
            }
        }
    }

    /// What is wrong with the files themselves, the first of each file.
    #[must_use]
    pub fn faults(&self) -> &[ConfigProblem] {
        &self.faults
    }

    /// The files that were read: `platformio.ini` first.
    #[must_use]
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
    pub fn default_envs(&self) -> Result<Vec<String>, ConfigProblem> {
        self.list("platformio", "default_envs")
    }

    /// Every option of a section with its value, inherited ones included, in PlatformIO's order.
    pub fn items(&self, section: &str) -> Result<Vec<(String, Option<Value>)>, ConfigProblem> {
        let values = self.values(section)?.into_iter();
        values.map(|(name, value)| Ok((name, value?))).collect()
    }

    /// The same, where an option that cannot be read does not hide the others.
    pub fn values(&self, section: &str) -> Result<Vec<(String, OptionValue)>, ConfigProblem> {
        let places = self.walk(section)?;
        let mut names: Vec<&str> = Vec::new();
        let mut seen = HashSet::new();
        for (_, option) in &places {
            if seen.insert(option.as_str()) {
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
        let value = |name: &str| self.value(section, name, &places, Nesting::new(&Cell::new(0)));
        Ok(names
            .into_iter()
            .map(|name| (name.to_owned(), value(name)))
            .collect())
    }

    /// The value of an option, inherited, interpolated and typed; its default if it is not there.
    pub fn get(&self, section: &str, option: &str) -> Result<Option<Value>, ConfigProblem> {
        self.get_nested(section, option, Nesting::new(&Cell::new(0)))
    }

    /// An option as text.
    pub fn text(&self, section: &str, option: &str) -> Result<Option<String>, ConfigProblem> {
        Ok(self.get(section, option)?.map(|value| value.to_text()))
    }

    /// An option as a list.
    pub fn list(&self, section: &str, option: &str) -> Result<Vec<String>, ConfigProblem> {
        Ok(match self.get(section, option)? {
            Some(Value::List(items)) => items,
            Some(value) => split_list(&value.to_text()),
            None => Vec::new(),
        })
    }

    /// A directory of `[platformio]`.
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
        self.value(section, option, &self.walk(section)?, nesting)
    }

    /// What an option comes to. `places` are those of its section.
    fn value(
        &self,
        section: &str,
        option: &str,
        places: &[(String, String)],
        nesting: Nesting<'_>,
    ) -> OptionValue {
        let facts = options::facts(section, option);
        let hit = hit(places, option, facts);
        let mut raw = hit.map_or(Ok(None), |(from, name)| self.raw(from, name))?;
        if let Some(facts) = facts {
            raw = self.overridden(raw, facts);
            raw = raw.or_else(|| facts.default.map(str::to_owned));
        }
        let Some(raw) = raw else { return Ok(None) };
        let text = self.interpolate(section, option, &raw, nesting)?;
        let Some(facts) = facts else {
            return Ok(Some(Value::Text(text)));
        };
        self.typed(section, facts, text).map(Some)
    }

    fn raw(&self, section: &str, option: &str) -> Result<Option<String>, ConfigProblem> {
        self.ini
            .get(section, option)
            .map_err(|error: PercentError| {
                let message = format!("option '{option}' in [{section}]: {error}");
                self.problem_in(section, option, ProblemKind::Percent, message)
            })
    }

    /// Sections and options in the order in which a value is looked for.
    fn walk(&self, root: &str) -> Result<Vec<(String, String)>, ConfigProblem> {
        let mut found = Vec::new();
        self.visit(root, &mut Vec::new(), &mut found)?;
        if root.starts_with("env:") {
            self.visit("env", &mut Vec::new(), &mut found)?;
        }
        Ok(found)
    }

    fn visit(
        &self,
        section: &str,
        path: &mut Vec<String>,
        found: &mut Vec<(String, String)>,
    ) -> Result<(), ConfigProblem> {
        if !self.ini.has_section(section) {
            // PlatformIO ignores a missing section in `extends`.
            return Ok(());
        }
        if found.len() > MAX_INHERITED {
            let message = format!("[{section}] inherits too much");
            return Err(self.problem_in(section, "extends", ProblemKind::ExtendsCycle, message));
        }
        if path.iter().any(|visited| visited == section) {
            let message = format!(
                "[{section}] extends itself: {} -> {section}",
                path.join(" -> ")
            );
            return Err(self.problem_in(section, "extends", ProblemKind::ExtendsCycle, message));
        }
        let options = self.ini.options(section);
        found.extend(
            options
                .into_iter()
                .map(|option| (section.to_owned(), option.to_owned())),
        );
        if let Some(extends) = self.raw(section, "extends")? {
            path.push(section.to_owned());
            // The last name wins.
            for base in split_list(&extends).iter().rev() {
                self.visit(base, path, found)?;
            }
            path.pop();
        }
        Ok(())
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
    ) -> Result<Value, ConfigProblem> {
        let bad = |what: &str| {
            let message = format!(
                "option '{}' in [{section}]: '{text}' is not {what}",
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

    fn problem_in(
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

/// The first place that has an option, by its name of today or an older one.
fn hit<'p>(
    places: &'p [(String, String)],
    option: &str,
    facts: Option<&OptionFacts>,
) -> Option<(&'p str, &'p str)> {
    let means = |name: &str| {
        name == option
            || facts.is_some_and(|facts| facts.name == name || facts.old_names.contains(&name))
    };
    let found = places.iter().find(|(_, name)| means(name));
    found.map(|(section, name)| (section.as_str(), name.as_str()))
}

#[cfg(test)]
mod tests;
