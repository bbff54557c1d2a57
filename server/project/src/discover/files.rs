//! An explicit list: pairs of an offset and a file, as esptool's `write-flash` takes them.

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;

use super::{goes_on, image_chip, read_start, read_table, regions};
use crate::esp_image::SKETCH_AT;
use crate::file::{self, IMAGE_LIMIT};
use crate::input_error::InputError;
use crate::partitions::{DEFAULT_TABLE_OFFSET, PartitionTable};
use crate::target::{Region, RegionKind, Target, Tool};
use crate::whole_image::{TABLE_WITHIN, table_in};

/// Begins every image.
const IMAGE_MAGIC: u8 = 0xE9;
/// Begins every row of a partition table.
const TABLE_MAGIC: [u8; 2] = [0xAA, 0x50];

impl Target {
    /// A target of these files. What each is follows from its contents and its place.
    ///
    /// # Errors
    /// A file is missing, is not a regular file, or no file was given. The error names it and what to do.
    pub fn from_files(pairs: &[(u32, PathBuf)]) -> Result<Self, InputError> {
        if pairs.is_empty() {
            return Err(InputError::new(
                "bad-argument",
                "no file was given",
                "Give pairs of an offset and a file: 0x10000 app.bin",
            ));
        }
        for (offset, path) in pairs {
            file::check(path, IMAGE_LIMIT).map_err(|why| {
                InputError::unread(&format!("{offset:#x}"), path, &why, "Check the path.")
            })?;
        }
        let found_in = pairs[0].1.clone();
        let root = found_in
            .parent()
            .unwrap_or_else(|| Path::new("."))
            .to_owned();
        let mut target = Self::new("files".to_owned(), Tool::Files, &root, &found_in);
        target.chip = pairs.iter().find_map(|(_, path)| image_chip(path));
        let starts_as_table = |path: &Path| read_start(path, 2).as_deref() == Some(&TABLE_MAGIC);
        let table = pairs.iter().find(|(_, path)| starts_as_table(path));
        target.table_offset = table.map_or(DEFAULT_TABLE_OFFSET, |(offset, _)| *offset);
        let table_rows = table.and_then(|(_, path)| read_table(path));
        target.regions = regions::tidy(
            pairs
                .iter()
                .map(|(offset, path)| region(*offset, path, &target, table_rows.as_ref()))
                .collect(),
        );
        Ok(target)
    }
}

fn region(offset: u32, path: &Path, target: &Target, table: Option<&PartitionTable>) -> Region {
    let path = path.to_owned();
    let start = read_start(&path, 2).unwrap_or_default();
    // There is one table; other files may begin with these two bytes by chance.
    if start == TABLE_MAGIC && offset == target.table_offset {
        return regions::partitions(offset, path);
    }
    let bootloader_at = target.chip.map(|chip| chip.facts().bootloader_offset);
    let is_image = start.first() == Some(&IMAGE_MAGIC);
    if is_image && offset == 0 && is_sketch(&path) {
        return regions::firmware(offset, path);
    }
    if is_image && bootloader_at == Some(offset) && !is_merged(&path, offset, target) {
        return regions::bootloader(offset, path);
    }
    let region = regions::data(offset, path.clone(), table);
    if region.kind == RegionKind::OtaData {
        return region;
    }
    let partition = table.and_then(|table| table.at(offset));
    let for_app = partition.is_none_or(crate::partitions::Partition::is_app);
    if is_image && for_app && bootloader_at != Some(offset) {
        return regions::firmware(offset, path);
    }
    region
}

/// Whether a file is a sketch of an ESP8266's, with the boot loader that the core puts before it.
fn is_sketch(path: &Path) -> bool {
    let start = read_start(path, SKETCH_AT as u64 + 1).unwrap_or_default();
    image_chip(path) == Some(Chip::Esp8266)
        && start.len() > SKETCH_AT
        && start.last() == Some(&IMAGE_MAGIC)
}

/// Whether a file is an image of the whole flash: a partition table is in it where one would
/// be on the board, or after the boot loader.
fn is_merged(path: &Path, offset: u32, target: &Target) -> bool {
    let Some(at) = target.table_offset.checked_sub(offset) else {
        return false;
    };
    let start = read_start(path, u64::from(at) + 2).unwrap_or_default();
    let is_usual = start.ends_with(&TABLE_MAGIC) && start.len() as u64 == u64::from(at) + 2;
    let has_table = || {
        if !goes_on(path, 0) {
            return false;
        }
        let start = read_start(path, TABLE_WITHIN as u64).unwrap_or_default();
        table_in(&start, offset, target.table_offset).is_some()
    };
    is_usual || has_table()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
        let path = dir.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn image_start(chip_id: u16) -> Vec<u8> {
        let mut bytes = vec![0; 24];
        bytes[0] = IMAGE_MAGIC;
        bytes[12..14].copy_from_slice(&chip_id.to_le_bytes());
        bytes
    }

    #[test]
    fn names_follow_from_contents_and_place() {
        let dir = tempfile::tempdir().unwrap();
        let table = crate::partitions::csv::compile(
            "nvs,data,nvs,,20K\notadata,data,ota,,8K\napp,app,ota_0,,1M\nfs,data,spiffs,,1M\n",
            &crate::partitions::csv::Options::default(),
        )
        .unwrap();
        let image = write(dir.path(), "i.bin", &image_start(0));
        let pairs = [
            (0x1_0000, image.clone()),
            (0x1000, image),
            (0x8000, write(dir.path(), "t.bin", &table.to_bytes())),
            (0xe000, write(dir.path(), "boot_app0.bin", &[0xFF; 32])),
            (0x11_0000, write(dir.path(), "spiffs.bin", b"fs")),
            (0x30_0000, write(dir.path(), "certs.bin", b"\xAA\x50x")),
        ];
        let target = Target::from_files(&pairs).unwrap();
        let names: Vec<_> = target
            .regions
            .iter()
            .map(|r| (r.offset, r.name.as_str()))
            .collect();
        assert_eq!(
            names,
            [
                (0x1000, "bootloader"),
                (0x8000, "partitions"),
                (0xe000, "otadata"),
                (0x1_0000, "firmware"),
                (0x11_0000, "fs"),
                (0x30_0000, "certs"),
            ]
        );
        assert_eq!(target.chip, Some(fbuild_chip::Chip::Esp32));
    }

    #[test]
    fn an_image_of_the_whole_flash_is_one_region() {
        let dir = tempfile::tempdir().unwrap();
        let mut bytes = image_start(5);
        bytes.resize(0x8000, 0xFF);
        bytes.extend(TABLE_MAGIC);
        let target = Target::from_files(&[(0, write(dir.path(), "merged.bin", &bytes))]).unwrap();
        assert_eq!(target.regions[0].name, "merged");
        assert_eq!(target.regions[0].kind, RegionKind::Data);
    }

    #[test]
    fn a_file_that_is_not_there_is_named_and_none_is_too_few() {
        let code = |pairs: &[_]| Target::from_files(pairs).unwrap_err().code();
        assert_eq!(code(&[]), "bad-argument");
        assert_eq!(
            code(&[(0x1000, "/no/such/file.bin".into())]),
            "file-missing"
        );
    }
}
