//! What happens to results and answers that nobody reads, and of a state directory that is not there.
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use crate::stdio::Server;
use crate::{LONG, fbuild_lsp, project};

const PORT: &str = "sim:board.bin";

/// Exit code and standard error of a command whose results go there.
fn run(root: &Path, arguments: &[&str], stdout: impl Into<Stdio>) -> (Option<i32>, String) {
    let output = fbuild_lsp(root)
        .current_dir(root)
        .args(arguments)
        .stdout(stdout)
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

#[test]
fn a_result_that_cannot_be_written_is_a_failure() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    project::write(root, &project::app_image(&project::body(20_000, 1)));
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let closed = || std::io::pipe().unwrap().1;
    for command in ["targets", "plan", "deploy", "verify", "board", "ports"] {
        let mut arguments = vec![command];
        if !matches!(command, "targets" | "ports") {
            arguments.extend(["--port", PORT]);
        }
        for as_json in [true, false] {
            if as_json {
                arguments.push("--json");
            } else {
                arguments.retain(|argument| *argument != "--json");
            }
            if command == "ports" && !as_json {
                continue; // a machine without ports has nothing to say
            }
            let (code, said) = run(root, &arguments, full());
            assert_eq!(code, Some(1), "{arguments:?}: {said}");
            assert!(
                said.contains("cannot be written to standard output: No space"),
                "{said}"
            );
            // A reader that closes a pipe has read enough; the code is that of SIGPIPE.
            let (code, said) = run(root, &arguments, closed());
            assert_eq!(code, Some(141), "{arguments:?}: {said}");
            assert!(!said.contains("error"), "{said}");
        }
    }
    // What failed for another reason keeps its code.
    let (code, _) = run(root, &["board", "--port", "nowhere:", "--json"], full());
    assert_eq!(code, Some(2));
}

/// A server as its client starts it.
fn serve(folder: &Path) -> Child {
    let mut child = fbuild_lsp(folder)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let params = json!({"capabilities": {}, "workspaceFolders": [
        {"uri": format!("file://{}", folder.display()), "name": "project"}
    ]});
    let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    send(&mut child, &initialize);
    send(
        &mut child,
        &json!({"jsonrpc": "2.0", "method": "initialized", "params": {}}),
    );
    child
}

fn send(child: &mut Child, message: &Value) {
    let body = message.to_string();
    let stdin = child.stdin.as_mut().unwrap();
    write!(stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
}

fn command(id: usize, name: &str, argument: &Value) -> Value {
    let params = json!({"command": format!("fbuild.server.{name}"), "arguments": [argument]});
    json!({"jsonrpc": "2.0", "id": id, "method": "workspace/executeCommand", "params": params})
}

/// Waits until it has ended by itself; what it said on standard error.
fn ended(mut child: Child) -> String {
    let begun = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > LONG {
            child.kill().unwrap();
            panic!("the server did not end");
        }
        std::thread::yield_now();
    }
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    said
}

#[test]
fn a_client_that_does_not_read_and_leaves_is_not_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let mut child = serve(directory.path());
    // Far more than a pipe holds.
    for id in 1..2000 {
        send(&mut child, &command(id, "debugInfo", &json!({})));
    }
    drop(child.stdin.take());
    ended(child);
}

#[test]
fn a_client_that_closes_its_end_in_a_job_causes_no_panic() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    project::write(root, &project::app_image(&project::body(1_000_000, 1)));
    let mut child = serve(root);
    let slow = json!({"port": "sim:board.bin?time=real", "baud": 9600, "staleBuild": "ignore"});
    send(&mut child, &command(1, "deploy", &slow));
    drop(child.stdout.take());
    // Answers enough to notice it by.
    for id in 2..20 {
        send(&mut child, &command(id, "jobs", &json!({})));
    }
    let stdin = child.stdin.take();
    let said = ended(child);
    drop(stdin);
    assert!(said.contains("OutputClosed"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn an_absurd_length_and_an_absurd_path_deafen_nobody() {
    let mut server = Server::start(&[]);
    server.initialize(None);
    server.send_raw("Content-Length: 18446744073709551615\r\n\r\n");
    assert!(server.command(2, "jobs", &json!({}))["jobs"].is_array());
    let uri = format!("file://{}", "/a".repeat(50_000));
    let document =
        json!({"uri": uri, "languageId": "csv", "version": 1, "text": "nvs,data,nvs,,1K"});
    server.notify("textDocument/didOpen", &json!({"textDocument": document}));
    let at = json!({"textDocument": {"uri": uri}, "position": {"line": 0, "character": 1}});
    assert_eq!(server.ask(3, "textDocument/hover", &at), Value::Null);
    let deploy = server.command(4, "deploy", &json!({"uri": uri, "port": "sim:"}));
    assert!(
        deploy.is_null() || deploy["outcome"] == "failed",
        "{deploy}"
    );
}

#[test]
fn a_state_directory_that_is_no_such_thing_holds_up_nothing() {
    let mut server = Server::start(&[]);
    let folder = server.folder.path().to_owned();
    let state = folder.join("fbuild-lsp");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, std::fs::Permissions::from_mode(0o755)).unwrap();
    for name in [
        "history.json",
        "selections.json",
        "rates.json",
        "history.lock",
    ] {
        let made = Command::new("mkfifo").arg(state.join(name)).status();
        assert!(made.unwrap().success());
    }
    project::write(&folder, &project::app_image(&project::body(20_000, 1)));
    server.initialize(None);
    assert_eq!(
        server.command(2, "history", &json!({})),
        json!({"boards": []})
    );
    let outcome = server.command(3, "deploy", &json!({"port": PORT, "staleBuild": "ignore"}));
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
    let mode = std::fs::metadata(&state).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn without_a_home_nothing_is_kept_anywhere() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let shared = root.join("tmp");
    std::fs::create_dir(&shared).unwrap();
    project::write(root, &project::app_image(&project::body(20_000, 1)));
    let before = std::fs::read_dir(root).unwrap().count();
    for _ in 0..2 {
        let output = fbuild_lsp(root)
            .current_dir(root)
            .env_remove("HOME")
            .env_remove("XDG_STATE_HOME")
            .env("TMPDIR", &shared)
            .args(["deploy", "--port", "sim:", "--log", "warn"])
            .output()
            .unwrap();
        // A board in memory, which is new each time.
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("deploy succeeded (full flash)"), "{said}");
        let warned = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            warned.matches("nothing is remembered").count(),
            1,
            "{warned}"
        );
        let last = warned.lines().last().unwrap();
        assert!(
            last.starts_with("the simulated board is not kept"),
            "{warned}"
        );
    }
    assert_eq!(std::fs::read_dir(&shared).unwrap().count(), 0);
    assert_eq!(std::fs::read_dir(root).unwrap().count(), before);
}
