//! Arguments in, results out.

use serde_json::{Value, json};

use super::fake::FakeBoards;
use super::harness::{Builder, file_uri};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn initialize_announces_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Builder::new(FakeBoards::quick()).connect(folder);
    let id = client
        .request("initialize", &json!({"capabilities": {}}))
        .await;
    let result = client.answer(id).await["result"].clone();
    assert_eq!(result["serverInfo"]["name"], "fbuild-lsp");
    assert_eq!(
        result["capabilities"]["executeCommandProvider"]["commands"],
        json!(crate::server::commands::NAMES)
    );
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deploy_fills_in_what_was_left_out() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let outcome = client.run("deploy", &json!({"of the future": true})).await;
    assert_eq!(outcome["outcome"], "fullFlash");
    assert_eq!(outcome["message"], "deploy succeeded (full flash)");
    assert_eq!(outcome["target"], "espidf:build");
    assert_eq!(outcome["port"], "/dev/fake0", "the only plausible board");
    assert_eq!(outcome["error"], Value::Null);
    client.leave().await;
}

/// The mode reaches the deploy, and `verify` is a mode.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn modes() {
    let boards = FakeBoards::new(|request, _, _| {
        let kind = fbuild_deploy::outcome::OutcomeKind::VerifySkip;
        let said = format!(
            "{:?} {:?} {:?}",
            request.mode, request.baud, request.regions
        );
        super::fake::report(request, kind, &said)
    });
    let mut client = Builder::new(boards).start().await;
    for (command, argument, expected) in [
        ("deploy", json!({}), "Auto Auto None"),
        (
            "deploy",
            json!({"mode": "auto", "baud": "auto"}),
            "Auto Auto None",
        ),
        (
            "deploy",
            json!({"mode": "full", "baud": 460_800}),
            "Full Fixed(460800) None",
        ),
        ("deploy", json!({"mode": "verify"}), "Verify Auto None"),
        (
            "verify",
            json!({"regions": ["firmware"]}),
            "Verify Auto Some([\"firmware\"])",
        ),
    ] {
        assert_eq!(client.run(command, &argument).await["message"], expected);
    }
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_arguments_are_named() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    for (command, argument, field) in [
        ("deploy", json!({"port": 5}), "'port'"),
        ("deploy", json!({"target": ["a"]}), "'target'"),
        ("deploy", json!({"regions": "firmware"}), "'regions'"),
        ("deploy", json!({"mode": "quick"}), "'mode'"),
        ("deploy", json!({"baud": "fast"}), "'baud'"),
        ("deploy", json!({"baud": 7}), "from 9600 to 5000000"),
        ("deploy", json!({"force": 1}), "'force'"),
        ("deploy", json!({"dryRun": "yes"}), "'dryRun'"),
        ("verify", json!({"root": 1}), "'root'"),
        ("targets", json!({"root": "relative/path"}), "'root'"),
        ("targets", json!({"uri": "untitled:1"}), "'uri'"),
        ("cancel", json!({"job": "first"}), "'job'"),
        ("deploy", json!("COM5"), "one object"),
        ("explode", json!({}), "fbuild.server.explode"),
    ] {
        let error = client.refused(command, &argument).await;
        assert_eq!(error["code"], -32602, "{command} {argument}: {error}");
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(field), "{command} {argument}: {message}");
    }
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_job_a_port_and_ports_side_by_side() {
    let (boards, mut control) = FakeBoards::endless();
    let mut client = Builder::new(boards).start().await;
    let first = client
        .command("deploy", &json!({"port": "/dev/fake1"}))
        .await;
    control.started.recv().await.unwrap();

    let refused = client.run("verify", &json!({"port": "/dev/fake1"})).await;
    assert_eq!(refused["outcome"], "failed");
    assert_eq!(refused["error"]["code"], "job-running");
    assert_eq!(
        refused["error"]["message"],
        "port /dev/fake1 is busy: deploy of espidf:build, firmware: writing 43 %, 512 of 1180 KiB, 6 s left"
    );

    let third = client
        .command("deploy", &json!({"port": "/dev/fake2"}))
        .await;
    assert_eq!(control.started.recv().await.unwrap(), "/dev/fake2");
    control.release.send(()).unwrap();
    control.release.send(()).unwrap();
    for id in [first, third] {
        assert_eq!(client.outcome(id).await["outcome"], "fullFlash");
    }
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_requests_are_answered_meanwhile() {
    let (boards, mut control) = FakeBoards::endless();
    let mut client = Builder::new(boards).start().await;
    let deploy = client.command("deploy", &json!({})).await;
    control.started.recv().await.unwrap();

    let targets = client.call("targets", &json!({})).await;
    assert_eq!(targets["targets"][0]["name"], "espidf:build");
    assert_eq!(targets["targets"][0]["regions"][0]["offset"], 0x10000);
    let ports = client.call("ports", &Value::Null).await;
    assert_eq!(ports["ports"][0]["name"], "/dev/fake0");
    assert_eq!(ports["ports"][0]["likelyBoard"], true);
    assert_eq!(ports["ports"][0]["usb"]["vid"], 0x10C4);

    control.release.send(()).unwrap();
    client.outcome(deploy).await;
    client.leave().await;
}

/// The folder around the document that the user looks at, when several are open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documents_folder_is_meant() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let other = tempfile::tempdir().unwrap();
    super::project::write(other.path(), &[]);
    let added = json!([{"uri": file_uri(other.path()), "name": "other"}]);
    let event = json!({"event": {"added": added, "removed": []}});
    client
        .notify("workspace/didChangeWorkspaceFolders", &event)
        .await;

    let outcome = client.run("deploy", &json!({})).await;
    assert_eq!(outcome["error"]["code"], "ambiguous-target", "{outcome}");

    let document = file_uri(&other.path().join("main/main.c"));
    assert_eq!(
        client.run("deploy", &json!({"uri": document})).await["outcome"],
        "fullFlash"
    );
    let targets = client.call("targets", &json!({"uri": document})).await["targets"].clone();
    assert_eq!(targets.as_array().unwrap().len(), 1);
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unsaved_documents_are_mentioned() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let uri = client.uri("main/main.c");
    let document = |version: i64| json!({"textDocument": {"uri": uri, "version": version}});
    let changed = |version: i64| {
        let mut params = document(version);
        params["contentChanges"] = json!([{"text": "int x;"}]);
        params
    };
    client.notify("textDocument/didOpen", &document(1)).await;
    client.notify("textDocument/didChange", &changed(2)).await;
    let id = client.command("deploy", &json!({})).await;
    let expected = "main/main.c has unsaved changes, which are not in this firmware";
    assert_eq!(client.outcome(id).await["warnings"], json!([expected]));
    // A client that says so itself knows better: the change was undone.
    assert_eq!(
        client.run("deploy", &json!({"unsaved": []})).await["warnings"],
        json!([])
    );
    // Who only looks wants to know neither this nor, later, that he looked.
    assert_eq!(
        client.run("verify", &json!({})).await["warnings"],
        json!([])
    );
    let history = client.call("history", &json!({})).await;
    let deploys = history["boards"][0]["deploys"].as_array().unwrap();
    assert_eq!(deploys.len(), 2, "{history}");

    client.notify("textDocument/didSave", &document(2)).await;
    assert_eq!(
        client.run("deploy", &json!({})).await["warnings"],
        json!([])
    );
    let elsewhere = "/elsewhere/notes.c";
    let told = json!({"unsaved": [uri, elsewhere]});
    assert_eq!(
        client.run("deploy", &told).await["warnings"],
        json!([expected])
    );
    client.leave().await;
}
