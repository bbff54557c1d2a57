//! One deploy or verify from order to answer, on a thread of its own.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use fbuild_deploy::deploy::Mode;
use fbuild_deploy::discover::Environment;
use fbuild_deploy::outcome::{Failure, Report};
use fbuild_loader::cancel::CancelToken;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::desk::Desk;
use super::jobs::{Closed, Ended, Slot, View};
use super::report::{self, Place};
use crate::explain::explain;
use crate::order::Order;
use crate::progress::Tracker;

/// How long an answer waits for its progress to have ended in the client.
const END_OF_PROGRESS: Duration = Duration::from_millis(500);

/// A job under way. Dropping it asks the job to stop.
#[derive(Debug)]
pub(crate) struct Running {
    outcome: oneshot::Receiver<Report>,
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

impl Running {
    /// The job's report; `None` if its thread died without one.
    pub(crate) async fn report(mut self) -> Option<Report> {
        let report = (&mut self.outcome).await.ok();
        // The end of the progress goes out before the answer, if the client takes it.
        let _ = tokio::time::timeout(END_OF_PROGRESS, &mut self.reporter).await;
        report
    }
}

/// Starts a job that stops when `cancel` is raised; `place` is where its progress is shown.
pub(crate) fn start(
    desk: &Arc<Desk>,
    order: Order,
    cancel: CancelToken,
    place: impl FnOnce(u64) -> Place,
) -> Result<Running, NotStarted> {
    let mut shown = Place::Nowhere;
    let slot = desk.jobs.enter(order.verb(), cancel, |id| {
        shown = place(id);
        shown
            .token()
            .map(|token| serde_json::json!(token).to_string())
    });
    let slot = slot.map_err(|Closed| NotStarted::Closed)?;
    let title = match &order.target {
        Some(target) => format!("{} {target}", order.verb()),
        None => order.verb().to_owned(),
    };
    let reporter = report::follow(desk.editor.clone(), shown, title, slot.view.subscribe());
    let reporter = tokio::spawn(reporter);
    let stop = CancelOnDrop(slot.cancel.clone());
    let (sender, outcome) = oneshot::channel();
    let desk = desk.clone();
    // If this fails, slot and sender go down with the closure: the place in the table is free
    // again and the reporter ends.
    std::thread::Builder::new()
        .name(format!("job {}", slot.id()))
        .spawn(move || work(&desk, &order, slot, sender))
        .map_err(NotStarted::NoThread)?;
    Ok(Running {
        outcome,
        reporter,
        _stop: stop,
    })
}

/// The thread's whole life.
fn work(desk: &Desk, order: &Order, slot: Slot, sender: oneshot::Sender<Report>) {
    let started = Instant::now();
    // After a panic nothing that the closure touched is used again except the slot and its cell,
    // whose values are replaced in single steps.
    let ran = catch_unwind(AssertUnwindSafe(|| run(desk, order, &slot, started)));
    let report = ran.unwrap_or_else(|_| order.refused(crashed(), started.elapsed()));
    tracing::info!(message = report.message, port = report.port, "job ended");
    let view = slot.view.clone();
    // The port is free before anybody hears of the end.
    drop(slot);
    let ended = Ended {
        is_failure: report.error.is_some(),
        text: explain(&report),
    };
    view.send_modify(|view| view.ended = Some(ended));
    // Nobody listens if the request was cancelled in tower-lsp; the log has the outcome anyway.
    let _ = sender.send(report);
}

fn crashed() -> Failure {
    Failure {
        code: "internal-error",
        is_input: false,
        what: "this program has a bug and gave up; its log says where".to_owned(),
        board_state: "the board may be half written".to_owned(),
        remedy: "deploy again, which repairs the board, and report the bug".to_owned(),
    }
}

fn run(desk: &Desk, order: &Order, slot: &Slot, started: Instant) -> Report {
    show(&slot.view, "looking for the target", 0);
    let resolved = order.resolve(&desk.boards.ports(), &Environment::from_process());
    let request = match resolved {
        Ok(request) => request,
        Err(failure) => return order.refused(failure, started.elapsed()),
    };
    let order = &Order {
        target: Some(request.target.name.clone()),
        port: Some(request.port.clone()),
        ..order.clone()
    };
    let what = format!("{} of {}", order.verb(), request.target.name);
    if let Err(taken) = slot.claim(&what, &request.port) {
        let failure = Failure {
            code: "job-running",
            is_input: false,
            what: format!("port {} is busy: {}", request.port, taken.by),
            board_state: String::new(),
            remedy: "wait for it to end, or cancel it".to_owned(),
        };
        return order.refused(failure, started.elapsed());
    }
    if slot.cancel.is_cancelled() {
        return order.cancelled(started.elapsed());
    }
    let n_regions = request
        .regions
        .as_ref()
        .map_or(request.target.regions.len(), Vec::len);
    let mut tracker = Tracker::new(request.mode, n_regions);
    let mut events = |event| {
        let step = tracker.hear(&event);
        show(&slot.view, &step.text, step.percent);
    };
    let mut report = desk.boards.deploy(&request, &mut events, &slot.cancel);
    if matches!(request.mode, Mode::Auto | Mode::Full) {
        report.warnings.extend(unsaved(desk, &request.target.root));
    }
    report
}

/// A deploy of what was built before the last edit is a surprise worth a word.
fn unsaved(desk: &Desk, root: &Path) -> Option<String> {
    let documents = desk.documents.unsaved_below(root);
    let first = documents.first()?;
    let name = first.strip_prefix(root).unwrap_or(first).display();
    Some(match documents.len() {
        1 => format!("{name} has unsaved changes, which are not in this firmware"),
        n => format!(
            "{name} and {} more have unsaved changes, which are not in it",
            n - 1
        ),
    })
}

fn show(view: &watch::Sender<View>, text: &str, percent: u32) {
    view.send_modify(|view| {
        text.clone_into(&mut view.text);
        view.percent = percent;
    });
}
