//! Every way to stop a job leads to the same outcome, and the port is free afterwards.

use serde_json::{Value, json};

use super::fake::{Control, FakeBoards};
use super::harness::{Builder, Client};

async fn running() -> (Client, Control, i64, Value) {
    let (boards, mut control) = FakeBoards::endless();
    let mut client = Builder::new(boards).with_progress().start().await;
    let (id, token) = start(&mut client, &mut control).await;
    (client, control, id, token)
}

async fn start(client: &mut Client, control: &mut Control) -> (i64, Value) {
    let id = client
        .command("deploy", &json!({"port": "/dev/fake1"}))
        .await;
    let token = client.accept_progress().await;
    control.started.recv().await.unwrap();
    (id, token)
}

/// The outcome says so, progress ends once, and the next deploy gets the port.
async fn stopped(mut client: Client, mut control: Control, id: i64, token: Value) {
    let outcome = client.outcome(id).await;
    assert_eq!(outcome["outcome"], "cancelled", "{outcome}");
    assert_eq!(
        client
            .progress(&token)
            .await
            .iter()
            .filter(|p| p["kind"] == "end")
            .count(),
        1
    );
    let (id, token) = start(&mut client, &mut control).await;
    control.release.send(()).unwrap();
    assert_eq!(client.outcome(id).await["outcome"], "fullFlash");
    client.progress(&token).await;
    client.leave().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_cancelling_the_request() {
    let (mut client, control, id, token) = running().await;
    client.notify("$/cancelRequest", &json!({"id": id})).await;
    stopped(client, control, id, token).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_cancelling_the_progress() {
    let (mut client, control, id, token) = running().await;
    client
        .notify("window/workDoneProgress/cancel", &json!({"token": token}))
        .await;
    stopped(client, control, id, token).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_command() {
    for argument in [json!({}), json!({"port": "/dev/fake1"}), json!({"job": 1})] {
        let (mut client, control, id, token) = running().await;
        assert_eq!(
            client.call("cancel", &argument).await,
            json!({"cancelled": 1})
        );
        stopped(client, control, id, token).await;
    }
}

/// Nothing that names another job, or none, stops this one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_left_alone() {
    let (mut client, mut control, id, token) = running().await;
    client
        .notify("$/cancelRequest", &json!({"id": id + 100}))
        .await;
    client
        .notify("$/cancelRequest", &json!({"id": id.to_string()}))
        .await;
    client
        .notify(
            "window/workDoneProgress/cancel",
            &json!({"token": "fbuild/job/77"}),
        )
        .await;
    for other in [json!({"port": "/dev/fake2"}), json!({"job": 77})] {
        let answer = client.call("cancel", &other).await;
        assert_eq!(answer, json!({"cancelled": 0}), "{other}");
    }
    assert!(control.ended.try_recv().is_err());
    control.release.send(()).unwrap();
    assert_eq!(client.outcome(id).await["outcome"], "fullFlash");
    client.progress(&token).await;
    client.leave().await;
}

/// A cancel that follows its request in one breath.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_once() {
    let (boards, _control) = FakeBoards::endless();
    let mut client = Builder::new(boards).start().await;
    for _ in 0..50 {
        let id = client
            .command("deploy", &json!({"port": "/dev/fake1"}))
            .await;
        client.notify("$/cancelRequest", &json!({"id": id})).await;
        assert_eq!(client.outcome(id).await["outcome"], "cancelled");
    }
    client.leave().await;
}

/// A client names a port as it named it for the deploy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn by_a_port_that_is_a_file_of_the_project() {
    let (boards, mut control) = FakeBoards::endless();
    let mut client = Builder::new(boards).start().await;
    let port = json!({"port": "sim:board.bin?chip=esp32"});
    let id = client.command("deploy", &port).await;
    control.started.recv().await.unwrap();
    let answer = client.call("cancel", &port).await;
    assert_eq!(answer, json!({"cancelled": 1}));
    assert_eq!(client.outcome(id).await["outcome"], "cancelled");
    client.leave().await;
}
