//! `docs/protocol.md` is the contract: what it shows is what the server says.

use std::collections::BTreeSet;
use std::path::Path;

use fbuild_deploy::outcome::OutcomeKind;
use serde_json::{Value, json};

use super::fake::FakeBoards;
use super::harness::Builder;
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

fn example(fits: impl Fn(&Value) -> bool) -> Value {
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

fn shape_of(value: &Value) -> BTreeSet<String> {
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

/// The examples of requests are accepted as they stand.
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
    let id = client.command("ports", &json!({})).await;
    let ports = client.answer(id).await["result"].clone();
    assert_eq!(
        shape_of(&ports),
        shape_of(&example(|value| value["ports"].is_array()))
    );

    let id = client.command("targets", &json!({})).await;
    let targets = client.answer(id).await["result"].clone();
    let mut shown = example(|value| value["targets"].is_array());
    // The test's project is built and has nothing wrong with it.
    shown["unbuilt"] = json!([]);
    shown["problems"] = json!([]);
    assert_eq!(shape_of(&targets), shape_of(&shown));
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
    let second = client
        .command("deploy", &json!({"port": "/dev/ttyUSB0"}))
        .await;
    let mut refused = client.outcome(second).await;
    let shown = example(|value| value["error"]["code"] == "job-running");
    refused["durationMs"] = shown["durationMs"].clone();
    assert_eq!(refused, shown);
    control.release.send(()).unwrap();
    client.outcome(first).await;
    client.leave().await;
}
