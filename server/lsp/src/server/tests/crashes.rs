//! Crashes of a simulated board, on the lines of the workspace that they lead to.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use super::harness::{Builder, Client, file_uri, flash_without_app};
use super::protocol::{example, shape_of};
use crate::boards::LocalBoards;

fn panics() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/panics")
}

/// The text of a crash, from its first line to its last.
fn crash() -> String {
    let text = std::fs::read_to_string(panics().join("text-elf/clock-o0-01.txt")).unwrap();
    let (_, rest) = text.split_once("Guru").unwrap();
    let (crash, _) = rest.split_once("Rebooting").unwrap();
    format!("Guru{crash}Rebooting...\n")
}

/// What the boot ROM prints after it.
const REBOOT: &str = "ets Jul 29 2019 12:21:46\n\nrst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\n\
                      entry 0x4008063c\n";

/// The sources of the program that crashed, with its ELF file beside the app, and a board that prints `log`. It was
/// compiled elsewhere: the ELF file says `/src/clock/main/main.c`.
async fn start(state: &Path, log: &str, builder: impl FnOnce(Builder) -> Builder) -> Client {
    let boards = LocalBoards {
        state_dir: Some(state.to_owned()),
    };
    let client = builder(Builder::new(Arc::new(boards))).start().await;
    let folder = client.folder.path();
    for file in ["main/main.c", "components/display/display.c"] {
        let to = folder.join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(panics().join("src/clock").join(file), to).unwrap();
    }
    let elf = panics().join("elf/clock-o0.elf");
    std::fs::copy(elf, folder.join("build/app.elf")).unwrap();
    std::fs::write(folder.join("board.bin"), flash_without_app()).unwrap();
    std::fs::write(folder.join("board.log"), log).unwrap();
    client
}

fn port(client: &Client) -> Value {
    let folder = client.folder.path().display();
    let port = format!("sim:{folder}/board.bin?log={folder}/board.log");
    json!({"port": port, "staleBuild": "ignore"})
}

async fn run(client: &mut Client) {
    let port = port(client);
    let started = client.call("monitor.start", &port).await;
    assert_eq!(started["error"], Value::Null, "{started}");
    client.message("window/logMessage").await;
    let outcome = client.run("deploy", &port).await;
    assert_eq!(outcome["error"], Value::Null, "{outcome}");
}

/// The next diagnostics of a file.
async fn published(client: &mut Client, file: &str) -> Vec<Value> {
    let told = client.message("textDocument/publishDiagnostics").await;
    let uri = client.uri(file);
    assert_eq!(told["params"]["uri"], uri, "{told}");
    told["params"]["diagnostics"].as_array().unwrap().clone()
}

/// A message without its time.
fn timeless(diagnostic: &Value) -> String {
    let message = diagnostic["message"].as_str().unwrap();
    let words = message.split(' ');
    let words = words
        .filter(|word| !(word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit())));
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_is_a_diagnostic_of_the_line_that_caused_it() {
    let state = tempfile::tempdir().unwrap();
    let wants = json!({"notifications": ["status"]});
    let builder = |builder: Builder| builder.with_options(&wants);
    let mut client = start(state.path(), &crash(), builder).await;
    run(&mut client).await;
    let found = published(&mut client, "main/main.c").await;
    let [crash] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(timeless(crash), "LoadProhibited reading 0x00000004, UTC");
    assert_eq!(
        (&crash["severity"], &crash["code"]),
        (&json!(1), &json!("fault"))
    );
    // Line 11, as tests/panics/cases.json expects it.
    assert_eq!(crash["range"]["start"]["line"], 10);
    let text = std::fs::read_to_string(client.folder.path().join("main/main.c")).unwrap();
    let line = text.lines().nth(10).unwrap();
    assert_eq!(crash["range"]["end"]["character"], line.trim_end().len());
    let documented = example(|value| value["source"] == "fbuild");
    assert_eq!(shape_of(crash), shape_of(&documented));
    let related = crash["relatedInformation"].as_array().unwrap();
    let callers: Vec<_> = related
        .iter()
        .map(|it| it["message"].as_str().unwrap())
        .collect();
    assert_eq!(callers[..2], ["#1 tick", "#2 hour"]);
    assert_eq!(related[0]["location"]["range"]["start"]["line"], 16);

    // The status bar has the last word on the board.
    loop {
        let status = client.message("fbuild/status").await["params"].clone();
        if status["outcome"] == "crashed" {
            assert_eq!(status["text"]["short"], "crashed: LoadProhibited main.c:11");
            break;
        }
    }
    let log = client.message("window/logMessage").await;
    let said = log["params"]["message"].as_str().unwrap();
    assert!(
        said.contains("digit_of (inlined) at /src/clock/main/main.c:11"),
        "{said}"
    );

    let uri = client.uri("main/main.c");
    let at = json!({"textDocument": {"uri": uri}, "position": {"line": 10, "character": 0}});
    let id = client.request("textDocument/hover", &at).await;
    let hover = client.answer(id).await["result"]["contents"]["value"].clone();
    for words in [
        "digit_of (inlined) at /src/clock/main/main.c:11",
        "EXCVADDR 0x00000004",
    ] {
        assert!(hover.as_str().unwrap().contains(words), "{hover}");
    }

    // The next deploy takes it away, and the board crashes again.
    let id = client.command("deploy", &port(&client)).await;
    assert_eq!(
        published(&mut client, "main/main.c").await,
        [json!(null); 0]
    );
    client.outcome(id).await;
    assert_eq!(published(&mut client, "main/main.c").await.len(), 1);
    client.message("window/logMessage").await;
    client.leave_with_unread(&["fbuild/status"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_of_the_line_or_a_word_takes_it_away() {
    let state = tempfile::tempdir().unwrap();
    let options = json!({"clipboard": true});
    let builder = |builder: Builder| builder.with_options(&options);
    let mut client = start(state.path(), &crash(), builder).await;
    let uri = client.uri("main/main.c");
    let document = json!({"uri": uri, "languageId": "c", "version": 1, "text": "…"});
    client
        .notify("textDocument/didOpen", &json!({"textDocument": document}))
        .await;
    run(&mut client).await;
    let edit = |version: u32, line: u32, text: &str| {
        let at = json!({"line": line, "character": 0});
        json!({
            "textDocument": {"uri": uri, "version": version},
            "contentChanges": [{"range": {"start": at, "end": at}, "text": text}],
        })
    };
    assert_eq!(published(&mut client, "main/main.c").await.len(), 1);
    client.message("window/logMessage").await;
    // Two lines above it: what can be done about it is now further down.
    client
        .notify("textDocument/didChange", &edit(2, 0, "//\n//\n"))
        .await;
    let at = json!({"line": 12, "character": 3});
    let about = json!({
        "textDocument": {"uri": uri}, "range": {"start": at, "end": at}, "context": {"diagnostics": []},
    });
    let id = client.request("textDocument/codeAction", &about).await;
    let actions = client.answer(id).await["result"].clone();
    let titles: Vec<_> = actions
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["title"])
        .collect();
    assert_eq!(
        titles,
        [
            "Show the crash and the log before it",
            "Copy the backtrace",
            "Dismiss the crash"
        ]
    );
    let copy = json!({"command": actions[1]["command"]["command"], "arguments": actions[1]["command"]["arguments"]});
    let id = client.request("workspace/executeCommand", &copy).await;
    let copied = client.answer(id).await["result"].clone();
    assert_eq!(copied["shown"], false);
    let copied = copied["text"].as_str().unwrap();
    assert!(
        copied.contains("tick at") && !copied.contains("Guru Meditation"),
        "{copied}"
    );
    let show = json!({"command": actions[0]["command"]["command"], "arguments": actions[0]["command"]["arguments"]});
    let id = client.request("workspace/executeCommand", &show).await;
    let shown = client.answer(id).await["result"].clone();
    assert_eq!(shown["shown"], false, "this client shows no files");
    let page = std::fs::read_to_string(state.path().join("crash.txt")).unwrap();
    assert_eq!(page, shown["text"]);
    assert!(
        page.contains("Guru Meditation Error") && page.contains("tick at"),
        "{page}"
    );
    client
        .notify("textDocument/didChange", &edit(3, 12, "x"))
        .await;
    assert_eq!(
        published(&mut client, "main/main.c").await,
        [json!(null); 0]
    );

    // Somebody has seen it.
    client.call("monitor.reset", &json!({})).await;
    assert_eq!(published(&mut client, "main/main.c").await.len(), 1);
    client.message("window/logMessage").await;
    let dismissed = client
        .call("monitor.dismiss", &json!({"uri": uri, "line": 10}))
        .await;
    assert_eq!(dismissed, json!({"dismissed": 1}));
    assert_eq!(
        published(&mut client, "main/main.c").await,
        [json!(null); 0]
    );
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_boot_loop_is_one_diagnostic_that_says_so() {
    let state = tempfile::tempdir().unwrap();
    let log = [crash(), crash(), crash(), String::new()].join(REBOOT);
    let mut client = start(state.path(), &log, |builder| builder).await;
    run(&mut client).await;
    let mut said = String::new();
    while !said.starts_with("boot loop") {
        let found = published(&mut client, "main/main.c").await;
        assert_eq!(found.len(), 1, "{found:?}");
        said = timeless(&found[0]);
    }
    // The backtrace is still there when it has come again.
    let uri = client.uri("main/main.c");
    let at = json!({"textDocument": {"uri": uri}, "position": {"line": 10, "character": 0}});
    let id = client.request("textDocument/hover", &at).await;
    let hover = client.answer(id).await["result"]["contents"]["value"].clone();
    assert!(hover.as_str().unwrap().contains("tick at"), "{hover}");
    assert_eq!(
        said,
        "boot loop: LoadProhibited reading 0x00000004, 3 times, last at UTC"
    );
    client.message("window/logMessage").await;
    client
        .leave_with_unread(&["textDocument/publishDiagnostics"])
        .await;
}

/// Of a build that is not at hand no line is named, and the person hears of it all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_another_build_is_told_without_a_line() {
    let state = tempfile::tempdir().unwrap();
    let other = crash().replace("6d80bbfd2", "0123456789");
    let mut client = start(state.path(), &other, |builder| builder).await;
    run(&mut client).await;
    let told = client.message("window/showMessage").await;
    assert_eq!(
        told["params"]["message"],
        "The firmware on a simulated board crashed: LoadProhibited reading 0x00000004."
    );
    let log = client.message("window/logMessage").await;
    let said = log["params"]["message"].as_str().unwrap();
    assert!(said.contains("the board runs another build"), "{said}");
    client.leave().await;
}

/// The board runs what it was given, whatever was built since.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_of_what_was_deployed_has_its_line_after_the_next_build() {
    let state = tempfile::tempdir().unwrap();
    let mut client = start(state.path(), &crash(), |builder| builder).await;
    let mut port = port(&client);
    let outcome = client.run("deploy", &port).await;
    assert_eq!(outcome["error"], Value::Null, "{outcome}");
    let elf = client.folder.path().join("build/app.elf");
    std::fs::copy(panics().join("elf/clock-o2.elf"), elf).unwrap();
    port["reset"] = true.into();
    let started = client.call("monitor.start", &port).await;
    assert_eq!(started["error"], Value::Null, "{started}");
    client.message("window/logMessage").await;
    let found = published(&mut client, "main/main.c").await;
    assert_eq!(found[0]["range"]["start"]["line"], 10);
    // The boot that ended the deploy may be heard, too.
    let again = ["window/logMessage", "textDocument/publishDiagnostics"];
    client.leave_with_unread(&again).await;
}

/// One that has a status, too: a word there is easily missed. A button leads to what the board had said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_without_a_line_is_shown_by_a_button() {
    let state = tempfile::tempdir().unwrap();
    let other = crash().replace("6d80bbfd2", "0123456789");
    let options = json!({"notifications": ["status"]});
    let builder = |builder: Builder| builder.with_options(&options).with_documents();
    let mut client = start(state.path(), &other, builder).await;
    run(&mut client).await;
    let asked = client.message("window/showMessageRequest").await;
    let action = asked["params"]["actions"][0].clone();
    assert_eq!(action["title"], "Show the crash and the log before it");
    client.reply(&asked["id"], &action).await;
    let page = client.message("window/showDocument").await;
    client.reply(&page["id"], &json!({"success": true})).await;
    assert_eq!(
        page["params"]["uri"],
        file_uri(&state.path().join("crash.txt"))
    );
    let text = std::fs::read_to_string(state.path().join("crash.txt")).unwrap();
    assert!(text.contains("the board runs another build"), "{text}");
    assert!(text.contains("Guru Meditation Error"), "{text}");
    client.message("window/logMessage").await;
    client.leave_with_unread(&["fbuild/status"]).await;
}

/// Where the client asks for texts, no file is written.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_is_a_page_of_a_client_that_asks_for_texts() {
    let state = tempfile::tempdir().unwrap();
    let announced = json!({"textDocumentContent": {}});
    let builder = |builder: Builder| builder.with_workspace(&announced).with_documents();
    let mut client = start(state.path(), &crash(), builder).await;
    run(&mut client).await;
    published(&mut client, "main/main.c").await;
    client.message("window/logMessage").await;
    let id = client.command("monitor.showCrash", &json!({})).await;
    let page = client.message("window/showDocument").await;
    client.reply(&page["id"], &json!({"success": true})).await;
    let shown = client.answer(id).await["result"].clone();
    assert_eq!(shown["shown"], true);
    let address = json!({"uri": page["params"]["uri"]});
    assert_eq!(address, json!({"uri": "fbuild:/crash.txt"}));
    let id = client
        .request("workspace/textDocumentContent", &address)
        .await;
    assert_eq!(client.answer(id).await["result"]["text"], shown["text"]);
    assert!(!state.path().join("crash.txt").exists());
    client
        .leave_with_unread(&["workspace/textDocumentContent/refresh"])
        .await;
}

/// An address that the board prints by the way is a place, by the build that the board has named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_are_places() {
    let state = tempfile::tempdir().unwrap();
    let named = |sha256: &str| format!("I (40) app_init: ELF file SHA256:  {sha256}...\nready\n");
    for (sha256, is_known) in [("6d80bbfd2", true), ("0123456789", false)] {
        let mut client = start(state.path(), &named(sha256), |builder| builder).await;
        run(&mut client).await;
        let wait = json!({"until": "ready", "timeoutMs": 30_000});
        let read = client.call("monitor.read", &wait).await;
        assert_eq!(read["reason"], "matched", "{read}");
        // What the crash's backtrace begins with.
        let asked = json!({"addresses": ["0x400d0313", "0x00000004", "nonsense"]});
        let found = client.call("monitor.places", &asked).await;
        if is_known {
            assert_eq!(found["places"][0]["function"], "digit_of", "{found}");
            assert_eq!(found["places"][0]["line"], 10);
            let uri = client.uri("main/main.c");
            assert_eq!(found["places"][0]["uri"], uri);
            assert_eq!(found["places"].as_array().unwrap().len(), 1);
            let line = json!({"line": "é 0x400d0313 at /src/clock/main/main.c:7, and b.c:1"});
            let found = client.call("monitor.places", &line).await;
            let places = found["places"].as_array().unwrap();
            let spots = places.iter().map(|place| {
                (
                    place["start"].as_u64(),
                    place["length"].as_u64(),
                    place["line"].as_u64(),
                )
            });
            let spots: Vec<_> = spots.collect();
            assert_eq!(
                spots,
                [(Some(2), Some(10), Some(10)), (Some(16), Some(24), Some(6))]
            );
            assert_eq!(found["places"][1]["uri"], uri);
            // Its terminal may still be open.
            client.call("monitor.stop", &json!({})).await;
            let found = client.call("monitor.places", &line).await;
            assert_eq!(found["places"][0]["uri"], uri, "{found}");
            assert_eq!(found["places"].as_array().unwrap().len(), 1);
        } else {
            assert_eq!(found["places"], json!([]));
        }
        client.leave().await;
    }
}

/// A client that sends only documents with help is asked for the file of a crash.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_asked_for_the_file_of_a_crash() {
    let state = tempfile::tempdir().unwrap();
    let dynamic = json!({"dynamicRegistration": true});
    let kinds = json!({"synchronization": dynamic, "hover": dynamic, "codeAction": dynamic});
    let builder = |builder: Builder| builder.with_text_document(&kinds);
    let mut client = start(state.path(), &crash(), builder).await;
    run(&mut client).await;
    let asked = client.message("client/registerCapability").await;
    client.reply(&asked["id"], &Value::Null).await;
    let wanted = asked["params"]["registrations"].as_array().unwrap();
    assert_eq!(wanted.len(), 5);
    let file = client
        .folder
        .path()
        .join("main/main.c")
        .display()
        .to_string();
    for one in wanted {
        let selector = &one["registerOptions"]["documentSelector"][0];
        assert_eq!(selector["pattern"], file, "{one}");
    }
    published(&mut client, "main/main.c").await;
    client.message("window/logMessage").await;
    client.leave().await;
}
