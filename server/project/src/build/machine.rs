//! A machine: its environment variables and what is on its disk, as values.

use std::path::Path;

use crate::discover::environment::Environment;
use crate::file::{self, TEXT_LIMIT};

/// What is on a disk.
pub trait Files {
    /// Whether there is a file at this place.
    fn is_file(&self, path: &str) -> bool;
    /// Whether there is a directory at this place.
    fn is_dir(&self, path: &str) -> bool;
    /// A text, if it is one and not too long.
    fn text(&self, path: &str) -> Option<String>;
    /// The names in a directory, in alphabetical order.
    fn names(&self, dir: &str) -> Vec<String>;
}

/// Names in a directory that are looked at.
const MAX_NAMES: usize = 1000;

/// This machine's.
#[derive(Debug, Clone, Copy)]
pub struct Disk;

impl Files for Disk {
    fn is_file(&self, path: &str) -> bool {
        Path::new(path).is_file()
    }

    fn is_dir(&self, path: &str) -> bool {
        Path::new(path).is_dir()
    }

    fn text(&self, path: &str) -> Option<String> {
        file::read_text(Path::new(path), TEXT_LIMIT).ok()
    }

    fn names(&self, dir: &str) -> Vec<String> {
        let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.take(MAX_NAMES).collect();
        names.sort();
        names
    }
}

/// A machine that builds. Paths are texts: those of Windows mean the same everywhere.
#[derive(Clone, Copy)]
pub struct Machine<'m> {
    /// Its environment variables.
    pub environment: &'m Environment,
    /// How its paths are written.
    pub is_windows: bool,
    /// Its disk.
    pub files: &'m dyn Files,
}

impl<'m> Machine<'m> {
    /// This one.
    pub fn this(environment: &'m Environment) -> Self {
        Self {
            environment,
            is_windows: cfg!(windows),
            files: &Disk,
        }
    }

    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        let value = self.environment.get(name).filter(|value| !value.is_empty());
        value.map(str::to_owned)
    }

    pub(super) fn home(&self) -> Option<String> {
        let names = if self.is_windows {
            ["USERPROFILE", "HOME"]
        } else {
            ["HOME", "USERPROFILE"]
        };
        names.into_iter().find_map(|name| self.variable(name))
    }

    pub(super) fn path_separator(&self) -> char {
        if self.is_windows { ';' } else { ':' }
    }

    fn is_slash(&self, c: char) -> bool {
        c == '/' || self.is_windows && c == '\\'
    }

    pub(super) fn is_absolute(&self, path: &str) -> bool {
        if self.is_windows {
            let rest = path.get(1..).unwrap_or_default();
            rest.starts_with(":\\") || rest.starts_with(":/") || path.starts_with("\\\\")
        } else {
            path.starts_with('/')
        }
    }

    pub(super) fn join(&self, base: &str, names: &[&str]) -> String {
        let slash = if self.is_windows { '\\' } else { '/' };
        let mut path = base.trim_end_matches(|c| self.is_slash(c)).to_owned();
        for name in names {
            path.push(slash);
            path.push_str(name);
        }
        path
    }

    /// Whether two names mean the same place.
    pub(super) fn is_same(&self, one: &str, other: &str) -> bool {
        let normal = |path: &str| {
            let path = path.trim_end_matches(|c| self.is_slash(c));
            if self.is_windows {
                path.replace('\\', "/").to_lowercase()
            } else {
                path.to_owned()
            }
        };
        normal(one) == normal(other)
    }

    pub(super) fn parent<'p>(&self, path: &'p str) -> Option<&'p str> {
        let at = path.rfind(|c| self.is_slash(c))?;
        path.get(..at).filter(|parent| !parent.is_empty())
    }

    /// The directory and those around it, innermost first.
    pub(super) fn ancestors<'p>(&self, path: &'p str) -> Vec<&'p str> {
        std::iter::successors(Some(path), |path| self.parent(path)).collect()
    }

    /// The program of this name in a directory.
    pub(super) fn program(&self, dir: &str, name: &str) -> Option<String> {
        // "." and empty entries mean the current directory: maybe a stranger's project.
        if !self.is_absolute(dir) {
            return None;
        }
        let ends: &[&str] = if self.is_windows {
            &[".exe", ".cmd", ".bat"]
        } else {
            &[""]
        };
        let mut paths = ends
            .iter()
            .map(|end| self.join(dir, &[&format!("{name}{end}")]));
        paths.find(|path| self.files.is_file(path))
    }

    pub(super) fn on_path(&self, names: &[&str]) -> Option<String> {
        // Windows does not mind the case of names.
        let path = self.variable("PATH").or_else(|| self.variable("Path"))?;
        let dirs = path.split(self.path_separator());
        let mut found = dirs.flat_map(|dir| names.iter().map(move |name| (dir, name)));
        found.find_map(|(dir, name)| self.program(dir, name))
    }

    /// Where programs are that an editor started from a desktop does not have on its PATH.
    pub(super) fn usual(&self, names: &[&str]) -> Option<String> {
        if self.is_windows {
            return None;
        }
        let home = self.home();
        let of_home = [".local/bin", "bin", ".cargo/bin"];
        let of_home = of_home.map(|dir| Some(self.join(home.as_ref()?, &[dir])));
        let dirs = of_home
            .into_iter()
            .flatten()
            .chain(["/usr/local/bin", "/opt/homebrew/bin"].map(str::to_owned));
        let dirs: Vec<String> = dirs.collect();
        let mut found = dirs
            .iter()
            .flat_map(|dir| names.iter().map(move |name| (dir, name)));
        found.find_map(|(dir, name)| self.program(dir, name))
    }

    /// A program of a Python's virtual environment.
    pub(super) fn in_venv(&self, venv: &str, name: &str) -> Option<String> {
        let bin = if self.is_windows { "Scripts" } else { "bin" };
        self.program(&self.join(venv, &[bin]), name)
    }
}

impl std::fmt::Debug for Machine<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Machine")
            .field("environment", &self.environment)
            .finish_non_exhaustive()
    }
}
