//! Looks at what lies around a project's configuration.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fbuild_deploy::image;
use fbuild_editing::project_files::{Judged, ProjectFiles, Refusal};
use fbuild_project::discover::flasher_args::FlasherArgs;
use fbuild_project::discover::platformio_config::{Files, OnDisk, ProjectConfig, TooWide};
use fbuild_project::discover::{Discovery, Environment, here};
use fbuild_project::file::{self, ReadError, TABLE_TEXT_LIMIT, TEXT_LIMIT};
use fbuild_project::input_error::InputError;
use fbuild_project::target::{Source, Target};

use crate::explain::Front;
use crate::remember::history::{Board, Deploy};

/// What is kept of the texts of tables, all together. One is a few hundred bytes long.
const MAX_TABLE_BYTES: usize = 2 << 20;
const MAX_TABLES: usize = 1000;
/// A file of the project's that is listed in a directory; more are not looked at.
const MAX_ENTRIES: usize = 20_000;
/// Builds that are judged before anybody asks, and the size of all images of one.
const MAX_JUDGED: usize = 20;
const MAX_JUDGED_BYTES: u64 = 20 << 20;
/// Directories looked into for tables, and how deep.
const MAX_DIRECTORIES: usize = 500;
const MAX_DEPTH: usize = 3;
/// Directories that hold no tables of the project's own.
const SKIPPED: [&str; 4] = ["node_modules", "managed_components", "target", "libdeps"];

pub(super) fn gather(
    root: &Path,
    environment: &Environment,
    found: &Discovery,
    boards: &[Board],
) -> ProjectFiles {
    let mut files = ProjectFiles {
        environment: environment.clone(),
        ..ProjectFiles::default()
    };
    tables(root, &mut files);
    sdkconfigs(root, &mut files);
    if root.join("platformio.ini").is_file() {
        platformio(root, environment, &mut files);
    }
    let broken = found.problems.iter().filter_map(|problem| problem.path());
    let listed = found.targets.iter().map(|target| target.found_in.as_path());
    for path in broken.chain(listed) {
        if path.ends_with("flasher_args.json") {
            flasher_args(path, &mut files);
        }
    }
    for target in found.targets.iter().take(MAX_JUDGED) {
        let is_it = |deploy: &Deploy| deploy.target == target.name;
        let went_to = |board: &&Board| board.chip.is_some() && board.deploys.iter().any(is_it);
        let board = boards.iter().find(went_to);
        let judged = judge(target, board);
        files.judged.insert(target.name.clone(), judged);
    }
    files
}

/// What a deploy would find before it writes to a board.
fn judge(target: &Target, board: Option<&Board>) -> Judged {
    let mut judged = Judged {
        stale: target.stale_inputs(),
        ..Judged::default()
    };
    // To make images of an ELF file takes longer than an editor waits for, and what is very large
    // takes memory that nobody has asked for.
    let len = |source: &Source| match source {
        Source::File(path) => path.metadata().map_or(0, |it| it.len()),
        Source::Elf(_) => u64::MAX,
    };
    let lens = target.regions.iter().map(|region| len(&region.source));
    if lens.fold(0, u64::saturating_add) > MAX_JUDGED_BYTES {
        return judged;
    }
    // What is wrong with a program for another board, its deploy says.
    if target.avr.is_some() || target.usb.is_some() {
        return judged;
    }
    match image::load(target, None) {
        Err(error) => judged.refusal = Some(refusal(&error)),
        Ok(loaded) => {
            judged.table = loaded.table().cloned();
            judged.refusal = loaded.check_unseen().err().as_ref().map(refusal);
            let board = board.and_then(Board::facts);
            let refused = board.and_then(|board| loaded.for_board(&board, false).err());
            judged.refusal_of_board = refused.as_ref().map(refusal);
        }
    }
    judged
}

fn refusal(error: &InputError) -> Refusal {
    Refusal {
        code: error.code(),
        message: error.to_string(),
        remedy: Front::Editor.remedy(error.remedy()),
        path: error.path().map(Path::to_owned),
    }
}

fn text(path: &Path) -> Option<String> {
    file::read_text(path, TEXT_LIMIT).ok()
}

/// The project's CSV files.
fn tables(root: &Path, files: &mut ProjectFiles) {
    let mut waiting = vec![(root.to_owned(), 0)];
    let mut looked_at = 0;
    let mut entries_left = MAX_ENTRIES;
    let mut bytes_left = MAX_TABLE_BYTES;
    while let Some((dir, depth)) = waiting.pop() {
        looked_at += 1;
        if looked_at > MAX_DIRECTORIES {
            return;
        }
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            if entries_left == 0 || files.tables.len() == MAX_TABLES {
                return;
            }
            entries_left -= 1;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Symbolic links are not followed: they can lead in circles.
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            let is_skipped = name.starts_with(['.']) || name.starts_with("build");
            if kind.is_dir() && depth < MAX_DEPTH {
                if !is_skipped && !SKIPPED.contains(&name.as_str()) {
                    waiting.push((entry.path(), depth + 1));
                }
            } else if name.to_ascii_lowercase().ends_with(".csv") && entry.path().is_file() {
                let path = entry.path();
                let limit = TABLE_TEXT_LIMIT.min(bytes_left as u64);
                if let Ok(text) = file::read_text(&path, limit) {
                    bytes_left -= text.len();
                    files.texts.insert(path.clone(), text);
                }
                files.tables.insert(path);
            }
        }
    }
}

fn sdkconfigs(root: &Path, files: &mut ProjectFiles) {
    for name in ["sdkconfig", "sdkconfig.defaults"] {
        let path = root.join(name);
        files.texts.extend(text(&path).map(|it| (path, it)));
    }
}

/// Remembers what is asked for, and what came of it.
#[derive(Default)]
struct Recording {
    disk: OnDisk,
    patterns: RefCell<BTreeMap<String, Result<Vec<PathBuf>, TooWide>>>,
    unread: RefCell<BTreeMap<PathBuf, ReadError>>,
}

impl Files for Recording {
    fn read(&self, path: &Path) -> Result<String, ReadError> {
        let text = self.disk.read(path);
        if let Err(error) = &text {
            let mut unread = self.unread.borrow_mut();
            unread.insert(path.to_owned(), error.clone());
        }
        text
    }

    fn find(&self, root: &Path, pattern: &str) -> Result<Vec<PathBuf>, TooWide> {
        let found = self.disk.find(root, pattern);
        let mut patterns = self.patterns.borrow_mut();
        patterns.insert(pattern.to_owned(), found.clone());
        found
    }

    fn is_outside(&self, root: &Path, path: &Path) -> bool {
        self.disk.is_outside(root, path)
    }
}

fn platformio(root: &Path, environment: &Environment, files: &mut ProjectFiles) {
    let recording = Recording::default();
    let config = ProjectConfig::read(root, environment, &recording);
    for file in config.texts() {
        files.texts.insert(file.path.clone(), file.text.clone());
        if file.is_outside {
            files.outside.insert(file.path.clone());
        }
    }
    if let Ok(packages) = config.dir("packages_dir") {
        let dir = packages.join("framework-arduinoespressif32/tools/partitions");
        let names = dir.is_dir().then(|| names(&dir, ".csv"));
        files.framework_tables = names;
    }
    files.board_names = config.board_names();
    drop(config);
    files.patterns = recording.patterns.into_inner();
    files.unread = recording.unread.into_inner();
}

fn names(dir: &Path, end: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let entries = entries.take(MAX_ENTRIES);
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    names.filter(|name| name.ends_with(end)).collect()
}

fn flasher_args(path: &Path, files: &mut ProjectFiles) {
    let (Some(text), Some(dir)) = (text(path), path.parent()) else {
        return;
    };
    for entry in FlasherArgs::parse(&text).files {
        let Some(file) = entry.file else { continue };
        let path = dir.join(file);
        let size = here(&path, dir)
            .metadata()
            .ok()
            .filter(std::fs::Metadata::is_file);
        files.sizes.insert(path, size.map(|it| it.len()));
    }
}

#[cfg(test)]
mod tests;
