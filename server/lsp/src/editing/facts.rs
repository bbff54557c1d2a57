//! What is known around a document: the project's configuration, what is built, which boards were
//! deployed to. Gathered by [`crate::server`]; everything here is a value.

use std::path::{Path, PathBuf};

use fbuild_deploy::discover::configuration::Configuration;
use fbuild_deploy::target::{Region, Source, Target};
use fbuild_loader::link::serial::PortInfo;

use super::project_files::ProjectFiles;
use crate::remember::history::Board;

/// Everything known around the documents of one project.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    /// The project's directory; what commands take as `root`.
    pub(crate) root: PathBuf,
    /// What the project's files say, built or not: one for ESP-IDF, one per PlatformIO environment.
    pub(crate) configurations: Vec<Configuration>,
    /// What is built.
    pub(crate) builds: Vec<Build>,
    /// Name of the target that a deploy without a name would choose, if it can be told.
    pub(crate) default_target: Option<String>,
    /// Boards that were deployed to from this project, the last one first.
    pub(crate) boards: Vec<Board>,
    /// What is plugged in.
    pub(crate) ports: Vec<PortInfo>,
    /// What else lies around in the project.
    pub(crate) files: ProjectFiles,
}

/// A target that can be deployed, with its images' sizes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Build {
    pub(crate) target: Target,
    pub(crate) images: Vec<Image>,
}

/// A region's image as it lies on the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) region: Region,
    /// `None`: it is made from an ELF file, and its size is not known before that.
    pub(crate) len_bytes: Option<u64>,
    /// When it was built, milliseconds since 1970.
    pub(crate) built_ms: Option<u64>,
}

impl Facts {
    /// The build that a command without a target's name would use; else the only one.
    pub(crate) fn default_build(&self) -> Option<&Build> {
        let named = |name: &String| self.builds.iter().find(|build| build.target.name == *name);
        let only = || self.builds.first().filter(|_| self.builds.len() == 1);
        self.default_target.as_ref().and_then(named).or_else(only)
    }

    /// Configurations whose partition table `path` is.
    pub(crate) fn configurations_of(&self, path: &Path) -> impl Iterator<Item = &Configuration> {
        let is_it = move |c: &&Configuration| c.table.as_deref() == Some(path);
        self.configurations.iter().filter(is_it)
    }

    /// Builds whose partition table is made from `path`.
    pub(crate) fn builds_of(&self, path: &Path) -> impl Iterator<Item = &Build> {
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
    pub(crate) fn is_table(&self, path: &Path) -> bool {
        self.configurations_of(path).next().is_some() || self.builds_of(path).next().is_some()
    }
}
