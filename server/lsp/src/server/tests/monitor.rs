//! Monitors, with simulated boards: the link that a deploy borrows, and what a client hears.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::harness::{Builder, Client, flash_without_app};
use super::protocol::{example, shape_of};
use crate::boards::LocalBoards;

const PORT: &str = "sim:board.bin?log=board.log";

/// A client with a board that prints these lines once its firmware runs.
async fn start(state: &Path, log: &str, options: &Value) -> Client {
    let boards = LocalBoards {
        state_dir: Some(state.to_owned()),
    };
    let builder = Builder::new(Arc::new(boards)).with_options(options);
    let client = builder.start().await;
    let board = client.folder.path().join("board.bin");
    std::fs::write(board, flash_without_app()).unwrap();
    std::fs::write(client.folder.path().join("board.log"), log).unwrap();
    client
}

fn following() -> Value {
    json!({"notifications": ["monitor"]})
}

fn port(client: &Client) -> String {
    let folder = client.folder.path();
    let (file, log) = PORT.split_once("log=").unwrap();
    let file = file.replace("board.bin", &folder.join("board.bin").display().to_string());
    format!("{file}log={}", folder.join(log).display())
}

async fn run(client: &mut Client, command: &str, mut argument: Value) -> Value {
    argument["port"] = json!(port(client));
    client.call(command, &argument).await
}

async fn start_monitor(client: &mut Client) -> Value {
    let started = run(client, "monitor.start", json!({})).await;
    client.message("window/logMessage").await;
    assert_eq!(started["error"], Value::Null, "{started}");
    started
}

async fn deploy(client: &mut Client) -> Value {
    let argument = json!({"port": port(client)});
    let outcome = client.run("deploy", &argument).await;
    assert_eq!(outcome["error"], Value::Null, "{outcome}");
    outcome
}

fn texts(found: &Value) -> Vec<&str> {
    let entries = found["entries"].as_array().unwrap().iter();
    entries.filter_map(|entry| entry["text"].as_str()).collect()
}

/// What a client that follows is told, until `last` is in it; its text.
async fn told_until(client: &mut Client, last: &str) -> String {
    let mut shown = String::new();
    while !shown.contains(last) {
        let told = client.message("fbuild/monitor").await["params"].clone();
        assert_eq!(told["droppedLines"], 0);
        shown += told["text"].as_str().unwrap();
    }
    shown
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deploy_borrows_the_link_and_no_byte_of_the_boot_is_lost() {
    let state = tempfile::tempdir().unwrap();
    let log = "I (300) app: up\nE (400) app: \u{1b}[31mno network\u{1b}[0m\nready\n";
    let mut client = start(state.path(), log, &following()).await;
    start_monitor(&mut client).await;
    for n in 1..=3 {
        let outcome = deploy(&mut client).await;
        let expected = if n == 1 { "fullFlash" } else { "verifySkip" };
        assert_eq!(outcome["outcome"], expected, "{outcome}");
        let shown = told_until(&mut client, "ready\n").await;
        let (before, boot) = shown.split_once("ets Jul 29 2019").unwrap();
        assert!(
            before.contains("is used by the deploy of espidf:build\n"),
            "{shown}"
        );
        assert!(
            before.ends_with(" is back\n") && boot.contains("entry 0x"),
            "{shown}"
        );
        assert_eq!(shown.matches("rst:").count(), 1, "one reset: {shown}");
        assert!(
            shown.contains("E (400) app: \u{1b}[31mno network\u{1b}[0m"),
            "{shown}"
        );
    }
    let found = run(
        &mut client,
        "monitor.read",
        json!({"until": "never", "since": 0}),
    )
    .await;
    assert_eq!(found["reason"], "timeout");
    assert_eq!(
        texts(&found)
            .iter()
            .filter(|text| **text == "ready")
            .count(),
        3
    );
    let stopped = run(&mut client, "monitor.stop", json!({})).await;
    assert_eq!(stopped, json!({"stopped": 1}));
    let last = client.message("fbuild/monitor").await;
    assert_eq!(last["params"]["state"], "ended", "{last}");
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_baud_rate_is_the_setting_s_else_the_project_s() {
    let state = tempfile::tempdir().unwrap();
    let mut client = start(state.path(), "", &following()).await;
    let sdkconfig = client.folder.path().join("sdkconfig");
    std::fs::write(sdkconfig, "CONFIG_ESPTOOLPY_MONITOR_BAUD=460800\n").unwrap();
    let started = start_monitor(&mut client).await;
    let option = "CONFIG_ESPTOOLPY_MONITOR_BAUD";
    assert_eq!(started["monitor"]["baud"], 460_800);
    assert_eq!(started["monitor"]["baudFrom"], option);
    let shown = told_until(&mut client, "\n").await;
    assert!(
        shown.ends_with(&format!("at 460800 baud ({option})\n")),
        "{shown}"
    );
    run(&mut client, "monitor.stop", json!({})).await;
    client.leave_with_unread(&["fbuild/monitor"]).await;

    let options = json!({"settings": {"monitor": {"baud": 74880}}});
    let mut client = start(state.path(), "", &options).await;
    let started = start_monitor(&mut client).await;
    assert_eq!(started["monitor"]["baudFrom"], "fbuild.monitor.baud");
    run(&mut client, "monitor.stop", json!({})).await;
    let asked = run(&mut client, "monitor.start", json!({"baud": 9600})).await;
    client.message("window/logMessage").await;
    assert_eq!(asked["monitor"]["baud"], 9600);
    assert_eq!(asked["monitor"]["baudFrom"], Value::Null);
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_script_waits_for_a_line() {
    let state = tempfile::tempdir().unwrap();
    let log = "I (300) app: up\nI (400) app: one\nI (500) app: two\n> ";
    let mut client = start(state.path(), log, &Value::Null).await;
    deploy(&mut client).await;
    start_monitor(&mut client).await;
    let reset = run(&mut client, "monitor.reset", json!({})).await;
    assert_eq!(reset["error"], Value::Null, "{reset}");

    let read = json!({"until": "app: (one|two)$", "timeoutMs": 20_000});
    let first = run(&mut client, "monitor.read", read).await;
    assert_eq!(first["reason"], "matched", "{first}");
    assert_eq!(first["line"], "I (400) app: one");
    let line = first["entries"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&line["level"], &line["tag"]),
        (&json!("info"), &json!("app"))
    );
    assert_eq!(first["next"], line["number"].as_u64().unwrap() + 1);

    // From where it left off, also to a prompt, which is no line yet.
    let read = json!({"since": first["next"], "until": "^> $", "timeoutMs": 20_000});
    let second = run(&mut client, "monitor.read", read).await;
    assert_eq!(
        (&second["reason"], &second["line"]),
        (&json!("matched"), &json!("> "))
    );
    assert_eq!(texts(&second), ["I (500) app: two"]);

    let short = run(
        &mut client,
        "monitor.read",
        json!({"since": 0, "maxBytes": 200}),
    )
    .await;
    assert_eq!(short["reason"], "limit", "{short}");
    let nothing = json!({"since": second["next"], "timeoutMs": 1});
    let nothing = run(&mut client, "monitor.read", nothing).await;
    assert_eq!(
        (&nothing["reason"], &nothing["entries"]),
        (&json!("timeout"), &json!([]))
    );
    let sent = run(&mut client, "monitor.write", json!({"text": "help\r"})).await;
    assert_eq!(sent["error"], Value::Null, "{sent}");
    let wrong = client.command("monitor.read", &json!({"until": "("})).await;
    assert_eq!(client.answer(wrong).await["error"]["code"], -32602);
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_monitor_a_port_and_none_where_none_runs() {
    let state = tempfile::tempdir().unwrap();
    let mut client = start(state.path(), "", &Value::Null).await;
    for command in ["write", "reset", "read"] {
        let command = format!("monitor.{command}");
        let refused = run(&mut client, &command, json!({"text": ""})).await;
        assert_eq!(refused["error"]["code"], "no-monitor", "{refused}");
    }
    start_monitor(&mut client).await;
    start_monitor(&mut client).await;
    let listed = run(&mut client, "monitor.list", json!({})).await;
    assert_eq!(listed["monitors"].as_array().unwrap().len(), 1, "{listed}");
    run(&mut client, "monitor.stop", json!({})).await;
    let listed = run(&mut client, "monitor.list", json!({})).await;
    assert_eq!(listed, json!({"monitors": []}));

    // The port is free again, and one that cannot be opened is told as any other failure.
    start_monitor(&mut client).await;
    let refused = client
        .call("monitor.start", &json!({"port": "/dev/no-such-port"}))
        .await;
    client.message("window/showMessage").await;
    client.message("window/logMessage").await;
    assert_eq!(refused["error"]["code"], "port-not-found", "{refused}");
    assert_eq!(refused["monitor"], Value::Null);
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_starts_it_after_a_deploy() {
    let state = tempfile::tempdir().unwrap();
    let mut options = following();
    options["settings"] = json!({"monitor": {"afterDeploy": true}});
    let mut client = start(state.path(), "ready\n", &options).await;
    deploy(&mut client).await;
    let shown = told_until(&mut client, "ready\n").await;
    let (first, boot) = shown.split_once('\n').unwrap();
    assert!(first.ends_with(" at 115200 baud"), "{shown}");
    assert!(boot.starts_with("ets Jul 29 2019"), "{shown}");
    assert_eq!(shown.matches("rst:").count(), 1, "{shown}");
    client.leave_with_unread(&["fbuild/monitor"]).await;
}

/// A deploy that is cancelled leaves the monitor with a link that still reads what the board prints.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_goes_on_after_a_cancelled_deploy_and_keeps_every_byte_in_its_log() {
    let state = tempfile::tempdir().unwrap();
    let mut client = start(state.path(), "ready\n", &following()).await;
    let log = client.folder.path().join("every-byte.log");
    let folder = client.folder.path().to_owned();
    let real = format!("{}&time=real", port(&client));
    deploy(&mut client).await;
    let argument = json!({"port": real, "log": log});
    let started = client.call("monitor.start", &argument).await;
    assert_eq!(started["error"], Value::Null, "{started}");
    client.message("window/logMessage").await;

    let app = super::project::app_image(&super::project::body(1_000_000, 2));
    super::project::write(&folder, &app);
    let id = client.command("deploy", &json!({"port": real})).await;
    loop {
        let jobs = client.command("jobs", &json!({})).await;
        let jobs = client.answer(jobs).await["result"]["jobs"].clone();
        let message = jobs[0]["message"].as_str().expect("it runs").to_owned();
        if message.starts_with("firmware: writing") {
            break;
        }
    }
    client.notify("$/cancelRequest", &json!({"id": id})).await;
    assert_eq!(client.outcome(id).await["outcome"], "cancelled");
    let shown = told_until(&mut client, "entry 0x").await;
    assert!(shown.contains("is used by the deploy"), "{shown}");
    // Every byte: the end of an answer that the cancelled deploy did not wait for may be among them.
    let kept = std::fs::read(&log).unwrap();
    let kept = String::from_utf8_lossy(&kept);
    assert!(
        kept.contains("ets Jul 29 2019") && kept.contains("entry 0x"),
        "{kept}"
    );
    // Where it was stopped decides whether what is in flash starts; if not, that is told.
    let may_come = ["fbuild/monitor", "window/showMessage", "window/logMessage"];
    client.leave_with_unread(&may_come).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_looks_as_documented() {
    let state = tempfile::tempdir().unwrap();
    let mut client = start(state.path(), "I (300) app: up\n", &following()).await;
    deploy(&mut client).await;
    let started = start_monitor(&mut client).await;
    let shown = example(|value| value["monitor"].is_object());
    assert_eq!(shape_of(&started), shape_of(&shown));
    run(&mut client, "monitor.reset", json!({})).await;
    let read = json!({"until": "up$", "timeoutMs": 20_000});
    let found = run(&mut client, "monitor.read", read).await;
    let last = found["entries"].as_array().unwrap().last().unwrap();
    let shown = example(|value| value["entries"].is_array());
    assert_eq!(shape_of(last), shape_of(&shown["entries"][0]));
    let told = client.message("fbuild/monitor").await["params"].clone();
    let shown = example(|value| value["droppedLines"].is_number());
    assert_eq!(shape_of(&told), shape_of(&shown));
    let listed = run(&mut client, "monitor.list", json!({})).await;
    let shown = example(|value| value["monitors"].is_array());
    assert_eq!(shape_of(&listed), shape_of(&shown));
    client.leave_with_unread(&["fbuild/monitor"]).await;
}

/// The keys of the monitor in a shell, in that of an editor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_understood() {
    let state = tempfile::tempdir().unwrap();
    let log = "W (300) wifi: weak\nI (310) app: ready\n";
    let mut client = start(state.path(), log, &following()).await;
    start_monitor(&mut client).await;
    let mut shown = String::new();
    for (keys, expected, unexpected) in [
        ("\u{14}h", "--- Ctrl+]  quit;", "\u{14}"),
        ("\u{14}d", "--- deploying\n", "error"),
        ("", "deploy succeeded", "error"),
        ("\u{14}i", "time stamps are on\n", "Z] "),
        ("\u{14}r", "Z] I (310) app: ready\n", "gone"),
        (
            "\u{14}/wifx\u{8}i:x\r",
            "--- filter: wifx\u{8} \u{8}i:x\n",
            "board",
        ),
        ("", "no level", "board"),
        ("\u{14}/*:N app:I\r", "app:I\n", "no level"),
        ("\u{14}r", "app: ready\n", "weak"),
        ("\u{14}l", "--- logging into ", "error"),
        ("\u{14}l", "the log file is closed\n", "error"),
        ("\u{1d}", "the monitor has ended\n", "error"),
    ] {
        let typed = json!({"text": keys, "keys": true});
        let done = run(&mut client, "monitor.write", typed).await;
        assert_eq!(done["error"], Value::Null, "{done}");
        while !shown.contains(expected) {
            let told = client.message("fbuild/monitor").await["params"].clone();
            shown += told["text"].as_str().unwrap();
        }
        let end = shown.find(expected).unwrap() + expected.len();
        let seen: String = shown.drain(..end).collect();
        assert!(!seen.contains(unexpected), "{keys:?}: {seen}");
        // What was begun before may still come.
        if keys == "\u{14}d" {
            while !shown.contains("app: ready\n") || !shown.contains("deploy succeeded") {
                let told = client.message("fbuild/monitor").await["params"].clone();
                shown += told["text"].as_str().unwrap();
            }
        }
    }
    let is_log = |entry: std::io::Result<std::fs::DirEntry>| {
        let name = entry.unwrap().file_name();
        name.to_string_lossy().starts_with("monitor-20")
    };
    let mut files = std::fs::read_dir(client.folder.path()).unwrap();
    assert!(files.any(is_log));
    client
        .leave_with_unread(&["fbuild/monitor", "window/logMessage"])
        .await;
}
