//! Every way to cancel, at every phase of a job: it ends as cancelled, its progress ends once, and
//! the port is free.

use fbuild_chip::Chip;
use fbuild_deploy::event::{Board, Event, Phase};
use fbuild_deploy::outcome::OutcomeKind;
use serde_json::{Value, json};

use super::fake::{FakeBoards, plan, progress, report};
use super::harness::{Builder, Client};

/// Ways to cancel.
#[derive(Debug, Clone, Copy)]
enum Way {
    Request,
    Progress,
    Command,
}

/// What a job says at its phases, and what the editor shows then.
fn phases() -> Vec<(Event, &'static str)> {
    let port = "/dev/fake1".into();
    let board = Board {
        chip: Chip::Esp32.into(),
        mac: None,
        revision: None,
        flash_size: None,
        security: fbuild_chip::security::BoardSecurity::default(),
    };
    vec![
        (Event::Connecting { port }, "connecting to /dev/fake1"),
        (Event::Connected(board), "ESP32 answered"),
        (progress(Phase::Verify, 1, 2), "firmware: verifying"),
        (Event::Planned(plan()), "to write: firmware"),
        (progress(Phase::Write, 1, 2), "firmware: writing"),
        (progress(Phase::Check, 1, 2), "firmware: checking"),
    ]
}

/// A job that reaches a phase and then waits for its end, looking for a cancel as real ones do.
fn boards(reached: usize) -> std::sync::Arc<FakeBoards> {
    FakeBoards::new(move |request, events, cancel| {
        for (event, _) in phases().into_iter().take(reached + 1) {
            events(event);
        }
        while !cancel.is_cancelled() {
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        report(request, OutcomeKind::Cancelled, "deploy cancelled")
    })
}

async fn until_shown(client: &mut Client, text: &str) {
    loop {
        let said = client.message("$/progress").await["params"]["value"].clone();
        assert_ne!(said["kind"], "end", "{text} was never shown");
        if said["message"]
            .as_str()
            .is_some_and(|said| said.starts_with(text))
        {
            return;
        }
    }
}

async fn cancel(client: &mut Client, way: Way, id: i64, token: &Value) {
    match way {
        Way::Request => client.notify("$/cancelRequest", &json!({"id": id})).await,
        Way::Progress => {
            let params = json!({"token": token});
            client
                .notify("window/workDoneProgress/cancel", &params)
                .await;
        }
        Way::Command => {
            let answer = client.call("cancel", &json!({"port": "/dev/fake1"})).await;
            assert_eq!(answer, json!({"cancelled": 1}));
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_cancel_works_at_every_phase() {
    for (reached, (_, text)) in phases().into_iter().enumerate() {
        let builder = Builder::new(boards(reached)).with_progress();
        let mut client = builder.start().await;
        for way in [Way::Request, Way::Progress, Way::Command] {
            let argument = json!({"port": "/dev/fake1"});
            let id = client.command("deploy", &argument).await;
            let token = client.accept_progress().await;
            until_shown(&mut client, text).await;
            cancel(&mut client, way, id, &token).await;
            let outcome = client.outcome(id).await;
            assert_eq!(outcome["outcome"], "cancelled", "{text} {way:?}");
            client.progress(&token).await;
        }
        client.leave().await;
    }
}
