//! By esptool everything is at the far end of a network as on any other port.

#![cfg(unix)] // a script wraps esptool

use std::path::{Path, PathBuf};
use std::process::Command;

use fbuild_chip::Chip;
use fbuild_sim::Board;
use serde_json::json;

use super::{command_line, newer, older};
use crate::harness::{edited_example, example};
use crate::remote_port::RemotePort;

/// The installed esptool, but that pyserial looks for answers of an `rfc2217://` port after 1 ms and
/// not after 50, several times for each command: a deploy would take two minutes.
const QUICK: &str = r"import sys, time, types
import serial.rfc2217
serial.rfc2217.time = types.SimpleNamespace(sleep=lambda s: time.sleep(min(s, 0.001)))
import esptool
sys.exit(esptool._main())
";

fn quick(folder: &Path, esptool: &Path) -> PathBuf {
    let python = esptool.with_file_name("python3");
    let path = folder.join("esptool");
    // By a process of its own: what any process has open for writing cannot be run.
    let write = r#"printf '#!%s\n%s' "$1" "$2" > "$3" && chmod 755 "$3""#;
    let written = Command::new("sh")
        .args(["-c", write, "sh"])
        .args([&*python, Path::new(QUICK), &path])
        .status();
    assert!(written.unwrap().success());
    path
}

/// Every outcome that a working board can have.
fn story(program: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let program = quick(folder.path(), program);
    let remote = RemotePort::new(Board::builder(Chip::Esp32));
    let project = example();
    let deploy = |project: &Path| {
        let run = command_line::by_esptool("deploy", project, &remote.port, &program, &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let result = run.json();
        assert_eq!(result["warnings"], json!([]), "{result:#}");
        remote.assert_runs(project);
        result["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(deploy(&project), "deploy succeeded (full flash)");
    let edited = folder.path().join("edited");
    edited_example(&edited);
    assert_eq!(
        deploy(&edited),
        "deploy succeeded (selective flash: firmware; 61 of 61 sectors)"
    );
    assert_eq!(
        deploy(&edited),
        "deploy succeeded (verify skipped, device already matched)"
    );
    // Version 4 leaves the board in its loader, from where this program cannot call it.
    let differs = command_line::by_esptool("verify", &project, &remote.port, &program, &[]);
    assert_eq!(differs.json()["error"]["code"], "differs");
    assert_eq!(differs.json()["warnings"], json!([]));
    remote.assert_runs(&edited);
}

#[test]
fn every_outcome_by_the_newer_version() {
    if let Some(program) = newer() {
        story(&program);
    }
}

#[test]
fn every_outcome_by_the_older_version() {
    if let Some(program) = older() {
        story(&program);
    }
}
