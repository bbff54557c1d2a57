//! Which target and which board are meant when a request does not say.

use serde_json::{Value, json};

use super::fake::{FakeBoards, adapter};
use super::harness::{Builder, file_uri};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_several_boards_the_person_chooses_once() {
    let boards = FakeBoards::quick();
    boards.plug(vec![adapter("a", Some("17")), adapter("b", Some("18"))]);
    let mut client = Builder::new(boards.clone()).start().await;
    let id = client.command("deploy", &json!({})).await;
    let question = client.message("window/showMessageRequest").await;
    assert_eq!(
        question["params"],
        json!({
            "type": 3, "message": "Which board is espidf:build for?",
            "actions": [{"title": "a (CP210x, 17)"}, {"title": "b (CP210x, 18)"}],
        })
    );
    let chosen = json!({"title": "b (CP210x, 18)"});
    client.reply(&question["id"], &chosen).await;
    assert_eq!(client.outcome(id).await["port"], "b");

    // Not asked again, and found under another name.
    boards.plug(vec![adapter("b", Some("17")), adapter("c", Some("18"))]);
    assert_eq!(client.run("deploy", &json!({})).await["port"], "c");

    // Another board in its place is used, and that is reported.
    boards.plug(vec![adapter("b", Some("17"))]);
    let outcome = client.run("deploy", &json!({})).await;
    assert_eq!(outcome["port"], "b");
    let said = "the board chosen for this folder (b) is not plugged in; used b";
    assert_eq!(outcome["warnings"], json!([said]));
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_question_cancels_and_silence_lists_the_boards() {
    let boards = FakeBoards::quick();
    boards.plug(vec![adapter("a", None), adapter("b", None)]);
    let builder = Builder::new(boards.clone());
    let mut client = builder.start().await;
    let id = client.command("deploy", &json!({})).await;
    let question = client.message("window/showMessageRequest").await;
    client.reply(&question["id"], &Value::Null).await;
    let outcome = client.outcome(id).await;
    assert_eq!(outcome["outcome"], "cancelled", "{outcome}");
    // While it is asked, a job can be cancelled like any other.
    let id = client.command("deploy", &json!({})).await;
    client.message("window/showMessageRequest").await;
    client.notify("$/cancelRequest", &json!({"id": id})).await;
    assert_eq!(client.outcome(id).await["outcome"], "cancelled");
    client.leave().await;

    let short = std::time::Duration::from_millis(50);
    let builder = Builder::new(boards).waiting(|wait| wait.person = short);
    let mut client = builder.start().await;
    let id = client.command("deploy", &json!({})).await;
    client.message("window/showMessageRequest").await;
    let outcome = client.outcome(id).await;
    assert_eq!(outcome["error"]["code"], "several-ports", "{outcome}");
    let what = outcome["error"]["message"].as_str().unwrap();
    assert_eq!(what, "several boards found: a (CP210x), b (CP210x)");
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn choices_are_kept_by_folder_and_between_runs() {
    let boards = FakeBoards::quick();
    boards.plug(vec![adapter("a", Some("17")), adapter("b", Some("18"))]);
    let mut client = Builder::new(boards.clone()).start().await;
    let folder = client.folder.path().to_owned();
    let selected = client.call("selectPort", &json!({"port": "a"})).await;
    assert_eq!(selected["port"], "a");
    assert_eq!(client.run("deploy", &json!({})).await["port"], "a");
    client.leave().await;

    let mut client = Builder::new(boards).start().await;
    let root = json!({"root": folder});
    // The first client's folder is gone; what was chosen for it is not.
    let again = client.call("targets", &root).await;
    assert_eq!(again["selected"][0]["port"], "a");
    let own = client.call("targets", &json!({})).await;
    assert_eq!(own["selected"][0]["port"], Value::Null);
    let argument = json!({"root": folder, "port": null});
    let none = client.call("selectPort", &argument).await;
    assert_eq!(none["port"], Value::Null);
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_with_a_chosen_target_stands_before_the_others() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let other = tempfile::tempdir().unwrap();
    super::project::write(other.path(), &[]);
    let added = json!([{"uri": file_uri(other.path()), "name": "other"}]);
    let event = json!({"event": {"added": added, "removed": []}});
    client
        .notify("workspace/didChangeWorkspaceFolders", &event)
        .await;
    let refused = client.run("deploy", &json!({})).await;
    assert_eq!(refused["error"]["code"], "ambiguous-target");
    let error = client
        .refused("selectTarget", &json!({"target": "espidf:build"}))
        .await;
    assert!(error["message"].as_str().unwrap().contains("'root'"));

    let argument = json!({"target": "build", "root": other.path()});
    let selected = client.call("selectTarget", &argument).await;
    assert_eq!(selected["target"], "espidf:build", "the whole name");
    assert_eq!(
        client.run("deploy", &json!({})).await["outcome"],
        "fullFlash"
    );

    // A choice that no longer exists is named as the cause.
    std::fs::remove_dir_all(other.path().join("build")).unwrap();
    let refused = client.run("deploy", &json!({})).await;
    let remedy = refused["error"]["remedy"].as_str().unwrap();
    assert!(remedy.starts_with("'espidf:build' was chosen"), "{remedy}");
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_document_means_the_nearest_project_around_it() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let folder = client.folder.path().to_owned();
    let (sensor, gateway) = (folder.join("sensor"), folder.join("gateway"));
    super::project::write(&sensor, &[]);
    std::fs::write(sensor.join("sdkconfig"), "").unwrap();
    std::fs::create_dir_all(&gateway).unwrap();
    let ini = "[env:main]\nplatform = espressif32\nboard = esp32dev\n";
    std::fs::write(gateway.join("platformio.ini"), ini).unwrap();
    // It looks like a project, and nothing of it can be deployed.
    std::fs::create_dir_all(sensor.join("tool")).unwrap();
    std::fs::write(
        sensor.join("tool/Cargo.toml"),
        "[package]\nname = \"tool\"\n",
    )
    .unwrap();
    for (document, project) in [
        ("sensor/main/main.c", &sensor),
        ("sensor/tool/main.rs", &sensor),
        ("gateway/src/main.cpp", &gateway),
        ("main/main.c", &folder),
        ("docs/index.md", &folder),
    ] {
        let argument = json!({"uri": file_uri(&folder.join(document))});
        let found = client.call("targets", &argument).await;
        assert_eq!(found["selected"][0]["root"], json!(project), "{document}");
    }
    let argument = json!({"uri": file_uri(&gateway.join("src/main.cpp"))});
    let refused = client.run("deploy", &argument).await;
    assert_eq!(refused["error"]["code"], "no-target", "{refused}");
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_exists_can_be_chosen() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let error = client
        .refused("selectTarget", &json!({"target": "no-such"}))
        .await;
    assert_eq!(error["code"], -32602);
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("'target'") && message.contains("espidf:build"),
        "{message}"
    );
    client.leave().await;
}
