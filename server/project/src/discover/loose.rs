//! Images without a project around them: a release's unpacked folder, or what a tool that is not known
//! here left. Only `flash_args` says what goes where; else it follows from the images themselves.
//!
//! Source of `flash_args`: ESP-IDF, `components/esptool_py/flash_args.in`: options in the first
//! line, then an offset and a file in each.

mod offset;
mod sets;
mod whole;
mod words;

use std::path::{Path, PathBuf};

use fbuild_chip::Chip;
use fbuild_chip::flash::parse_offset;

use super::look::{Entry, Look};
use super::survey::FLASH_ARGS;
use super::{Discovery, arguments, platformio, programs, relative_name, web_manifest};
use crate::target::{Setting, Target};
use sets::sets;
use whole::{Starts, whole};

/// Images of one directory that are looked into.
const MAX_IMAGES: usize = 200;
/// Where builds by `make` have their boot loader: ESP-IDF before 4.0, and the RTOS SDK for the ESP8266.
const BOOT_LOADER_BELOW: &str = "bootloader/bootloader.bin";
const NAME_IT: &str = "say which is meant, with its offset";

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
    /// Files that were not taken, and why.
    left: Vec<(PathBuf, &'static str)>,
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
        None => match platformio::listed(dir, look) {
            Some(Ok(pairs)) => Ok(vec![Images {
                remarks: pairs.iter().filter_map(|it| elsewhere(it, dir)).collect(),
                pairs,
                ..Images::default()
            }]),
            Some(Err(missing)) => by_contents(dir, &entries, look, found).map(|mut sets| {
                let remark = format!(
                    "idedata.json names {}, which is not here: what goes where follows from the images themselves",
                    missing.display()
                );
                for set in &mut sets {
                    set.remarks.push(remark.clone());
                }
                sets
            }),
            None => by_contents(dir, &entries, look, found),
        },
    };
    let images = match images {
        Ok(images) => images,
        Err(why) => return found.pass_images(dir, why),
    };
    let text = flash_args.and_then(|entry| look.text(&entry.path));
    let words: Option<Vec<_>> = text.map(|text| text.lines().flat_map(words_of).collect());
    for images in images.into_iter().filter(|images| !images.pairs.is_empty()) {
        let mut target = match Target::from_files(&images.pairs) {
            Ok(target) => target,
            Err(problem) => {
                found.problems.push(problem);
                continue;
            }
        };
        target.chip = target.chip.or(images.chip);
        dir.clone_into(&mut target.root);
        target.remarks = images.remarks;
        let own = images.name.map(|own| format!("{name}/{own}"));
        let name = own.unwrap_or_else(|| name.clone());
        target.name = format!("files:{name}");
        target.env = Some(name);
        if let Some(words) = &words {
            let option = |option: &str| setting(words, option);
            target.flash.mode = option("mode");
            target.flash.freq = option("freq");
            target.flash.size = option("size");
        }
        found.targets.push(target);
    }
}

/// What is said of a file that PlatformIO's list names outside the build.
fn elsewhere((_, path): &(u32, PathBuf), dir: &Path) -> Option<String> {
    (!path.starts_with(dir)).then(|| {
        format!(
            "idedata.json names {}, which lies outside this build and is deployed: there is none of its name here",
            path.display()
        )
    })
}

/// The words of a line, which both esptools take apart as a shell does. Without a quote a backslash is a part of
/// Windows's paths.
fn words_of(line: &str) -> Vec<String> {
    let is_quoted = line.contains(['"', '\'']) || line.contains("\\ ");
    let words = is_quoted.then(|| shlex::split(line)).flatten();
    words.unwrap_or_else(|| line.split_whitespace().map(str::to_owned).collect())
}

/// What one line puts where: pairs behind options, or one file whose name has spaces that nothing quotes.
fn placed(line: &str) -> Vec<(u32, String)> {
    let words = words_of(line);
    let mut found = Vec::new();
    let mut rest = words.as_slice();
    while let [word, after @ ..] = rest {
        rest = after;
        if let (Some(offset), [file, after @ ..]) = (parse_offset(word), after) {
            found.push((offset, file.clone()));
            rest = after;
        }
    }
    let whole = line.trim().split_once(char::is_whitespace);
    match whole.and_then(|(offset, file)| Some((parse_offset(offset)?, file.trim().to_owned()))) {
        Some(whole) if words.len() != 2 * found.len() => vec![whole],
        _ => found,
    }
}

/// The lines of `flash_args`.
pub(super) fn listed(flash_args: &Path, dir: &Path, look: &Look) -> Vec<(u32, PathBuf)> {
    let text = look.lines(flash_args).unwrap_or_default();
    let pairs = text.lines().flat_map(placed);
    let pairs = pairs.map(|(offset, file)| (offset, dir.join(super::local_path(&file))));
    let (offsets, files): (Vec<_>, Vec<_>) = pairs.unzip();
    offsets
        .into_iter()
        .zip(super::all_here(&files, dir))
        .collect()
}

/// The word after `--flash_mode` and the like, which are spelt with a dash since ESP-IDF 6.0.
fn setting(words: &[String], option: &str) -> Setting<String> {
    let is_this = |word: &str| word.replace('_', "-") == format!("--flash-{option}");
    match arguments::value(words, is_this) {
        None | Some("keep") => Setting::Keep,
        Some("detect") => Setting::Detect,
        Some(value) => Setting::Set(value.to_owned()),
    }
}

/// Sets of a boot loader, a table and a program, with what has the name of a partition; or images of the whole
/// flash. What is there and cannot be taken is told.
fn by_contents(
    dir: &Path,
    entries: &[Entry],
    look: &Look,
    found: &mut Discovery,
) -> Result<Vec<Images>, String> {
    let files = entries
        .iter()
        .filter(|entry| entry.name.strip_suffix(".bin").is_some());
    let mut files: Vec<_> = files
        .take(MAX_IMAGES)
        .map(|entry| (entry.name.as_str(), &entry.path))
        .collect();
    let below = dir.join(BOOT_LOADER_BELOW);
    let names = &mut files.iter().map(|(name, _)| name);
    if !names.any(|name| name.contains("bootloader")) && below.is_file() {
        files.push(("bootloader.bin", &below));
    }
    let programs = programs::in_directory(dir, look);
    let starts = Starts::new(look);
    let sets = sets(&files, &programs, found);
    if let [set] = sets.as_slice() {
        let Some(images) = set.images(&starts)? else {
            return whole(dir, &files, &programs, &starts, found);
        };
        tell_left(std::slice::from_ref(&images), found);
        return Ok(vec![images]);
    }
    let mut images = Vec::new();
    let mut failed: Vec<(String, Vec<String>)> = Vec::new();
    for set in sets {
        match set.images(&starts) {
            Ok(Some(set)) => images.push(set),
            other => {
                let why = other.err();
                let why = why.unwrap_or_else(|| "there is no partition table".to_owned());
                match failed.iter_mut().find(|(known, _)| *known == why) {
                    Some((_, titles)) => titles.push(set.title()),
                    None => failed.push((why, vec![set.title()])),
                }
            }
        }
    }
    if images.is_empty() && files.iter().any(|(_, path)| starts.whole(path).is_some()) {
        return whole(dir, &files, &programs, &starts, found);
    }
    for (why, titles) in failed {
        found.pass_images(dir, format!("{}: {why}", titles.join(", ")));
    }
    tell_left(&images, found);
    Ok(images)
}

/// Tells what no set took, once.
fn tell_left(images: &[Images], found: &mut Discovery) {
    let mut told: Vec<&Path> = Vec::new();
    for (path, why) in images.iter().flat_map(|set| &set.left) {
        let mut taken = images.iter().flat_map(|set| &set.pairs);
        if !told.contains(&path.as_path()) && !taken.any(|(_, known)| known == path) {
            found.pass(path, *why);
            told.push(path);
        }
    }
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

/// What is said of a file whose name says another place than the one it goes to.
fn misnamed((at, path): &(u32, PathBuf)) -> Option<String> {
    let said = offset::of(path).filter(|said| said != at)?;
    Some(format!(
        "{} goes to {at:#x}, by the partition table and the chip, and not to {said:#x}, which its name says",
        path.display()
    ))
}
