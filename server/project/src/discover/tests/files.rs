//! A workspace for a test, laid out from texts, and what is found in it.

use std::path::Path;

use crate::discover::{Discovery, Environment, discover};
use crate::target::Target;

/// A directory with files of a test's; `@` in a text stands for it.
pub(super) struct Files(tempfile::TempDir);

impl Files {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let made = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            made.write(name, made.text(text).as_bytes());
        }
        made
    }

    pub(super) fn root(&self) -> &Path {
        self.0.path()
    }

    pub(super) fn text(&self, text: &str) -> String {
        text.replace('@', self.root().to_str().unwrap())
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// What is found in the directory `place`, without variables.
    pub(super) fn found_in(&self, place: &str) -> Discovery {
        discover(&self.root().join(place), &Environment::default())
    }

    /// The regions of a target: offset, name and file.
    pub(super) fn regions(&self, target: &Target) -> Vec<String> {
        let line = |region: &crate::target::Region| {
            let path = region.source.path();
            let path = path.strip_prefix(self.root()).unwrap_or(path);
            format!("{:#x} {} {}", region.offset, region.name, path.display())
        };
        target.regions.iter().map(line).collect()
    }
}

pub(super) fn names(found: &Discovery) -> Vec<&str> {
    let targets = found.targets.iter();
    targets.map(|target| target.name.as_str()).collect()
}
