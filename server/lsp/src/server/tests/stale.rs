//! Firmware that is older than its sources, and the build command.

use std::fs::{File, FileTimes};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::fake::FakeBoards;
use super::harness::{Builder, Client, flash_without_app};
use crate::boards::LocalBoards;

const STALE: &str = "main/main.c is newer than the firmware of espidf:build.";
const NOT_TRUSTED: &str = " It is not built first: this workspace is not trusted.";

/// A project whose source was changed after the build.
async fn start(options: &Value) -> Client {
    let builder = Builder::new(FakeBoards::quick()).with_options(options);
    let client = builder.start().await;
    make_stale(client.folder.path());
    client
}

pub(super) fn make_stale(folder: &Path) {
    std::fs::create_dir(folder.join("main")).unwrap();
    std::fs::write(folder.join("main/main.c"), "int x;").unwrap();
    built_an_hour_ago(&folder.join("build/app.bin"));
}

pub(super) fn built_an_hour_ago(app: &Path) {
    change_at(app, SystemTime::now() - Duration::from_hours(1));
}

pub(super) fn change_at(path: &Path, time: SystemTime) {
    let file = File::options().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

async fn question(client: &mut Client, why_not: &str) -> (Value, Vec<String>) {
    let question = client.message("window/showMessageRequest").await;
    assert_eq!(question["params"]["type"], 2);
    assert_eq!(question["params"]["message"], format!("{STALE}{why_not}"));
    let actions = question["params"]["actions"].as_array().unwrap();
    let titles = actions
        .iter()
        .map(|action| action["title"].as_str().unwrap().to_owned());
    (question["id"].clone(), titles.collect())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_person_decides() {
    let mut client = start(&Value::Null).await;
    for (answer, expected) in [
        (json!({"title": "Deploy anyway"}), "fullFlash"),
        (Value::Null, "cancelled"),
    ] {
        let id = client.command("deploy", &json!({})).await;
        let (asked, actions) = question(&mut client, NOT_TRUSTED).await;
        assert_eq!(actions, ["Deploy anyway"], "nothing may be run");
        client.reply(&asked, &answer).await;
        let outcome = client.outcome(id).await;
        assert_eq!(outcome["outcome"], expected);
    }
    // Nobody asks about what is not written.
    client.run("verify", &json!({})).await;
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_and_requests_decide_instead() {
    let mut client = start(&json!({"settings": {"staleBuild": "error"}})).await;
    let refused = client.run("deploy", &json!({})).await;
    assert_eq!(refused["error"]["code"], "stale-build", "{refused}");
    let ignore = json!({"staleBuild": "ignore"});
    assert_eq!(client.run("deploy", &ignore).await["outcome"], "fullFlash");
    client.leave().await;
}

/// The question does not take the place of the warning that every deploy of a stale build has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_deployed_all_the_same_is_warned_of_once() {
    let state = tempfile::tempdir().unwrap();
    let boards = LocalBoards {
        state_dir: Some(state.path().to_owned()),
    };
    let mut client = Builder::new(Arc::new(boards)).start().await;
    make_stale(client.folder.path());
    let board = client.folder.path().join("board.bin");
    std::fs::write(board, flash_without_app()).unwrap();
    let argument = json!({"port": "sim:board.bin"});
    let id = client.command("deploy", &argument).await;
    let (asked, _) = question(&mut client, NOT_TRUSTED).await;
    let anyway = json!({"title": "Deploy anyway"});
    client.reply(&asked, &anyway).await;
    let outcome = client.outcome(id).await;
    let said = outcome["warnings"].as_array().unwrap().iter();
    let said: Vec<_> = said.filter_map(Value::as_str).collect();
    assert!(
        matches!(said[..], [one] if one.contains("main/main.c")),
        "{outcome}"
    );

    let ignore = json!({"port": "sim:board.bin", "staleBuild": "ignore"});
    let outcome = client.run("deploy", &ignore).await;
    assert_eq!(outcome["warnings"], json!([]), "{outcome}");
    client.leave().await;
}

/// A client that cannot ask deploys, as it did before there were questions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_nobody_can_be_asked_the_deploy_goes_on() {
    let mut client = start(&Value::Null).await;
    let id = client.command("deploy", &json!({})).await;
    let (asked, _) = question(&mut client, NOT_TRUSTED).await;
    let error = json!({"code": -32601, "message": "no such method"});
    client
        .send(&json!({"jsonrpc": "2.0", "id": asked, "error": error}))
        .await;
    let outcome = client.outcome(id).await;
    assert_eq!(outcome["outcome"], "fullFlash");
    client.leave().await;
}

#[cfg(unix)]
fn with_command(command: &Value, trusted: bool) -> Value {
    let settings = json!({"build": "ask", "buildBeforeDeploy": command});
    json!({"workspaceTrusted": trusted, "settings": settings})
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_is_run_and_its_output_is_logged() {
    let command = json!("echo compiling main.c; echo careful >&2; touch build/app.bin");
    let mut client = start(&with_command(&command, true)).await;
    let id = client.command("deploy", &json!({})).await;
    let (asked, actions) = question(&mut client, "").await;
    assert_eq!(actions, ["Build and deploy", "Deploy anyway"]);
    let build = json!({"title": "Build and deploy"});
    client.reply(&asked, &build).await;
    let outcome = client
        .outcome_after_output(id, &["compiling main.c", "careful"])
        .await;
    assert_eq!(outcome["outcome"], "fullFlash");
    assert_eq!(outcome["warnings"], json!([]));

    // What was built is not stale, and is not asked about.
    client.run("deploy", &json!({})).await;
    client.leave().await;
}

#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_build_that_fails_touches_no_board() {
    // What tools say to programs, and their colours, are not for a message.
    let said = r#"printf '\033[31mwrong\033[0m\n{"reason":"build-finished"}\n\033[0m\n'; exit 3"#;
    let command = json!(["sh", "-c", said]);
    let mut client = start(&with_command(&command, true)).await;
    let id = client.command("deploy", &json!({"build": true})).await;
    let outcome = client.outcome_after_output(id, &["wrong"]).await;
    assert_eq!(outcome["error"]["code"], "build-failed");
    let what = outcome["error"]["message"].as_str().unwrap();
    let start = "the build failed (exit status: 3): sh -c ";
    assert!(
        what.starts_with(start) && what.ends_with("; it ended with: wrong"),
        "{what}"
    );
    client.leave().await;
}

/// What is not trusted is not run: nobody offers it, and a request for it is refused.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_untrusted_workspace_runs_nothing() {
    let command = json!("touch was-run");
    let mut client = start(&with_command(&command, false)).await;
    let outcome = client.run("deploy", &json!({"build": true})).await;
    assert_eq!(outcome["error"]["code"], "not-trusted", "{outcome}");
    let id = client.command("deploy", &json!({})).await;
    let (asked, actions) = question(&mut client, NOT_TRUSTED).await;
    assert_eq!(actions, ["Deploy anyway"]);
    let build = json!({"title": "Build and deploy"});
    client.reply(&asked, &build).await;
    assert_eq!(client.outcome(id).await["outcome"], "cancelled");
    assert!(!client.folder.path().join("was-run").exists());
    client.leave().await;
}

/// A cancel ends the command and what it started, also what does not want to end.
#[cfg(unix)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_ends_the_whole_build() {
    let command = json!("trap '' TERM; sleep 600 & echo child $!; wait");
    let mut client = start(&with_command(&command, true)).await;
    let id = client.command("deploy", &json!({"build": true})).await;
    let output = client.message("window/logMessage").await;
    let text = output["params"]["message"].as_str().unwrap();
    let child: i32 = text.trim_start_matches("child ").parse().unwrap();
    client.notify("$/cancelRequest", &json!({"id": id})).await;
    assert_eq!(client.outcome(id).await["outcome"], "cancelled");
    let deadline = std::time::Instant::now() + super::harness::LONG;
    while is_running(child) {
        assert!(std::time::Instant::now() < deadline, "{child} runs on");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    client.leave().await;
}

/// Whether a process is there and not merely waiting for its parent to notice its end.
#[cfg(unix)]
pub(super) fn is_running(pid: i32) -> bool {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return false;
    };
    // The state follows the name, which is in parentheses.
    let state = stat
        .rsplit(')')
        .next()
        .and_then(|rest| rest.trim().chars().next());
    state != Some('Z')
}
