//! Boards that are asked and erased, with the real code and simulated boards.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::harness::{Builder, Client};
use crate::boards::LocalBoards;

fn builder(state: &Path) -> Builder {
    Builder::new(Arc::new(LocalBoards {
        state_dir: Some(state.to_owned()),
    }))
}

/// A board whose flash is full of data.
async fn start() -> (Client, tempfile::TempDir) {
    let state = tempfile::tempdir().unwrap();
    let client = builder(state.path()).start().await;
    std::fs::write(flash(&client), vec![0x5A; 4 << 20]).unwrap();
    (client, state)
}

fn flash(client: &Client) -> std::path::PathBuf {
    client.folder.path().join("board.bin")
}

const BOARD: &str = "sim:board.bin?chip=esp32c3&size=4MB";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_region_is_erased_and_nothing_else() {
    let (mut client, _state) = start().await;
    let argument = json!({"port": BOARD, "offset": 0x9000, "size": 0x5_3000, "confirmed": true});
    let erased = client.run("eraseRegion", &argument).await;
    assert_eq!(erased["outcome"], "erased", "{erased}");
    let flash = std::fs::read(flash(&client)).unwrap();
    let (start, end) = (0x9000, 0x9000 + 0x5_3000);
    assert!(flash[start..end].iter().all(|byte| *byte == 0xFF));
    let kept = flash[..start].iter().chain(&flash[end..]);
    assert!(kept.into_iter().all(|byte| *byte == 0x5A));
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_is_erased_once_a_person_says_so() {
    let (mut client, _state) = start().await;
    for (answer, expected) in [
        (Value::Null, "cancelled"),
        (json!({"title": "Cancel"}), "cancelled"),
        (json!({"title": "Erase"}), "erased"),
    ] {
        let id = client.command("eraseFlash", &json!({"port": BOARD})).await;
        let question = client.message("window/showMessageRequest").await;
        let text = question["params"]["message"].as_str().unwrap();
        assert!(text.contains("the whole flash"), "{text}");
        assert_eq!(question["params"]["actions"], json!([{"title": "Erase"}]));
        let flash = flash(&client);
        assert!(
            std::fs::read(&flash)
                .unwrap()
                .iter()
                .all(|byte| *byte == 0x5A)
        );
        client.reply(&question["id"], &answer).await;
        let erased = client.outcome(id).await;
        assert_eq!(erased["outcome"], expected, "{erased}");
    }
    let flash = std::fs::read(flash(&client)).unwrap();
    assert_eq!(flash.len(), 4 << 20);
    assert!(flash.iter().all(|byte| *byte == 0xFF));
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn silence_is_no_yes() {
    let state = tempfile::tempdir().unwrap();
    let builder = builder(state.path());
    let patience = std::time::Duration::from_millis(50);
    let mut client = builder.waiting(|wait| wait.person = patience).start().await;
    std::fs::write(flash(&client), vec![0x5A; 4 << 20]).unwrap();
    let id = client.command("eraseFlash", &json!({"port": BOARD})).await;
    client.message("window/showMessageRequest").await;
    let erased = client.outcome(id).await;
    assert_eq!(erased["error"]["code"], "not-confirmed", "{erased}");
    assert!(
        std::fs::read(flash(&client))
            .unwrap()
            .iter()
            .all(|byte| *byte == 0x5A)
    );
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secured_board_and_a_region_behind_the_flash_are_refused() {
    let (mut client, _state) = start().await;
    for (options, offset, code) in [
        ("secure-boot=1", 0, "secured-board"),
        ("secure-download=1", 0, "secured-board"),
        ("encryption=development", 0, "secured-board"),
        ("", 0x40_0000, "outside-flash"),
        ("", 0x3F_F000, "outside-flash"),
    ] {
        let port = format!("{BOARD}&{options}")
            .trim_end_matches('&')
            .to_owned();
        let argument = json!({"port": port, "offset": offset, "size": 0x2000, "confirmed": true});
        let refused = client.run("eraseRegion", &argument).await;
        assert_eq!(refused["error"]["code"], code, "{options}: {refused}");
        assert_eq!(refused["error"]["boardState"], "nothing was erased");
        let flash = std::fs::read(flash(&client)).unwrap();
        assert!(flash.iter().all(|byte| *byte == 0x5A), "{options}");
    }
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn arguments_are_checked_before_any_board_is_touched() {
    let (mut client, _state) = start().await;
    for (argument, field) in [
        (json!({"size": 4096}), "'offset': missing"),
        (json!({"offset": 0}), "'size': missing"),
        (json!({"offset": 0, "size": 0}), "'size'"),
        (
            json!({"offset": 1, "size": 4096}),
            "'offset': 1 is not a multiple of 4096",
        ),
        (json!({"offset": -4096, "size": 4096}), "'offset'"),
        (
            json!({"offset": 0, "size": 4096, "confirmed": "yes"}),
            "'confirmed'",
        ),
    ] {
        let error = client.refused("eraseRegion", &argument).await;
        assert_eq!(error["code"], -32602, "{argument}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(field), "{message}");
    }
    client.leave().await;
}

/// An erase in real time is cancelled in the middle, and says how far it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erase_can_be_cancelled() {
    let state = tempfile::tempdir().unwrap();
    let mut client = builder(state.path()).with_progress().start().await;
    let port = format!("{BOARD}&time=real");
    let argument = json!({"port": port, "confirmed": true});
    let id = client.command("eraseFlash", &argument).await;
    let token = client.accept_progress().await;
    loop {
        let said = client.message("$/progress").await["params"]["value"].clone();
        let text = said["message"].as_str().unwrap_or_default().to_owned();
        assert_ne!(said["kind"], "end", "{text}");
        if text.starts_with("erasing") {
            break;
        }
    }
    let progress = json!({"token": token});
    client
        .notify("window/workDoneProgress/cancel", &progress)
        .await;
    let erased = client.outcome(id).await;
    assert_eq!(erased["outcome"], "cancelled", "{erased}");
    client.progress(&token).await;
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_answer_is_an_error_and_no_board() {
    let (mut client, _state) = start().await;
    let info = client
        .call("boardInfo", &json!({"port": "/dev/no-such-port"}))
        .await;
    assert_eq!(info["board"], Value::Null);
    assert_eq!(info["error"]["code"], "port-not-found", "{info}");
    client.message("window/showMessage").await;
    client.message("window/logMessage").await;
    client.leave().await;
}
