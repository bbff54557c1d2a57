//! Sets of images that lie in one directory, each of one firmware: a boot loader, a table and a program. Several
//! have a part of their files' names in common (`kiln-s3-bootloader.bin`, `kiln-s3-firmware.bin`).

use std::path::{Path, PathBuf};

use super::whole::Starts;
use super::words::{Known, whose, without, words};
use super::{Images, NAME_IT, distinct, listed_names, misnamed, offset};
use crate::discover::{Discovery, image_chip, programs, read_table};
use crate::partitions::{DEFAULT_TABLE_OFFSET, Partition, PartitionTable, TABLE_SECTOR_BYTES};

/// Initial otadata, as ESP-IDF and Arduino call it.
const OTADATA: [&str; 2] = ["ota_data_initial", "boot_app0"];
/// File systems, as PlatformIO and Arduino call their images, and their subtypes.
const FILE_SYSTEMS: [&str; 4] = ["littlefs", "spiffs", "fatfs", "ffat"];
const FILE_SYSTEM_SUBTYPES: [u8; 3] = [0x81, 0x82, 0x83];
const BOOT_LOADER: &str = "bootloader";

/// Files of one firmware, by their names without what the set has in common.
pub(super) struct Set<'f> {
    /// What tells it from others in the same directory.
    pub(super) name: Option<String>,
    files: Vec<(String, &'f PathBuf)>,
    programs: Vec<PathBuf>,
}

/// What is before and after the kind of a file in all names of a set.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Common<'n> {
    before: &'n str,
    after: &'n str,
}

impl<'n> Common<'n> {
    /// That of a boot loader's name, which has no offset in it.
    fn of(stem: &'n str) -> Option<Self> {
        let (before, after) = stem.split_once(BOOT_LOADER)?;
        Some(Self { before, after })
    }

    fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Whether all names of another set have this in common, too.
    fn is_around(self, other: Self) -> bool {
        other.before.starts_with(self.before) && other.after.ends_with(self.after)
    }

    fn len(self) -> usize {
        self.before.len() + self.after.len()
    }

    /// What is between the two.
    fn within(self, stem: &str) -> Option<&str> {
        let rest = stem.strip_prefix(self.before)?;
        rest.strip_suffix(self.after).filter(|it| !it.is_empty())
    }

    fn name(self) -> String {
        let is_separator = |it: char| !it.is_alphanumeric();
        let parts = [self.before, self.after].map(|part| part.trim_matches(is_separator));
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("-")
    }
}

/// The sets of a directory's files; one of all of them unless two or more have each a boot loader and a program of
/// their own. A file of no set belongs to those that its words say, or to each that has none of its kind.
pub(super) fn sets<'f>(
    files: &[(&str, &'f PathBuf)],
    programs: &[PathBuf],
    found: &mut Discovery,
) -> Vec<Set<'f>> {
    let stems: Vec<String> = files
        .iter()
        .map(|(name, _)| offset::split(name).0)
        .collect();
    let mut all: Vec<Common<'_>> = Vec::new();
    for ((_, path), stem) in files.iter().zip(&stems) {
        let common = Common::of(stem).filter(|_| image_chip(path).is_some());
        all.extend(common.filter(|common| !all.contains(common)));
    }
    // The longest fits best: `kiln-s3-app` is none of the set `kiln-`.
    let of = |stem: &str| {
        let fitting = all.iter().filter(|common| common.within(stem).is_some());
        fitting.max_by_key(|common| common.len()).copied()
    };
    let owned: Vec<_> = stems.iter().map(|stem| of(stem)).collect();
    let listed = || files.iter().zip(&stems).zip(&owned);
    let programs_of = |common: Common<'_>| -> Vec<PathBuf> {
        let own = listed().filter(|(_, owner)| **owner == Some(common));
        let paths = own.map(|(((_, path), _), _)| (*path).clone());
        paths.filter(|path| programs.contains(path)).collect()
    };
    let is_whole = |common: &Common<'_>| !programs_of(*common).is_empty();
    let mut whole = all.clone();
    whole.retain(is_whole);
    if whole.len() < 2 {
        let common = whole.first();
        let name = |stem: &str| {
            let within = common.and_then(|common| common.within(stem));
            within.unwrap_or(stem).to_owned()
        };
        let files = files.iter().zip(&stems);
        return vec![Set {
            name: None,
            files: files.map(|((_, path), stem)| (name(stem), *path)).collect(),
            programs: programs.to_vec(),
        }];
    }
    let set = |common: &Common<'_>| Set {
        name: Some(common.name()).filter(|name| !name.is_empty()),
        files: Vec::new(),
        programs: programs_of(*common),
    };
    let mut sets: Vec<Set<'_>> = whole.iter().map(set).collect();
    let mut shared = Vec::new();
    for (((_, path), stem), owner) in listed() {
        let is_boot_loader = stem.contains(BOOT_LOADER) && image_chip(path).is_some();
        let is_program = programs.contains(path);
        let is_own = |owner: &Common<'_>| {
            if whole.contains(owner) {
                return !owner.is_empty() || is_boot_loader || is_program;
            }
            // What all sets have in common says nothing of one.
            is_boot_loader || !whole.iter().all(|it| owner.is_around(*it))
        };
        let common = owner.filter(is_own);
        let place = common.map(|common| whole.iter().position(|it| *it == common));
        let within = owner.and_then(|owner| owner.within(stem)).unwrap_or(stem);
        match place {
            Some(Some(index)) => sets[index].files.push((within.to_owned(), path)),
            Some(None) => found.pass(path, "there is no program whose name goes with it"),
            None if is_program => {
                found.pass(path, "there is no boot loader whose name goes with it");
            }
            None => shared.push((stem, within, *path)),
        }
    }
    let known = |(set, common): (&Set<'_>, &Common<'_>)| Known {
        words: words(&common.name()),
        chip: set.files.iter().find_map(|(_, path)| image_chip(path)),
    };
    let known: Vec<Known> = sets.iter().zip(&whole).map(known).collect();
    let own: Vec<Vec<(String, bool)>> = sets.iter().map(Set::kinds).collect();
    for (stem, within, path) in shared {
        let is_table = read_table(path).is_some();
        let of = whose(stem, &known);
        if of.is_empty() {
            found.pass(
                path,
                "its name does not say which of the firmwares here it is for",
            );
            continue;
        }
        let mut is_taken = false;
        for index in of {
            let name = without(within, &known[index]);
            let has_own =
                |(own, own_table): &(String, bool)| is_table && *own_table || *own == name;
            if !own[index].iter().any(has_own) {
                is_taken = true;
                sets[index].files.push((name, path));
            }
        }
        if !is_taken {
            found.pass(path, "each firmware here has its own");
        }
    }
    sets
}

impl Set<'_> {
    /// What it has files for: their names, and whether each is a table.
    fn kinds(&self) -> Vec<(String, bool)> {
        let files = self.files.iter();
        files
            .map(|(name, path)| (name.clone(), read_table(path).is_some()))
            .collect()
    }

    /// What it is called where something is wrong with it.
    pub(super) fn title(&self) -> String {
        let name = self.name.clone();
        name.unwrap_or_else(|| listed_names(&self.programs))
    }

    /// What to put where, if there is a boot loader and a table.
    pub(super) fn images(&self, starts: &Starts<'_>) -> Result<Option<Images>, String> {
        let files = &self.files;
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
            return Ok(None);
        };
        let programs = distinct(self.programs.clone());
        let [program] = programs.as_slice() else {
            let what = if programs.is_empty() {
                "is no program".to_owned()
            } else {
                format!("are several programs ({})", listed_names(&programs))
            };
            return Err(format!("there {what} beside the boot loader; {NAME_IT}"));
        };
        let table = read_table(table_path);
        let place = table.and_then(|table| Some((table.boot_default()?.offset, table)));
        let Some((app_at, table)) = place else {
            return Err("its partition table has no place for a program".to_owned());
        };
        let table_at = offset::of(table_path).unwrap_or_else(|| table_offset(&table));
        let boot_loader_at =
            image_chip(boot_loader).map_or(0, |chip| chip.facts().bootloader_offset);
        let mut pairs = vec![
            (boot_loader_at, boot_loader.clone()),
            (table_at, table_path.clone()),
            (app_at, program.clone()),
        ];
        // What has a partition's own name comes before another version of it.
        let mut files: Vec<_> = files.iter().collect();
        files.sort_by_key(|(name, _)| {
            let stem = offset::split(name).0;
            let has_label = table.partitions.iter().any(|row| row.label == stem);
            (!has_label, stem.len())
        });
        let mut left = Vec::new();
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
            let why = if starts.whole(path).is_some() {
                "is an image of the whole flash, beside the images that make one"
            } else if is_taken {
                "another file goes to its partition"
            } else if let Some(at) = place.or_else(|| offset::of(path)) {
                if place.is_some() || !overlaps(at, path, &pairs) {
                    pairs.push((at, (*path).clone()));
                    continue;
                }
                "its name says a place that another file goes to"
            } else {
                "no partition of the table has its name"
            };
            left.push(((*path).clone(), why));
        }
        let mut remarks: Vec<_> = pairs.iter().filter_map(misnamed).collect();
        if offset::of(table_path).is_none() {
            remarks.extend(uncertain_table(&table, table_at, table_path));
        }
        Ok(Some(Images {
            name: self.name.clone(),
            pairs,
            remarks,
            left,
            chip: None,
        }))
    }
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

/// The sector before the first partition that the table leaves room for, where there is one.
fn before_first(table: &PartitionTable) -> Option<(u32, &Partition)> {
    let rows = table.partitions.iter();
    let first = rows
        .filter(|row| !row.is_part_of_start())
        .min_by_key(|row| row.offset)?;
    Some((first.offset.checked_sub(TABLE_SECTOR_BYTES)?, first))
}

/// Nothing says where a table goes; the first partition leaves room for more than one place.
fn uncertain_table(table: &PartitionTable, table_at: u32, path: &Path) -> Option<String> {
    let (before, first) = before_first(table)?;
    (before != table_at).then(|| {
        format!(
            "nothing says where {} goes: to {table_at:#x}, as usual; its first partition begins at {:#x}, and \
             a boot loader that looks for it at {before:#x} would not find it",
            path.display(),
            first.offset
        )
    })
}

/// Where nearly every table is, unless that is within what it names.
fn table_offset(table: &PartitionTable) -> u32 {
    before_first(table).map_or(DEFAULT_TABLE_OFFSET, |(before, _)| {
        before.min(DEFAULT_TABLE_OFFSET)
    })
}
