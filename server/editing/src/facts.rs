//! What is known around a document: the project's configuration, what is built, which boards were
//! deployed to. Gathered by who calls; everything here is a value.

use std::path::{Path, PathBuf};

use fbuild_chip::security::BoardSecurity;
use fbuild_project::discover::configuration::Configuration;
use fbuild_project::target::{Region, Source, Target};

use super::project_files::ProjectFiles;

/// Everything known around the documents of one project.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Facts {
    /// The project's directory; what commands take as `root`.
    pub root: PathBuf,
    /// What the project's files say, built or not: one for ESP-IDF, one per PlatformIO environment.
    pub configurations: Vec<Configuration>,
    /// What is built.
    pub builds: Vec<Build>,
    /// Name of the target that a deploy without a name would choose, if it can be told.
    pub default_target: Option<String>,
    /// Boards that were deployed to from this project, the last one first.
    pub boards: Vec<Board>,
    /// What is plugged in.
    pub ports: Vec<Port>,
    /// What else lies around in the project.
    pub files: ProjectFiles,
}

/// A board that was deployed to.
#[derive(Debug, Clone, PartialEq)]
pub struct Board {
    /// MAC address; `None` for a board that does not tell it.
    pub mac: Option<String>,
    /// The port that it was on last.
    pub port: String,
    /// Name of its chip.
    pub chip: Option<String>,
    /// Size of its flash, where it is known.
    pub flash_bytes: Option<u32>,
    /// What its eFuses said last, where that is known.
    pub security: Option<BoardSecurity>,
    /// Deploys of the project to it, the last one first.
    pub deploys: Vec<Deploy>,
}

/// One deploy.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Deploy {
    pub when_ms: u64,
    pub target: String,
    pub outcome: String,
    /// What the board held, region by region.
    pub regions: Vec<Deployed>,
}

/// A region of a deploy.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub struct Deployed {
    pub name: String,
    /// Whether the board held it before: `match`, `differs` or `unknown`.
    pub verdict: String,
    /// Whether anything was written to it.
    pub written: bool,
}

impl Board {
    /// How people call it.
    pub fn name(&self) -> String {
        match &self.mac {
            Some(mac) => format!("{mac} on {}", self.port),
            None => format!("on {}", self.port),
        }
    }
}

/// A serial port of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// What the operating system calls it.
    pub name: String,
    /// What the adapter calls itself.
    pub product: Option<String>,
}

/// A target that can be deployed, with its images' sizes.
#[derive(Debug, Clone, PartialEq)]
pub struct Build {
    pub target: Target,
    pub images: Vec<Image>,
}

/// A region's image as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub region: Region,
    /// `None`: it is made from an ELF file, and its size is not known before that.
    pub len_bytes: Option<u64>,
    /// When it was built, milliseconds since 1970.
    pub built_ms: Option<u64>,
}

impl Facts {
    /// The build that a command without a target's name would use; else the only one.
    pub fn default_build(&self) -> Option<&Build> {
        let named = |name: &String| self.builds.iter().find(|build| build.target.name == *name);
        let only = || self.builds.first().filter(|_| self.builds.len() == 1);
        self.default_target.as_ref().and_then(named).or_else(only)
    }

    /// Configurations whose partition table `path` is.
    pub fn configurations_of(&self, path: &Path) -> impl Iterator<Item = &Configuration> {
        let is_it = move |c: &&Configuration| c.table.as_deref() == Some(path);
        self.configurations.iter().filter(is_it)
    }

    /// Builds whose partition table is made from `path`.
    pub fn builds_of(&self, path: &Path) -> impl Iterator<Item = &Build> {
        let is_it = move |build: &&Build| {
            let by_espflash = build
                .target
                .regions
                .iter()
                .any(|region| match &region.source {
                    Source::Elf(elf) => elf.partition_table.as_deref() == Some(path),
                    Source::File(_) => false,
                });
            by_espflash || build.target.partitions_csv.as_deref() == Some(path)
        };
        self.builds.iter().filter(is_it)
    }

    /// Whether the project makes a partition table from `path`.
    pub fn is_table(&self, path: &Path) -> bool {
        self.configurations_of(path).next().is_some() || self.builds_of(path).next().is_some()
    }
}
