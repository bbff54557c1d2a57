//! Looks at what lies around a project's configuration.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use fbuild_deploy::discover::flasher_args::FlasherArgs;
use fbuild_deploy::discover::platformio_config::{Files, OnDisk, ProjectConfig};
use fbuild_deploy::discover::{Discovery, Environment};
use fbuild_deploy::image;
use fbuild_deploy::input_error::InputError;
use fbuild_deploy::target::{Source, Target};

use crate::editing::project_files::{Judged, ProjectFiles, Refusal};
use crate::remember::history::Board;

/// Larger files are no configuration.
const MAX_TEXT_BYTES: u64 = 1 << 20;
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
    for target in &found.targets {
        let went_to = |board: &&Board| board.deploys.iter().any(|it| it.target == target.name);
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
    // To make images of an ELF file takes longer than an editor waits for.
    let is_file = |source: &Source| matches!(source, Source::File(_));
    if !target.regions.iter().all(|region| is_file(&region.source)) {
        return judged;
    }
    match image::load(target, None) {
        Err(error) => judged.refusal = Some(refusal(&error)),
        Ok(loaded) => {
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
        remedy: error.remedy(),
        path: error.path().map(Path::to_owned),
    }
}

fn text(path: &Path) -> Option<String> {
    let metadata = path.metadata().ok()?;
    let is_small = metadata.is_file() && metadata.len() <= MAX_TEXT_BYTES;
    is_small.then(|| std::fs::read_to_string(path).ok())?
}

/// The project's CSV files.
fn tables(root: &Path, files: &mut ProjectFiles) {
    let mut waiting = vec![(root.to_owned(), 0)];
    let mut looked_at = 0;
    while let Some((dir, depth)) = waiting.pop() {
        looked_at += 1;
        if looked_at > MAX_DIRECTORIES {
            return;
        }
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
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
                files.texts.extend(text(&path).map(|it| (path.clone(), it)));
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

/// Remembers what is asked for.
#[derive(Default)]
struct Recording {
    patterns: RefCell<BTreeMap<String, Vec<PathBuf>>>,
}

impl Files for Recording {
    fn read(&self, path: &Path) -> std::io::Result<String> {
        text(path).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    fn find(&self, root: &Path, pattern: &str) -> Vec<PathBuf> {
        let found = OnDisk.find(root, pattern);
        let mut patterns = self.patterns.borrow_mut();
        patterns.insert(pattern.to_owned(), found.clone());
        found
    }
}

fn platformio(root: &Path, environment: &Environment, files: &mut ProjectFiles) {
    let recording = Recording::default();
    let config = ProjectConfig::read(root, environment, &recording);
    for file in config.texts() {
        files.texts.insert(file.path.clone(), file.text.clone());
    }
    if let Ok(packages) = config.dir("packages_dir") {
        let dir = packages.join("framework-arduinoespressif32/tools/partitions");
        let names = dir.is_dir().then(|| names(&dir, ".csv"));
        files.framework_tables = names;
    }
    files.board_names = config.board_names();
    drop(config);
    files.patterns = recording.patterns.into_inner();
}

fn names(dir: &Path, end: &str) -> BTreeSet<String> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
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
        let size = path.metadata().ok().filter(std::fs::Metadata::is_file);
        files.sizes.insert(path, size.map(|it| it.len()));
    }
}

#[cfg(test)]
mod tests;
