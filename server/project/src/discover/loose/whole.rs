//! Images of the whole flash, as releases and `esptool merge-bin` have them.

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;

use super::{Images, NAME_IT, distinct, listed_names, misnamed};
use crate::discover::{Discovery, read_start};
use crate::partitions::{DEFAULT_TABLE_OFFSET, PartitionTable, TABLE_SECTOR_BYTES};
use crate::whole_image::{TABLE_WITHIN, table_in};

/// Boot loaders begin here at the latest.
const BOOT_LOADER_WITHIN: u64 = 0x2000;

/// Images of the whole flash: a boot loader at its beginning or at the chip's place, and a table where one
/// would be on the board. Each is for itself.
pub(super) fn whole(
    dir: &Path,
    files: &[(&str, &PathBuf)],
    programs: &[PathBuf],
    found: &mut Discovery,
) -> Result<Vec<Images>, String> {
    let paths = files.iter().map(|(_, path)| (*path).clone());
    let (whole, others): (Vec<_>, Vec<_>) = paths.partition(|path| begins_at(path).is_some());
    let mut whole = distinct(whole);
    whole.sort();
    if whole.is_empty() {
        if !programs.is_empty() {
            return Err(format!(
                "there is a program, and neither a boot loader nor a partition table that says where \
                 it goes ({}); {NAME_IT}",
                listed_names(&others)
            ));
        }
        if !others.is_empty() {
            let why = format!("nothing says what its files are: {}", listed_names(&others));
            found.pass(dir, why);
        }
        return Ok(Vec::new());
    }
    for other in others {
        found.pass(
            &other,
            "is not an image of the whole flash, and there is one beside it",
        );
    }
    let is_alone = whole.len() == 1;
    let images = |path: &PathBuf| {
        let (place, chip) = begins_at(path).unwrap_or_default();
        let pair = (place, path.clone());
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        Images {
            name: stem.filter(|_| !is_alone),
            remarks: misnamed(&pair).into_iter().collect(),
            pairs: vec![pair],
            chip,
        }
    };
    Ok(whole.iter().map(images).collect())
}

/// Where an image of the whole flash goes, and its chip, if the file is one.
pub(super) fn begins_at(path: &Path) -> Option<(u32, Option<Chip>)> {
    let usual_end = u64::from(DEFAULT_TABLE_OFFSET + TABLE_SECTOR_BYTES);
    let start = read_start(path, usual_end)?;
    let chip_at = |at: usize| crate::esp_image::peek_chip(start.get(at..)?)?.known();
    let (place, chip) = if let Some(chip) = chip_at(0) {
        (chip.facts().bootloader_offset, chip)
    } else {
        let blank = start.iter().take_while(|byte| **byte == 0xFF).count();
        let is_its_place = |chip: &Chip| chip.facts().bootloader_offset as usize == blank;
        let padded = chip_at(blank).filter(is_its_place);
        (0, padded.filter(|_| blank as u64 <= BOOT_LOADER_WITHIN)?)
    };
    let is_whole = |start: &[u8]| {
        let usual = start.get((DEFAULT_TABLE_OFFSET - place) as usize..);
        let boot_loader_at = chip.facts().bootloader_offset;
        let boot_loader = start.get((boot_loader_at - place) as usize..);
        let has_table = |bytes| table_in(bytes, boot_loader_at, DEFAULT_TABLE_OFFSET).is_some();
        usual.is_some_and(|table| PartitionTable::parse(table).is_ok())
            || boot_loader.is_some_and(has_table)
    };
    let is_longer = start.len() as u64 == usual_end;
    let whole = is_whole(&start)
        || is_longer && read_start(path, TABLE_WITHIN as u64).is_some_and(|start| is_whole(&start));
    whole.then_some((place, Some(chip)))
}
