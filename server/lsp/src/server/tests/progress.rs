//! What an editor sees while a job runs.

use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;

use fbuild_deploy::event::Phase;
use fbuild_deploy::outcome::OutcomeKind;
use futures_core::Stream as _;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::fake::{FakeBoards, progress, report};
use super::harness::{Builder, LONG};
use super::measures::{initialize, service};
use crate::server::editor::Token;
use crate::server::jobs::View;
use crate::server::report::{About, Place, follow};

/// A deploy that emits a great many events, slowly enough for several messages.
fn talkative() -> std::sync::Arc<FakeBoards> {
    FakeBoards::new(|request, events, _| {
        let started = Instant::now();
        let mut done_bytes = 0;
        while started.elapsed().as_millis() < 450 {
            done_bytes += 1;
            events(progress(Phase::Write, done_bytes, u64::MAX >> 11));
        }
        report(
            request,
            OutcomeKind::FullFlash,
            "deploy succeeded (full flash)",
        )
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_says_what_is_going_on() {
    let (boards, mut control) = FakeBoards::endless();
    let mut client = Builder::new(boards).with_progress().start().await;
    let id = client
        .command("deploy", &json!({"target": "espidf:build"}))
        .await;
    let token = client.accept_progress().await;
    control.started.recv().await.unwrap();
    let shown = loop {
        let message = client.message("$/progress").await;
        assert_eq!(message["params"]["token"], token);
        let value = message["params"]["value"].clone();
        assert_eq!(value["cancellable"], true);
        if value["kind"] == "begin" {
            assert_eq!(value["title"], "deploy espidf:build");
        }
        if value["message"]
            .as_str()
            .is_some_and(|text| text.contains("writing"))
        {
            break value;
        }
    };
    assert_eq!(
        shown["message"],
        "firmware: writing 43 %, 512 of 1180 KiB, 6 s left"
    );
    control.release.send(()).unwrap();
    client.outcome(id).await;
    client.progress(&token).await;
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_most_ten_messages_a_second() {
    let mut client = Builder::new(talkative()).with_progress().start().await;
    let began = Instant::now();
    let id = client.command("deploy", &json!({})).await;
    let token = client.accept_progress().await;
    let said = client.progress(&token).await;
    let allowed = began.elapsed().as_millis() / 100 + 1;
    let reports: Vec<&Value> = said
        .iter()
        .filter(|value| value["kind"] == "report")
        .collect();
    assert!(!reports.is_empty());
    assert!(
        reports.len() as u128 <= allowed,
        "{} reports, {allowed} allowed",
        reports.len()
    );
    let percents: Vec<i64> = reports
        .iter()
        .map(|report| report["percentage"].as_i64().unwrap())
        .collect();
    assert!(percents.is_sorted(), "{percents:?}");
    client.outcome(id).await;
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_shows_none_gets_none() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    client.run("deploy", &json!({})).await;
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_comes_with_the_request_is_used() {
    for token in [json!("mine"), json!(7)] {
        let mut client = Builder::new(FakeBoards::quick()).start().await;
        let params = json!({"command": "fbuild.server.deploy", "workDoneToken": token});
        let id = client.request("workspace/executeCommand", &params).await;
        let said = client.progress(&token).await;
        assert_eq!(said[0]["kind"], "begin");
        client.outcome(id).await;
        client.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_progress_never_begins() {
    let mut client = Builder::new(FakeBoards::quick())
        .with_progress()
        .start()
        .await;
    let id = client.command("deploy", &json!({})).await;
    let offer = client.message("window/workDoneProgress/create").await;
    let error = json!({"code": -32601, "message": "no such method"});
    client
        .send(&json!({"jsonrpc": "2.0", "id": offer["id"], "error": error}))
        .await;
    client.outcome(id).await;
    client.leave().await;
}

/// Whatever happens to a job, its progress ends once and the port is free again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_end_on_every_path() {
    let boards = FakeBoards::new(|request, events, _| {
        events(progress(Phase::Write, 1, 2));
        match request.port.as_str() {
            "/dev/panics" => panic!("a bug, on purpose"),
            "/dev/fails" => report(request, OutcomeKind::Failed, "deploy failed: on purpose"),
            _ => report(
                request,
                OutcomeKind::FullFlash,
                "deploy succeeded (full flash)",
            ),
        }
    });
    let mut client = Builder::new(boards).with_progress().start().await;
    let cases = [
        (json!({"port": "/dev/panics"}), "failed"),
        (json!({"port": "/dev/panics"}), "failed"),
        (json!({"port": "/dev/fails"}), "failed"),
        (json!({"target": "no-such-target"}), "failed"),
        (json!({"port": "/dev/works"}), "fullFlash"),
    ];
    for (argument, expected) in cases {
        let id = client.command("deploy", &argument).await;
        let token = client.accept_progress().await;
        let outcome = client.outcome(id).await;
        assert_eq!(outcome["outcome"], expected, "{argument}");
        let said = client.progress(&token).await;
        assert_eq!(said[0]["kind"], "begin", "{argument}");
        assert_eq!(
            said.last().unwrap()["message"],
            outcome["message"],
            "{argument}"
        );
        if argument["port"] == "/dev/panics" {
            assert_eq!(outcome["error"]["code"], "internal-error");
        }
    }
    // `leave` finds a second end among the messages that nobody read.
    client.leave().await;
}

/// A client that takes its time must not miss the job's state by then.
#[tokio::test]
async fn a_step_made_while_the_progress_begins_is_shown() {
    let (mut gate, desk, mut socket) = service(FakeBoards::quick());
    initialize(&mut gate).await;
    // Messages that nobody reads: the next sender waits.
    for _ in 0..4 {
        let mut log = std::pin::pin!(desk.help.editor.log(false, "line"));
        let _ = std::future::poll_fn(|cx| Poll::Ready(log.as_mut().poll(cx))).await;
    }
    let view = watch::Sender::new(View::default());
    let about = About {
        token: None,
        id: 1,
        verb: "deploy",
        title: "deploy".to_owned(),
        wants_status: false,
    };
    let place = Place::Given(Token::Number(7));
    tokio::spawn(follow(
        desk.help.editor.clone(),
        place,
        about,
        view.subscribe(),
    ));
    tokio::task::yield_now().await;
    view.send_modify(|view| view.step.text = "asking".to_owned());
    let mut said = Vec::new();
    while said.last().is_none_or(|last| *last != "asking") {
        let next = std::future::poll_fn(|cx| Pin::new(&mut socket).poll_next(cx));
        let next = tokio::time::timeout(LONG, next).await;
        let message = next.expect("the step was never shown").unwrap();
        let value = message.params().map(|params| &params["value"]);
        said.extend(
            value
                .filter(|value| value["kind"] == "report")
                .map(|value| value["message"].as_str().unwrap().to_owned()),
        );
    }
}
