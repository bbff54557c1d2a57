//! A workspace for a test, laid out from texts, and what is found in it.

use std::path::Path;

use fbuild_chip::Chip;

use crate::discover::{Discovery, Environment, discover};
use crate::partitions::csv;
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
        text.replace('@', &self.root().to_str().unwrap().replace('\\', "/"))
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.root().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// The start of an image for `chip`.
    pub(super) fn image(&self, name: &str, chip: Chip) {
        self.write(name, &image(chip));
    }

    /// A partition table with these rows of CSV.
    pub(super) fn table(&self, name: &str, rows: &str) {
        self.write(name, &table(rows));
    }

    /// What is found in the directory `place`, without variables.
    pub(super) fn found_in(&self, place: &str) -> Discovery {
        discover(&self.root().join(place), &Environment::default())
    }

    pub(super) fn found_with(&self, variables: &[(&str, &str)]) -> Discovery {
        let variables = variables.iter();
        let variables = variables.map(|(name, value)| ((*name).to_owned(), self.text(value)));
        discover(self.root(), &Environment::from_pairs(variables))
    }

    /// The regions of a target: offset, name and file.
    pub(super) fn regions(&self, target: &Target) -> Vec<String> {
        let line = |region: &crate::target::Region| {
            let path = region.source.path();
            let path = path.strip_prefix(self.root()).unwrap_or(path);
            let path = path.display().to_string().replace('\\', "/");
            format!("{:#x} {} {path}", region.offset, region.name)
        };
        target.regions.iter().map(line).collect()
    }
}

pub(super) fn image(chip: Chip) -> Vec<u8> {
    let mut bytes = vec![0; 24];
    bytes[0] = 0xE9;
    bytes[12..14].copy_from_slice(&chip.facts().image_id.unwrap().to_le_bytes());
    bytes
}

/// An ESP8266's has a short header, and a segment in its own RAM.
pub(super) fn image_8266() -> Vec<u8> {
    let mut image = vec![
        0xE9, 1, 2, 0x30, 0, 0, 0x10, 0x40, 0, 0, 0x10, 0x40, 4, 0, 0, 0,
    ];
    image.extend([0; 16]);
    image
}

pub(super) fn table(rows: &str) -> Vec<u8> {
    let options = csv::Options {
        table_offset: 0,
        ..csv::Options::default()
    };
    csv::compile(rows, &options).unwrap().to_bytes()
}

pub(super) fn names(found: &Discovery) -> Vec<&str> {
    let targets = found.targets.iter();
    targets.map(|target| target.name.as_str()).collect()
}

/// The header of a program for Xtensa (94) or RISC-V (243).
pub(super) fn elf(machine: u8) -> Vec<u8> {
    let mut bytes = vec![0; 52];
    bytes[..5].copy_from_slice(b"\x7fELF\x01");
    bytes[16] = 2;
    bytes[18] = machine;
    bytes
}
