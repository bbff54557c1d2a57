//! `platformio.ini` as PlatformIO reads it: inheritance, interpolation, typed values, extra files,
//! overriding environment variables.
//!
//! Source: behaviour of PlatformIO Core 6.2.0 (`platformio/project/config.py`), compared on the
//! corpus in `tests/platformio`. One difference: Core never returns from a cycle in `extends`, here
//! it is an error.

mod problems;
mod reference;
mod value;

use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::glob;
use super::ini::{Ini, IniText, OptionText, PercentError, SectionText};
use super::platformio_options::{self as options, Kind, OptionFacts};
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

/// Where the value of an option comes from.
#[derive(Debug)]
pub enum Origin<'c> {
    /// It is written in a file.
    File {
        /// The file.
        file: &'c ConfigFile,
        /// The section in it, which may be another one than was asked about.
        section: &'c SectionText,
        /// The option in it, which may have an older name.
        option: &'c OptionText,
    },
    /// An environment variable overrides what the files say (or adds to it, for lists).
    Variable(&'static str),
    /// PlatformIO's own default.
    Default,
}

/// How the text of a file is read.
pub type ReadFile<'r> = dyn Fn(&Path) -> std::io::Result<String> + 'r;

impl<'e> ProjectConfig<'e> {
    /// Read the `platformio.ini` of the directory `project`.
    pub fn load(project: &Path, environment: &'e Environment) -> Result<Self, ConfigProblem> {
        let config = Self::read(project, environment, &|path| std::fs::read_to_string(path));
        match config.faults.first() {
            Some(fault) => Err(fault.clone()),
            None => Ok(config),
        }
    }

    /// Read it as far as it can be understood. What is wrong with the files is in
    /// [`Self::faults`]; of what stands twice, the last counts.
    #[must_use]
    pub fn read(project: &Path, environment: &'e Environment, read: &ReadFile<'_>) -> Self {
        let mut config = Self {
            project: std::path::absolute(project).unwrap_or_else(|_| project.to_owned()),
            ini: Ini::default(),
            environment,
            files: Vec::new(),
            faults: Vec::new(),
        };
        let path = config.project.join(FILE_NAME);
        config.read_file(&path, read);
        config
    }

    fn read_file(&mut self, path: &Path, read: &ReadFile<'_>) {
        if self.files.iter().any(|file| file.path == path) {
            return;
        }
        let number = self.files.len();
        let text = read(path);
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
            for extra in glob::find(&self.project, &pattern) {
                self.read_file(&extra, read);
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
        let mut names: Vec<String> = Vec::new();
        for (_, option) in self.walk(section)? {
            if !names.contains(&option) {
                names.push(option);
            }
        }
        for facts in options::overridable(section) {
            let set = facts
                .variable
                .is_some_and(|name| self.environment.get(name).is_some());
            if set && !names.iter().any(|name| name == facts.name) {
                names.push(facts.name.to_owned());
            }
        }
        names
            .into_iter()
            .map(|name| {
                let value = self.get(section, &name)?;
                Ok((name, value))
            })
            .collect()
    }

    /// The value of an option, inherited, interpolated and typed; its default if it is not there.
    pub fn get(&self, section: &str, option: &str) -> Result<Option<Value>, ConfigProblem> {
        self.get_nested(
            section,
            option,
            Nesting {
                depth: 0,
                replacements: &Cell::new(0),
            },
        )
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
        let facts = options::facts(section, option);
        let mut raw = self.find(section, option, facts)?;
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

    /// The first hit in the section, in what it extends, in `[env]`.
    fn find(
        &self,
        section: &str,
        option: &str,
        facts: Option<&OptionFacts>,
    ) -> Result<Option<String>, ConfigProblem> {
        self.hit(section, option, facts)?
            .map_or(Ok(None), |(section, name)| self.raw(&section, &name))
    }

    /// The section and the name that it is found under.
    fn hit(
        &self,
        section: &str,
        option: &str,
        facts: Option<&OptionFacts>,
    ) -> Result<Option<(String, String)>, ConfigProblem> {
        let means = |name: &str| {
            name == option
                || facts.is_some_and(|facts| facts.name == name || facts.old_names.contains(&name))
        };
        let mut places = self.walk(section)?.into_iter();
        Ok(places.find(|(_, name)| means(name)))
    }

    /// Where the value of an option comes from; `None` where it has none.
    #[must_use]
    pub fn origin(&self, section: &str, option: &str) -> Option<Origin<'_>> {
        let facts = options::facts(section, option);
        if let Some(variable) = facts.and_then(|facts| self.variable_of(facts)) {
            return Some(Origin::Variable(variable.0));
        }
        match self.hit(section, option, facts).ok()? {
            Some((section, name)) => self.written(&section, &name),
            None => facts?.default.map(|_| Origin::Default),
        }
    }

    /// Where an option of a section itself stands.
    fn written(&self, section: &str, name: &str) -> Option<Origin<'_>> {
        let set = self.ini.set_by(section, name)?;
        let file = self.files.get(set.file)?;
        let section = file.ini.sections.get(set.section)?;
        let option = section.options.get(set.option)?;
        Some(Origin::File {
            file,
            section,
            option,
        })
    }

    /// Whether PlatformIO takes notice of an option in a section.
    #[must_use]
    pub fn is_known(section: &str, option: &str) -> bool {
        options::is_known(section, option)
    }

    /// The name that replaced an old one in sections like this.
    #[must_use]
    pub fn renamed(section: &str, option: &str) -> Option<&'static str> {
        let facts = options::facts(section, option)?;
        facts.old_names.contains(&option).then_some(facts.name)
    }

    /// Names of the options that PlatformIO knows for sections like this.
    pub fn known_options(section: &str) -> impl Iterator<Item = &'static str> {
        options::names(section).map(|facts| facts.name)
    }

    /// The words that an option takes, where it takes only certain ones.
    #[must_use]
    pub fn choices(section: &str, option: &str) -> &'static [&'static str] {
        match options::facts(section, option).map(|facts| facts.kind) {
            Some(Kind::Choice(words)) => words,
            Some(Kind::Bool) => &["yes", "no"],
            Some(Kind::Bit) => &["0", "1"],
            _ => &[],
        }
    }

    /// Whether there is a section of this name.
    #[must_use]
    pub fn has_section(&self, name: &str) -> bool {
        self.ini.has_section(name)
    }

    /// What `${name}` stands for in `option` of `section`.
    pub fn resolve(
        &self,
        section: &str,
        option: &str,
        name: &str,
    ) -> Result<String, ConfigProblem> {
        let nesting = Nesting {
            depth: 0,
            replacements: &Cell::new(0),
        };
        self.variable(section, option, name, nesting)
    }

    /// The directory of the project.
    #[must_use]
    pub fn project(&self) -> &Path {
        &self.project
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

    fn interpolate(
        &self,
        section: &str,
        option: &str,
        text: &str,
        nesting: Nesting<'_>,
    ) -> Result<String, ConfigProblem> {
        let mut out = String::new();
        let mut done = 0;
        for reference in references(text) {
            out.push_str(&text[done..reference.span.start]);
            match reference.name {
                "" => out.push_str("${}"),
                name => out.push_str(&self.variable(section, option, name, nesting)?),
            }
            done = reference.span.end;
        }
        out.push_str(&text[done..]);
        Ok(out)
    }

    /// What stands for `${name}` in `option` of `section`.
    fn variable(
        &self,
        section: &str,
        option: &str,
        name: &str,
        nesting: Nesting<'_>,
    ) -> Result<String, ConfigProblem> {
        let Some((from, wanted)) = reference::split(name) else {
            return Ok(self
                .built_in(name)
                .unwrap_or_else(|| format!("${{{name}}}")));
        };
        let from = match (from, wanted) {
            // A variable that is not set becomes nothing.
            ("sysenv", _) => {
                return Ok(self.environment.get(wanted).unwrap_or_default().to_owned());
            }
            ("this", "__env__") => {
                return section.strip_prefix("env:").map(str::to_owned).ok_or_else(|| {
                    let message = format!(
                        "option '{option}' in [{section}]: ${{this.__env__}} means something only \
                         in sections [env:NAME]"
                    );
                    self.problem_in(section, option, ProblemKind::Interpolation, message)
                });
            }
            ("this", _) => section,
            (from, _) => from,
        };
        nesting.replacements.set(nesting.replacements.get() + 1);
        if nesting.depth == MAX_NESTING || nesting.replacements.get() > MAX_REPLACEMENTS {
            let message = format!("option '{wanted}' in [{from}] refers to itself");
            return Err(self.problem_in(section, option, ProblemKind::Interpolation, message));
        }
        let deeper = Nesting {
            depth: nesting.depth + 1,
            ..nesting
        };
        match self.get_nested(from, wanted, deeper)? {
            Some(value) => Ok(value.to_text()),
            // A known option without a value becomes what Python prints.
            None if options::facts(from, wanted).is_some_and(|f| f.kind == Kind::List) => {
                Ok(String::new())
            }
            None if options::facts(from, wanted).is_some() => Ok("None".to_owned()),
            None => {
                let what = if self.ini.has_section(from) {
                    format!("there is no option '{wanted}' in [{from}]")
                } else {
                    format!("there is no section [{from}]")
                };
                let message =
                    format!("option '{option}' in [{section}] refers to ${{{name}}}, but {what}");
                Err(self.problem_in(section, option, ProblemKind::Interpolation, message))
            }
        }
    }

    fn built_in(&self, name: &str) -> Option<String> {
        match name {
            "PROJECT_DIR" => Some(self.project.display().to_string()),
            "UNIX_TIME" => {
                let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
                Some(now.map_or(0, |since| since.as_secs()).to_string())
            }
            // ${PROJECT_HASH} needs SHA-1 for directory names that no ESP project has been seen
            // with; it stays as it is, like a variable of the build.
            _ => None,
        }
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
                "0" | "false" | "f" | "no" | "n" | "off" => Value::Bool(false),
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
