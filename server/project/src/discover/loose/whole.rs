//! Images of the whole flash, as releases and `esptool merge-bin` have them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use fbuild_chip::Chip;

use super::{Images, NAME_IT, distinct, listed_names, misnamed};
use crate::discover::{Discovery, Look, goes_on, read_start};
use crate::partitions::{DEFAULT_TABLE_OFFSET, PartitionTable, TABLE_SECTOR_BYTES};
use crate::whole_image::{TABLE_WITHIN, table_in};

/// Begins every image.
const IMAGE: u8 = 0xE9;
/// Boot loaders begin here at the latest.
const BOOT_LOADER_WITHIN: u64 = 0x2000;

/// Images of the whole flash: a boot loader at its beginning or at the chip's place, and a table where one
/// would be on the board. Each is for itself.
pub(super) fn whole(
    dir: &Path,
    files: &[(&str, &PathBuf)],
    programs: &[PathBuf],
    starts: &Starts<'_>,
    found: &mut Discovery,
) -> Result<Vec<Images>, String> {
    let paths = files.iter().map(|(_, path)| (*path).clone());
    let (whole, others): (Vec<_>, Vec<_>) = paths.partition(|path| starts.whole(path).is_some());
    let mut whole = distinct(whole);
    whole.sort();
    if whole.is_empty() {
        if !programs.is_empty() {
            return Err(format!(
                "there is a program, but not both a boot loader and a partition table, which say where \
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
        let (place, chip) = starts.whole(path).unwrap_or_default();
        let pair = (place, path.clone());
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        Images {
            name: stem.filter(|_| !is_alone),
            remarks: misnamed(&pair).into_iter().collect(),
            pairs: vec![pair],
            left: Vec::new(),
            chip,
        }
    };
    Ok(whole.iter().map(images).collect())
}

/// Where an image of the whole flash goes, and its chip.
type Start = (u32, Option<Chip>);

/// How the files of a directory begin: each is looked into once.
pub(super) struct Starts<'l> {
    look: &'l Look,
    known: RefCell<HashMap<PathBuf, Option<Start>>>,
}

impl<'l> Starts<'l> {
    pub(super) fn new(look: &'l Look) -> Self {
        Self {
            look,
            known: RefCell::default(),
        }
    }

    /// Where a file goes, if it is an image of the whole flash.
    pub(super) fn whole(&self, path: &Path) -> Option<Start> {
        let known = self.known.borrow().get(path).copied();
        known.unwrap_or_else(|| {
            let start = begins_at(path, self.look);
            self.known.borrow_mut().insert(path.to_owned(), start);
            start
        })
    }
}

fn begins_at(path: &Path, look: &Look) -> Option<Start> {
    let first = read_start(path, 1)?;
    if ![[IMAGE].as_slice(), &[0xFF]].contains(&first.as_slice()) {
        return None;
    }
    let usual_end = u64::from(DEFAULT_TABLE_OFFSET + TABLE_SECTOR_BYTES);
    let start = look.image_start(path, usual_end)?;
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
    let boot_loader_at = u64::from(chip.facts().bootloader_offset - place);
    let is_longer = start.len() as u64 == usual_end && goes_on(path, boot_loader_at);
    let longer = || look.image_start(path, TABLE_WITHIN as u64);
    let whole = is_whole(&start) || is_longer && longer().is_some_and(|start| is_whole(&start));
    whole.then_some((place, Some(chip)))
}
