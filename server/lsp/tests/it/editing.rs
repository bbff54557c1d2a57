//! Help while editing, through the real binary: a mistake, its fix, and a deploy from the row that
//! was put right, onto a simulated board.

use serde_json::json;

use crate::project;
use crate::stdio::Server;

const TABLE: &str = "# 分区表 😀\n\
    nvs, data, nvs, , 0x6000\n\
    app, app, factory, 0x11000, 1M\n";

#[test]
fn a_mistake_is_put_right_and_its_row_deployed() {
    let mut server = Server::start(&[]);
    let app = project::app_image(&project::body(40_000, 1));
    let folder = server.folder.path().to_owned();
    std::fs::write(
        folder.join("sdkconfig"),
        "CONFIG_PARTITION_TABLE_CUSTOM=y\nCONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"table.csv\"\n",
    )
    .unwrap();
    let path = folder.join("table.csv");
    std::fs::write(&path, TABLE).unwrap();
    project::write(&folder, &app);
    server.initialize(None);
    let slash = if cfg!(windows) { "/" } else { "" };
    let uri = format!("file://{slash}{}", path.to_str().unwrap());

    let document = json!({"uri": uri, "languageId": "csv", "version": 1, "text": TABLE});
    server.notify("textDocument/didOpen", &json!({"textDocument": document}));
    let said = server.message("textDocument/publishDiagnostics")["params"].clone();
    let wrong = &said["diagnostics"][0];
    assert_eq!(wrong["code"], "align-app-offset", "{said}");
    let place = json!({"start": {"line": 2, "character": 19}, "end": {"line": 2, "character": 26}});
    assert_eq!(wrong["range"], place);

    let params = json!({
        "textDocument": {"uri": uri}, "range": place, "context": {"diagnostics": [wrong]},
    });
    let actions = server.ask(2, "textDocument/codeAction", &params);
    let fixes = actions.as_array().unwrap();
    let blank = fixes
        .iter()
        .find(|fix| fix["title"] == "Leave the offset blank")
        .unwrap();
    let (_, edits) = blank["edit"]["changes"]
        .as_object()
        .unwrap()
        .iter()
        .next()
        .unwrap();
    let change = json!([{"range": edits[0]["range"], "text": edits[0]["newText"]}]);
    let params = json!({"textDocument": {"uri": uri, "version": 2}, "contentChanges": change});
    server.notify("textDocument/didChange", &params);
    let said = server.message("textDocument/publishDiagnostics")["params"].clone();
    assert_eq!(
        (&said["version"], &said["diagnostics"]),
        (&json!(2), &json!([]))
    );

    let port = json!({"port": "sim:board.bin?chip=esp32"});
    server.command(3, "selectPort", &port);
    let here = json!({"textDocument": {"uri": uri}});
    let lenses = server.ask(4, "textDocument/codeLens", &here);
    let outcome = server.ask(5, "workspace/executeCommand", &lenses[0]["command"]);
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
    let flash = std::fs::read(folder.join("board.bin")).unwrap();
    assert!(flash[project::APP_OFFSET..].starts_with(&app));

    // What the board has is known in a moment, on a thread of its own.
    let position = json!({"line": 2, "character": 1});
    let hover = json!({"textDocument": {"uri": uri}, "position": position});
    let deadline = std::time::Instant::now() + crate::LONG;
    for id in 6.. {
        assert!(
            std::time::Instant::now() < deadline,
            "the row never told what the board has"
        );
        let said = server.ask(id, "textDocument/hover", &hover);
        let text = said["contents"]["value"].as_str().unwrap();
        assert!(text.contains("Offset: `0x10000` (filled in)"), "{text}");
        if text.contains("Board: was written at the last deploy") {
            break;
        }
    }
}
