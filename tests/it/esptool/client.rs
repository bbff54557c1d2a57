//! Through a language client.

use serde_json::{Value, json};

use super::{esptools, newer};
use crate::firmware::{TABLE_AT, noise, table};
use crate::harness::{self, root};
use crate::lsp_client::Client;

#[test]
fn a_deploy_by_esptool_shows_its_progress() {
    for program in esptools() {
        let project = root().join("tests/example");
        let folder = tempfile::tempdir().unwrap();
        let port = format!(
            "sim:{}?chip=esp32",
            folder.path().join("board.bin").display()
        );
        let mut client = Client::start(&project);
        let settings = json!({"fbuild": {"esptool": {"path": program}}});
        client.notify(
            "workspace/didChangeConfiguration",
            &json!({"settings": settings}),
        );
        let argument = json!({"root": project, "port": port, "backend": "esptool"});

        // The path may come with the workspace.
        let refused = client.execute("fbuild.server.deploy", &argument).unwrap();
        assert_eq!(refused["error"]["code"], "not-trusted", "{refused:#}");
        client.notify("fbuild/didChangeTrust", &json!({"trusted": true}));
        client.notifications.clear();
        let first = client.execute("fbuild.server.deploy", &argument).unwrap();
        assert_eq!(first["outcome"], "fullFlash", "{first:#}");
        assert_eq!(first["backend"], "esptool");
        let said = progress(&client);
        // Ten times a second: the board is faster, so that not everything is seen.
        let phases = [": verifying ", ": writing ", ": checking "];
        let counts = |text: &String| phases.iter().any(|phase| text.contains(phase));
        assert!(said.iter().any(counts), "{said:?}");
        assert_eq!(said.last().map(String::as_str), first["message"].as_str());

        let verified = client.execute("fbuild.server.verify", &argument).unwrap();
        assert_eq!(verified["outcome"], "verifySkip", "{verified:#}");
        let native = json!({"root": project, "port": port});
        let native = client.execute("fbuild.server.verify", &native).unwrap();
        assert_eq!(native["outcome"], "verifySkip");
        assert_eq!(native["backend"], "native");
        client.shut_down();
    }
}

/// What a new table costs is a question with either backend.
#[test]
fn data_on_the_board_is_asked_about() {
    let Some(program) = newer() else { return };
    let project = root().join("tests/example");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("board.bin");
    let storage = ("storage", 1, 0x82, 0x20_0000, 0x10_0000);
    let mut used = vec![0xFF; 4 << 20];
    for (at, bytes) in [(TABLE_AT, table(&[storage])), (storage.3, noise(7, 100))] {
        used[at as usize..][..bytes.len()].copy_from_slice(&bytes);
    }
    std::fs::write(&file, &used).unwrap();
    let mut client = Client::start(&project);
    let settings = json!({"fbuild": {"backend": "esptool", "esptool": {"path": program}}});
    let changed = json!({"settings": settings});
    client.notify("workspace/didChangeConfiguration", &changed);
    client.notify("fbuild/didChangeTrust", &json!({"trusted": true}));
    let port = format!("sim:{}?chip=esp32", file.display());
    let argument = json!({"root": project, "port": port});

    let closed = client.execute("fbuild.server.deploy", &argument).unwrap();
    assert_eq!(closed["outcome"], "cancelled", "{closed:#}");
    assert!(std::fs::read(&file).unwrap() == used);
    let text = client.questions[0]["params"]["message"].as_str().unwrap();
    assert!(text.contains("'storage' (1 MiB at 0x200000)"), "{text}");
    client.presses = Some("Deploy anyway".to_owned());
    let deployed = client.execute("fbuild.server.deploy", &argument).unwrap();
    assert_eq!(deployed["outcome"], "fullFlash", "{deployed:#}");
    assert_eq!(deployed["backend"], "esptool");
    client.shut_down();
}

/// What the progress said.
fn progress(client: &Client) -> Vec<String> {
    let of = |notification: &Value| {
        let text = notification["params"]["value"]["message"].as_str();
        text.filter(|_| notification["method"] == "$/progress")
            .map(str::to_owned)
    };
    client.notifications.iter().filter_map(of).collect()
}

#[test]
fn a_backend_that_does_not_exist_is_named() {
    let mut client = Client::start(&root().join("tests/example"));
    let argument = json!({"port": "sim:", "backend": "avrdude"});
    let error = client
        .execute("fbuild.server.deploy", &argument)
        .unwrap_err();
    let message = error["message"].as_str().unwrap();
    assert!(message.starts_with("argument 'backend': "), "{message}");
    assert!(message.contains("esptool"), "{message}");
    client.shut_down();
    let run = harness::run(&["deploy", "--backend", "avrdude"]);
    assert_eq!(run.code, Some(2));
}
