//! Every table of the corpora, against what the genuine tool says of it.

use std::io::Write as _; // straight to stderr: the test runner hides what passing tests print
use std::path::{Path, PathBuf};

use fbuild_project::discover::configuration::flash_bytes;
use fbuild_project::partitions::csv::IdfVersion;
use serde_json::Value;

use super::*;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn expected(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What the genuine tool was told besides the table.
fn facts(entry: &Value) -> Facts {
    let args = entry["args"].as_array().into_iter().flatten();
    let args: Vec<&str> = args.filter_map(Value::as_str).collect();
    let flash = args.iter().position(|arg| *arg == "--flash-size");
    let flash = flash
        .map(|at| args[at + 1])
        .or(entry["flash_size"].as_str());
    project(configuration(flash.and_then(flash_bytes)))
}

/// Accepted: no error. The tables of ESP-IDF and of its examples get no warning either.
fn check_valid(path: &Path, entry: &Value) {
    let text = std::fs::read_to_string(path).unwrap();
    let found = diagnostics(&text, &facts(entry));
    let name = path.file_name().unwrap().to_str().unwrap();
    let is_example = name.starts_with("idf-");
    let unwanted = found
        .iter()
        .filter(|d| d.severity == Severity::Error || is_example && d.severity == Severity::Warning);
    assert_eq!(unwanted.count(), 0, "{name}:\n{}", listed(&text, &found));
}

/// Refused, or worth a warning: said under the expected code, on the expected line.
fn check_invalid(path: &Path, entry: &Value) {
    let text = std::fs::read_to_string(path).unwrap();
    let mut facts = facts(entry);
    let name = path.file_name().unwrap().to_str().unwrap();
    facts.configurations[0].is_arduino = name.starts_with("lint-arduino");
    let found = diagnostics(&text, &facts);
    let said = listed(&text, &found);
    let code = entry["code"].as_str().unwrap();
    let line = entry["line"].as_u64();
    let severity = entry["severity"].as_str();
    let fits = said.lines().any(|said| {
        let words: Vec<&str> = said.splitn(4, ' ').collect();
        words[2] == code
            && line.is_none_or(|line| words[0] == line.to_string())
            && severity.is_none_or(|severity| words[1] == severity || has_variable(&text))
    });
    assert!(fits, "{name}: {severity:?} {code} on {line:?}, not\n{said}");
    let is_refused = !name.starts_with("lint-") && !has_variable(&text);
    assert_eq!(has_errors(&found), is_refused, "{name}:\n{said}");
}

/// The genuine tool ran without the variable; the build on another machine may have it.
fn has_variable(text: &str) -> bool {
    text.contains('$')
}

/// An error if and only if that version of the genuine tool refuses it.
fn check_versions(path: &Path, entry: &Value) {
    let text = std::fs::read_to_string(path).unwrap();
    for (version, result) in entry["result"].as_object().unwrap() {
        let mut facts = facts(entry);
        facts.configurations[0].idf_version = IdfVersion::find(version);
        let found = diagnostics(&text, &facts);
        let place = format!(
            "{} by {version}:\n{}",
            path.display(),
            listed(&text, &found)
        );
        let is_refused = result["rc"] != 0 && !has_variable(&text);
        assert_eq!(has_errors(&found), is_refused, "{place}");
    }
}

#[test]
fn own_tables() {
    let dir = repository().join("tests/partitions-own");
    let expected = expected(&dir.join("expected.json"));
    let (valid, invalid) = (
        expected["valid"].as_object().unwrap(),
        expected["invalid"].as_object().unwrap(),
    );
    for (name, entry) in valid.iter().filter(|(name, _)| !name.contains("/lint-")) {
        check_valid(&dir.join(name), entry);
    }
    for (name, entry) in invalid {
        check_invalid(&dir.join(name), entry);
    }
    assert!(invalid.len() >= 30, "the corpus shrank");
}

/// Programs filter by code, so every one has to be in the contract.
#[test]
fn every_code_is_documented() {
    let contract = std::fs::read_to_string(repository().join("docs/protocol.md")).unwrap();
    let mut sources = vec![repository().join("server/project/src/partitions/csv")];
    sources.push(repository().join("server/editing/src/partitions"));
    let mut codes = std::collections::BTreeSet::new();
    while let Some(path) = sources.pop() {
        if path.is_dir() && path.file_name().unwrap() != "tests" {
            sources.extend(
                std::fs::read_dir(path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
        } else if path.is_file() && path.file_name().unwrap() != "tests.rs" {
            // Codes are the only texts of lower-case words joined by hyphens.
            let source = std::fs::read_to_string(path).unwrap();
            let texts = source.split('"').skip(1).step_by(2);
            let is_code = |text: &&str| {
                text.contains('-')
                    && text.split('-').all(|word| {
                        !word.is_empty()
                            && word
                                .bytes()
                                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
                    })
                    && text.starts_with(|c: char| c.is_ascii_lowercase())
            };
            codes.extend(texts.filter(is_code).map(str::to_owned));
        }
    }
    let missing: Vec<_> = codes
        .iter()
        .filter(|code| !contract.contains(&format!("`{code}`")))
        .collect();
    assert!(codes.len() > 40, "{codes:?}");
    assert!(missing.is_empty(), "not in docs/protocol.md: {missing:?}");
}

#[test]
fn tables_of_espressif_and_arduino() {
    let root = std::env::var_os("FBUILD_SHARED")
        .map_or_else(|| repository().join("../shared"), PathBuf::from);
    let dir = root.join("fixtures/partitions");
    if !dir.is_dir() {
        assert_ne!(
            std::env::var("CI").as_deref(),
            Ok("true"),
            "no ../shared, in CI"
        );
        let _ = writeln!(
            std::io::stderr(),
            "skipped: real partition tables (no ../shared)"
        );
        return;
    }
    let expected = expected(&dir.join("expected.json"));
    let mut n_tables = 0;
    for (list, folder) in [
        ("valid", "valid"),
        ("invalid", "invalid"),
        ("lint", "invalid"),
    ] {
        for (name, entry) in expected[list].as_object().unwrap() {
            let path = dir.join(folder).join(name);
            match list {
                "valid" => check_valid(&path, entry),
                _ => check_invalid(&path, entry),
            }
            check_versions(&path, entry);
            n_tables += 1;
        }
    }
    assert!(n_tables >= 75, "the corpus shrank");
}
