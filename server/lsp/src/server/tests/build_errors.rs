//! What builds find wrong, on the lines that they name.

use serde_json::{Value, json};

use super::builds::{start, write};
use super::harness::{Client, file_uri};
use super::stale::make_stale;

async fn published(client: &mut Client, file: &str) -> Value {
    let said = client.message("textDocument/publishDiagnostics").await;
    let uri = client.uri(file);
    assert_eq!(said["params"]["uri"], uri);
    said["params"]["diagnostics"].clone()
}

/// The compiler that is there, the board's own before this machine's.
fn compiler() -> &'static str {
    let is_there = |name: &&str| {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
    };
    let names = ["riscv64-unknown-elf-gcc", "riscv32-esp-elf-gcc", "gcc"];
    names.into_iter().find(is_there).unwrap_or("cc")
}

/// A genuine compiler's error is on its line until the next build, whose firmware is deployed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_is_on_its_line_and_gone_once_it_is_corrected() {
    let line = format!(
        "LC_ALL=C {} -Wall -fsyntax-only main/main.c && touch build/app.bin",
        compiler()
    );
    let mut client = start(&json!({"buildBeforeDeploy": line})).await;
    make_stale(client.folder.path());
    write(
        &client,
        "main/inner.h",
        "int inner(void) { return nope; }\n",
    );
    write(
        &client,
        "main/main.c",
        "#include \"inner.h\"\nint f(void) {\n\treturn é + other;\n}\n",
    );
    let id = client.command("deploy", &json!({})).await;
    let mut by_file = std::collections::BTreeMap::new();
    let is_all = |by_file: &std::collections::BTreeMap<String, Value>| {
        let said = Value::from_iter(by_file.clone()).to_string();
        said.contains("'nope'") && said.contains("'other'")
    };
    while !is_all(&by_file) {
        let said = client.message("textDocument/publishDiagnostics").await;
        let uri = said["params"]["uri"].as_str().unwrap();
        let name = uri.rsplit('/').next().unwrap().to_owned();
        by_file.insert(name, said["params"]["diagnostics"].clone());
    }
    let outcome = client
        .outcome_after_output(id, &["main/main.c: In function 'f':"])
        .await;
    assert_eq!(outcome["error"]["code"], "build-failed", "{outcome}");
    let what = outcome["error"]["message"].as_str().unwrap();
    assert!(what.contains("main/inner.h:1: 'nope' undeclared"), "{what}");
    let inner = &by_file["inner.h"][0];
    let nope = json!({"start": {"line": 0, "character": 25}, "end": {"line": 0, "character": 29}});
    assert_eq!(inner["range"], nope);
    assert_eq!(
        (&inner["severity"], &inner["source"]),
        (&json!(1), &json!("gcc"))
    );
    let main = client.uri("main/main.c");
    let from = &inner["relatedInformation"][0]["location"];
    assert_eq!(
        (&from["uri"], &from["range"]["start"]["line"]),
        (&json!(main), &json!(0))
    );
    let found = by_file["main.c"].as_array().unwrap();
    let is_other = |it: &&Value| it["message"].as_str().unwrap().contains("'other'");
    let other = found.iter().find(is_other).unwrap();
    // After a tab and a letter of two bytes.
    let range = json!({"start": {"line": 2, "character": 12}, "end": {"line": 2, "character": 17}});
    assert_eq!(other["range"], range);

    write(&client, "main/inner.h", "");
    write(&client, "main/main.c", "int f(void) { return 3; }\n");
    let id = client.command("deploy", &json!({})).await;
    while by_file.values().any(|shown| *shown != json!([])) {
        let said = client.message("textDocument/publishDiagnostics").await;
        let uri = said["params"]["uri"].as_str().unwrap();
        let name = uri.rsplit('/').next().unwrap().to_owned();
        by_file.insert(name, said["params"]["diagnostics"].clone());
    }
    assert_eq!(client.outcome(id).await["outcome"], "fullFlash");
    client.leave().await;
}

/// A client lists what was found once it has the outcome, however many texts are looked at just then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_build_finds_is_told_before_its_outcome() {
    let line = "echo 'main/main.c:1:1: error: nope'; exit 1";
    let mut client = start(&json!({"buildBeforeDeploy": line})).await;
    write(&client, "main/main.c", "\n");
    let rows = (0..50).map(|n| format!("row{n}, app, nonsense, 0x10000, 1M\n"));
    let text = rows.collect::<String>();
    for n in 0..20 {
        let uri = file_uri(&client.folder.path().join(format!("{n}/partitions.csv")));
        let opened = json!({"textDocument": {
            "uri": uri, "languageId": "csv", "version": 1, "text": text
        }});
        client.notify("textDocument/didOpen", &opened).await;
    }
    let id = client.command("build", &json!({})).await;
    let failed = client.answer(id).await;
    assert_eq!(
        failed["result"]["error"]["code"], "build-failed",
        "{failed}"
    );
    let main = client.uri("main/main.c");
    let is_main = |told: &&Value| told["params"]["uri"] == main;
    let told: Vec<_> = client.unread("textDocument/publishDiagnostics").collect();
    assert!(told.iter().any(is_main), "{} others", told.len());
    let unread = [
        "textDocument/publishDiagnostics",
        "window/logMessage",
        "window/showMessage",
    ];
    client.leave_with_unread(&unread).await;
}

/// Who waits for a long build can correct its first error meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_is_shown_while_the_build_runs() {
    let line = "echo 'main/main.c:1:1: error: nope'; echo '[2/9] Building'; \
                while test ! -e go; do sleep 0.02; done; echo 'main/main.c:2:1: error: more'; exit 1";
    let mut client = start(&json!({"buildBeforeDeploy": line})).await;
    write(&client, "main/main.c", "\n\n");
    let id = client.command("build", &json!({})).await;
    let found = published(&mut client, "main/main.c").await;
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    write(&client, "go", "");
    let found = published(&mut client, "main/main.c").await;
    assert_eq!(found[0]["message"], "nope");
    assert_eq!(found[1]["message"], "more");
    let failed = client
        .outcome_after_output(id, &["[2/9] Building", "main/main.c:2:1: error: more"])
        .await;
    let what = failed["error"]["message"].as_str().unwrap();
    assert!(what.ends_with("main/main.c:1: nope, and 1 more"), "{what}");
    client.leave().await;
}

/// A document has one list of diagnostics: what is found while editing is not taken back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_build_finds_stands_beside_what_editing_finds() {
    let line = "echo 'partitions.csv:1:1: error: from the build'; exit 1";
    let mut client = start(&json!({"buildBeforeDeploy": line})).await;
    let text = "app0, app, nonsense, 0x10000, 1M\n";
    write(&client, "partitions.csv", text);
    let uri = client.uri("partitions.csv");
    let opened = json!({"textDocument": {
        "uri": uri, "languageId": "csv", "version": 1, "text": text
    }});
    client.notify("textDocument/didOpen", &opened).await;
    let before = published(&mut client, "partitions.csv").await;
    assert!(!before.as_array().unwrap().is_empty());
    let id = client.command("build", &json!({})).await;
    let both = published(&mut client, "partitions.csv").await;
    let both = both.as_array().unwrap();
    let (last, others) = both.split_last().unwrap();
    assert_eq!(json!(others), before);
    assert_eq!(last["message"], "from the build");
    client.outcome_after_output(id, &[]).await;
    client.message("window/logMessage").await;
    client
        .notify(
            "textDocument/didClose",
            &json!({"textDocument": {"uri": uri}}),
        )
        .await;
    // Of a closed document the build's remains.
    let rest = published(&mut client, "partitions.csv").await;
    assert_eq!(rest, json!([last]));
    client.leave().await;
}

/// What is wrong in somebody else's file is shown where this project uses it, and the file is not read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_outside_the_workspace_is_shown_where_it_is_included() {
    let other = tempfile::tempdir().unwrap();
    let header = other.path().join("their.h");
    std::fs::write(&header, "x\n").unwrap();
    let header = header.display();
    let line = format!(
        "echo 'In file included from main/main.c:2:'; echo '{header}:1:1: error: theirs'; \
         echo '{header}:1:1: warning: not ours'; exit 1"
    );
    let mut client = start(&json!({"buildBeforeDeploy": line})).await;
    write(&client, "main/main.c", "\n#include <their.h>\n");
    let id = client.command("build", &json!({})).await;
    let found = published(&mut client, "main/main.c").await;
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found[0]["range"]["start"]["line"], 1);
    assert_eq!(found[0]["relatedInformation"][0]["message"], "theirs");
    client
        .outcome_after_output(id, &["In file included from main/main.c:2:"])
        .await;
    client.leave().await;
}

/// What a macro of somebody else's makes of this project's line is wrong there, and not where it is included.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_in_a_macro_is_shown_where_it_is_used() {
    let other = tempfile::tempdir().unwrap();
    let header = other.path().join("their.h");
    std::fs::write(&header, "x\n").unwrap();
    let header = header.display();
    let kind = |kind: &str, text: &str| {
        format!(
            "echo 'In file included from main/main.c:1:'; echo '{header}:1:1: {kind}: {text}'; \
             echo 'main/main.c:3:5: note: in expansion of macro LOG'; "
        )
    };
    let line = kind("error", "theirs") + &kind("warning", "careful") + "exit 1";
    let mut client = start(&json!({"buildBeforeDeploy": line})).await;
    write(
        &client,
        "main/main.c",
        "#include <their.h>\nvoid f(void) {\n    LOG;\n}\n",
    );
    let id = client.command("build", &json!({})).await;
    let mut found = json!([]);
    while found.as_array().unwrap().len() < 2 {
        found = published(&mut client, "main/main.c").await;
    }
    let shown = found.as_array().unwrap().iter();
    let shown = shown.map(|it| (it["range"]["start"]["line"].clone(), it["severity"].clone()));
    assert_eq!(
        shown.collect::<Vec<_>>(),
        [(json!(2), json!(1)), (json!(2), json!(2))],
        "{found}"
    );
    let uri = file_uri(&other.path().join("their.h"));
    assert_eq!(found[0]["relatedInformation"][0]["location"]["uri"], uri);
    client
        .outcome_after_output(id, &["In file included from main/main.c:1:"])
        .await;
    client.leave().await;
}

/// Two programs are made of one file, which they name in their own ways; what fails names no line.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_is_shown_once_and_what_names_no_line_is_said() {
    let line = "echo $PWD/main/main.c:1:1: error: nope; echo main/main.c:1:1: error: nope; exit 1";
    let mut client = start(&json!({"buildBeforeDeploy": line})).await;
    write(&client, "main/main.c", "\n");
    let id = client.command("build", &json!({})).await;
    let found = published(&mut client, "main/main.c").await;
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    client.outcome_after_output(id, &[]).await;
    client.message("window/logMessage").await;
    client.leave().await;

    let overflow = "echo \"ld: region 'iram0_0_seg' overflowed by 84 bytes\"";
    for (line, expected) in [
        (
            overflow.to_owned(),
            "region 'iram0_0_seg' overflowed by 84 bytes",
        ),
        // A time looks like a line of a file, of which there is none.
        (
            format!("echo '2026-01-01 12:30:01: error: began'; {overflow}"),
            "region 'iram0_0_seg' overflowed by 84 bytes",
        ),
        (
            "echo 'gone.c:3:1: error: lost'".to_owned(),
            "gone.c:3: lost",
        ),
    ] {
        let line = format!("{line}; echo a; echo b; echo c; exit 1");
        let mut client = start(&json!({"buildBeforeDeploy": line})).await;
        let id = client.command("build", &json!({})).await;
        let failed = client.outcome_after_output(id, &[]).await;
        client.message("window/logMessage").await;
        let what = failed["error"]["message"].as_str().unwrap();
        assert!(what.ends_with(&format!("; {expected}")), "{what}");
        client.leave().await;
    }
}
