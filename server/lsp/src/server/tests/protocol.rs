//! `docs/protocol.md` is the contract: what it shows is what the server says.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use fbuild_deploy::outcome::OutcomeKind;
use serde_json::{Value, json};

use super::fake::FakeBoards;
use super::harness::{Builder, Client};
use crate::boards::LocalBoards;
use crate::server::commands::NAMES;

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/protocol.md");
    std::fs::read_to_string(path).unwrap()
}

/// The document's examples.
fn examples() -> Vec<Value> {
    let document = document();
    let blocks = document
        .split("```json\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap());
    blocks
        .map(|text| serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}")))
        .collect()
}

pub(super) fn example(fits: impl Fn(&Value) -> bool) -> Value {
    examples().into_iter().find(fits).expect("no such example")
}

/// The names of an object's fields, and below `/` those of its parts; lists stand for their first
/// element.
fn shape(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}/{name}");
                shape(value, &path, into);
                into.insert(path);
            }
        }
        Value::Array(items) => {
            if let Some(first) = items.first() {
                shape(first, path, into);
            }
        }
        _ => {}
    }
}

pub(super) fn shape_of(value: &Value) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    shape(value, "", &mut names);
    names
}

#[test]
fn every_command_is_documented_and_nothing_else() {
    let document = document();
    let rows = document
        .lines()
        .filter_map(|line| line.strip_prefix("| `fbuild.server."));
    let documented: Vec<String> = rows
        .map(|row| format!("fbuild.server.{}", row.split('`').next().unwrap()))
        .collect();
    assert_eq!(documented, NAMES);
}

/// The examples of requests are accepted as they are.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_deploy_of_the_document_works_as_shown() {
    let boards = FakeBoards::new(|request, events, _| {
        super::fake::tell(events);
        let mut report = super::fake::report(request, OutcomeKind::SelectiveFlash, "done");
        report.regions = vec![super::fake::region()];
        report.plan = Some(super::fake::plan());
        report
    });
    let mut client = Builder::new(boards).with_progress().start().await;
    let mut request = example(|value| value["command"] == "fbuild.server.deploy");
    // The one thing in it that belongs to another project.
    request["arguments"][0]["target"] = json!("espidf:build");
    let id = client.request("workspace/executeCommand", &request).await;
    let token = client.accept_progress().await;
    let said = client.progress(&token).await;
    let outcome = client.outcome(id).await;
    let shown = example(|value| value["outcome"] == "selectiveFlash");
    assert_eq!(shape_of(&outcome), shape_of(&shown));
    if let Some(report) = said.iter().find(|value| value["kind"] == "report") {
        let shown = example(|value| value["value"]["kind"] == "report");
        assert_eq!(shape_of(report), shape_of(&shown["value"]));
    }
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lists_look_as_shown() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let ports = client.call("ports", &json!({})).await;
    assert_eq!(
        shape_of(&ports),
        shape_of(&example(|value| value["ports"].is_array()))
    );

    let targets = client.call("targets", &json!({})).await;
    let mut shown = example(|value| value["targets"].is_array());
    // The test's project is built and has nothing wrong with it.
    shown["unbuilt"] = json!([]);
    shown["problems"] = json!([]);
    assert_eq!(shape_of(&targets), shape_of(&shown));
    client.leave().await;
}

/// Runs a request of the document; its result.
async fn run(client: &mut Client, command: &str) -> Value {
    let command = format!("fbuild.server.{command}");
    let request = example(|value| value["command"] == command);
    let id = client.request("workspace/executeCommand", &request).await;
    client.answer(id).await["result"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_is_answered_as_shown() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let mut selected = run(&mut client, "selectTarget").await;
    selected["root"] = json!("/home/me/blink");
    let shown = example(|value| value["root"].is_string());
    assert_eq!(shape_of(&selected), shape_of(&shown));
    // The test's board is on another port.
    selected["next"] = shown["next"].clone();
    assert_eq!(selected, shown);
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_erase_is_answered_as_shown() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let mut erased = run(&mut client, "eraseRegion").await;
    client.message("window/logMessage").await;
    let shown = example(|value| value["outcome"] == "erased");
    erased["durationMs"] = shown["durationMs"].clone();
    assert_eq!(erased, shown);
    client.leave().await;
}

/// With the real code and a simulated board.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_board_is_described_as_shown() {
    let state = tempfile::tempdir().unwrap();
    let boards = LocalBoards {
        state_dir: Some(state.path().to_owned()),
    };
    let mut client = Builder::new(Arc::new(boards)).start().await;
    let mut request = example(|value| value["command"] == "fbuild.server.boardInfo");
    request["arguments"][0]["port"] = json!("sim:board.bin?chip=esp32");
    let id = client.request("workspace/executeCommand", &request).await;
    let info = client.answer(id).await["result"].clone();
    client.message("window/logMessage").await;
    let shown = example(|value| value["board"].is_object());
    assert_eq!(shape_of(&info), shape_of(&shown), "{info}");
    assert_eq!(info["board"]["chip"], "esp32");
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_history_and_debug_information_look_as_shown() {
    let (boards, mut control) = FakeBoards::endless();
    let mut client = Builder::new(boards).start().await;
    let deploy = client
        .command("deploy", &json!({"port": "/dev/ttyUSB0"}))
        .await;
    control.started.recv().await.unwrap();
    let mut jobs = client.call("jobs", &json!({})).await;
    let shown = example(|value| value["jobs"][0]["percent"].is_number());
    assert!(jobs["jobs"][0]["runningMs"].is_u64());
    jobs["jobs"][0]["runningMs"] = shown["jobs"][0]["runningMs"].clone();
    jobs["jobs"][0]["job"] = json!(7);
    assert_eq!(jobs, shown);
    control.release.send(()).unwrap();
    client.outcome(deploy).await;

    let history = client.call("history", &json!({})).await;
    let shown = example(|value| value["boards"].is_array());
    assert_eq!(shape_of(&history), shape_of(&shown));

    let mut info = client.call("debugInfo", &json!({})).await;
    // The test's client does not say who it is.
    assert_eq!(info["client"], Value::Null);
    let shown = example(|value| value["version"].is_string());
    info["client"] = shown["client"].clone();
    assert_eq!(shape_of(&info), shape_of(&shown));
    assert_eq!(info["settings"], shown["settings"]);
    client.leave().await;
}

/// What the document shows of settings and options is understood.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_and_options_work_as_shown() {
    let shown = example(|value| value["initializationOptions"].is_object());
    let builder = Builder::new(FakeBoards::quick());
    let builder = builder.with_options(&shown["initializationOptions"]);
    let mut client = builder.start().await;
    let ports = client.message("fbuild/ports").await;
    let shown = example(|value| value["ports"].is_array());
    assert_eq!(shape_of(&ports["params"]), shape_of(&shown));
    client.message("fbuild/targets").await;

    let shown = example(|value| value["settings"]["fbuild"].is_object());
    client
        .notify("workspace/didChangeConfiguration", &shown)
        .await;
    let info = client.call("debugInfo", &json!({})).await;
    for (key, value) in shown["settings"]["fbuild"].as_object().unwrap() {
        assert_eq!(&info["settings"][key], value, "{key}");
    }

    client.call("deploy", &json!({})).await;
    client.message("window/logMessage").await;
    let shown = example(|value| value["summary"].is_string());
    loop {
        let status = client.message("fbuild/status").await["params"].clone();
        assert_eq!(shape_of(&status), shape_of(&shown));
        if status["state"] != "running" {
            assert_eq!(status["state"], "succeeded");
            break;
        }
    }
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_refused_as_shown() {
    let (boards, mut control) = FakeBoards::endless();
    let mut client = Builder::new(boards).start().await;
    let first = client
        .command("deploy", &json!({"port": "/dev/ttyUSB0"}))
        .await;
    control.started.recv().await.unwrap();
    let mut refused = client.run("deploy", &json!({"port": "/dev/ttyUSB0"})).await;
    let mut shown = example(|value| value["error"]["code"] == "job-running");
    // On a busy machine even a refusal takes its time.
    let took = format!("{:.1} s", refused["durationMs"].as_f64().unwrap() / 1000.0);
    let detail = shown["text"]["detail"].as_str().unwrap();
    shown["text"]["detail"] = detail.replace("0.0 s", &took).into();
    refused["durationMs"] = shown["durationMs"].clone();
    assert_eq!(refused, shown);
    control.release.send(()).unwrap();
    client.outcome(first).await;
    client.leave().await;
}
