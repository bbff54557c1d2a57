//! The real server for a long time and under load: nothing grows, and a cancel is heard.

use serde_json::json;

use crate::stdio::Server;
use crate::{fbuild_lsp, project};

fn with_project() -> Server {
    let mut server = Server::start(&[]);
    let app = project::app_image(&project::body(40_000, 1));
    project::write(server.folder.path(), &app);
    server.initialize(None);
    server
}

/// Resident memory in KiB, open files, threads.
#[cfg(target_os = "linux")]
fn held(pid: u32) -> (u64, usize, usize) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    let kib = line.split_whitespace().nth(1).unwrap().parse().unwrap();
    let count = |what: &str| {
        std::fs::read_dir(format!("/proc/{pid}/{what}"))
            .unwrap()
            .count()
    };
    (kib, count("fd"), count("task"))
}

#[cfg(target_os = "linux")]
#[test]
fn two_hundred_deploys_hold_no_more_than_twenty() {
    const WARM_UP: i64 = 20;
    let mut server = with_project();
    let argument = json!({"port": "sim:board.bin?chip=esp32"});
    let app = server.folder.path().join("build/app.bin");
    let mut after_warm_up = None;
    for n in 0..200 {
        // Every deploy writes something.
        let seed = u32::try_from(n).unwrap() + 2;
        std::fs::write(&app, project::app_image(&project::body(40_000, seed))).unwrap();
        let outcome = server.command(10 + n, "deploy", &argument);
        assert_eq!(outcome["error"], serde_json::Value::Null, "{n}: {outcome}");
        if n == WARM_UP {
            after_warm_up = Some(held(server.id()));
        }
    }
    // Threads and files of the last job may be on their way out, and idle threads of a pool live on for
    // ten seconds, more of them on a busy machine. One for each deploy would be 180.
    let (kib, files, threads) = held(server.id());
    let (kib_then, files_then, threads_then) = after_warm_up.unwrap();
    assert!(
        files <= files_then + 1,
        "{files_then} open files, then {files}"
    );
    assert!(
        threads <= threads_then + 20,
        "{threads_then} threads, then {threads}"
    );
    assert!(kib <= kib_then + 4096, "{kib_then} KiB, then {kib}");
    let history = server.command(1000, "history", &json!({}));
    let kept = history["boards"][0]["deploys"].as_array().unwrap().len();
    assert_eq!(kept, 20);
}

#[test]
fn eight_boards_at_once() {
    let mut server = with_project();
    for n in 0..8 {
        let port = format!("sim:board{n}.bin?chip=esp32&time=real");
        server.start_command(10 + n, "deploy", &json!({"port": port}));
    }
    let mut open: Vec<i64> = (10..18).collect();
    while !open.is_empty() {
        let answer = server.next_answer();
        let id = answer["id"].as_i64().unwrap();
        assert_eq!(answer["result"]["outcome"], "fullFlash", "{answer}");
        open.retain(|other| *other != id);
    }
    let app = project::app_image(&project::body(40_000, 1));
    for n in 0..8 {
        let flash = std::fs::read(server.folder.path().join(format!("board{n}.bin"))).unwrap();
        assert!(flash[project::APP_OFFSET..].starts_with(&app), "board {n}");
    }
}

/// A hundred thousand edits arrive during a deploy, and then its cancel. Each edit takes away what
/// the one before it wrote, so one that was lost, or applied out of turn, leaves another text. They
/// do not wait for anything, so what is after them is read as soon as they are; the deploy is then
/// still far from its end.
#[test]
fn a_hundred_thousand_edits_are_applied_in_turn_and_the_cancel_behind_them_is_heard() {
    const LAST: usize = 100_001;
    let mut server = with_project();
    let app = project::app_image(&project::body(1_000_000, 3));
    project::write(server.folder.path(), &app);
    // Takes a minute and a half if nobody stops it.
    let slow = json!({"port": "sim:board.bin?chip=esp32&time=real", "baud": 115_200});
    server.start_command(2, "deploy", &slow);
    let uri = "file:///elsewhere/partitions.csv";
    let row = ", data, nvs, 0x9000, 0x6000\n";
    let text = format!("n1{row}");
    let document = json!({"uri": uri, "languageId": "csv", "version": 1, "text": text});
    server.notify("textDocument/didOpen", &json!({"textDocument": document}));
    let mut name = "n1".to_owned();
    for version in 2..=LAST {
        let document = json!({"uri": uri, "version": version});
        let (start, end) = (
            json!({"line": 0, "character": 0}),
            json!({"line": 0, "character": name.len()}),
        );
        name = format!("n{version}");
        let changes = json!([{"range": {"start": start, "end": end}, "text": name}]);
        let params = json!({"textDocument": document, "contentChanges": changes});
        server.notify("textDocument/didChange", &params);
    }
    server.notify("$/cancelRequest", &json!({"id": 2}));
    let answer = server.answer(2);
    assert_eq!(answer["result"]["outcome"], "cancelled", "{answer}");
    let document = json!({"textDocument": {"uri": uri}});
    let symbols = server.ask(3, "textDocument/documentSymbol", &document);
    assert_eq!(symbols[0]["name"], format!("n{LAST}"), "{symbols}");
}

#[test]
fn a_log_file_gets_what_happened() {
    let state = tempfile::tempdir().unwrap();
    let log = state.path().join("server.log");
    for _ in 0..2 {
        let output = fbuild_lsp(state.path())
            .args(["deploy", "/no/such/project", "--log-file"])
            .arg(&log)
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
    }
    assert!(log.exists());
    let output = fbuild_lsp(state.path())
        .args(["ports", "--log-file", "/no/such/folder/log"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cannot log to /no/such/folder/log"), "{said}");

    let mut server = Server::start(&["--log-file", log.to_str().unwrap()]);
    server.initialize(None);
    server.command(2, "deploy", &json!({"target": "none"}));
    let text = std::fs::read_to_string(&log).unwrap();
    assert!(
        text.contains("job ended") && !text.contains('\x1b'),
        "{text}"
    );
}
