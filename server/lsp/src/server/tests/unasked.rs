//! What a client is told without having asked, if it said that it wants to be.

use std::time::Duration;

use serde_json::{Value, json};

use super::fake::{FakeBoards, adapter};
use super::harness::{Builder, Client};
use crate::log::Tap;

fn wanting(names: &[&str]) -> Value {
    json!({"notifications": names})
}

/// Statuses up to the last one.
async fn statuses(client: &mut Client) -> Vec<Value> {
    let mut said = Vec::new();
    loop {
        let status = client.message("fbuild/status").await["params"].clone();
        let is_over = status["state"] != "running";
        said.push(status);
        if is_over {
            return said;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_tells_where_it_stands_and_once_how_it_ended() {
    let (boards, mut control) = FakeBoards::endless();
    let builder = Builder::new(boards).with_options(&wanting(&["status"]));
    let mut client = builder.start().await;
    let id = client.command("deploy", &json!({})).await;
    control.started.recv().await.unwrap();
    loop {
        let status = client.message("fbuild/status").await["params"].clone();
        assert_eq!(status["state"], "running");
        if status["phase"] == "writing" {
            assert_eq!(status["summary"], "writing firmware 47 %");
            assert_eq!(status["percent"], 47);
            assert_eq!(status["target"], "espidf:build");
            assert_eq!(status["port"], "/dev/fake0");
            break;
        }
    }
    control.release.send(()).unwrap();
    client.outcome(id).await;
    let last = statuses(&mut client).await.pop().unwrap();
    assert_eq!(last["state"], "succeeded");
    assert_eq!(last["outcome"], "fullFlash");
    assert_eq!(last["summary"], "full flash · 0.0 s");
    client.leave().await;
}

/// Who has a status bar shows failures itself; nobody else is left without a word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_pops_up_only_where_nobody_else_shows_it() {
    let builder = Builder::new(FakeBoards::quick()).with_options(&wanting(&["status"]));
    let mut client = builder.start().await;
    client.call("deploy", &json!({"target": "no-such"})).await;
    client.message("window/logMessage").await;
    let last = statuses(&mut client).await.pop().unwrap();
    assert_eq!(last["state"], "failed");
    // `leave` finds a message that popped up.
    client.leave().await;

    let mut client = Builder::new(FakeBoards::quick()).start().await;
    client.call("deploy", &json!({"target": "no-such"})).await;
    let alert = client.message("window/showMessage").await;
    let text = alert["params"]["message"].as_str().unwrap();
    assert!(
        text.starts_with("deploy failed: ") && text.contains("; try: "),
        "{text}"
    );
    assert!(!text.contains('\n'), "{text}");
    client.message("window/logMessage").await;
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ports_come_and_go() {
    let boards = FakeBoards::quick();
    let builder = Builder::new(boards.clone()).with_options(&wanting(&["ports"]));
    let poll = Duration::from_millis(5);
    let mut client = builder.waiting(|wait| wait.ports_poll = poll).start().await;
    let names = |message: &Value| -> Vec<String> {
        let ports = message["params"]["ports"].as_array().unwrap();
        ports
            .iter()
            .map(|port| port["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&client.message("fbuild/ports").await), ["/dev/fake0"]);
    boards.plug(vec![adapter("a", None), adapter("b", None)]);
    assert_eq!(names(&client.message("fbuild/ports").await), ["a", "b"]);
    boards.plug(vec![]);
    assert!(names(&client.message("fbuild/ports").await).is_empty());
    client.leave().await;
}

/// With a client that watches files, and with one that does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_are_told_when_one_is_chosen_and_only_when_something_changed() {
    let workspace = json!({"didChangeWatchedFiles": {"dynamicRegistration": true}});
    let builder = Builder::new(FakeBoards::quick()).with_workspace(&workspace);
    let builder = builder.with_options(&wanting(&["targets"]));
    let mut client = builder
        .waiting(|wait| wait.quiet = Duration::from_millis(5))
        .start()
        .await;
    let registration = client.message("client/registerCapability").await;
    client.reply(&registration["id"], &Value::Null).await;
    client.message("fbuild/targets").await;
    let choice = json!({"target": "espidf:build"});
    client.call("selectTarget", &choice).await;
    let told = client.message("fbuild/targets").await["params"].take();
    assert_eq!(told["selected"][0]["target"], "espidf:build", "{told}");
    let changes = json!({"changes": [{"uri": "file:///x.bin", "type": 1}]});
    client
        .notify("workspace/didChangeWatchedFiles", &changes)
        .await;
    // `leave` finds what was told for nothing.
    client.leave().await;
}

/// What a deploy would take, as it was told last.
async fn told(client: &mut Client) -> Value {
    client.message("fbuild/targets").await["params"]["selected"][0]["next"].take()
}

/// A status bar does not say "no board" for a moment where the settings name one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_that_is_told_is_by_the_client_s_settings() {
    let mut options = wanting(&["targets"]);
    options["workspaceTrusted"] = json!(true);
    let boards = FakeBoards::quick();
    boards.plug(vec![]);
    let builder = Builder::new(boards)
        .with_workspace(&json!({"configuration": true}))
        .with_options(&options);
    let mut client = builder.start().await;
    let question = client.message("workspace/configuration").await;
    // A server that does not wait has told its targets by now.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let answer = json!([{"port": "sim:x.bin"}, {"port": "sim:x.bin"}]);
    client.reply(&question["id"], &answer).await;
    let next = told(&mut client).await;
    assert_eq!(next["short"], "espidf:build · simulated board");
    client.leave().await;
}

/// By the same rules as a deploy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_deploy_would_take_is_told_when_that_changes() {
    let boards = FakeBoards::quick();
    let wants = wanting(&["ports", "targets"]);
    let builder = Builder::new(boards.clone()).with_options(&wants);
    let mut client = builder
        .waiting(|wait| {
            wait.quiet = Duration::from_millis(5);
            wait.ports_poll = Duration::from_millis(5);
        })
        .start()
        .await;
    let next = told(&mut client).await;
    assert_eq!(next["target"], "espidf:build");
    assert_eq!(next["port"], "/dev/fake0");
    assert_eq!(next["short"], "espidf:build · fake0");
    assert_eq!(
        next["detail"],
        "Target: espidf:build (ESP32)  \nBoard: /dev/fake0"
    );
    boards.plug(vec![]);
    assert_eq!(told(&mut client).await["short"], "espidf:build · no board");
    // A port of the settings counts where the workspace is trusted.
    let settings = json!({"settings": {"fbuild": {"port": "sim:x.bin"}}});
    client
        .notify("workspace/didChangeConfiguration", &settings)
        .await;
    client
        .notify("fbuild/didChangeTrust", &json!({"trusted": true}))
        .await;
    let next = told(&mut client).await;
    assert_eq!(next["short"], "espidf:build · simulated board");
    let file = client.folder.path().join("x.bin");
    assert_eq!(next["port"], format!("sim:{}", file.display()));
    // A choice is known with its answer, whether that board is plugged in or not.
    let choice = json!({"port": "/dev/ttyCHOSEN"});
    let selected = client.call("selectPort", &choice).await;
    assert_eq!(selected["next"]["short"], "espidf:build · ttyCHOSEN");
    assert_eq!(told(&mut client).await, selected["next"]);
    client.leave_with_unread(&["fbuild/ports"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_are_told_when_a_build_finishes() {
    for watches in [true, false] {
        let workspace = json!({"didChangeWatchedFiles": {"dynamicRegistration": watches}});
        let builder = Builder::new(FakeBoards::quick()).with_workspace(&workspace);
        let builder = builder
            .with_options(&wanting(&["targets"]))
            .waiting(|wait| {
                wait.quiet = Duration::from_millis(5);
                if !watches {
                    wait.targets_poll = Duration::from_millis(5);
                }
            });
        let mut client = builder.start().await;
        if watches {
            let registration = client.message("client/registerCapability").await;
            let wanted = &registration["params"]["registrations"][0];
            assert_eq!(wanted["method"], "workspace/didChangeWatchedFiles");
            client.reply(&registration["id"], &Value::Null).await;
        }
        let first = client.message("fbuild/targets").await;
        assert_eq!(first["params"]["targets"][0]["name"], "espidf:build");

        let other = client.folder.path().join("build-other");
        std::fs::create_dir(&other).unwrap();
        for name in ["app.bin", "flasher_args.json"] {
            let built = client.folder.path().join("build").join(name);
            std::fs::copy(built, other.join(name)).unwrap();
        }
        if watches {
            let changes = json!({"changes": [{"uri": "file:///x.bin", "type": 1}]});
            client
                .notify("workspace/didChangeWatchedFiles", &changes)
                .await;
        }
        // A poll may see the build half finished.
        loop {
            let targets = client.message("fbuild/targets").await["params"]["targets"].clone();
            if targets.as_array().unwrap().len() == 2 {
                break;
            }
        }
        client.leave_with_unread(&["fbuild/targets"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_goes_to_the_client_by_its_level() {
    use tracing_subscriber::layer::SubscriberExt as _;

    let tap = Tap::default();
    let options = json!({"settings": {"logLevel": "info"}});
    let builder = Builder::new(FakeBoards::quick()).with_log(&tap);
    let mut client = builder.with_options(&options).start().await;
    // An answer means that `initialized`, which was sent before, was dealt with.
    client.call("ports", &json!({})).await;
    while !tap.is_open() {
        tokio::task::yield_now().await;
    }
    let subscriber = tracing_subscriber::registry().with(tap);
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(target: "fbuild_lsp::test", "said");
        tracing::debug!(target: "fbuild_lsp::test", "not said");
    });
    let line = client.message("window/logMessage").await;
    assert_eq!(line["params"], json!({"type": 3, "message": "said"}));
    client.leave().await;
}
