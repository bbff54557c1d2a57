//! The compiler of CSV tables against the genuine `gen_esp32part.py`.

use std::fmt::Write as _;
use std::path::Path;

use fbuild_project::partitions::{PartitionTable, csv};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::fixtures::{json, repository, shared};

/// The arguments that the genuine tool was run with.
fn options(entry: &Value) -> csv::Options {
    let args: Vec<_> = entry["args"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let flash = args
        .iter()
        .position(|arg| *arg == "--flash-size")
        .map(|at| args[at + 1]);
    let flash = flash.or_else(|| entry["flash_size"].as_str());
    let megabytes = flash.map(|size| size.trim_end_matches("MB").parse::<u32>().unwrap());
    csv::Options {
        bootloader_offset: Some(0x1000),
        flash_bytes: megabytes.map(|megabytes| megabytes << 20),
        ..csv::Options::default()
    }
}

fn check_valid(path: &Path, entry: &Value, sha256: &Value) {
    let text = std::fs::read_to_string(path).unwrap();
    let table =
        csv::compile(&text, &options(entry)).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let bytes = table.to_bytes();
    let digest = hex(&Sha256::digest(&bytes));
    assert_eq!(Some(digest.as_str()), sha256.as_str(), "{}", path.display());
    let read = PartitionTable::parse(&bytes).unwrap();
    assert_eq!(read.to_bytes().len(), bytes.len());
    assert_eq!(read.partitions.len(), table.partitions.len());
}

fn check_invalid(path: &Path, entry: &Value) {
    let text = std::fs::read_to_string(path).unwrap();
    let error = csv::compile(&text, &options(entry)).expect_err(&path.display().to_string());
    let line = entry["line"]
        .as_u64()
        .map(|line| usize::try_from(line).unwrap());
    assert_eq!(
        (error.code, error.line),
        (entry["code"].as_str().unwrap(), line),
        "{}: {error}",
        path.display()
    );
}

/// What every version of the genuine tool makes of a table, both ways; how many it was run by.
fn check_versions(path: &Path, entry: &Value) -> usize {
    let text = std::fs::read_to_string(path).unwrap();
    let results = entry["result"].as_object().unwrap();
    for (version, result) in results {
        let options = csv::Options {
            // HEAD is newer than every rule.
            version: csv::IdfVersion::find(version),
            ..options(entry)
        };
        let compiled = csv::compile(&text, &options);
        let place = format!("{} by {version}: {compiled:?}", path.display());
        if result["rc"] == 0 {
            let bytes = compiled.expect(&place).to_bytes();
            assert_eq!(
                hex(&Sha256::digest(&bytes)),
                result["bin_sha256"],
                "{place}"
            );
            continue;
        }
        let error = compiled.expect_err(&place);
        // "Error at line 3: …", "CSV Error at line 2: …"; later checks name no line.
        let output = result["output"].as_str().unwrap();
        if let Some((_, after)) = output.split_once("rror at line ") {
            let digits: String = after.chars().take_while(char::is_ascii_digit).collect();
            assert_eq!(error.line, digits.parse().ok(), "{place}: {output}");
        }
    }
    results.len()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    })
}

#[test]
fn own_tables_become_the_same_bytes_or_are_refused() {
    let dir = repository().join("tests/partitions-own");
    let expected = json(&dir.join("expected.json"));
    let valid = expected["valid"].as_object().unwrap();
    let invalid = expected["invalid"].as_object().unwrap();
    assert!(
        valid.len() >= 20 && invalid.len() >= 30,
        "the corpus shrank"
    );
    for (name, entry) in valid {
        check_valid(&dir.join(name), entry, &entry["bin_sha256"]);
    }
    for (name, entry) in invalid {
        check_invalid(&dir.join(name), entry);
    }
}

#[test]
fn real_tables_become_the_same_bytes_or_are_refused() {
    let Some(fixtures) = shared("tables of ESP-IDF and Arduino") else {
        return;
    };
    let dir = fixtures.join("partitions");
    let expected = json(&dir.join("expected.json"));
    let mut n_verdicts = 0;
    for (name, entry) in expected["valid"].as_object().unwrap() {
        let path = dir.join("valid").join(name);
        check_valid(&path, entry, &entry["result"]["HEAD"]["bin_sha256"]);
        n_verdicts += check_versions(&path, entry);
    }
    for (name, entry) in expected["invalid"].as_object().unwrap() {
        let path = dir.join("invalid").join(name);
        check_invalid(&path, entry);
        n_verdicts += check_versions(&path, entry);
    }
    for (name, entry) in expected["lint"].as_object().unwrap() {
        n_verdicts += check_versions(&dir.join("invalid").join(name), entry);
    }
    assert!(n_verdicts >= 75 * 6, "the corpus shrank");
}

#[test]
fn real_binary_tables_survive_a_round_trip() {
    let Some(fixtures) = shared("binary tables") else {
        return;
    };
    for name in [
        "partitions-singleapp",
        "partitions-two-ota",
        "partitions-arduino-default",
        "micropython-0831-partitions",
    ] {
        let bytes =
            std::fs::read(fixtures.join("firmware").join(name).with_extension("bin")).unwrap();
        assert_eq!(
            PartitionTable::parse(&bytes).unwrap().to_bytes(),
            bytes,
            "{name}"
        );
    }
}
