//! What tower-lsp 0.20 gets wrong when used plainly. Each test fails without its measure.

use std::task::Poll;
use std::time::Duration;

use serde_json::{Value, json};
use tower_lsp::LspService;
use tower_lsp::jsonrpc::{Request, Response};
use tower_service::Service;

use super::fake::{FakeBoards, adapter};
use super::harness::{Builder, LONG};
use crate::server::Patience;
use crate::server::desk::Desk;
use crate::server::ending::Ending;
use crate::server::tower;
use crate::server::tower::backend::Backend;
use crate::server::tower::gate::Gate;

/// More than tower-lsp's default of handlers that run at once.
const MANY: usize = 8;

fn on_port(n: usize) -> Value {
    json!({"port": format!("/dev/fake{n}")})
}

/// Measure 1: with tower-lsp's default concurrency the fifth deploy and every cancel behind it
/// would wait for the first four to end, which they never do.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancels_are_handled_while_many_deploys_run() {
    let (boards, mut control) = FakeBoards::endless();
    let mut client = Builder::new(boards).with_progress().start().await;
    let mut deploys = Vec::new();
    for n in 0..MANY {
        let id = client.command("deploy", &on_port(n)).await;
        deploys.push((id, client.accept_progress().await));
        tokio::time::timeout(LONG, control.started.recv())
            .await
            .expect("deploy did not start");
    }
    for (id, token) in deploys {
        client
            .notify("window/workDoneProgress/cancel", &json!({"token": token}))
            .await;
        assert_eq!(client.outcome(id).await["outcome"], "cancelled");
        client.progress(&token).await;
    }
    client.leave().await;
}

/// Measure 1 again: handlers that wait while the client's answers are stuck behind notifications.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_answers_behind_many_notifications_do_not_block() {
    let (boards, mut control) = FakeBoards::endless();
    let mut client = Builder::new(boards).with_progress().start().await;
    let mut deploys = Vec::new();
    let mut offers = Vec::new();
    for n in 0..MANY {
        deploys.push(client.command("deploy", &on_port(n)).await);
        offers.push(client.message("window/workDoneProgress/create").await);
        tokio::time::timeout(LONG, control.started.recv())
            .await
            .expect("deploy did not start");
    }
    for _ in 0..150 {
        client
            .notify("workspace/didChangeConfiguration", &json!({"settings": {}}))
            .await;
    }
    for offer in &offers {
        client.reply(&offer["id"], &Value::Null).await;
    }
    for offer in &offers {
        // It begins while the deploy still runs: the answer got through.
        let token = &offer["params"]["token"];
        client
            .notify("window/workDoneProgress/cancel", &json!({"token": token}))
            .await;
        let said = client.progress(token).await;
        assert_eq!(said[0]["kind"], "begin");
    }
    for id in deploys {
        assert_eq!(client.outcome(id).await["outcome"], "cancelled");
    }
    client.leave().await;
}

/// Measures 2 and 3: `leave` keeps the client's end of the pipe open, so that plain tower-lsp
/// would wait for its input for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exit_ends_the_server_while_its_input_stays_open() {
    Builder::new(FakeBoards::quick())
        .start()
        .await
        .leave()
        .await;
}

/// Measure 3: a write that is under way stops, its port is released, and its answer still goes out
/// before the server ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn exit_without_shutdown_stops_writes_and_says_so_in_the_exit_code() {
    let (boards, mut control) = FakeBoards::endless();
    let mut client = Builder::new(boards).start().await;
    let id = client.command("deploy", &on_port(1)).await;
    control.started.recv().await.unwrap();
    client.notify("exit", &Value::Null).await;
    assert_eq!(client.exit_code().await, 1);
    let (port, outcome) = control
        .ended
        .try_recv()
        .expect("the write was still under way");
    assert_eq!(
        (port.as_str(), format!("{outcome:?}").as_str()),
        ("/dev/fake1", "Cancelled")
    );
    client.read_all().await;
    assert_eq!(client.answer(id).await["result"]["outcome"], "cancelled");
    client.discard("window/logMessage");
}

/// Measure 4: a client that never answers holds up nothing, and nothing waits for it for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_answers_gets_its_result_and_its_log() {
    let builder = Builder::new(FakeBoards::quick()).with_progress();
    let mut client = builder
        .with_patience(Duration::from_millis(50))
        .start()
        .await;
    let id = client.command("deploy", &on_port(1)).await;
    client.message("window/workDoneProgress/create").await;
    // The log line comes after the wait for the answer was given up.
    assert_eq!(client.outcome(id).await["outcome"], "fullFlash");
    client.leave().await;
}

/// Measure 8: tower-lsp panics on an answer that nobody waits for any more: of a person who closes
/// a question after its job was cancelled, of a client that took too long. The server would end,
/// and the deploys to other boards with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_that_comes_too_late_ends_nothing() {
    let (boards, mut control) = FakeBoards::endless();
    boards.plug(vec![adapter("a", None), adapter("b", None)]);
    let builder = Builder::new(boards).with_progress();
    let short = Duration::from_millis(50);
    let mut client = builder.with_patience(short).start().await;
    let writing = client.command("deploy", &on_port(1)).await;
    control.started.recv().await.unwrap();
    let asking = client.command("deploy", &json!({})).await;
    let question = client.message("window/showMessageRequest").await;
    client
        .notify("$/cancelRequest", &json!({"id": asking}))
        .await;
    assert_eq!(client.outcome(asking).await["outcome"], "cancelled");
    client.reply(&question["id"], &Value::Null).await;
    // The log line of the cancelled job came after the wait for this was given up.
    for _ in 0..2 {
        let offer = client.message("window/workDoneProgress/create").await;
        client.reply(&offer["id"], &Value::Null).await;
    }
    control.release.send(()).unwrap();
    assert_eq!(client.outcome(writing).await["outcome"], "fullFlash");
    client.leave().await;
}

/// A service as `serve` makes it, without a transport, and what it has to say.
pub(super) fn service(
    boards: std::sync::Arc<FakeBoards>,
) -> (
    Gate<LspService<Backend>>,
    std::sync::Arc<Desk>,
    tower_lsp::ClientSocket,
) {
    let log = crate::log::Tap::default();
    tower::service(|client| Desk::new(client, boards, log, Patience::default(), Ending::new()))
}

pub(super) async fn initialize(gate: &mut Gate<LspService<Backend>>) {
    let initialize = Request::build("initialize")
        .params(json!({"capabilities": {}}))
        .id(1);
    let answer: Option<Response> = gate.call(initialize.finish()).await.unwrap();
    assert!(answer.is_some_and(|answer| answer.is_ok()));
}

/// Measure 5: what a notification means is settled when it is read; when its handler gets its turn
/// does not matter, here never.
#[tokio::test]
async fn document_changes_are_applied_in_the_order_of_arrival() {
    let (mut gate, desk, _) = service(FakeBoards::quick());
    let folder = tempfile::tempdir().unwrap();
    let uri = super::harness::file_uri(&folder.path().join("main.c"));
    let mut handlers = Vec::new();
    for (what, version) in [("Open", 1), ("Change", 2), ("Save", 2), ("Change", 3)] {
        let params = json!({"textDocument": {"uri": uri, "version": version}});
        let method = format!("textDocument/did{what}");
        handlers.push(gate.call(Request::build(method).params(params).finish()));
    }
    assert_eq!(
        desk.help.documents.unsaved(),
        [folder.path().join("main.c")]
    );
}

/// Measure 6: dropping a handler's future stops the job that it waits for. tower-lsp does so
/// on `$/cancelRequest`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_handler_stops_its_job() {
    let (boards, mut control) = FakeBoards::endless();
    let (mut gate, _desk, _) = service(boards);
    initialize(&mut gate).await;

    let folder = tempfile::tempdir().unwrap();
    super::project::write(folder.path(), &[]);
    let params = json!({
        "command": "fbuild.server.deploy",
        "arguments": [{"port": "/dev/fake1", "root": folder.path()}],
    });
    let deploy = Request::build("workspace/executeCommand")
        .params(params)
        .id(2)
        .finish();
    let mut handler = gate.call(deploy);
    let first_poll = std::future::poll_fn(|cx| Poll::Ready(handler.as_mut().poll(cx))).await;
    assert!(first_poll.is_pending());
    control.started.recv().await.unwrap();
    drop(handler);
    let (_, outcome) = tokio::time::timeout(LONG, control.ended.recv())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(format!("{outcome:?}"), "Cancelled");
}

/// Measure 7: tower-lsp 0.20 knows no progress; ours is created, begun, and ended under one token,
/// a string.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_is_created_begun_and_ended() {
    let mut client = Builder::new(FakeBoards::quick())
        .with_progress()
        .start()
        .await;
    let id = client.command("deploy", &on_port(1)).await;
    let token = client.accept_progress().await;
    assert!(token.is_string(), "{token}");
    let said = client.progress(&token).await;
    assert_eq!(said.first().unwrap()["kind"], "begin");
    assert_eq!(
        said.last().unwrap()["message"],
        "deploy succeeded (full flash)"
    );
    client.outcome(id).await;
    client.leave().await;
}
