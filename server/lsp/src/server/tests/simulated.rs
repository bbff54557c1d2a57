//! The server with the real deploy and simulated boards, over the in-memory pipe.

use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};

use super::harness::{Builder, Client};
use super::project;
use crate::boards::LocalBoards;

fn builder(state: &Path) -> Builder {
    Builder::new(Arc::new(LocalBoards {
        state_dir: Some(state.to_owned()),
    }))
    .with_progress()
}

async fn deploy(client: &mut Client, argument: &Value) -> (Value, Vec<Value>) {
    let id = client.command("deploy", argument).await;
    let token = client.accept_progress().await;
    let said = client.progress(&token).await;
    (client.outcome(id).await, said)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blank_board_then_nothing_then_what_differs() {
    let state = tempfile::tempdir().unwrap();
    let mut client = builder(state.path()).start().await;
    let folder = client.folder.path().to_owned();
    let on_board = |app: &[u8]| {
        let flash = std::fs::read(folder.join("board.bin")).unwrap();
        flash[project::APP_OFFSET..].starts_with(app)
    };
    let argument = json!({"port": "sim:board.bin?chip=esp32"});

    let (outcome, said) = deploy(&mut client, &argument).await;
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
    assert_eq!(outcome["chip"], "esp32");
    assert!(on_board(&project::app_image(&project::body(40_000, 1))));
    assert_eq!(said.last().unwrap()["message"], outcome["message"]);

    let (outcome, _) = deploy(&mut client, &argument).await;
    assert_eq!(outcome["outcome"], "verifySkip", "{outcome}");

    let mut body = project::body(40_000, 1);
    body[20_000] ^= 0x55;
    let app = project::app_image(&body);
    project::write(&folder, &app);
    let (outcome, _) = deploy(&mut client, &argument).await;
    assert_eq!(outcome["outcome"], "selectiveFlash", "{outcome}");
    assert_eq!(outcome["regions"][0]["name"], "firmware");
    assert!(on_board(&app));
    client.leave().await;
}

/// Wherever the server was started: here in this crate's folder.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_that_a_setting_names_is_in_the_projects_folder() {
    let state = tempfile::tempdir().unwrap();
    let options = json!({"settings": {"port": "sim:mine.bin"}, "workspaceTrusted": true});
    let mut client = builder(state.path()).with_options(&options).start().await;
    let (outcome, _) = deploy(&mut client, &json!({})).await;
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
    assert!(client.folder.path().join("mine.bin").is_file());
    client.leave().await;
}

/// A real deploy in real time is cancelled in the middle, and the next one repairs the board.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_deploy_is_repaired_by_the_next() {
    let state = tempfile::tempdir().unwrap();
    let mut client = builder(state.path()).start().await;
    let folder = client.folder.path().to_owned();
    let app = project::app_image(&project::body(1_000_000, 2));
    project::write(&folder, &app);

    // Bytes that do not compress: at this rate the whole would take a minute and a half.
    let slow = json!({"port": "sim:board.bin?chip=esp32&time=real", "baud": 115_200});
    let id = client.command("deploy", &slow).await;
    let token = client.accept_progress().await;
    loop {
        let message = client.message("$/progress").await;
        let text = message["params"]["value"]["message"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        assert_ne!(message["params"]["value"]["kind"], "end", "{text}");
        if text.starts_with("firmware: writing") {
            break;
        }
    }
    client.notify("$/cancelRequest", &json!({"id": id})).await;
    let outcome = client.outcome(id).await;
    assert_eq!(outcome["outcome"], "cancelled", "{outcome}");
    client.progress(&token).await;

    let (outcome, _) = deploy(&mut client, &json!({"port": "sim:board.bin?chip=esp32"})).await;
    assert_eq!(outcome["error"], Value::Null, "{outcome}");
    let flash = std::fs::read(folder.join("board.bin")).unwrap();
    assert!(flash[project::APP_OFFSET..].starts_with(&app));
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boards_side_by_side() {
    let state = tempfile::tempdir().unwrap();
    let mut client = builder(state.path()).start().await;
    let mut jobs = Vec::new();
    for n in 0..4 {
        let argument = json!({"port": format!("sim:board{n}.bin")});
        let id = client.command("deploy", &argument).await;
        jobs.push((id, client.accept_progress().await));
    }
    for (id, token) in jobs {
        client.progress(&token).await;
        assert_eq!(client.outcome(id).await["outcome"], "fullFlash");
    }
    let app = project::app_image(&project::body(40_000, 1));
    for n in 0..4 {
        let flash = std::fs::read(client.folder.path().join(format!("board{n}.bin"))).unwrap();
        assert!(flash[project::APP_OFFSET..].starts_with(&app), "board {n}");
    }
    client.leave().await;
}
