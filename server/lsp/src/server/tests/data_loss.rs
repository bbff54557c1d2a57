//! A deploy that would cost data on the board is a question first.

use std::path::Path;
use std::sync::Arc;

use fbuild_project::partitions::csv;
use serde_json::{Value, json};

use super::harness::{Builder, Client, flash_without_app};
use crate::boards::LocalBoards;

const OLD: &str = "nvs,data,nvs,0x9000,0x4000\napp,app,factory,0x10000,0x100000\n";
const NEW: &str = "nvs,data,nvs,0xa000,0x4000\napp,app,factory,0x10000,0x100000\n";

fn table(csv: &str) -> Vec<u8> {
    csv::compile(csv, &csv::Options::default())
        .unwrap()
        .to_bytes()
}

/// The project with a partition table of its own.
fn with_table(root: &Path, csv: &str) {
    let build = root.join("build");
    std::fs::write(build.join("table.bin"), table(csv)).unwrap();
    let path = build.join("flasher_args.json");
    let args = std::fs::read_to_string(&path).unwrap();
    let mut args: Value = serde_json::from_str(&args).unwrap();
    args["flash_files"]["0x8000"] = "table.bin".into();
    args["partition-table"] =
        json!({"offset": "0x8000", "file": "table.bin", "encrypted": "false"});
    std::fs::write(path, args.to_string()).unwrap();
}

/// A board on which the firmware has stored something, and a project whose table moves it.
async fn start(state: &Path) -> Client {
    let boards = LocalBoards {
        state_dir: Some(state.to_owned()),
    };
    let client = Builder::new(Arc::new(boards)).start().await;
    let folder = client.folder.path();
    let mut flash = flash_without_app();
    flash[0x8000..][..0xC00].copy_from_slice(&table(OLD));
    flash[0x9000..][..7].copy_from_slice(b"my data");
    std::fs::write(folder.join("board.bin"), flash).unwrap();
    with_table(folder, NEW);
    client
}

fn on_board(client: &Client) -> Vec<u8> {
    let flash = std::fs::read(client.folder.path().join("board.bin")).unwrap();
    flash[0x8000..0x8C00].to_vec()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_person_decides_about_data_on_the_board() {
    let state = tempfile::tempdir().unwrap();
    let mut client = start(state.path()).await;
    let argument = json!({"port": "sim:board.bin?chip=esp32"});
    for (answer, expected, table_after) in [
        (Value::Null, "cancelled", OLD),
        (json!({"title": "Deploy anyway"}), "fullFlash", NEW),
    ] {
        let id = client.command("deploy", &argument).await;
        let question = client.message("window/showMessageRequest").await;
        let text = question["params"]["message"].as_str().unwrap();
        assert!(text.contains("'nvs' moves from 0x9000 to 0xa000"), "{text}");
        assert_eq!(question["params"]["type"], 2);
        client.reply(&question["id"], &answer).await;
        let outcome = client.outcome(id).await;
        assert_eq!(outcome["outcome"], expected, "{outcome}");
        assert_eq!(on_board(&client), table(table_after));
    }
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_answer_nothing_is_lost_and_force_does_not_ask() {
    let state = tempfile::tempdir().unwrap();
    let mut client = start(state.path()).await;
    let id = client
        .command("deploy", &json!({"port": "sim:board.bin?chip=esp32"}))
        .await;
    let question = client.message("window/showMessageRequest").await;
    let error = json!({"code": -32601, "message": "not here"});
    client
        .send(&json!({"jsonrpc": "2.0", "id": question["id"], "error": error}))
        .await;
    let outcome = client.outcome(id).await;
    assert_eq!(outcome["error"]["code"], "data-loss", "{outcome}");
    assert_eq!(on_board(&client), table(OLD));

    let forced = json!({"port": "sim:board.bin?chip=esp32", "force": true});
    let outcome = client.run("deploy", &forced).await;
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
    let warning = outcome["warnings"][0].as_str().unwrap();
    assert!(warning.contains("'nvs' moves"), "{warning}");
    assert_eq!(on_board(&client), table(NEW));
    client.leave().await;
}
