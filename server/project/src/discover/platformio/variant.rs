//! The variant of a board: its own boot loader, table and TinyUF2, in preference to the framework's.
//!
//! Source: arduino-esp32, `tools/platformio-build.py` (2.0 to 3.3) and its successors.

use std::path::{Path, PathBuf};

use crate::discover::platformio_board::Board;
use crate::discover::platformio_config::ConfigProblem;

pub(super) struct Variant {
    /// Its directory.
    pub(super) dir: PathBuf,
    /// Of the framework's tables.
    tables: PathBuf,
    /// The table as the project or the board's file names it.
    table: Option<String>,
    /// A boot loader that the project or the board's file names.
    bootloader: Option<String>,
}

impl Variant {
    pub(super) fn of(
        board: &Board<'_>,
        framework: &Path,
        project: &Path,
    ) -> Result<Self, ConfigProblem> {
        let own = board.value("build.variants_dir")?;
        let variants = own.filter(|dir| !dir.is_empty());
        let variants = variants.map_or_else(|| framework.join("variants"), |dir| project.join(dir));
        let variant = board.value("build.variant")?.unwrap_or_default();
        Ok(Self {
            dir: variants.join(variant),
            tables: framework.join("tools/partitions"),
            table: board.table()?,
            bootloader: board.value("build.arduino.custom_bootloader")?,
        })
    }

    /// Whether the table is one of those for TinyUF2.
    pub(super) fn is_for_tinyuf2(&self) -> bool {
        let table = self.table.as_deref();
        table.is_some_and(|table| table.ends_with("tinyuf2.csv"))
    }

    /// Its boot loader, which is flashed in place of the build's.
    pub(super) fn bootloader(&self) -> Option<PathBuf> {
        let usual = if self.is_for_tinyuf2() {
            "bootloader-tinyuf2.bin"
        } else {
            "bootloader.bin"
        };
        let name = self.bootloader.as_deref().unwrap_or(usual);
        Some(self.dir.join(name)).filter(|path| path.is_file())
    }

    /// The CSV file of the project that the table is made from. Names of the variant's and of the
    /// framework's own tables win over a file of the project with that name.
    pub(super) fn own_table(&self, project: &Path) -> Option<PathBuf> {
        let name = self.table.as_deref()?;
        let path = project.join(name);
        let places = [self.dir.join(name), self.tables.join(name)];
        let first = places.into_iter().find(|place| place.is_file());
        let first = first.unwrap_or_else(|| path.clone());
        (first == path && path.is_file()).then_some(path)
    }
}
