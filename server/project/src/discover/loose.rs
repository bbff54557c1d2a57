//! Images without a project around them: a release's unpacked folder, or what a tool that is not known
//! here left. Only `flash_args` says what goes where; else it follows from the images themselves.
//!
//! Source of `flash_args`: ESP-IDF, `components/esptool_py/flash_args.in`: options in the first
//! line, then an offset and a file in each.

mod offset;

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use fbuild_chip::flash::parse_offset;

use super::look::{Entry, Look};
use super::{Discovery, image_chip, programs, read_start, read_table, relative_name, web_manifest};
use crate::partitions::{DEFAULT_TABLE_OFFSET, Partition, PartitionTable, TABLE_SECTOR_BYTES};
use crate::target::{Setting, Target};

const FLASH_ARGS: [&str; 2] = ["flash_args", "flash_project_args"];
/// Initial otadata, as ESP-IDF and Arduino call it.
const OTADATA: [&str; 2] = ["ota_data_initial", "boot_app0"];
/// File systems, as PlatformIO and Arduino call their images, and their subtypes.
const FILE_SYSTEMS: [&str; 4] = ["littlefs", "spiffs", "fatfs", "ffat"];
const FILE_SYSTEM_SUBTYPES: [u8; 3] = [0x81, 0x82, 0x83];
/// Images of one directory that are looked into.
const MAX_IMAGES: usize = 200;
const NAME_IT: &str = "say which is meant, with its offset";
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
        name.strip_suffix(".bin").is_some_and(|stem| {
            stem.contains("bootloader") || is_whole(stem) || has(&format!("{stem}.elf"))
        })
    })
}

/// Whether a file of such a name may list what goes where.
pub(super) fn may_be_list(name: &str) -> bool {
    FLASH_ARGS.contains(&name) || web_manifest::may_be_one(name)
}

/// Whether a build has left its list of what goes where in a directory.
pub(super) fn has_list(dir: &Path) -> bool {
    FLASH_ARGS.iter().any(|name| dir.join(name).is_file())
}

/// What to put where, and what a person should know of it.
#[derive(Default)]
struct Images {
    /// What tells them from others in the same directory.
    name: Option<String>,
    pairs: Vec<(u32, PathBuf)>,
    remarks: Vec<String>,
    /// Where the images themselves do not say it.
    chip: Option<Chip>,
}

/// Adds what lies in `dir`, if these are the images of one firmware.
pub(super) fn add(root: &Path, dir: &Path, look: &Look, found: &mut Discovery) {
    let entries = look.entries(dir);
    let flash_args = entries
        .iter()
        .find(|entry| FLASH_ARGS.contains(&entry.name.as_str()));
    let name = match relative_name(root, dir).as_str() {
        "." => dir
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        name => name.to_owned(),
    };
    if flash_args.is_none() && web_manifest::add(dir, &name, &entries, look, found) {
        return;
    }
    let images = match flash_args {
        Some(entry) => Ok(vec![Images {
            pairs: listed(&entry.path, dir, look),
            ..Images::default()
        }]),
        None => by_contents(dir, &entries, look, found),
    };
    let images = match images {
        Ok(images) => images,
        Err(why) => return found.pass_images(dir, why),
    };
    let text = flash_args.and_then(|entry| look.text(&entry.path));
    for images in images.into_iter().filter(|images| !images.pairs.is_empty()) {
        let mut target = match Target::from_files(&images.pairs) {
            Ok(target) => target,
            Err(problem) => {
                found.problems.push(problem);
                continue;
            }
        };
        target.chip = target.chip.or(images.chip);
        target.remarks = images.remarks;
        let own = images.name.map(|own| format!("{name}/{own}"));
        let name = own.unwrap_or_else(|| name.clone());
        target.name = format!("files:{name}");
        target.env = Some(name);
        if let Some(text) = &text {
            let option = |option: &str| setting(text, option);
            target.flash.mode = option("mode");
            target.flash.freq = option("freq");
            target.flash.size = option("size");
        }
        found.targets.push(target);
    }
}

/// The lines of `flash_args`.
pub(super) fn listed(flash_args: &Path, dir: &Path, look: &Look) -> Vec<(u32, PathBuf)> {
    let text = look.lines(flash_args).unwrap_or_default();
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
fn by_contents(
    dir: &Path,
    entries: &[Entry],
    look: &Look,
    found: &mut Discovery,
) -> Result<Vec<Images>, String> {
    let files = entries
        .iter()
        .filter(|entry| entry.name.strip_suffix(".bin").is_some());
    let files: Vec<_> = files
        .take(MAX_IMAGES)
        .map(|entry| (entry.name.as_str(), &entry.path))
        .collect();
    let paths = |is_one: &dyn Fn(&str, &Path) -> bool| {
        let files = files.iter().filter(|(name, path)| is_one(name, path));
        distinct(files.map(|(_, path)| (*path).clone()).collect())
    };
    let boot_loaders =
        paths(&|name, path| name.contains("bootloader") && image_chip(path).is_some());
    let tables = paths(&|_, path| read_table(path).is_some());
    let ([boot_loader], [table_path]) = (boot_loaders.as_slice(), tables.as_slice()) else {
        if boot_loaders.len() > 1 || tables.len() > 1 {
            let all = [boot_loaders, tables].concat();
            return Err(format!(
                "there are several boot loaders or partition tables ({}); {NAME_IT}",
                listed_names(&all)
            ));
        }
        return whole(dir, &files, look, found);
    };
    let programs = distinct(programs::in_directory(dir, look));
    let [program] = programs.as_slice() else {
        let what = if programs.is_empty() {
            "no program".to_owned()
        } else {
            format!("several programs ({})", listed_names(&programs))
        };
        return Err(format!("there is {what} beside the boot loader; {NAME_IT}"));
    };
    let table = read_table(table_path);
    let place = table.and_then(|table| Some((table.boot_default()?.offset, table)));
    let Some((app_at, table)) = place else {
        return Err("its partition table has no place for a program".to_owned());
    };
    let table_at = offset::of(table_path).unwrap_or_else(|| table_offset(&table));
    let boot_loader_at = image_chip(boot_loader).map_or(0, |chip| chip.facts().bootloader_offset);
    let mut pairs = vec![
        (boot_loader_at, boot_loader.clone()),
        (table_at, table_path.clone()),
        (app_at, program.clone()),
    ];
    // What has a partition's own name comes before another version of it.
    let mut files = files;
    files.sort_by_key(|(name, _)| {
        let stem = offset::split(name).0;
        let has_label = table.partitions.iter().any(|row| row.label == stem);
        (!has_label, stem.len())
    });
    for (name, path) in &files {
        if pairs.iter().any(|(_, known)| known == *path) {
            continue;
        }
        let is_copy = |(_, known): &(u32, PathBuf)| !programs::differ(known, path);
        let place = row_of(&table, name).map(|row| row.offset);
        let is_taken = pairs.iter().any(|(at, _)| Some(*at) == place);
        if (place.is_none() || is_taken) && pairs.iter().any(is_copy) {
            continue;
        }
        if begins_at(path).is_some() {
            found.pass(
                path,
                "is an image of the whole flash, beside the images that make one",
            );
        } else if is_taken {
            found.pass(path, "another file goes to its partition");
        } else if let Some(at) = place.or_else(|| offset::of(path)) {
            if place.is_none() && overlaps(at, path, &pairs) {
                found.pass(path, "its name says a place that another file goes to");
            } else {
                pairs.push((at, (*path).clone()));
            }
        } else {
            found.pass(path, "no partition of the table has its name");
        }
    }
    let mut remarks: Vec<_> = pairs.iter().filter_map(misnamed).collect();
    if offset::of(table_path).is_none() {
        remarks.extend(uncertain_table(&table, table_at, table_path));
    }
    let chip = None;
    let name = None;
    Ok(vec![Images {
        name,
        pairs,
        remarks,
        chip,
    }])
}

/// Whether a file would go, in part, to where another one goes.
fn overlaps(at: u32, path: &Path, pairs: &[(u32, PathBuf)]) -> bool {
    let end = |at: u32, path: &Path| {
        let len_bytes = path.metadata().map_or(0, |metadata| metadata.len());
        u64::from(at) + len_bytes.max(1)
    };
    let mut others = pairs.iter();
    others
        .any(|(other, file)| u64::from(at) < end(*other, file) && u64::from(*other) < end(at, path))
}

/// What is said of a file whose name says another place than the one it goes to.
fn misnamed((at, path): &(u32, PathBuf)) -> Option<String> {
    let said = offset::of(path).filter(|said| said != at)?;
    Some(format!(
        "{} goes to {at:#x}, by the partition table and the chip, and not to {said:#x}, which its name says",
        path.display()
    ))
}

/// The partition that a file of this name is for.
fn row_of<'t>(table: &'t PartitionTable, name: &str) -> Option<&'t Partition> {
    let (stem, _) = offset::split(name);
    if OTADATA.contains(&stem.as_str()) {
        return table.otadata();
    }
    let mut rows = table.partitions.iter();
    let by_name = rows.find(|row| row.label == stem && !row.is_app() && !row.is_part_of_start());
    // A file system's partition may be called after another one, as in Arduino's tables.
    let is_for_files =
        |row: &&Partition| row.kind == 1 && FILE_SYSTEM_SUBTYPES.contains(&row.subtype);
    let mut for_files = table.partitions.iter().filter(is_for_files);
    let only = for_files.next().filter(|_| for_files.next().is_none());
    // A version may follow.
    let kind = stem.split(['-', '_', '.', ' ']).next().unwrap_or_default();
    by_name.or_else(|| only.filter(|_| FILE_SYSTEMS.contains(&kind)))
}

/// Nothing says where a table goes; the first partition leaves room for more than one place.
fn uncertain_table(table: &PartitionTable, table_at: u32, path: &Path) -> Option<String> {
    let rows = table
        .partitions
        .iter()
        .filter(|row| !row.is_part_of_start());
    let first = rows.min_by_key(|row| row.offset)?;
    let before = first.offset.checked_sub(TABLE_SECTOR_BYTES)?;
    (before != table_at).then(|| {
        format!(
            "nothing says where {} goes: to {table_at:#x}, as usual; its first partition begins at {:#x}, and \
             a boot loader that looks for it at {before:#x} would not find it",
            path.display(),
            first.offset
        )
    })
}

/// Files without copies of the same contents: those with the shortest names.
fn distinct(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort_by_key(|path| (path.as_os_str().len(), path.clone()));
    let mut found: Vec<PathBuf> = Vec::new();
    for path in paths {
        if found.iter().all(|known| programs::differ(known, &path)) {
            found.push(path);
        }
    }
    found
}

/// Names of files, as many as a line holds.
fn listed_names(paths: &[PathBuf]) -> String {
    const SHOWN: usize = 6;
    let names = paths.iter().filter_map(|path| path.file_name()?.to_str());
    let mut names: Vec<_> = names.take(SHOWN).collect();
    if paths.len() > SHOWN {
        names.push("…");
    }
    names.join(", ")
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

/// Images of the whole flash: a boot loader at its beginning or at the chip's place, and a table where one
/// would be on the board. Each is for itself.
fn whole(
    dir: &Path,
    files: &[(&str, &PathBuf)],
    look: &Look,
    found: &mut Discovery,
) -> Result<Vec<Images>, String> {
    let paths = files.iter().map(|(_, path)| (*path).clone());
    let (whole, others): (Vec<_>, Vec<_>) = paths.partition(|path| begins_at(path).is_some());
    let mut whole = distinct(whole);
    whole.sort();
    if whole.is_empty() {
        if !programs::in_directory(dir, look).is_empty() {
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
fn begins_at(path: &Path) -> Option<(u32, Option<Chip>)> {
    let table_within = u64::from(DEFAULT_TABLE_OFFSET + TABLE_SECTOR_BYTES);
    let start = read_start(path, table_within)?;
    let chip_at = |at: usize| crate::esp_image::peek_chip(start.get(at..)?)?.known();
    let (place, chip) = if let Some(chip) = chip_at(0) {
        (chip.facts().bootloader_offset, chip)
    } else {
        let blank = start.iter().take_while(|byte| **byte == 0xFF).count();
        let is_its_place = |chip: &Chip| chip.facts().bootloader_offset as usize == blank;
        let padded = chip_at(blank).filter(is_its_place);
        (0, padded.filter(|_| blank as u64 <= BOOT_LOADER_WITHIN)?)
    };
    let table = start.get((DEFAULT_TABLE_OFFSET - place) as usize..)?;
    PartitionTable::parse(table)
        .ok()
        .map(|_| (place, Some(chip)))
}
