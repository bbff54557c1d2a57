//! Beginning and end of a session.

use serde_json::{Value, json};

use super::fake::FakeBoards;
use super::harness::Builder;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_closed_pipe_stops_writes_and_ends_the_server() {
    let (boards, mut control) = FakeBoards::endless();
    let mut client = Builder::new(boards).start().await;
    let id = client
        .command("deploy", &json!({"port": "/dev/fake1"}))
        .await;
    control.started.recv().await.unwrap();
    client.hang_up();
    assert_eq!(client.exit_code().await, 1);
    let (_, outcome) = control
        .ended
        .try_recv()
        .expect("the write was still under way");
    assert_eq!(format!("{outcome:?}"), "Cancelled");
    client.read_all().await;
    assert_eq!(client.answer(id).await["result"]["outcome"], "cancelled");
    client.discard("window/logMessage");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn shutdown_stops_writes_and_lets_no_other_begin() {
    let (boards, mut control) = FakeBoards::endless();
    let mut client = Builder::new(boards).start().await;
    let deploy = client
        .command("deploy", &json!({"port": "/dev/fake1"}))
        .await;
    control.started.recv().await.unwrap();
    let shutdown = client.request("shutdown", &Value::Null).await;
    assert_eq!(client.answer(shutdown).await["result"], Value::Null);
    assert_eq!(client.outcome(deploy).await["outcome"], "cancelled");

    let late = client.refused("deploy", &json!({})).await;
    assert_eq!(late["code"], -32600);
    client.notify("exit", &Value::Null).await;
    assert_eq!(client.exit_code().await, 0);
    client.read_all().await;
}

/// `shutdown` and `exit` in one breath, with another message after them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_in_one_breath() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    let exit = json!({"jsonrpc": "2.0", "method": "exit"});
    let shutdown = json!({"jsonrpc": "2.0", "id": 99, "method": "shutdown"});
    client.send_all(&[shutdown, exit.clone(), exit]).await;
    assert_eq!(client.exit_code().await, 0);
    client.read_all().await;
    assert_eq!(client.answer(99).await["result"], Value::Null);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_done_before_initialize() {
    let folder = tempfile::tempdir().unwrap();
    let mut client = Builder::new(FakeBoards::quick()).connect(folder);
    let early = client.refused("deploy", &json!({})).await;
    assert_eq!(early["code"], -32002);
    client.notify("exit", &Value::Null).await;
    assert_eq!(client.exit_code().await, 1);
    client.read_all().await;
}

/// A client with a hiccup does not lose the write that is under way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_between_messages_ends_nothing() {
    let (boards, mut control) = FakeBoards::endless();
    let mut client = Builder::new(boards).start().await;
    let deploy = client
        .command("deploy", &json!({"port": "/dev/fake1"}))
        .await;
    control.started.recv().await.unwrap();
    for garbage in [
        "hello",
        "hello\r\n\r\n",
        "Content-Length: 5\r\n\r\n{nope",
        "X: 1\r\n\r\n",
    ] {
        client.send_bytes(garbage.as_bytes()).await;
        assert!(
            client.call("ports", &json!({})).await["ports"].is_array(),
            "after {garbage:?}"
        );
    }
    control.release.send(()).unwrap();
    assert_eq!(client.outcome(deploy).await["outcome"], "fullFlash");
    client.leave().await;
}

/// The table of jobs is empty after the last one, however it ended, and memory of it is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_deploys_in_a_row() {
    let mut client = Builder::new(FakeBoards::quick()).start().await;
    for _ in 0..100 {
        let outcome = client.run("deploy", &json!({})).await;
        assert_eq!(outcome["outcome"], "fullFlash");
    }
    assert_eq!(
        client.call("cancel", &json!({})).await,
        json!({"cancelled": 0})
    );
    client.leave().await;
}
