//! Images without a project around them: a release's unpacked folder, or what a tool that is not known
//! here left. Only `flash_args` says what goes where; else it follows from the images themselves.
//!
//! Source of `flash_args`: ESP-IDF, `components/esptool_py/flash_args.in`: options in the first
//! line, then an offset and a file in each.

use std::path::{Path, PathBuf};

use super::look::{Entry, Look};
use super::{Discovery, image_chip, parse_offset, programs, read_start, read_table, relative_name};
use crate::partitions::{DEFAULT_TABLE_OFFSET, PartitionTable, TABLE_SECTOR_BYTES};
use crate::target::{Setting, Target};

const FLASH_ARGS: [&str; 2] = ["flash_args", "flash_project_args"];
/// Initial otadata, as ESP-IDF and Arduino call it.
const OTADATA: [&str; 2] = ["ota_data_initial.bin", "boot_app0.bin"];
/// Boot loaders begin here at the latest.
const BOOT_LOADER_WITHIN: u64 = 0x2000;

/// Whether a directory with files of these names may hold images.
pub(super) fn may_be_images(names: &[String]) -> bool {
    let has = |name: &str| names.iter().any(|it| it == name);
    let is_whole = |name: &str| {
        let parts = ["merged", "factory", "combined", "full"];
        parts.iter().any(|part| name.contains(part))
    };
    names.iter().any(|name| {
        FLASH_ARGS.contains(&name.as_str())
            || name.strip_suffix(".bin").is_some_and(|stem| {
                stem.contains("bootloader") || is_whole(stem) || has(&format!("{stem}.elf"))
            })
    })
}

/// Adds what lies in `dir`, if these are the images of one firmware.
pub(super) fn add(root: &Path, dir: &Path, look: &Look, found: &mut Discovery) {
    let entries = look.entries(dir);
    let flash_args = entries
        .iter()
        .find(|entry| FLASH_ARGS.contains(&entry.name.as_str()));
    let pairs = match flash_args {
        Some(entry) => Ok(listed(entry, dir, look)),
        None => by_contents(dir, &entries, look),
    };
    let made = match pairs {
        Ok(pairs) if pairs.is_empty() => return,
        Ok(pairs) => Target::from_files(&pairs),
        Err(why) => return found.pass(dir, why),
    };
    let mut target = match made {
        Ok(target) => target,
        Err(problem) => return found.problems.push(problem),
    };
    let name = match relative_name(root, dir).as_str() {
        "." => dir
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        name => name.to_owned(),
    };
    target.name = format!("files:{name}");
    target.env = Some(name);
    if let Some(text) = flash_args.and_then(|entry| look.text(&entry.path)) {
        let option = |option: &str| setting(&text, option);
        target.flash.mode = option("mode");
        target.flash.freq = option("freq");
        target.flash.size = option("size");
    }
    found.targets.push(target);
}

/// The lines of `flash_args`.
fn listed(entry: &Entry, dir: &Path, look: &Look) -> Vec<(u32, PathBuf)> {
    let text = look.lines(&entry.path).unwrap_or_default();
    let pair = |line: &str| {
        let (offset, file) = line.trim().split_once(char::is_whitespace)?;
        let file = super::local_path(file.trim().trim_matches('"'));
        Some((parse_offset(offset)?, dir.join(file)))
    };
    let (offsets, files): (Vec<_>, Vec<_>) = text.lines().filter_map(pair).unzip();
    offsets
        .into_iter()
        .zip(super::all_here(&files, dir))
        .collect()
}

/// The word after `--flash_mode` and the like, which are spelt with a dash since ESP-IDF 6.0.
fn setting(text: &str, option: &str) -> Setting<String> {
    let mut words = text.split_whitespace();
    let is_this = |word: &str| word.replace('_', "-") == format!("--flash-{option}");
    match words.find(|word| is_this(word)).and_then(|_| words.next()) {
        None | Some("keep") => Setting::Keep,
        Some("detect") => Setting::Detect,
        Some(value) => Setting::Set(value.to_owned()),
    }
}

/// A boot loader, a table and a program, with what has the name of a partition; or one image of the
/// whole flash. What is there and cannot be taken is told.
fn by_contents(dir: &Path, entries: &[Entry], look: &Look) -> Result<Vec<(u32, PathBuf)>, String> {
    let files = entries
        .iter()
        .filter(|entry| entry.name.strip_suffix(".bin").is_some());
    let files: Vec<_> = files
        .map(|entry| (entry.name.as_str(), &entry.path))
        .collect();
    let boot_loaders: Vec<_> = files
        .iter()
        .filter_map(|(name, path)| {
            let chip = image_chip(path).filter(|_| name.contains("bootloader"))?;
            Some((chip.facts().bootloader_offset, (*path).clone()))
        })
        .collect();
    let tables: Vec<_> = files
        .iter()
        .filter_map(|(_, path)| Some((read_table(path)?, (*path).clone())))
        .collect();
    let ([boot_loader], [(table, table_path)]) = (boot_loaders.as_slice(), tables.as_slice())
    else {
        if boot_loaders.len() > 1 || tables.len() > 1 {
            let why =
                "there are several boot loaders or partition tables; --image names what is meant";
            return Err(why.to_owned());
        }
        return whole(dir, &files, look);
    };
    let programs = programs::in_directory(dir, look);
    let [program] = programs.as_slice() else {
        let what = if programs.is_empty() {
            "no program"
        } else {
            "several programs"
        };
        return Err(format!(
            "there is {what} beside the boot loader; --image names what is meant"
        ));
    };
    let Some(app) = table.boot_default() else {
        return Err("its partition table has no place for a program".to_owned());
    };
    let mut pairs = vec![
        boot_loader.clone(),
        (table_offset(table), table_path.clone()),
        (app.offset, program.clone()),
    ];
    for (name, path) in &files {
        let row = if OTADATA.contains(name) {
            table.otadata()
        } else {
            let stem = name.strip_suffix(".bin").unwrap_or(name);
            let mut rows = table.partitions.iter();
            rows.find(|row| row.label == stem && !row.is_app() && !row.is_part_of_start())
        };
        pairs.extend(row.map(|row| (row.offset, (*path).clone())));
    }
    Ok(pairs)
}

/// Where nearly every table is, unless that is within what it names.
fn table_offset(table: &PartitionTable) -> u32 {
    let rows = table
        .partitions
        .iter()
        .filter(|row| !row.is_part_of_start());
    let first = rows.map(|row| row.offset).min();
    let before = first.and_then(|first| first.checked_sub(TABLE_SECTOR_BYTES));
    before.map_or(DEFAULT_TABLE_OFFSET, |before| {
        before.min(DEFAULT_TABLE_OFFSET)
    })
}

/// The one image of the whole flash: a boot loader at its beginning or at the chip's place, and a table
/// where one would be on the board.
fn whole(
    dir: &Path,
    files: &[(&str, &PathBuf)],
    look: &Look,
) -> Result<Vec<(u32, PathBuf)>, String> {
    let whole: Vec<_> = files
        .iter()
        .filter_map(|(_, path)| Some((begins_at(path)?, (*path).clone())))
        .collect();
    match whole.as_slice() {
        [_] => Ok(whole),
        [] if programs::in_directory(dir, look).is_empty() => Ok(Vec::new()),
        [] => Err(
            "there is a program, and neither a boot loader nor a partition table that says where it \
             goes: --image names its place"
                .to_owned(),
        ),
        _ => Err("there are several images of the whole flash; --image names the one that is meant".to_owned()),
    }
}

/// Where an image of the whole flash goes, if the file is one.
fn begins_at(path: &Path) -> Option<u32> {
    let table_within = u64::from(DEFAULT_TABLE_OFFSET + TABLE_SECTOR_BYTES);
    let start = read_start(path, table_within)?;
    let chip_at = |at: usize| {
        let id = crate::esp_image::peek_chip_id(start.get(at..)?)?;
        fbuild_chip::Chip::from_image_id(id)
    };
    let place = if let Some(chip) = chip_at(0) {
        chip.facts().bootloader_offset
    } else {
        let blank = start.iter().take_while(|byte| **byte == 0xFF).count();
        let is_its_place =
            |chip: fbuild_chip::Chip| chip.facts().bootloader_offset as usize == blank;
        let is_padded =
            blank as u64 <= BOOT_LOADER_WITHIN && chip_at(blank).is_some_and(is_its_place);
        is_padded.then_some(0)?
    };
    let table = start.get((DEFAULT_TABLE_OFFSET - place) as usize..)?;
    PartitionTable::parse(table).ok().map(|_| place)
}
