//! What is on the board, what should be there, and the folders that hold the files.
//!
//! The firmware is MicroPython for the ESP32 (two releases) and rebuilds of it, and an app of 330
//! objects that was linked before and after two lines were added to one of them, for Xtensa and for
//! RISC-V, from `../shared/fixtures`. No public pair of builds for the S3 of comparable size exists there, so the
//! S3 gets the same bytes with its own chip's id in the image headers, and with the hashes that
//! belong to that: sizes, differences and compression are the same, and every tool accepts them.

use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use crate::parameters::FLASH_SIZE;

/// A state of the board and what is to be deployed onto it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scenario {
    Same,
    String,
    StringKnown,
    Relink,
    RelinkRiscv,
    Relocated,
    Upgrade,
    UpgradeKnown,
    Blank,
}

impl Scenario {
    /// What users do all day comes first.
    pub(crate) const ALL: [Self; 9] = [
        Self::Relink,
        Self::RelinkRiscv,
        Self::UpgradeKnown,
        Self::Same,
        Self::String,
        Self::StringKnown,
        Self::Relocated,
        Self::Upgrade,
        Self::Blank,
    ];

    /// Name in results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::String => "string",
            Self::StringKnown => "string-known",
            Self::Relink => "relink",
            Self::RelinkRiscv => "relink-riscv",
            Self::Relocated => "relocated",
            Self::Upgrade => "upgrade",
            Self::UpgradeKnown => "upgrade-known",
            Self::Blank => "blank",
        }
    }

    /// What a reader sees.
    pub(crate) fn about(self) -> &'static str {
        match self {
            Self::Same => "nothing changed",
            Self::String => "a string edited, 2 of 366 sectors",
            Self::StringKnown => "a string edited in what we deployed, 2 of 366 sectors",
            Self::Relink => "a line of code added and linked again, 408 of 421 sectors",
            Self::RelinkRiscv => "the same for RISC-V, 434 of 435 sectors",
            Self::Relocated => "16 bytes inserted, 206 of 366 sectors",
            Self::Upgrade => "upgrade to the next release, all sectors",
            Self::UpgradeKnown => "upgrade of a release that we deployed, all sectors",
            Self::Blank => "blank chip",
        }
    }

    /// Whether our program has deployed the old build, too, and remembers it: as after each edit. In all
    /// others the board is a stranger to it.
    pub(crate) fn remembers(self) -> bool {
        self.difference_bytes().is_some()
    }

    /// Where it does: the least that anybody was seen to need for the difference, bsdiff 4.3 with the whole old app
    /// in memory and its output deflated.
    pub(crate) fn difference_bytes(self) -> Option<usize> {
        match self {
            Self::StringKnown => Some(1573),
            Self::Relink => Some(25_456),
            Self::RelinkRiscv => Some(21_519),
            Self::UpgradeKnown => Some(333_190),
            Self::Same | Self::String | Self::Relocated | Self::Upgrade | Self::Blank => None,
        }
    }

    /// Whether there is such firmware for this chip.
    pub(crate) fn suits(self, chip: Chip) -> bool {
        (self == Self::RelinkRiscv) == (chip == Chip::Esp32C3)
    }

    /// Files (release of boot loader and table; app) on the board before, if it is not blank.
    fn before(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Same | Self::String | Self::StringKnown | Self::Relocated => Some(RELEASE_0831),
            Self::Relink => Some(("micropython-0831", "relink/xt-base.bin")),
            Self::RelinkRiscv => Some(("micropython-0831", "relink/rv-base.bin")),
            Self::Upgrade | Self::UpgradeKnown => Some(RELEASE_0608),
            Self::Blank => None,
        }
    }

    fn after(self) -> (&'static str, &'static str) {
        match self {
            Self::Same | Self::Upgrade | Self::UpgradeKnown | Self::Blank => RELEASE_0831,
            Self::String | Self::StringKnown => ("micropython-0831", "pairs/mp-a-string.bin"),
            Self::Relink => ("micropython-0831", "relink/xt-printf.bin"),
            Self::RelinkRiscv => ("micropython-0831", "relink/rv-printf.bin"),
            Self::Relocated => ("micropython-0831", "pairs/mp-c2-insert16-relocated.bin"),
        }
    }
}

const RELEASE_0608: (&str, &str) = ("micropython-0608", "firmware/micropython-0608-app.bin");
const RELEASE_0831: (&str, &str) = ("micropython-0831", "firmware/micropython-0831-app.bin");

/// One file and where it goes.
#[derive(Debug, Clone)]
pub(crate) struct Region {
    pub(crate) offset: u32,
    pub(crate) bytes: Vec<u8>,
    pub(crate) path: PathBuf,
}

/// A build: boot loader, partition table, app, sorted by offset.
#[derive(Debug, Clone)]
pub(crate) struct Build {
    /// A folder that looks like a project of ESP-IDF that was built.
    pub(crate) folder: PathBuf,
    pub(crate) regions: Vec<Region>,
}

/// A scenario for one chip, with its files on disk.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) chip: Chip,
    pub(crate) scenario: Scenario,
    pub(crate) old: Option<Build>,
    pub(crate) new: Build,
    /// A build that never was on this board, for tools that trust a file.
    pub(crate) wrong_old: Build,
}

impl Case {
    /// Lays the files out below `folder`.
    pub(crate) fn prepare(
        fixtures: &Path,
        folder: &Path,
        chip: Chip,
        scenario: Scenario,
    ) -> io::Result<Self> {
        let folder = folder.join(chip.name()).join(scenario.name());
        let build = |name: &str, files: (&str, &str)| {
            Build::prepare(fixtures, &folder.join(name), chip, files)
        };
        Ok(Self {
            chip,
            scenario,
            old: scenario
                .before()
                .map(|files| build("old", files))
                .transpose()?,
            new: build("new", scenario.after())?,
            // The previous release: somebody flashed the board with 0831 since.
            wrong_old: build("wrong-old", RELEASE_0608)?,
        })
    }

    /// The flash chip's contents at the beginning of every run. What lies between and after the
    /// regions is not blank (somebody used the board), so that damage there is seen.
    pub(crate) fn flash_before(&self) -> Vec<u8> {
        let Some(old) = &self.old else {
            return vec![0xFF; FLASH_SIZE as usize];
        };
        let mut flash = used_flash();
        for region in &old.regions {
            place(&mut flash, region);
        }
        flash
    }

    /// Why `flash` is not what the deploy should have left, if it is not.
    pub(crate) fn fault_in(&self, flash: &[u8]) -> Option<String> {
        for region in &self.new.regions {
            let start = region.offset as usize;
            let found = flash.get(start..start + region.bytes.len())?;
            if let Some(n) = found.iter().zip(&region.bytes).position(|(a, b)| a != b) {
                return Some(format!(
                    "byte {:#x} is not that of the new build",
                    start + n
                ));
            }
        }
        let before = self.flash_before();
        let covered: Vec<Range<usize>> = self.new.regions.iter().map(Region::sectors).collect();
        let differs = |at: &usize| flash[*at] != before[*at];
        (0..flash.len())
            .filter(|at| !covered.iter().any(|range| range.contains(at)))
            .find(differs)
            .map(|at| format!("byte {at:#x}, outside the build, was changed"))
    }
}

impl Region {
    /// Bytes of flash in the sectors that it touches.
    pub(crate) fn sectors(&self) -> Range<usize> {
        let sector = fbuild_chip::flash::SECTOR_LEN as usize;
        let start = self.offset as usize;
        start..(start + self.bytes.len()).next_multiple_of(sector)
    }
}

impl Build {
    fn prepare(
        fixtures: &Path,
        folder: &Path,
        chip: Chip,
        (release, app): (&str, &str),
    ) -> io::Result<Self> {
        let build = folder.join("build");
        let file = |name: &str| fixtures.join(format!("firmware/{release}-{name}.bin"));
        let sources = [
            (
                chip.facts().bootloader_offset,
                "bootloader/bootloader.bin",
                file("bootloader"),
            ),
            (
                0x8000,
                "partition_table/partition-table.bin",
                file("partitions"),
            ),
            (0x1_0000, "micropython.bin", fixtures.join(app)),
        ];
        let mut regions = Vec::new();
        for (offset, name, source) in sources {
            let path = build.join(name);
            let mut bytes = fs::read(source)?;
            if name != sources_table() {
                set_chip(&mut bytes, chip);
            } else if app.starts_with("relink/") {
                make_room(&mut bytes);
            }
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::write(&path, &bytes)?;
            regions.push(Region {
                offset,
                bytes,
                path,
            });
        }
        let flash_files: serde_json::Map<String, serde_json::Value> = regions
            .iter()
            .map(|region| {
                let name = region.path.strip_prefix(&build).unwrap_or(&region.path);
                (format!("{:#x}", region.offset), json!(name))
            })
            .collect();
        let arguments = json!({
            "write_flash_args": ["--flash-mode", "dio", "--flash-size", "4MB", "--flash-freq", "40m"],
            "flash_settings": {"flash_mode": "dio", "flash_size": "4MB", "flash_freq": "40m"},
            "flash_files": flash_files,
            "extra_esptool_args":
                {"after": "hard-reset", "before": "default-reset", "stub": true, "chip": chip.name()},
        });
        fs::write(build.join("flasher_args.json"), arguments.to_string())?;
        fs::write(folder.join("CMakeLists.txt"), "project(micropython)\n")?;
        regions.sort_by_key(|region| region.offset);
        Ok(Self {
            folder: folder.to_owned(),
            regions,
        })
    }
}

/// The one file of a build without an image header.
fn sources_table() -> &'static str {
    "partition_table/partition-table.bin"
}

/// Extends the app's partition to the next one, at 0x200000: apps of this size are too large for
/// MicroPython's. The row with the MD5, which may be missing, goes. Layout: ESP-IDF's documentation,
/// "Partition Tables", rows of 32 bytes, the size at byte 8 of each.
fn make_room(table: &mut [u8]) {
    const APP_SIZE: Range<usize> = 2 * 32 + 8..2 * 32 + 12;
    const MD5_ROW: Range<usize> = 4 * 32..5 * 32;
    table[APP_SIZE].copy_from_slice(&0x1F_0000_u32.to_le_bytes());
    table[MD5_ROW].fill(0xFF);
}

/// Writes a chip's id into an image's header and makes the appended SHA-256 right again. Layout:
/// esptool's documentation, "Firmware Image Format": id in bytes 12 and 13, byte 23 says that a
/// digest of everything before it ends the image.
fn set_chip(image: &mut [u8], chip: Chip) {
    const DIGEST_LEN: usize = 32;
    let id = chip.facts().image_id.unwrap_or_default().to_le_bytes();
    if image.len() < 24 + DIGEST_LEN || image[12..14] == id {
        return;
    }
    image[12..14].copy_from_slice(&id);
    if image[23] == 1 {
        let (body, digest) = image.split_at_mut(image.len() - DIGEST_LEN);
        digest.copy_from_slice(&Sha256::digest(body));
    }
}

fn place(flash: &mut [u8], region: &Region) {
    let sectors = region.sectors();
    flash[sectors.clone()].fill(0xFF);
    flash[sectors.start..sectors.start + region.bytes.len()].copy_from_slice(&region.bytes);
}

/// A flash full of bytes that do not compress and are never blank.
fn used_flash() -> Vec<u8> {
    let mut state = 0x2545_F491_u32;
    (0..FLASH_SIZE)
        .map(|_| {
            // Xorshift (Marsaglia 2003).
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            (state >> 24) as u8 & 0x7F
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case() -> Case {
        let build = |byte: u8| Build {
            folder: PathBuf::new(),
            regions: vec![Region {
                offset: 0x1000,
                bytes: vec![byte; 5000],
                path: PathBuf::new(),
            }],
        };
        Case {
            chip: Chip::Esp32,
            scenario: Scenario::Upgrade,
            old: Some(build(1)),
            new: build(2),
            wrong_old: build(3),
        }
    }

    #[test]
    fn only_the_new_build_and_nothing_else_passes() {
        let case = case();
        let mut flash = case.flash_before();
        assert!(case.fault_in(&flash).unwrap().contains("0x1000 is not"));
        place(&mut flash, &case.new.regions[0]);
        assert_eq!(case.fault_in(&flash), None);
        flash[0x1000 + 4999] = 1;
        assert!(case.fault_in(&flash).unwrap().contains("0x2387 is not"));
        flash[0x1000 + 4999] = 2;
        flash[0x3000] ^= 1;
        assert!(case.fault_in(&flash).unwrap().contains("0x3000, outside"));
    }

    #[test]
    fn a_relabelled_image_differs_in_its_id_and_its_digest_only() {
        let mut image = vec![0; 64];
        image[0] = 0xE9;
        image[23] = 1;
        let before = image.clone();
        set_chip(&mut image, Chip::Esp32S3);
        assert_eq!(image[12..14], [9, 0]);
        assert_eq!(image[32..], Sha256::digest(&image[..32])[..]);
        assert_eq!(image[14..32], before[14..32]);
        let again = image.clone();
        set_chip(&mut image, Chip::Esp32S3);
        assert_eq!(image, again);
    }
}
