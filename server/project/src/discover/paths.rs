//! Paths as builds and people write them, and what files say of themselves.

use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use crate::file;
use crate::partitions::TABLE_SECTOR_BYTES;

/// When a file was changed last.
pub(super) fn modified(path: &Path) -> Option<SystemTime> {
    path.metadata().ok()?.modified().ok()
}

/// `path` below `root` with `/` on every system, for names.
pub(super) fn relative_name(root: &Path, path: &Path) -> String {
    let relative = path.strip_prefix(root).unwrap_or(path);
    let parts: Vec<_> = relative
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if parts.is_empty() {
        ".".to_owned()
    } else {
        // The root of a path elsewhere is a part of its own.
        parts.join("/").replacen("//", "/", 1)
    }
}

/// A path without `.` and `..`, by its text alone.
pub(super) fn without_dots(path: &Path) -> PathBuf {
    let mut found = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(found.components().next_back(), Some(Component::Normal(_))) =>
            {
                found.pop();
            }
            part => found.push(part),
        }
    }
    found
}

/// A file that a build names by an absolute path. Those into the build directory are wrong after a
/// move, or after a build in a container or on another system: then it is the file in this build
/// directory whose path ends like the one that is named, the longest end first.
pub fn here(path: &Path, build_dir: &Path) -> PathBuf {
    if path.exists() {
        return path.to_owned();
    }
    let local = path.to_str().map_or_else(|| path.to_owned(), local_path);
    if local.is_file() {
        return local;
    }
    ending_like(&local, build_dir).unwrap_or_else(|| path.to_owned())
}

/// The same of all files that a build lists: none of them stands for two.
pub(super) fn all_here(paths: &[PathBuf], build_dir: &Path) -> Vec<PathBuf> {
    let found: Vec<_> = paths.iter().map(|path| here(path, build_dir)).collect();
    let is_exact = |path: &Path, here: &Path| {
        path == here || path.to_str().map(local_path).as_deref() == Some(here)
    };
    let pairs = paths.iter().zip(&found);
    let is_taken = |here: &Path| {
        pairs
            .clone()
            .any(|(path, it)| it == here && is_exact(path, it))
    };
    let settled = pairs.clone().map(|(path, here)| {
        let is_other = !is_exact(path, here) && is_taken(here);
        (if is_other { path } else { here }).clone()
    });
    settled.collect()
}

/// The file below `dir` whose path ends like this one, the longest end first.
pub(super) fn ending_like(path: &Path, dir: &Path) -> Option<PathBuf> {
    let names: Vec<_> = path
        .components()
        .filter(|part| matches!(part, Component::Normal(_)))
        .collect();
    let ends = (0..names.len()).map(|start| names[start..].iter().collect::<PathBuf>());
    let mut candidates = ends.map(|end| dir.join(end));
    candidates.find(|candidate| candidate.is_file())
}

/// A path as a build on any system writes it: `out\\boot.bin` is a file in a directory everywhere.
pub(super) fn local_path(text: &str) -> PathBuf {
    if cfg!(windows) {
        return PathBuf::from(text);
    }
    PathBuf::from(text.replace('\\', "/"))
}

/// The chip that a file which begins like an image is for.
pub(super) fn image_chip(path: &Path) -> Option<fbuild_chip::Chip> {
    let start = read_start(path, 24)?;
    crate::esp_image::peek_chip(&start)?.known()
}

/// Up to `len` bytes from the start of a file.
pub(super) fn read_start(path: &Path, len: u64) -> Option<Vec<u8>> {
    file::read_start(path, len).ok()
}

/// Whether a file goes on after the boot loader that begins at `at`, so that a table may follow. Only the headers
/// of its segments are read.
pub(super) fn goes_on(path: &Path, at: u64) -> bool {
    const HEADER_BYTES: u64 = 24;
    const SEGMENT_HEADER_BYTES: u64 = 8;
    const MAX_SEGMENTS: u8 = 16;
    let end = || {
        let header = file::read_at(path, at, HEADER_BYTES).ok()?;
        let segments = header.get(1).copied()?;
        let mut end = at + HEADER_BYTES;
        for _ in 0..segments.min(MAX_SEGMENTS) {
            let segment = file::read_at(path, end, SEGMENT_HEADER_BYTES).ok()?;
            let len_bytes = u32::from_le_bytes(segment.get(4..8)?.try_into().ok()?);
            end += SEGMENT_HEADER_BYTES + u64::from(len_bytes);
        }
        Some(end.next_multiple_of(TABLE_SECTOR_BYTES.into()))
    };
    let len_bytes = path.metadata().map_or(0, |metadata| metadata.len());
    end().is_some_and(|end| end < len_bytes)
}

/// The partition table in a file, if it is readable.
pub(super) fn read_table(path: &Path) -> Option<crate::partitions::PartitionTable> {
    // A table fills a sector at most.
    let bytes = read_start(path, 0x1000)?;
    crate::partitions::PartitionTable::parse(&bytes).ok()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn paths_of_other_systems_are_found_by_their_end() {
        let dir = tempfile::tempdir().unwrap();
        let build = dir.path().join("größe 1/build");
        let file = build.join("boot loader/boot.bin");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "").unwrap();
        for written in [
            r"C:\proj\größe 1\build\boot loader\boot.bin",
            r"boot loader\boot.bin",
            "/workspaces/app/build/boot loader/boot.bin",
            "boot loader/boot.bin",
        ] {
            assert_eq!(here(&build.join(written), &build), file, "{written}");
        }
        // What is there under its own name is not another file as well.
        let written = [
            build.join("boot loader/boot.bin"),
            "/p/model/boot loader/boot.bin".into(),
        ];
        assert_eq!(all_here(&written, &build), written);
        let none = build.join(r"C:\x\none.bin");
        assert_eq!(here(&none, &build), none);
    }
}
