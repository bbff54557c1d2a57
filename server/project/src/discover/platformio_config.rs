//! `platformio.ini` as PlatformIO reads it: inheritance, interpolation, typed values, extra files,
//! overriding environment variables.
//!
//! Source: behaviour of PlatformIO Core 6.2.0 (`platformio/project/config.py`), compared on the
//! corpus in `tests/platformio`. One difference: Core never returns from a cycle in `extends`, here
//! it is an error.

mod inherited;
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
use super::platformio_options::{self as options, Kind, OptionFacts};
use crate::file::ReadError;
use inherited::Inherited;
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
/// Bytes that `${…}` are replaced by for one option, at most.
const MAX_REPLACED: usize = 1 << 20;
/// Options and bytes looked at for all values together, at most. The largest project that was seen
/// (three hundred environments) takes a twentieth.
const MAX_STEPS: usize = 4_000_000;
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
    n_kept: Cell<usize>,
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
    /// It lies outside of the project, where any file of the user's can be.
    pub is_outside: bool,
}

impl ConfigFile {
    /// What is wrong with it, in words: without a word out of a file that is not the project's.
    #[must_use]
    pub fn what_is_wrong(&self, error: &IniError) -> String {
        if self.is_outside {
            "this is no configuration of PlatformIO's".to_owned()
        } else {
            error.to_string()
        }
    }
}

/// What an option comes to; `None` where nobody says anything.
pub type OptionValue = Result<Option<Value>, ConfigProblem>;

/// Where the files come from.
pub trait Files {
    /// The text of a file.
    fn read(&self, path: &Path) -> Result<String, ReadError>;

    /// The files below `root` that match a pattern of `extra_configs`.
    fn find(&self, root: &Path, pattern: &str) -> Result<Vec<PathBuf>, TooWide>;

    /// Whether a file lies outside of the directory of the project, where a link may lead.
    fn is_outside(&self, root: &Path, path: &Path) -> bool;
}

/// The files as they lie on the disk, as many as belong to one project.
#[derive(Debug, Default)]
pub struct OnDisk(Look);

impl Files for OnDisk {
    fn read(&self, path: &Path) -> Result<String, ReadError> {
        self.0.read(path)
    }

    fn find(&self, root: &Path, pattern: &str) -> Result<Vec<PathBuf>, TooWide> {
        glob::find(root, pattern, &self.0)
    }

    fn is_outside(&self, root: &Path, path: &Path) -> bool {
        match (root.canonicalize(), path.canonicalize()) {
            (Ok(root), Ok(path)) => !path.starts_with(root),
            // There is nothing to tell of it.
            _ => false,
        }
    }
}

impl<'e> ProjectConfig<'e> {
    /// Read the `platformio.ini` of the directory `project`.
    pub fn load(project: &Path, environment: &'e Environment) -> Result<Self, ConfigProblem> {
        let config = Self::read(project, environment, &OnDisk::default());
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
            look: Look::default(),
            steps: Cell::new(0),
            kept: RefCell::default(),
            n_kept: Cell::new(0),
        };
        let mut seen = HashSet::new();
        let mut patterns = HashSet::new();
        // A file's own extra files come before those that follow it.
        let mut waiting = vec![config.project.join(FILE_NAME)];
        while let Some(path) = waiting.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            config.read_file(&path, files);
            let mut found = config.extra_files(&mut patterns, files);
            if config.files.len() + found.len() > MAX_FILES {
                let why = format!("extra_configs names more than {MAX_FILES} files");
                config.fault_of_extra_configs(why);
                found.truncate(MAX_FILES.saturating_sub(config.files.len()));
            }
            found.retain(|path| !seen.contains(path));
            waiting.extend(found.into_iter().rev());
        }
        if config.envs().count() > MAX_ENVS {
            let message = format!("there are more than {MAX_ENVS} environments; more are not read");
            let fault = config.problem(ProblemKind::TooMuch, message);
            config.faults.push(fault);
        }
        config
    }

    fn fault_of_extra_configs(&mut self, message: String) {
        let fault = self.problem_in("platformio", "extra_configs", ProblemKind::TooMuch, message);
        self.faults.push(fault);
    }

    fn read_file(&mut self, path: &Path, files: &dyn Files) {
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
        let mut text = text.unwrap_or_default();
        let before: usize = self.files.iter().map(|it| it.text.lines().count()).sum();
        if before + text.lines().count() > MAX_LINES {
            let why = format!(
                "with it the configuration has more than {MAX_LINES} lines; it is not read"
            );
            self.faults.push(fault(ProblemKind::TooMuch, None, why));
            text.clear();
        }
        let ini = IniText::parse(&text);
        self.ini.read(number, &text, &ini);
        let file = ConfigFile {
            path: path.to_owned(),
            text,
            ini,
            is_outside: files.is_outside(&self.project, path),
        };
        if let Some(fatal) = file.ini.fatal() {
            let error = &fatal.error;
            let (line, message) = (Some(error.line()), file.what_is_wrong(error));
            self.faults.push(fault(error.into(), line, message));
        }
        self.files.push(file);
        // What is kept was true without this file.
        self.kept.borrow_mut().clear();
        self.n_kept.set(0);
    }

    /// What `extra_configs` names by now.
    fn extra_files(&mut self, seen: &mut HashSet<String>, files: &dyn Files) -> Vec<PathBuf> {
        let patterns = self.list("platformio", "extra_configs");
        let patterns = patterns.unwrap_or_else(|problem| {
            self.faults.push(problem);
            Vec::new()
        });
        let mut found = Vec::new();
        for pattern in patterns {
            if !seen.insert(pattern.clone()) {
                continue;
            }
            if seen.len() > MAX_FILES {
                let why = format!("extra_configs has more than {MAX_FILES} patterns");
                self.fault_of_extra_configs(why);
                break;
            }
            let pattern = self.expand_home(&pattern);
            match files.find(&self.project, &pattern) {
                Ok(files) => found.extend(files),
                Err(TooWide) => {
                    self.fault_of_extra_configs(format!("'{pattern}' in extra_configs {TooWide}"));
                }
            }
        }
        found
    }

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
        let value =
            |name: &str| self.value(section, name, &places, Nesting::new(&Taken::default()));
        Ok(self
            .names_in(section, &places)
            .into_iter()
            .map(|name| (name.to_owned(), value(name)))
            .collect())
    }

    /// The names of a section's options, inherited ones included.
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
    pub fn get(&self, section: &str, option: &str) -> Result<Option<Value>, ConfigProblem> {
        self.get_nested(section, option, Nesting::new(&Taken::default()))
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
        let places = self.walk(section)?;
        self.value(section, option, &places, nesting)
    }

    /// What an option comes to. `places` are those of its section.
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

#[cfg(test)]
mod tests;
