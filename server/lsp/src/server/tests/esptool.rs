//! The esptool backend as a client sees it. What stands in for esptool here says what it is told to
//! say; the genuine one is driven in `tests/it/esptool`.

#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::{Value, json};

use super::harness::{Builder, Client, LONG};
use super::stale::is_running;
use crate::boards::LocalBoards;

/// An esptool that finds an empty ESP32 and never ends a write. It leaves the number of a child.
const SCRIPT: &str = r#"#!/bin/sh
case " $* " in
*" version "*) echo "esptool v5.6.0" ;;
*" flash-id "*)
    echo "Detecting chip type... ESP32"
    echo "MAC:                24:0a:c4:00:01:10"
    echo "Detected flash size: 4MB" ;;
*" dump-mem "*) head -c 28 /dev/zero > efuses.bin ;;
*" verify-flash "*)
    echo "ERROR: A fatal error occurred: Verification failed."
    exit 2 ;;
*" write-flash "*)
    sleep 600 &
    echo $! > "$0.child"
    echo "$@" > "$0.words"
    echo "Writing 'x' at 0x00010000..."
    printf 'Writing at 0x00012000 [=> ]  40.0%% 16.00kB/40.00kB [0s] \r'
    wait ;;
esac
"#;

/// Written by a process of its own: a file that this one has open for writing cannot be run, and a
/// test beside this one may start a program just then, which has it open until it begins.
fn script(folder: &Path, text: &str) -> PathBuf {
    let path = folder.join("esptool");
    let write = r#"printf %s "$1" > "$2" && chmod 755 "$2""#;
    let status = Command::new("sh")
        .args(["-c", write, "sh", text])
        .arg(&path)
        .status();
    assert!(status.unwrap().success());
    path
}

async fn start(state: &Path, settings: &Value, trusted: bool) -> Client {
    let boards = LocalBoards {
        state_dir: Some(state.to_owned()),
    };
    let options = json!({"settings": settings, "workspaceTrusted": trusted});
    let builder = Builder::new(Arc::new(boards)).with_progress();
    builder.with_options(&options).start().await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_write_by_esptool_shows_progress_and_is_cancelled() {
    let state = tempfile::tempdir().unwrap();
    let program = script(state.path(), SCRIPT);
    let settings = json!({"backend": "esptool", "esptool": {"path": program}});
    let mut client = start(state.path(), &settings, true).await;
    let argument = json!({"port": "/dev/none", "baud": 9600});
    let id = client.command("deploy", &argument).await;
    let token = client.accept_progress().await;
    loop {
        let message = client.message("$/progress").await;
        let value = &message["params"]["value"];
        assert_ne!(value["kind"], "end", "{value}");
        let text = value["message"].as_str().unwrap_or_default();
        // 40 % of the padded app.
        if text.starts_with("firmware: writing 40 %, 16 of 40 KiB") {
            break;
        }
    }
    let child = std::fs::read_to_string(state.path().join("esptool.child")).unwrap();
    let child: i32 = child.trim().parse().unwrap();
    assert!(is_running(child));
    client.notify("$/cancelRequest", &json!({"id": id})).await;
    let outcome = client.outcome(id).await;
    client.progress(&token).await;
    assert_eq!(outcome["outcome"], "cancelled", "{outcome}");
    assert_eq!(outcome["backend"], "esptool");
    let message = outcome["message"].as_str().unwrap();
    assert!(
        message.contains("writing had begun (firmware)"),
        "{message}"
    );
    // Nobody can reset a board on a port that is not there.
    let warnings = outcome["warnings"].to_string();
    assert!(
        warnings.contains("press the board's reset button"),
        "{warnings}"
    );
    let since = Instant::now();
    while is_running(child) {
        assert!(since.elapsed() < LONG, "{child} runs on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let words = std::fs::read_to_string(state.path().join("esptool.words")).unwrap();
    assert!(words.contains("--port /dev/none --baud 9600 "), "{words}");
    client.leave().await;
}

/// The monitor's port is lent to a program that wants it for itself, and was never closed.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_monitor_hears_what_comes_at_once_after_a_job_of_esptool() {
    let board = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&board).unwrap();
    unlockpt(&board).unwrap();
    let port = ptsname(&board, Vec::new()).unwrap().into_string().unwrap();
    let state = tempfile::tempdir().unwrap();
    let exclusive = format!(
        "#!/bin/sh\ncase \"$*\" in *version) ;; *) flock -n -x {port} true || exit 3 ;; esac"
    );
    let program = script(state.path(), &SCRIPT.replace("#!/bin/sh", &exclusive));
    let settings = json!({"backend": "esptool", "esptool": {"path": program}});
    let options = json!({"settings": settings, "workspaceTrusted": true});
    let boards = LocalBoards {
        state_dir: Some(state.path().to_owned()),
    };
    let builder = Builder::new(Arc::new(boards)).with_options(&options);
    let mut client = builder.start().await;
    let id = client
        .command("monitor.start", &json!({"port": port}))
        .await;
    assert_eq!(client.answer(id).await["result"]["error"], Value::Null);
    client.message("window/logMessage").await;
    let id = client.command("deploy", &json!({"port": port})).await;
    let since = Instant::now();
    while !state.path().join("esptool.words").exists() {
        assert!(since.elapsed() < LONG, "it does not write");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.notify("$/cancelRequest", &json!({"id": id})).await;
    assert_eq!(client.outcome(id).await["outcome"], "cancelled");
    rustix::io::write(&board, b"boot\n").unwrap();
    let read = json!({"port": port, "since": 0, "until": "^boot$", "timeoutMs": 20_000});
    let id = client.command("monitor.read", &read).await;
    let read = client.answer(id).await["result"].clone();
    assert_eq!(read["reason"], "matched", "{read}");
    // Neither gone nor back.
    assert_eq!(read["entries"].as_array().unwrap().len(), 1, "{read}");
    let id = client.command("monitor.stop", &json!({"port": port})).await;
    assert_eq!(client.answer(id).await["result"], json!({"stopped": 1}));
    client.leave().await;
}

/// An esptool that says that it has written, and neither proves it nor finds it afterwards.
const LIAR: &str = r#"#!/bin/sh
case " $* " in
*" version "*) echo "esptool.py v4.8.1" ;;
*" flash_id "*) echo "Detecting chip type... ESP32" ;;
*" dump_mem "*) head -c 28 /dev/zero > efuses.bin ;;
*" write_flash "*) echo "Wrote 40960 bytes (123 compressed) at 0x00010000 in 0.1 seconds" ;;
*" verify_flash "*)
    echo "Verifying 0xa000 (40960) bytes @ 0x00010000 in flash against 0x10000.bin..."
    echo "-- verify FAILED (digest mismatch)"
    echo
    echo "A fatal error occurred: Verify failed."
    exit 2 ;;
esac
"#;

/// What esptool does not say to be right is compared once more, and not believed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_proved_is_not_claimed() {
    let state = tempfile::tempdir().unwrap();
    let settings = json!({"backend": "esptool", "esptool": {"path": script(state.path(), LIAR)}});
    let mut client = start(state.path(), &settings, true).await;
    let id = client
        .command("deploy", &json!({"port": "/dev/none"}))
        .await;
    let token = client.accept_progress().await;
    client.progress(&token).await;
    let outcome = client.outcome(id).await;
    assert_eq!(outcome["outcome"], "failed", "{outcome}");
    assert_eq!(outcome["error"]["code"], "not-proved", "{outcome}");
    let state_of_board = outcome["error"]["boardState"].as_str().unwrap();
    assert!(
        state_of_board.contains("not fully verified"),
        "{state_of_board}"
    );
    assert_eq!(outcome["regions"][0]["bytesSent"], 123);
    client.leave().await;
}

/// Neither another esptool nor the other backend is taken instead, and nothing is run.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_esptool_of_an_untrusted_workspace_is_not_run() {
    let state = tempfile::tempdir().unwrap();
    let program = script(state.path(), "#!/bin/sh\ntouch \"$0.was-run\"\n");
    let settings = json!({"esptool": {"path": program}, "port": "/dev/none"});
    let mut client = start(state.path(), &settings, false).await;
    for command in ["deploy", "verify", "plan"] {
        let argument = json!({"port": "/dev/none", "backend": "esptool"});
        let id = client.command(command, &argument).await;
        let token = client.accept_progress().await;
        client.progress(&token).await;
        let outcome = client.outcome(id).await;
        assert_eq!(outcome["error"]["code"], "not-trusted", "{outcome}");
        assert_eq!(outcome["backend"], "esptool");
    }
    assert!(!state.path().join("esptool.was-run").exists());
    client.leave().await;
}
