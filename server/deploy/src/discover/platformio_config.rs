//! `platformio.ini` as PlatformIO reads it: inheritance, interpolation, typed values, extra files,
//! overriding environment variables.
//!
//! Source: behaviour of PlatformIO Core 6.2.0 (`platformio/project/config.py`), compared on the
//! corpus in `tests/platformio`. One difference: Core never returns from a cycle in `extends`, here
//! it is an error.

mod value;

use std::cell::Cell;
use std::path::{Path, PathBuf};

use super::environment::Environment;
use super::glob;
use super::ini::{Ini, PercentError};
use super::platformio_options::{self as options, Kind, OptionFacts};
pub use value::{ConfigProblem, ProblemKind, Value};
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
    /// Every file that was read.
    files: Vec<PathBuf>,
}

impl<'e> ProjectConfig<'e> {
    /// Read the `platformio.ini` of the directory `project`.
    pub fn load(project: &Path, environment: &'e Environment) -> Result<Self, ConfigProblem> {
        let mut config = Self {
            project: std::path::absolute(project).unwrap_or_else(|_| project.to_owned()),
            ini: Ini::default(),
            environment,
            files: Vec::new(),
        };
        config.read(&config.project.join(FILE_NAME))?;
        Ok(config)
    }

    fn read(&mut self, path: &Path) -> Result<(), ConfigProblem> {
        if self.files.iter().any(|read| read == path) {
            return Ok(());
        }
        self.files.push(path.to_owned());
        let problem = |kind, line, message| ConfigProblem {
            kind,
            file: path.to_owned(),
            line,
            message,
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| problem(ProblemKind::Unreadable, None, error.to_string()))?;
        self.ini.read(&text).map_err(|error| {
            use super::ini::IniError;
            let kind = match error {
                IniError::DuplicateSection { .. } => ProblemKind::DuplicateSection,
                IniError::DuplicateOption { .. } => ProblemKind::DuplicateOption,
                IniError::MissingSectionHeader { .. } => ProblemKind::MissingSectionHeader,
                IniError::Parsing { .. } => ProblemKind::Parsing,
            };
            problem(kind, Some(error.line()), error.to_string())
        })?;
        for pattern in self.list("platformio", "extra_configs")? {
            let pattern = self.expand_home(&pattern);
            for extra in glob::find(&self.project, &pattern) {
                self.read(&extra)?;
            }
        }
        Ok(())
    }

    /// The files that were read: `platformio.ini` first.
    #[must_use]
    pub fn files(&self) -> &[PathBuf] {
        &self.files
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

    /// What makes the file unusable although it reads well.
    #[must_use]
    pub fn problems(&self) -> Vec<ConfigProblem> {
        let mut problems = Vec::new();
        let known: Vec<_> = self.envs().collect();
        if known.is_empty() {
            let message = "the file has no environment; add a section [env:NAME]".to_owned();
            problems.push(self.problem(ProblemKind::NoEnvs, message));
            return problems;
        }
        match self.default_envs() {
            Err(problem) => problems.push(problem),
            Ok(wanted) => {
                let unknown: Vec<_> = wanted
                    .iter()
                    .filter(|env| !known.contains(&env.as_str()))
                    .cloned()
                    .collect();
                if !unknown.is_empty() {
                    let message = format!(
                        "default_envs names '{}', but the environments are '{}'",
                        unknown.join(", "),
                        known.join(", ")
                    );
                    problems.push(self.problem(ProblemKind::UnknownEnvs, message));
                }
            }
        }
        for env in known {
            if !is_env_name(env) {
                let message = format!(
                    "'{env}' is no environment name: only letters, digits, _ and - are possible"
                );
                problems.push(self.problem(ProblemKind::BadEnvName, message));
            }
        }
        problems
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
        let means = |name: &str| {
            name == option
                || facts.is_some_and(|facts| facts.name == name || facts.old_names.contains(&name))
        };
        let hit = self
            .walk(section)?
            .into_iter()
            .find(|(_, name)| means(name));
        hit.map_or(Ok(None), |(section, name)| self.raw(&section, &name))
    }

    fn raw(&self, section: &str, option: &str) -> Result<Option<String>, ConfigProblem> {
        self.ini
            .get(section, option)
            .map_err(|error: PercentError| {
                let message = format!("option '{option}' in [{section}]: {error}");
                self.problem(ProblemKind::Interpolation, message)
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
            return Err(self.problem(ProblemKind::ExtendsCycle, message));
        }
        if path.iter().any(|visited| visited == section) {
            let message = format!(
                "[{section}] extends itself: {} -> {section}",
                path.join(" -> ")
            );
            return Err(self.problem(ProblemKind::ExtendsCycle, message));
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
        let Some(variable) = facts.variable else {
            return raw;
        };
        let set = |name: &str| self.environment.get(name).filter(|value| !value.is_empty());
        let old = |name: &&str| set(&format!("PLATFORMIO_{}", name.to_uppercase()));
        let Some(value) = set(variable).or_else(|| facts.old_names.iter().find_map(old)) else {
            return raw;
        };
        match raw.filter(|raw| facts.kind == Kind::List && !raw.is_empty()) {
            Some(raw) => Some(format!("{raw}\n{value}")),
            None => Some(value.to_owned()),
        }
    }

    fn interpolate(
        &self,
        section: &str,
        option: &str,
        text: &str,
        nesting: Nesting<'_>,
    ) -> Result<String, ConfigProblem> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            let Some(len) = rest.find('}') else { break };
            match &rest[2..len] {
                "" => out.push_str("${}"),
                name => out.push_str(&self.variable(section, option, name, nesting)?),
            }
            rest = &rest[len + 1..];
        }
        out.push_str(rest);
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
        let split = name.split_once('.').filter(|(head, tail)| {
            !head.is_empty() && !head.contains(['(', ')']) && !tail.is_empty()
        });
        let Some((from, wanted)) = split else {
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
                    self.problem(ProblemKind::Interpolation, message)
                });
            }
            ("this", _) => section,
            (from, _) => from,
        };
        nesting.replacements.set(nesting.replacements.get() + 1);
        if nesting.depth == MAX_NESTING || nesting.replacements.get() > MAX_REPLACEMENTS {
            let message = format!("option '{wanted}' in [{from}] refers to itself");
            return Err(self.problem(ProblemKind::Interpolation, message));
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
                Err(self.problem(ProblemKind::Interpolation, message))
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
            self.problem(ProblemKind::BadValue, message)
        };
        Ok(match facts.kind {
            Kind::Text => Value::Text(text),
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
        let file = self
            .files
            .first()
            .cloned()
            .unwrap_or_else(|| self.project.join(FILE_NAME));
        ConfigProblem {
            kind,
            file,
            line: None,
            message,
        }
    }
}

#[cfg(test)]
mod tests;
