//! Help with platformio.ini, sdkconfig and flasher_args.json, as a client meets it.

use std::sync::Arc;

use serde_json::{Value, json};

use super::fake::FakeBoards;
use super::harness::{Builder, Client, write_old};
use super::project;
use crate::boards::LocalBoards;

/// Code, line and columns of the next diagnostics of a document that has some of this many.
async fn diagnostics(client: &mut Client, name: &str, count: usize) -> (Vec<String>, Value) {
    loop {
        let said = client.message("textDocument/publishDiagnostics").await["params"].clone();
        let found = said["diagnostics"].as_array().unwrap();
        if said["uri"] != client.uri(name) || found.len() != count {
            continue;
        }
        let line = |it: &Value| {
            let (from, to) = (&it["range"]["start"], &it["range"]["end"]);
            format!(
                "{} {}:{}-{}",
                it["code"].as_str().unwrap(),
                from["line"],
                from["character"],
                to["character"]
            )
        };
        return (
            found.iter().map(line).collect(),
            said["diagnostics"].clone(),
        );
    }
}

/// Both ways of counting columns, with characters that they count differently, tabs, CRLF and a
/// byte order mark; the fix is applied as the client would, and the mistake is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_in_platformio_ini_are_marked_and_fixed() {
    let text =
        "\u{feff}[env:esp]\r\n; 漢字 😀\r\ncustom_x =\r\n\t漢😀 ${env:esp.bord}\r\nboard = x\r\n";
    let name = "platformio.ini";
    for (encoding, at, mark) in [("utf-16", 5, 1), ("utf-8", 9, 3)] {
        let builder = Builder::new(FakeBoards::quick()).with_encodings(&[encoding]);
        let mut client = builder.start().await;
        client.open(name, text).await;
        let (found, _) = diagnostics(&mut client, name, 2).await;
        let mark = format!("byte-order-mark 0:0-{mark}");
        assert_eq!(found, [mark, format!("unresolved 3:{at}-{}", at + 15)]);
        let here = json!({"line": 3, "character": at + 2});
        let context = json!({"diagnostics": []});
        let range = json!({"range": {"start": here, "end": here}, "context": context});
        let actions = client.ask("codeAction", name, &range).await;
        assert_eq!(actions[0]["title"], "Change to board");
        let edit = &actions[0]["edit"]["changes"][client.uri(name)][0];
        let change = json!([{"range": edit["range"], "text": edit["newText"]}]);
        let params = json!({"textDocument": {"uri": client.uri(name), "version": 2}, "contentChanges": change});
        client.notify("textDocument/didChange", &params).await;
        diagnostics(&mut client, name, 1).await;
        let hover = json!({"position": {"line": 3, "character": at + 2}});
        let shown = client.ask("hover", name, &hover).await;
        let shown = shown["contents"]["value"].as_str().unwrap();
        assert!(shown.starts_with("**${env:esp.board}** = `x`"), "{shown}");
        client.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_environment_is_deployed_from_its_lens() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let root = client.folder.path().to_owned();
    let name = "platformio.ini";
    let text = "[env]\nplatform = espressif32\n[env:esp]\nboard = esp32dev\nframework = espidf\n";
    let app = project::app_image(&project::body(40_000, 1));
    let built = root.join(".pio/build/esp");
    std::fs::create_dir_all(&built).unwrap();
    std::fs::write(built.join("firmware.bin"), app).unwrap();
    client.open(name, text).await;
    // The boot loader was not built.
    let (found, all) = diagnostics(&mut client, name, 1).await;
    assert_eq!(found, ["file-missing 2:0-9"]);
    let message = all[0]["message"].as_str().unwrap();
    assert!(
        message.contains("bootloader.bin") && message.contains("pio run -e esp"),
        "{message}"
    );

    let lenses = client.ask("codeLens", name, &json!({})).await;
    let titles: Vec<_> = lenses
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["command"]["title"])
        .collect();
    assert_eq!(titles, ["Deploy", "Verify", "Plan"]);
    let id = client
        .request("workspace/executeCommand", &lenses[0]["command"])
        .await;
    let outcome = client.outcome(id).await;
    assert_eq!(
        (&outcome["outcome"], &outcome["target"]),
        (&json!("fullFlash"), &json!("platformio:esp"))
    );

    let symbols = client.ask("documentSymbol", name, &json!({})).await;
    assert_eq!(symbols[1]["name"], "esp");
    let position = json!({"position": {"line": 3, "character": 8}});
    let offered = client.ask("completion", name, &position).await;
    let offered = offered.as_array().unwrap();
    assert!(
        offered.iter().any(|it| it["label"] == "esp32-c3-devkitm-1"),
        "{offered:?}"
    );
    client
        .leave_with_unread(&["textDocument/publishDiagnostics"])
        .await;
}

/// A board is known once it was deployed to; then the project's files are compared with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sdkconfig_is_compared_with_the_board_that_was_deployed_to() {
    let state = tempfile::tempdir().unwrap();
    let boards = LocalBoards {
        state_dir: Some(state.path().to_owned()),
    };
    let mut client = Builder::new(Arc::new(boards)).start().await;
    let name = "sdkconfig";
    let text = "# 😀\r\nCONFIG_IDF_TARGET=\"esp32\"\r\nCONFIG_ESPTOOLPY_FLASHSIZE_16MB=y\r\n";
    client.open(name, text).await;
    diagnostics(&mut client, name, 0).await;
    let outcome = client
        .run("deploy", &json!({"port": "sim:board.bin?chip=esp32"}))
        .await;
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
    let (found, all) = diagnostics(&mut client, name, 1).await;
    assert_eq!(found, ["flash-of-board 2:0-33"]);
    let message = all[0]["message"].as_str().unwrap();
    assert!(message.contains("has 4 MB of flash"), "{message}");
    client
        .leave_with_unread(&["textDocument/publishDiagnostics"])
        .await;
}

/// The reason for refusing a deploy is shown on the files that decide it, in the same words.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_last_boards_efuses_refuse_is_said_while_editing() {
    let state = tempfile::tempdir().unwrap();
    let boards = LocalBoards {
        state_dir: Some(state.path().to_owned()),
    };
    let mut client = Builder::new(Arc::new(boards)).start().await;
    let text = "# 😀\nCONFIG_IDF_TARGET=\"esp32\"\n# CONFIG_SECURE_BOOT is not set\n";
    client.open("sdkconfig", text).await;
    diagnostics(&mut client, "sdkconfig", 0).await;
    let port = "sim:board.bin?chip=esp32&secure-boot=1";
    let outcome = client.run("deploy", &json!({"port": port})).await;
    assert_eq!(outcome["error"]["code"], "secure-boot", "{outcome}");
    let refused = outcome["error"]["message"].as_str().unwrap();
    let (found, all) = diagnostics(&mut client, "sdkconfig", 1).await;
    assert_eq!(found, ["secure-boot-of-board 2:0-31"]);
    let message = all[0]["message"].as_str().unwrap();
    assert!(message.contains("starts signed images only"), "{message}");
    let name = "build/flasher_args.json";
    let args = std::fs::read_to_string(client.folder.path().join(name)).unwrap();
    client.open(name, &args).await;
    let (_, all) = diagnostics(&mut client, name, 1).await;
    let message = all[0]["message"].as_str().unwrap();
    assert!(message.contains(refused), "{message}\n{refused}");
    client
        .leave_with_unread(&["textDocument/publishDiagnostics"])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flasher_args_that_are_broken_or_name_files_that_are_not_there_are_marked() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let name = "build/flasher_args.json";
    let text = "{\n\t\"flash_files\": {\n\t\t\"0x8000\": \"😀.bin\"\n\t\t\"0x10000\": \"app.bin\"\n\t}\n}\n";
    client.open(name, text).await;
    let (found, _) = diagnostics(&mut client, name, 2).await;
    assert_eq!(found, ["json 3:2-3", "file-missing 2:12-20"]);
    client
        .leave_with_unread(&["textDocument/publishDiagnostics"])
        .await;
}

/// A file that platformio.ini names is helped with as a part of its project, from the moment on that
/// it is named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_extra_configs_is_a_part_of_its_project() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let main = "[env]\nplatform = espressif32\n[env:c3]\n";
    write_old(&client.folder.path().join("platformio.ini"), main);
    let extra = "[env:s3]\nboard = x\nupload_speed = fast\ncustom_a = ${env.platform}\n";
    client.open("boards/s3.ini", extra).await;
    // It is nobody's yet.
    let hover = json!({"position": {"line": 3, "character": 14}});
    let shown = client.ask("hover", "boards/s3.ini", &hover).await;
    assert!(shown.is_null(), "{shown}");
    let main = format!("[platformio]\nextra_configs = boards/*.ini, mine.ini\n{main}");
    client.open("platformio.ini", &main).await;
    let saved = json!({"textDocument": {"uri": client.uri("platformio.ini")}});
    client.notify("textDocument/didSave", &saved).await;
    // Of both, in any order.
    let mut codes = std::collections::BTreeMap::new();
    while codes.len() < 2 {
        let said = client.message("textDocument/publishDiagnostics").await["params"].clone();
        if let Some(found) = said["diagnostics"].get(0) {
            codes.insert(said["uri"].to_string(), found["code"].clone());
        }
    }
    let codes: Vec<&Value> = codes.values().collect();
    assert_eq!(codes, ["bad-value", "extra-config-missing"]);
    let shown = client.ask("hover", "boards/s3.ini", &hover).await;
    let shown = shown["contents"]["value"].as_str().unwrap();
    assert!(
        shown.contains("`espressif32`") && shown.contains("platformio.ini line 4"),
        "{shown}"
    );
    let lenses = client.ask("codeLens", "boards/s3.ini", &json!({})).await;
    let target = &lenses[0]["command"]["arguments"][0]["target"];
    assert_eq!(target, "platformio:s3");
    // A look that was under way when the file was saved may say the same again.
    client
        .leave_with_unread(&["textDocument/publishDiagnostics"])
        .await;
}
