//! Builds: before a deploy, without being asked for, and by themselves.

use serde_json::{Value, json};

use super::fake::FakeBoards;
use super::harness::{Builder, Client};
use super::stale::make_stale;

/// A trusted project with these settings.
async fn start(settings: &Value) -> Client {
    let options = json!({"workspaceTrusted": true, "settings": settings});
    let builder = Builder::new(FakeBoards::quick()).with_options(&options);
    builder.start().await
}

fn never_built(client: &Client) {
    let build = client.folder.path().join("build");
    std::fs::write(build.join("project_description.json"), "{}").unwrap();
    let args = build.join("flasher_args.json");
    std::fs::rename(args, client.folder.path().join("kept")).unwrap();
}

/// Edit, save, deploy: nobody asks, and what was built is deployed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stale_firmware_is_built_and_deployed() {
    let command = "echo building ${target} in ${workspaceFolder}; touch build/app.bin";
    let mut client = start(&json!({"buildBeforeDeploy": command})).await;
    make_stale(client.folder.path());
    let id = client.command("deploy", &json!({})).await;
    let said = format!(
        "building espidf:build in {}",
        client.folder.path().display()
    );
    let outcome = client.outcome_after_output(id, &[&said]).await;
    assert_eq!(outcome["outcome"], "fullFlash");
    assert_eq!(outcome["build"]["command"], command);
    assert_eq!(outcome["warnings"], json!([]));
    let detail = outcome["text"]["detail"].as_str().unwrap();
    assert!(detail.contains("Built first: "), "{detail}");

    // Now it is not stale.
    let id = client.command("deploy", &json!({})).await;
    assert_eq!(client.outcome(id).await["build"], Value::Null);
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_firmware_that_is_missing_is_built_and_deployed() {
    let command = json!({"buildBeforeDeploy": "mv kept build/flasher_args.json"});
    let mut client = start(&command).await;
    never_built(&client);
    let id = client.command("deploy", &json!({})).await;
    let outcome = client.outcome(id).await;
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome}");
    assert_eq!(outcome["target"], "espidf:build");
    client.leave().await;
}

/// Neither is anything run, nor does the message leave open why.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_built_is_said_with_the_reason() {
    let command = "touch was-run";
    for (trusted, build, why) in [
        (
            false,
            "auto",
            Some("It is not built first: this workspace is not trusted."),
        ),
        (true, "never", None),
    ] {
        let settings = json!({"build": build, "buildBeforeDeploy": command});
        let options = json!({"workspaceTrusted": trusted, "settings": settings});
        let builder = Builder::new(FakeBoards::quick()).with_options(&options);
        let mut client = builder.start().await;
        never_built(&client);
        let id = client.command("deploy", &json!({})).await;
        let outcome = client.outcome(id).await;
        assert_eq!(outcome["error"]["code"], "no-target", "{outcome}");
        let remedy = outcome["error"]["remedy"].as_str().unwrap();
        assert!(
            remedy.starts_with("Build it first: idf.py build"),
            "{remedy}"
        );
        assert_eq!(remedy.split_once(". ").map(|it| it.1), why);
        assert!(!client.folder.path().join("was-run").exists());
        client.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_asks_as_before_and_offers_no_build() {
    let command = json!({"build": "never", "buildBeforeDeploy": "touch was-run"});
    let mut client = start(&command).await;
    make_stale(client.folder.path());
    let id = client.command("deploy", &json!({})).await;
    let question = client.message("window/showMessageRequest").await;
    assert_eq!(
        question["params"]["actions"],
        json!([{"title": "Deploy anyway"}])
    );
    client.reply(&question["id"], &Value::Null).await;
    assert_eq!(client.outcome(id).await["outcome"], "cancelled");
    assert!(!client.folder.path().join("was-run").exists());
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_by_itself() {
    let command = json!({"buildBeforeDeploy": ["sh", "-c", "echo ${target}; test ! -e broken"]});
    let mut client = start(&command).await;
    let id = client.command("build", &json!({})).await;
    let built = client.outcome_after_output(id, &["espidf:build"]).await;
    assert_eq!(built["outcome"], "built", "{built}");
    assert_eq!(built["message"], "built espidf:build");
    assert_eq!(built["target"], "espidf:build");
    assert_eq!(built["error"], Value::Null);
    std::fs::write(client.folder.path().join("broken"), "").unwrap();
    let id = client.command("build", &json!({"target": "build"})).await;
    let failed = client.outcome_after_output(id, &["espidf:build"]).await;
    assert_eq!(failed["outcome"], "failed");
    assert_eq!(failed["error"]["code"], "build-failed");
    assert_eq!(
        failed["text"]["buttons"][0]["command"],
        "fbuild.server.build"
    );
    client.leave().await;

    let mut stranger = Builder::new(FakeBoards::quick()).start().await;
    let id = stranger.command("build", &json!({})).await;
    let refused = stranger.outcome(id).await;
    assert_eq!(refused["error"]["code"], "not-trusted");
    assert_eq!(refused["text"]["buttons"][0]["title"], "Manage Trust");
    stranger.leave().await;
}

/// Two builds of one directory would trip over each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_build_at_a_time_works_in_a_directory() {
    let command =
        json!({"buildBeforeDeploy": "echo begun; while test ! -e go; do sleep 0.02; done"});
    let mut client = start(&command).await;
    let first = client.command("build", &json!({})).await;
    client.message("window/logMessage").await;
    let second = client.command("build", &json!({})).await;
    let refused = client.outcome(second).await;
    assert_eq!(refused["error"]["code"], "build-running", "{refused}");
    std::fs::write(client.folder.path().join("go"), "").unwrap();
    assert_eq!(client.outcome(first).await["outcome"], "built");
    client.leave().await;
}
