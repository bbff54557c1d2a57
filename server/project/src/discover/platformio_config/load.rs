//! Reading `platformio.ini` and the files that it names.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::{
    ConfigFile, ConfigProblem, Environment, FILE_NAME, Ini, IniText, Look, MAX_ENVS, MAX_FILES,
    MAX_LINES, ProblemKind, ProjectConfig, ReadError, TooWide, glob,
};

/// Where the files come from.
pub trait Files {
    /// The text of a file.
    ///
    /// # Errors
    /// As [`crate::file::read_text`].
    fn read(&self, path: &Path) -> Result<String, ReadError>;

    /// The files below `root` that match a pattern of `extra_configs`.
    ///
    /// # Errors
    /// The pattern matches more than a project has.
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
    ///
    /// # Errors
    /// [`ConfigProblem`] names the file, the line and what PlatformIO would say. Correct the file.
    pub fn load(project: &Path, environment: &'e Environment) -> Result<Self, ConfigProblem> {
        let config = Self::read(project, environment, &OnDisk::default());
        match config.faults.first() {
            Some(fault) => Err(fault.clone()),
            None => Ok(config),
        }
    }

    /// Read it as far as it can be understood. What is wrong with the files is in
    /// [`Self::faults`]; of what is listed twice, the last counts.
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
            bases: RefCell::default(),
            n_kept: Cell::new(0),
            installed: super::Installed::default(),
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
        self.bases.borrow_mut().clear();
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
}
