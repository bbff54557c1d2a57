//! Help while editing, as a client meets it.

use serde_json::{Value, json};

use super::fake::FakeBoards;
use super::harness::{Builder, Client, write_old};
use super::protocol::{example, shape_of};

/// Makes the project's partition table `name`, and its flash this large.
fn configure(client: &Client, name: &str, flash: &str) {
    let text = format!(
        "CONFIG_PARTITION_TABLE_CUSTOM=y\nCONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"{name}\"\n\
         CONFIG_ESPTOOLPY_FLASHSIZE=\"{flash}\"\n"
    );
    // Older than the firmware, so that nobody is asked about a stale build.
    write_old(&client.folder.path().join("sdkconfig"), &text);
}

impl Client {
    async fn change(&mut self, name: &str, version: i64, changes: &Value) {
        let document = json!({"uri": self.uri(name), "version": version});
        let params = json!({"textDocument": document, "contentChanges": changes});
        self.notify("textDocument/didChange", &params).await;
    }

    /// The next diagnostics: their version, and a line for each that is not a hint.
    async fn diagnostics(&mut self) -> (Value, Vec<String>) {
        let said = self.message("textDocument/publishDiagnostics").await["params"].clone();
        let line = |found: &Value| {
            let (from, to) = (&found["range"]["start"], &found["range"]["end"]);
            let code = found["code"].as_str().unwrap();
            format!(
                "{code} {from_line}:{from_column}-{to_column}",
                from_line = from["line"],
                from_column = from["character"],
                to_column = to["character"]
            )
        };
        let found = said["diagnostics"].as_array().unwrap();
        let shown = found.iter().filter(|found| found["severity"] != 4);
        (said["version"].clone(), shown.map(line).collect())
    }
}

fn at(line: u32, character: u32) -> Value {
    json!({"line": line, "character": character})
}

fn range(from: (u32, u32), to: (u32, u32)) -> Value {
    json!({"start": at(from.0, from.1), "end": at(to.0, to.1)})
}

/// Both ways of counting columns, with characters that they count differently, and CRLF.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mistakes_show_while_typing_where_the_client_sees_them() {
    let table = "# 表\r\n\t分😀, data, nvs, 0x8000, 0x6000\r\n";
    for (offered, agreed, offset_at) in [
        (&["utf-16"][..], json!("utf-16"), 17),
        (&["utf-32", "utf-16", "utf-8"], json!("utf-8"), 21),
        (&[], Value::Null, 17),
    ] {
        let mut builder = Builder::new(FakeBoards::quick());
        if !offered.is_empty() {
            builder = builder.with_encodings(offered);
        }
        let mut client = builder.start().await;
        assert_eq!(client.capabilities["positionEncoding"], agreed);
        client.open("partitions.csv", table).await;
        let wrong = format!("below-table-end 1:{offset_at}-{}", offset_at + 6);
        let (version, found) = client.diagnostics().await;
        assert_eq!((version, &found[0]), (json!(1), &wrong), "{offered:?}");
        // 0x8000 becomes 0x9000.
        let digit = (1, offset_at + 2);
        let edit = json!([{"range": range(digit, (1, offset_at + 3)), "text": "9"}]);
        client.change("partitions.csv", 2, &edit).await;
        let (version, found) = client.diagnostics().await;
        assert_eq!(version, json!(2));
        assert!(!found.contains(&wrong), "{found:?}");
        let document = json!({"textDocument": {"uri": client.uri("partitions.csv")}});
        client.notify("textDocument/didClose", &document).await;
        assert_eq!(client.diagnostics().await, (Value::Null, vec![]));
        client.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quick_fix_makes_the_mistake_go_away() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let table = "nvs, data, nvs, , 0x6000\napp, app, factory, 0x11000, 1M\n";
    client.open("partitions.csv", table).await;
    let (_, found) = client.diagnostics().await;
    assert_eq!(found, ["align-app-offset 1:19-26"]);
    let context = json!({"diagnostics": [], "only": ["quickfix"]});
    let here = json!({"range": range((1, 20), (1, 20)), "context": context});
    let actions = client.ask("codeAction", "partitions.csv", &here).await;
    let first = &actions[0];
    assert_eq!(first["title"], "Move to 0x20000");
    assert_eq!(
        (&first["isPreferred"], &first["kind"]),
        (&json!(true), &json!("quickfix"))
    );
    assert_eq!(first["diagnostics"][0]["code"], "align-app-offset");
    // The cursor is elsewhere in the line, and the client names what the line has.
    let at = (1, 0);
    let named = json!([{"range": range((1, 19), (1, 26)), "message": ""}]);
    let line = json!({"range": range(at, at), "context": {"diagnostics": named}});
    let by_line = client.ask("codeAction", "partitions.csv", &line).await;
    assert_eq!(&by_line[0]["title"], &first["title"]);
    let unnamed = json!({"range": range(at, at), "context": context});
    let by_place = client.ask("codeAction", "partitions.csv", &unnamed).await;
    assert_eq!(by_place, json!([]));
    let edits = first["edit"]["changes"][client.uri("partitions.csv")].clone();
    let changes = json!([{"range": edits[0]["range"], "text": edits[0]["newText"]}]);
    client.change("partitions.csv", 2, &changes).await;
    assert_eq!(client.diagnostics().await, (json!(2), vec![]));
    // Nothing is wrong elsewhere, and nobody asked for other kinds.
    let elsewhere = json!({"range": range((0, 0), (0, 0)), "context": context});
    assert_eq!(
        client.ask("codeAction", "partitions.csv", &elsewhere).await,
        json!([])
    );
    client.leave().await;
}

/// A row that something was built for has a lens; a click on it deploys that region; then
/// the row tells what the board had.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_row_is_deployed_from_its_lens() {
    let workspace = json!({"codeLens": {"refreshSupport": true}});
    let builder = Builder::new(FakeBoards::quick()).with_workspace(&workspace);
    let mut client = builder.start().await;
    configure(&client, "my_table.csv", "4MB");
    let table = "nvs, data, nvs, , 0x6000\napp, app, factory, , 1M\n";
    client.open("my_table.csv", table).await;
    client.diagnostics().await;
    let lenses = client.ask("codeLens", "my_table.csv", &json!({})).await;
    let titles: Vec<_> = lenses
        .as_array()
        .unwrap()
        .iter()
        .map(|lens| &lens["command"]["title"])
        .collect();
    assert_eq!(titles, ["Deploy firmware", "Verify firmware"]);
    assert_eq!(lenses[0]["range"]["start"], at(1, 0));
    let shown = example(|value| value["command"]["title"] == "Deploy firmware");
    assert_eq!(shape_of(&lenses[0]), shape_of(&shown));

    let hover = json!({"position": at(1, 2)});
    let before = client.ask("hover", "my_table.csv", &hover).await;
    let before = before["contents"]["value"].as_str().unwrap().to_owned();
    assert!(
        before.contains("Built: firmware: 39.1 KiB, 3 % full"),
        "{before}"
    );
    assert!(!before.contains("Board"), "{before}");
    let id = client
        .request("workspace/executeCommand", &lenses[0]["command"])
        .await;
    assert_eq!(client.outcome(id).await["outcome"], "fullFlash");

    // What is known has changed, so the client is asked to look again.
    let refresh = client.message("workspace/codeLens/refresh").await;
    client.reply(&refresh["id"], &Value::Null).await;
    client.diagnostics().await;
    let after = client.ask("hover", "my_table.csv", &hover).await;
    let after = after["contents"]["value"].as_str().unwrap().to_owned();
    assert!(
        after.contains("Board: was written at the last deploy to 24:0a:c4:00:01:10  "),
        "{after}"
    );
    client.leave().await;
}

/// What the project says elsewhere changes what is wrong here, without a keystroke.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_smaller_flash_makes_the_table_too_large() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    configure(&client, "partitions.csv", "8MB");
    client
        .open("partitions.csv", "app, app, factory, , 6M\n")
        .await;
    assert_eq!(client.diagnostics().await.1, [""; 0]);
    configure(&client, "partitions.csv", "4MB");
    let change = json!({"changes": [{"uri": client.uri("sdkconfig"), "type": 2}]});
    client
        .notify("workspace/didChangeWatchedFiles", &change)
        .await;
    assert_eq!(
        client.diagnostics().await,
        (json!(1), vec!["flash-overflow 0:21-23".to_owned()])
    );
    // A client that does not watch files says when it saves one.
    configure(&client, "partitions.csv", "8MB");
    let saved = json!({"textDocument": {"uri": client.uri("sdkconfig")}});
    client.notify("textDocument/didSave", &saved).await;
    assert_eq!(client.diagnostics().await.1, [""; 0]);
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rest_of_the_help_reaches_the_client() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let table = "nvs,data,nvs,,0x6000\napp, app, factory, , 1M\n";
    client.open("partitions.csv", table).await;
    client.diagnostics().await;
    let name = "partitions.csv";

    let hints = client
        .ask("inlayHint", name, &json!({"range": range((0, 0), (0, 20))}))
        .await;
    let labels: Vec<_> = hints
        .as_array()
        .unwrap()
        .iter()
        .map(|hint| &hint["label"])
        .collect();
    assert_eq!(labels, ["0x9000", "24 KiB"]);
    assert_eq!(hints[0]["position"], at(0, 13));

    let offered = client
        .ask("completion", name, &json!({"position": at(1, 5)}))
        .await;
    assert_eq!(offered[0]["label"], "data");
    assert_eq!(offered[0]["textEdit"]["range"], range((1, 5), (1, 8)));

    let symbols = client.ask("documentSymbol", name, &json!({})).await;
    assert_eq!(symbols[1]["name"], "app");
    assert_eq!(symbols[1]["selectionRange"], range((1, 0), (1, 3)));

    let options = json!({"options": {"tabSize": 4, "insertSpaces": true}});
    let edits = client.ask("formatting", name, &options).await;
    let first = json!({"range": range((0, 0), (0, 20)), "newText": "nvs, data, nvs,     , 0x6000"});
    assert_eq!(edits[0], first);

    // Documents without help, and documents that nobody opened.
    client.open("main.c", "int main;\n").await;
    for other in ["main.c", "other.csv"] {
        assert_eq!(
            client
                .ask("hover", other, &json!({"position": at(0, 0)}))
                .await,
            Value::Null
        );
        assert_eq!(client.ask("formatting", other, &options).await, Value::Null);
    }
    client.leave().await;
}

/// A CSV of something else is not a table, until the project says that it is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn which_file_is_the_table_is_the_projects_to_say() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    configure(&client, "layout.csv", "4MB");
    client.open("other.csv", "a, b\n").await;
    client.open("layout.csv", "a, b\n").await;
    let said = client.message("textDocument/publishDiagnostics").await;
    assert_eq!(said["params"]["uri"], client.uri("layout.csv"));
    assert_eq!(said["params"]["diagnostics"][0]["code"], "type-unknown");
    assert_eq!(
        client.ask("documentSymbol", "other.csv", &json!({})).await,
        Value::Null
    );
    // The project changes its mind.
    configure(&client, "other.csv", "4MB");
    let change = json!({"changes": [{"uri": client.uri("sdkconfig"), "type": 2}]});
    client
        .notify("workspace/didChangeWatchedFiles", &change)
        .await;
    let said = [
        client.message("textDocument/publishDiagnostics").await,
        client.message("textDocument/publishDiagnostics").await,
    ];
    let found = |name: &str| {
        let name = client.uri(name);
        let of = said.iter().find(|said| said["params"]["uri"] == name);
        let found = of.unwrap()["params"]["diagnostics"].as_array().unwrap();
        found.len()
    };
    assert!(found("other.csv") > 0);
    assert_eq!(found("layout.csv"), 0);
    client.leave().await;
}

/// A client that can is asked to tell about files from the first document on that needs it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_are_watched_once_there_is_help() {
    let workspace = json!({"didChangeWatchedFiles": {"dynamicRegistration": true}});
    let builder = Builder::new(FakeBoards::quick()).with_workspace(&workspace);
    let mut client = builder.start().await;
    client.open("main.c", "int main;\n").await;
    client.open("partitions.csv", "a, apps\n").await;
    let asked = client.message("client/registerCapability").await;
    client.reply(&asked["id"], &Value::Null).await;
    let registration = &asked["params"]["registrations"][0];
    assert_eq!(registration["method"], "workspace/didChangeWatchedFiles");
    let globs = registration["registerOptions"]["watchers"].to_string();
    for glob in ["**/sdkconfig*", "**/*.csv", "**/*.bin", "**/platformio.ini"] {
        assert!(globs.contains(glob), "{glob} in {globs}");
    }
    client.diagnostics().await;
    // `leave` finds a second registration.
    client.open("my_partitions.csv", "a, apps\n").await;
    client.diagnostics().await;
    client.leave().await;
}

/// An edit that makes no sense ends the help with that text, and nothing else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_that_makes_no_sense_is_survived() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    client.open("partitions.csv", "a, apps\n").await;
    assert_eq!(client.diagnostics().await.1, ["type-unknown 0:3-7"]);
    let backwards = json!([{"range": range((0, 5), (0, 1)), "text": "x"}]);
    client.change("partitions.csv", 2, &backwards).await;
    assert_eq!(client.diagnostics().await, (Value::Null, vec![]));
    client
        .change("partitions.csv", 3, &json!([{"text": "a, apps\n"}]))
        .await;
    assert_eq!(client.diagnostics().await.0, json!(3));
    client.leave().await;
}

/// Of each kind of file, also where the text is left out of the message on its way in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_text_that_is_too_long_that_is_said_and_nothing_else() {
    const KIB: usize = 1024;
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    configure(&client, "table.csv", "4MB");
    for (name, line, len) in [
        ("partitions.csv", "a, apps\n", 129 * KIB),
        ("table.csv", "a, apps\n", 129 * KIB),
        ("platformio.ini", "[env:a]\n", 1025 * KIB),
        ("sdkconfig.defaults", "CONFIG_A=\n", 1025 * KIB),
        ("flasher_args.json", "{\n", 7 * KIB * KIB),
    ] {
        client.open(name, &line.repeat(len / line.len() + 1)).await;
        let (version, found) = client.diagnostics().await;
        assert_eq!(
            (version, &found[..]),
            (json!(1), &["too-long 0:0-0".to_owned()][..]),
            "{name}"
        );
        for (method, more) in [
            ("codeLens", json!({})),
            ("hover", json!({"position": at(0, 1)})),
            (
                "formatting",
                json!({"options": {"tabSize": 4, "insertSpaces": true}}),
            ),
        ] {
            assert_eq!(
                client.ask(method, name, &more).await,
                Value::Null,
                "{name}, {method}"
            );
        }
        client.change(name, 2, &json!([{"text": line}])).await;
        let (version, found) = client.diagnostics().await;
        assert_eq!(version, json!(2));
        assert!(
            !found.iter().any(|it| it.starts_with("too-long")),
            "{found:?}"
        );
        let document = json!({"textDocument": {"uri": client.uri(name)}});
        client.notify("textDocument/didClose", &document).await;
        client.diagnostics().await;
    }
    client.leave().await;
}

/// Places in other files are those of the text that was looked at before: no file is opened, or waited
/// for, while somebody types.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_in_another_file_is_found_without_reading_it_again() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let other = client.folder.path().join("other.ini");
    std::fs::write(&other, "[env:b]\n\nnonsense\n").unwrap();
    let text = "[platformio]\nextra_configs = other.ini\n[env:a]\n";
    client.open("platformio.ini", text).await;
    for version in 1..4 {
        let said = client.message("textDocument/publishDiagnostics").await["params"].clone();
        assert_eq!(said["version"], version);
        let mut found = said["diagnostics"].as_array().unwrap().iter();
        let wrong = found.find(|it| it["code"] == "extra-config").unwrap();
        let place = &wrong["relatedInformation"][0]["location"];
        assert_eq!(place["uri"], client.uri("other.ini"));
        assert_eq!(place["range"], range((2, 0), (2, 8)));
        if version == 1 {
            // Anyone who opens it now waits for ever.
            std::fs::remove_file(&other).unwrap();
            let made = std::process::Command::new("mkfifo").arg(&other).status();
            assert!(made.unwrap().success());
        }
        if version == 3 {
            break;
        }
        let text = format!("{text}; {version}\n");
        let changes = json!([{"text": text}]);
        client.change("platformio.ini", version + 1, &changes).await;
    }
    client.leave().await;
}

/// Keystrokes that arrive faster than anybody looks: the last one counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_keystrokes_ends_with_the_last_one() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    client
        .open("partitions.csv", "app, app, factory, , \n")
        .await;
    client.diagnostics().await;
    for n in 0..500_u32 {
        let key = json!([{"range": range((0, 21 + n), (0, 21 + n)), "text": "1"}]);
        client
            .change("partitions.csv", i64::from(n) + 2, &key)
            .await;
    }
    loop {
        let (version, found) = client.diagnostics().await;
        if version == json!(501) {
            assert_eq!(found, ["number-invalid 0:21-521"]);
            break;
        }
    }
    client.leave().await;
}

/// Before the first build, only CMakeLists.txt says which configuration counts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_is_compared_with_the_sdkconfig_that_cmake_names() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let root = client.folder.path().to_owned();
    std::fs::remove_dir_all(root.join("build")).unwrap();
    std::fs::create_dir_all(root.join("boards/dev")).unwrap();
    let cmake = "set(SDKCONFIG \"sdkconfig.dev\")\nproject(a)\n";
    std::fs::write(root.join("CMakeLists.txt"), cmake).unwrap();
    let config = "CONFIG_PARTITION_TABLE_CUSTOM=y\n\
                  CONFIG_PARTITION_TABLE_CUSTOM_FILENAME=\"boards/dev/partitions.csv\"\n\
                  CONFIG_PARTITION_TABLE_OFFSET=0x10000\nCONFIG_ESPTOOLPY_FLASHSIZE=\"4MB\"\n";
    std::fs::write(root.join("sdkconfig.dev"), config).unwrap();
    let name = "boards/dev/partitions.csv";
    let small = "nvs,data,nvs,0x9000,0x6000\napp,app,factory,0x20000,1M\n";
    client.open(name, small).await;
    let (_, found) = client.diagnostics().await;
    let told = |code: &str| found.iter().any(|it| it.starts_with(code));
    assert!(told("below-table-end 0:"), "{found:?}");
    let large = "nvs,data,nvs,0x11000,0x6000\napp,app,factory,0x20000,8M\n";
    client.change(name, 2, &json!([{"text": large}])).await;
    let (_, found) = client.diagnostics().await;
    let told = |code: &str| found.iter().any(|it| it.starts_with(code));
    assert!(told("flash-overflow 1:"), "{found:?}");
    client.leave().await;
}
