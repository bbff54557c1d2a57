//! The program's own files, for the tests that read them; and how large the editors' clients are.

use std::path::{Path, PathBuf};

use crate::harness::root;

/// Every Rust file below a folder with its text, without unit tests.
pub(crate) fn programs(folder: &Path) -> Vec<(PathBuf, String)> {
    let files = files(folder, "rs", "tests").into_iter();
    files
        .filter(|(path, _)| !path.ends_with("tests.rs"))
        .map(|(path, text)| {
            let program = text.split("\nmod tests").next().unwrap();
            (path, program.to_owned())
        })
        .collect()
}

/// Every file below a folder whose name ends so, with its text; without what lies in a folder `left_out`.
fn files(folder: &Path, end: &str, left_out: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with(left_out) {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == end) {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// What is decided or worded belongs into the server, where every editor has it.
#[test]
fn the_editors_clients_stay_small() {
    for (folder, end, comments, most) in [
        ("editors/vscode/src", "ts", &["//", "/*", "*"][..], 2400),
        ("editors/nvim", "lua", &["--"], 1300),
    ] {
        let is_code = |line: &&str| {
            let line = line.trim_start();
            !line.is_empty() && !comments.iter().any(|begin| line.starts_with(begin))
        };
        let texts = files(&root().join(folder), end, "test").into_iter();
        let code: usize = texts
            .map(|(_, text)| text.lines().filter(is_code).count())
            .sum();
        assert!(code > most / 2, "{folder}: {code} lines are seen");
        assert!(
            code <= most,
            "{folder} has {code} lines of code, and at most {most} are wanted"
        );
    }
}
