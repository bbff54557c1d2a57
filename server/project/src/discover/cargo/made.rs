//! The boot loader and the table that esp-idf-sys built. It leaves them beside the ELF file; before its version 0.34
//! only in the directory of its own build, of which there may be several. With its feature `pio` PlatformIO builds
//! them there, in either version.

use std::path::{Path, PathBuf};

use crate::discover::espflash_toml::EspflashSettings;
use crate::discover::look::Look;
use crate::discover::{modified, programs};

/// The table, as ESP-IDF calls it.
const TABLE: &str = "partition-table.bin";

/// What one build of esp-idf-sys made, of what `espflash.toml` does not name.
#[derive(Default)]
pub(super) struct Made {
    pub(super) bootloader: Option<PathBuf>,
    pub(super) table: Option<PathBuf>,
    /// What a person should know of it.
    pub(super) remark: Option<String>,
}

impl Made {
    /// That of the first of these directories of a profile in which there is any.
    pub(super) fn in_first(dirs: &[PathBuf], settings: &EspflashSettings, look: &Look) -> Self {
        let mut made = dirs.iter().map(|dir| Self::of(dir, settings, look));
        made.find(|made| made.count() > 0).unwrap_or_default()
    }

    /// That of the newest build that has both: one build's boot loader may not find another one's table.
    fn of(profile_dir: &Path, settings: &EspflashSettings, look: &Look) -> Self {
        let file = |named: &Option<PathBuf>, path: PathBuf| {
            Some(path).filter(|path| named.is_none() && path.is_file())
        };
        let made = |bootloader: PathBuf, table: PathBuf| Self {
            bootloader: file(&settings.bootloader, bootloader),
            table: file(&settings.partition_table, table),
            remark: None,
        };
        let beside = made(profile_dir.join("bootloader.bin"), profile_dir.join(TABLE));
        let own = |name: &str| name.starts_with("esp-idf-sys-");
        let builds = look.subdirectories(&profile_dir.join("build"), own);
        let builds = builds.into_iter().flat_map(|dir| {
            let native = dir.join("out/build");
            let native = made(
                native.join("bootloader/bootloader.bin"),
                native.join("partition_table").join(TABLE),
            );
            let of_pio = look.subdirectories(&dir.join("out/esp-idf/.pio/build"), |_| true);
            let of_pio = of_pio
                .into_iter()
                .map(|dir| made(dir.join("bootloader.bin"), dir.join("partitions.bin")));
            std::iter::once(native).chain(of_pio.collect::<Vec<_>>())
        });
        let mut builds: Vec<_> = builds.filter(|made| made.count() > 0).collect();
        builds.sort_by_key(|made| (made.count(), made.built()));
        let newest = builds.pop().unwrap_or_default();
        if beside.count() > 0 && beside.count() >= newest.count() {
            return beside;
        }
        let files: Vec<_> = newest.files().map(|it| it.display().to_string()).collect();
        let remark = builds.iter().any(|other| newest.differs(other)).then(|| {
            format!(
                "there are several builds of esp-idf-sys, which differ; what the newest whole one made is deployed: {}",
                files.join(", ")
            )
        });
        Self { remark, ..newest }
    }

    fn files(&self) -> impl Iterator<Item = &PathBuf> {
        self.bootloader.iter().chain(&self.table)
    }

    fn count(&self) -> usize {
        self.files().count()
    }

    fn built(&self) -> Option<std::time::SystemTime> {
        self.files().filter_map(|path| modified(path)).max()
    }

    fn differs(&self, other: &Self) -> bool {
        let pair = |own: &Option<PathBuf>, other: &Option<PathBuf>| {
            let pair = own.as_ref().zip(other.as_ref());
            pair.is_some_and(|(own, other)| programs::differ(own, other))
        };
        pair(&self.bootloader, &other.bootloader) || pair(&self.table, &other.table)
    }
}
