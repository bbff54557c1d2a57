//! One piece of work on a board, from request to answer, on a thread of its own.
//!
//! [`Work`] is what is done: its kinds are [`deploy`], [`mod@build`], [`board`] and [`monitor`]. [`stand`] is
//! what they may use while they run. Everything around them is here: the place in the table of jobs,
//! progress, and what happens when the work panics.

pub(crate) mod board;
pub(crate) mod build;
pub(crate) mod deploy;
mod freshness;
pub(crate) mod monitor;
pub(crate) mod stand;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use fbuild_deploy::outcome::Failure;
use fbuild_loader::cancel::CancelToken;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::stand::{Bench, Stand};
use super::jobs::{Closed, Ended, Slot};
use super::report::{self, Place};

/// How long an answer waits for its progress to have ended in the client.
const END_OF_PROGRESS: Duration = Duration::from_millis(500);

/// Something to do on a board. Whatever goes wrong is a value, too.
pub(crate) trait Work: Send + 'static {
    /// What comes of it.
    type Done: Send + 'static;

    /// `deploy`, `erase` and so on.
    fn verb(&self) -> &'static str;

    /// Title of its progress.
    fn title(&self) -> String {
        self.verb().to_owned()
    }

    /// Does it. Blocks.
    fn run(&self, stand: &Stand<'_>) -> Self::Done;

    /// What comes of it when [`Work::run`] panicked.
    fn crashed(&self, failure: Failure, took: Duration) -> Self::Done;

    /// The end as front ends tell it.
    fn ended(&self, done: &Self::Done) -> Ended;
}

/// A job under way. Dropping it asks the job to stop.
#[derive(Debug)]
pub(crate) struct Running<T> {
    outcome: oneshot::Receiver<T>,
    reporter: JoinHandle<()>,
    _stop: CancelOnDrop,
}

/// Why there is no job.
#[derive(Debug)]
pub(crate) enum NotStarted {
    /// The server is shutting down.
    Closed,
    /// The system has no thread left.
    NoThread(std::io::Error),
}

/// tower-lsp drops a handler's future when its request is cancelled; the thread that it started
/// would go on writing.
#[derive(Debug)]
struct CancelOnDrop(CancelToken);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

impl<T> Running<T> {
    /// What came of the job; `None` if its thread died without a word.
    pub(crate) async fn done(mut self) -> Option<T> {
        let done = (&mut self.outcome).await.ok();
        // The end of the progress goes out before the answer, if the client takes it.
        let _ = tokio::time::timeout(END_OF_PROGRESS, &mut self.reporter).await;
        done
    }
}

/// Starts a job that stops when `cancel` is raised; `place` is where its progress is shown.
pub(crate) fn start<W: Work>(
    bench: &Bench,
    work: W,
    cancel: CancelToken,
    place: impl FnOnce(u64) -> Place,
) -> Result<Running<W::Done>, NotStarted> {
    let mut shown = Place::Nowhere;
    let slot = bench.jobs.enter(work.verb(), cancel, |id| {
        shown = place(id);
        shown
            .token()
            .map(|token| serde_json::json!(token).to_string())
    });
    let slot = slot.map_err(|Closed| NotStarted::Closed)?;
    let about = report::About {
        id: slot.id(),
        verb: work.verb(),
        title: work.title(),
        token: shown.token().cloned(),
        wants_status: bench.choosing.session.capabilities().wants.status,
    };
    let reporter = report::follow(bench.editor.clone(), shown, about, slot.view.subscribe());
    let reporter = tokio::spawn(reporter);
    let stop = CancelOnDrop(slot.cancel.clone());
    let (sender, outcome) = oneshot::channel();
    let bench = bench.clone();
    // If this fails, slot and sender go down with the closure: the place in the table is free
    // again and the reporter ends.
    std::thread::Builder::new()
        .name(format!("job {}", slot.id()))
        .spawn(move || thread(&bench, &work, slot, sender))
        .map_err(NotStarted::NoThread)?;
    Ok(Running {
        outcome,
        reporter,
        _stop: stop,
    })
}

/// The thread's whole life.
fn thread<W: Work>(bench: &Bench, work: &W, slot: Slot, sender: oneshot::Sender<W::Done>) {
    let started = Instant::now();
    // After a panic nothing that the closure touched is used again except the slot and its cell,
    // whose values are replaced in single steps.
    let ran = catch_unwind(AssertUnwindSafe(|| {
        work.run(&Stand::new(bench, &slot, started))
    }));
    let done = ran.unwrap_or_else(|_| work.crashed(crashed(), started.elapsed()));
    let ended = work.ended(&done);
    tracing::info!(
        outcome = ended.outcome,
        summary = ended.words.short,
        "job ended"
    );
    if ended.is_failure {
        bench.jobs.note_error(&ended.text);
    }
    let view = slot.view.clone();
    // The port is free before anybody hears of the end.
    drop(slot);
    view.send_modify(|view| view.ended = Some(ended));
    // Nobody listens if the request was cancelled in tower-lsp; the log has the outcome anyway.
    let _ = sender.send(done);
}

fn crashed() -> Failure {
    Failure {
        code: "internal-error",
        is_input: false,
        what: "this program has a bug and gave up; its log says where".to_owned(),
        board_state: "the board may be half written".to_owned(),
        remedy: "deploy again, which repairs the board, and report the bug".into(),
    }
}
