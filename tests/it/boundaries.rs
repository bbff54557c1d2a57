//! The walls of ARCHITECTURE.md, as far as they can be seen from the dependencies.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::root;

fn dependencies(package: &str) -> Vec<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--package",
            package,
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args(["--offline", "--locked"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn arrows_point_one_way() {
    let forbidden = [
        (
            "fbuild-loader",
            &[
                "fbuild-deploy",
                "fbuild-sim",
                "fbuild-lsp",
                "tower-lsp",
                "tokio",
            ][..],
        ),
        (
            "fbuild-sim",
            &["fbuild-deploy", "fbuild-lsp", "tower-lsp", "tokio"][..],
        ),
        (
            "fbuild-monitor",
            &[
                "fbuild-loader",
                "fbuild-deploy",
                "fbuild-sim",
                "fbuild-lsp",
                "tower-lsp",
                "tokio",
                "serialport",
            ][..],
        ),
        (
            "fbuild-deploy",
            &[
                "fbuild-monitor",
                "fbuild-sim",
                "fbuild-lsp",
                "tower-lsp",
                "lsp-types",
                "tokio",
            ][..],
        ),
    ];
    for (package, unwanted) in forbidden {
        let found = dependencies(package);
        assert!(found.contains(&package.to_owned()), "{found:?}");
        for name in unwanted {
            assert!(
                !found.contains(&(*name).to_owned()),
                "{package} depends on {name}"
            );
        }
    }
}

/// The program's own files that say `word`, without their unit tests.
fn files_with(word: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let crates = std::fs::read_dir(root().join("server")).unwrap();
    let mut folders: Vec<PathBuf> = crates
        .map(|entry| entry.unwrap().path().join("src"))
        .filter(|sources| sources.is_dir())
        .collect();
    assert!(folders.len() >= 4, "{folders:?}");
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let program = text.split("\nmod tests").next().unwrap_or_default();
                if program.contains(word) {
                    found.push(path.strip_prefix(root()).unwrap().to_owned());
                }
            }
        }
    }
    found.sort();
    found
}

/// What docs/security.md says is executed: esptool, the build command, on Windows what ends either,
/// and on macOS what tells who holds a port.
#[test]
fn programs_are_started_in_four_places() {
    let starters = files_with("Command::new(");
    let expected = [
        "server/deploy/src/esptool/run.rs",
        "server/deploy/src/process_group.rs",
        "server/loader/src/link/holder.rs",
        "server/lsp/src/server/job/build.rs",
    ];
    assert_eq!(starters, expected.map(PathBuf::from));
}

/// What it does not know the protocol for, nobody can make depend on it: commands, jobs, reports,
/// settings, and everything outside the server.
#[test]
fn tower_lsp_is_named_in_these_files_only() {
    let expected = [
        "server/lsp/src/server.rs",
        "server/lsp/src/server/backend.rs",
        "server/lsp/src/server/background.rs",
        "server/lsp/src/server/desk.rs",
        "server/lsp/src/server/editing.rs",
        "server/lsp/src/server/editing/capabilities.rs",
        "server/lsp/src/server/editing/features.rs",
        "server/lsp/src/server/editing/protocol.rs",
        "server/lsp/src/server/editor.rs",
        "server/lsp/src/server/editor/custom.rs",
        "server/lsp/src/server/frames.rs",
        "server/lsp/src/server/gate.rs",
        "server/lsp/src/server/uri.rs",
    ];
    let mut expected = expected.map(PathBuf::from);
    expected.sort();
    assert_eq!(files_with("tower_lsp::"), expected);
}

/// It takes bytes and times and gives values.
#[test]
fn the_monitor_does_no_io() {
    for word in [
        "std::fs",
        "std::net",
        "std::process",
        "std::env",
        "Instant",
        "SystemTime",
        "stdin",
        "stdout",
        "stderr",
    ] {
        let users = files_with(word);
        assert!(
            !users.is_empty(),
            "{word}: nobody uses it, so this sees nothing"
        );
        let monitor = users.iter().find(|path| path.starts_with("server/monitor"));
        assert_eq!(monitor, None, "{word}");
    }
}
