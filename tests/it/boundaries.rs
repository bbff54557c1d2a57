//! The walls of ARCHITECTURE.md, as far as dependencies and words show them.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::root;
use crate::sources::programs;

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

/// What each crate of ours depends on, of ours. Add an arrow here and in ARCHITECTURE.md, too.
const ARROWS: [(&str, &[&str]); 9] = [
    ("chip", &[]),
    ("link", &[]),
    ("monitor", &[]),
    ("project", &["chip"]),
    ("loader", &["chip", "link"]),
    ("editing", &["chip", "project"]),
    ("sim", &["chip", "link", "loader"]),
    ("deploy", &["chip", "link", "loader", "project"]),
    (
        "lsp",
        &[
            "chip", "deploy", "editing", "link", "loader", "monitor", "project", "sim",
        ],
    ),
];

#[test]
fn arrows_point_one_way() {
    for (name, arrows) in ARROWS {
        let found = dependencies(&format!("fbuild-{name}"));
        let mut ours: Vec<&str> = found
            .iter()
            .filter_map(|found| found.strip_prefix("fbuild-"))
            .filter(|found| *found != name)
            .collect();
        ours.sort_unstable();
        ours.dedup();
        assert_eq!(ours, arrows, "{name}");
    }
    let folders = std::fs::read_dir(root().join("server")).unwrap();
    assert_eq!(folders.count(), ARROWS.len(), "a crate without a row");
}

/// What a crate never hears of, of others' crates.
#[test]
fn what_is_not_a_crates_subject_is_not_in_its_tree() {
    let editor = &["tower-lsp", "lsp-types", "tokio"][..];
    let ports = &["serialport", "rustix"][..];
    for (name, unwanted) in [
        ("chip", [editor, ports].concat()),
        ("link", editor.to_vec()),
        ("loader", editor.to_vec()),
        ("project", [editor, &["serialport"]].concat()),
        ("deploy", [editor, &["clap"]].concat()),
        ("monitor", [editor, ports].concat()),
        ("editing", [editor, &["serialport"]].concat()),
        ("sim", editor.to_vec()),
    ] {
        let found = dependencies(&format!("fbuild-{name}"));
        for unwanted in unwanted {
            let is_there = found.iter().any(|found| found == unwanted);
            assert!(!is_there, "fbuild-{name} depends on {unwanted}");
        }
    }
    let lsp = dependencies("fbuild-lsp");
    for known in [
        "tower-lsp",
        "lsp-types",
        "tokio",
        "serialport",
        "rustix",
        "clap",
    ] {
        assert!(lsp.iter().any(|it| it == known), "{known} is not seen");
    }
}

/// The program's own files that say `word`, comments and unit tests aside.
fn files_with(word: &str) -> Vec<PathBuf> {
    let crates = std::fs::read_dir(root().join("server")).unwrap();
    let folders: Vec<PathBuf> = crates
        .map(|entry| entry.unwrap().path().join("src"))
        .filter(|sources| sources.is_dir())
        .collect();
    assert!(folders.len() >= 4, "{folders:?}");
    let files = folders.iter().flat_map(|folder| programs(folder));
    let mut found: Vec<PathBuf> = files
        .filter(|(_, program)| {
            let mut code = program.lines().map(|it| it.split("//").next().unwrap());
            code.any(|code| code.contains(word))
        })
        .map(|(path, _)| path.strip_prefix(root()).unwrap().to_owned())
        .collect();
    found.sort();
    found
}

/// What docs/security.md says is executed: esptool, the build command, on Windows what ends either,
/// and on macOS what tells who holds a port.
#[test]
fn programs_are_started_in_four_places() {
    let starters = files_with("Command::new(");
    let expected = [
        "server/deploy/src/process_group.rs",
        "server/deploy/src/program.rs",
        "server/link/src/holder.rs",
        "server/lsp/src/build/run.rs",
    ];
    assert_eq!(starters, expected.map(PathBuf::from));
}

/// What does not name it, nobody can make depend on how it works.
#[test]
fn a_protocols_sdk_is_named_in_one_module() {
    let module = "server/lsp/src/server/tower";
    let users = files_with("tower_lsp::");
    assert!(users.contains(&PathBuf::from(format!("{module}.rs"))));
    let elsewhere: Vec<_> = users
        .iter()
        .filter(|path| !path.starts_with(module) && !path.ends_with("server/tower.rs"))
        .collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    let users = files_with("rmcp::");
    assert_eq!(users, [PathBuf::from("server/lsp/src/mcp/service.rs")]);
}

/// Who names the list of a server's parts can take any of them. Everybody else is given what is needed.
#[test]
fn the_list_of_parts_is_named_by_who_hands_them_out() {
    let expected = [
        "server/lsp/src/server/commands.rs",
        "server/lsp/src/server/desk.rs",
        "server/lsp/src/server/tower/backend.rs",
        "server/lsp/src/server/tower/gate.rs",
        "server/lsp/src/server/tower.rs",
        "server/lsp/src/server.rs",
    ];
    assert_eq!(files_with("Desk"), expected.map(PathBuf::from));
}

/// Whether only crates other than `names` use one of `words`; each word occurs somewhere, or this
/// would see nothing.
fn nobody_says(names: &[&str], words: &[&str]) {
    for word in words {
        let users = files_with(word);
        assert!(!users.is_empty(), "{word}: nobody says it");
        for name in names {
            let folder = root().join("server").join(name);
            assert!(folder.is_dir(), "{name}");
            let user = users
                .iter()
                .find(|path| path.starts_with(format!("server/{name}/")));
            assert_eq!(user, None, "{word}");
        }
    }
}

/// They take bytes, texts, facts and times and give values.
#[test]
fn chip_monitor_and_editing_do_no_io() {
    let words = [
        "std::fs",
        "TcpStream",
        "std::process",
        "std::env",
        "Instant",
        "SystemTime",
        "stdin",
        "stdout",
        "stderr",
        ".metadata()",
        ".is_file()",
        ".is_dir()",
        "file::read",
    ];
    nobody_says(&["chip", "monitor", "editing"], &words);
}

/// It reads what strangers wrote.
#[test]
fn project_never_writes_or_runs() {
    let words = [
        "fs::write",
        "create_dir",
        "fs::rename",
        "remove_file",
        ".write(true)",
        "std::process",
        "TcpStream",
    ];
    nobody_says(&["project"], &words);
}

/// A remedy is a value: who shows it says how it is done there.
#[test]
fn deploy_names_no_flag_and_no_editor() {
    let flags = [
        "--target",
        "--regions",
        "--backend",
        "--keep-data",
        "--log",
        "--image",
    ];
    let settings = ["fbuild.esptool", "fbuild.backend", "fbuild.logLevel"];
    let fronts = ["CommandLine", "Editor", "lsp_types", "tower_lsp", "clap"];
    let words = [&flags[..], &settings, &fronts].concat();
    nobody_says(&["deploy"], &words);
}

/// What goes through a link is the business of those at its ends.
#[test]
fn link_knows_no_protocol() {
    let words = [
        "slip", "packet", "Session", "stub", "Stub", "md5", "SYNC", "stk500", "Chip", "0xC0",
    ];
    nobody_says(&["link"], &words);
}

/// It asks for deploys.
#[test]
fn lsp_knows_no_wire_and_makes_no_plan() {
    nobody_says(
        &["lsp"],
        &["slip::", "packet::", "stk500", "WriteCosts", "Surveyed"],
    );
}

/// They serve whoever deploys, and whoever does not.
#[test]
fn loader_and_sim_know_nothing_of_a_deploy() {
    let words = ["Target", "Verdict", "Plan", "fbuild_deploy", "platformio"];
    nobody_says(&["chip", "link", "loader", "sim"], &words);
}
