//! The program's own files, for the tests that read them.

use std::path::{Path, PathBuf};

/// Every Rust file below a folder with its text, without unit tests.
pub(crate) fn programs(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let program = text.split("\nmod tests").next().unwrap();
                found.push((path, program.to_owned()));
            }
        }
    }
    found.sort();
    found
}
