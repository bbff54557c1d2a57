//! Ports that only esptool opens: the native backend refuses them and offers esptool, and by esptool
//! everything is as with any other port. The board's control lines are pulled over the network, too.

#![cfg(unix)] // a script wraps esptool

use std::path::{Path, PathBuf};
use std::process::Command;

use fbuild_chip::Chip;
use fbuild_sim::{Board, State};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::remote_port::RemotePort;
use super::{command_line, newer, older};
use crate::harness::{self, assert_in_flash};
use crate::lsp_client::Client;

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

/// The board behind the port holds the project's files, and has started its firmware.
#[track_caller]
fn assert_runs(remote: &RemotePort, folder: &TempDir, project: &Path) {
    let dump = folder.path().join("flash.bin");
    std::fs::write(&dump, remote.board().flash().contents()).unwrap();
    for (offset, file) in command_line::FILES {
        assert_in_flash(&dump, offset, &project.join(file));
    }
    let runs = State::Firmware {
        app_offset: 0x1_0000,
    };
    assert_eq!(remote.board().state(), runs);
}

/// Every outcome that a working board can have.
fn story(program: &Path) {
    let folder = tempfile::tempdir().unwrap();
    let program = quick(folder.path(), program);
    let remote = RemotePort::new(Board::builder(Chip::Esp32));
    let project = command_line::example();
    let deploy = |project: &Path| {
        let run = command_line::by_esptool("deploy", project, &remote.port, &program, &[]);
        assert_eq!(run.code, Some(0), "{}", run.stderr);
        let result = run.json();
        assert_eq!(result["warnings"], json!([]), "{result:#}");
        assert_runs(&remote, &folder, project);
        result["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(deploy(&project), "deploy succeeded (full flash)");
    let edited = folder.path().join("edited");
    command_line::edit(&edited);
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
    assert_runs(&remote, &folder, &edited);
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

/// In words on the command line; nothing is opened, and no esptool is looked for.
#[test]
fn the_native_backend_offers_esptool_and_does_not_take_it() {
    let remote = RemotePort::new(Board::builder(Chip::Esp32));
    for more in [&[][..], &["--dry-run"]] {
        let refused = harness::deploy(&command_line::example(), &remote.port, more);
        assert_eq!(refused.code, Some(2), "{}", refused.stderr);
        let result = refused.json();
        assert_eq!(result["backend"], "native");
        assert_eq!(result["error"]["code"], "port-name", "{result:#}");
        let remedy = result["error"]["remedy"].as_str().unwrap();
        assert!(remedy.contains("--backend esptool"), "{remedy}");
        assert!(refused.stderr.contains(remedy), "{}", refused.stderr);
    }
    assert_eq!(remote.board().stats().commands, 0);
}

/// As a question with a button in an editor.
#[test]
fn an_editor_asks_and_esptool_does_it() {
    let Some(program) = newer() else { return };
    let folder = tempfile::tempdir().unwrap();
    let program = quick(folder.path(), &program);
    let remote = RemotePort::new(Board::builder(Chip::Esp32));
    let project = command_line::example();
    let mut client = Client::start(&project);
    let settings = json!({"fbuild": {"esptool": {"path": program}}});
    let changed = json!({"settings": settings});
    client.notify("workspace/didChangeConfiguration", &changed);
    client.notify("fbuild/didChangeTrust", &json!({"trusted": true}));
    let argument = json!({"root": project, "port": remote.port});

    let closed = client.execute("fbuild.server.deploy", &argument).unwrap();
    assert_eq!(closed["outcome"], "cancelled", "{closed:#}");
    assert_eq!(remote.board().stats().commands, 0);
    let [question] = &client.questions[..] else {
        panic!("{:#?}", client.questions);
    };
    let text = question["params"]["message"].as_str().unwrap();
    assert!(
        text.contains(&remote.port) && text.contains("Only esptool opens"),
        "{text}"
    );
    let buttons: &Value = &question["params"]["actions"];
    assert_eq!(*buttons, json!([{"title": "Use esptool"}]));

    client.presses = Some("Use esptool".to_owned());
    let deployed = client.execute("fbuild.server.deploy", &argument).unwrap();
    assert_eq!(deployed["outcome"], "fullFlash", "{deployed:#}");
    assert_eq!(deployed["backend"], "esptool");
    assert_runs(&remote, &folder, &project);
    client.shut_down();
}
