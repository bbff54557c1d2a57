//! How a deploy ended, told to a person or a program.

use fbuild_deploy::outcome::{OutcomeKind, Report};
use fbuild_deploy::request::Request;
use fbuild_link::lent::Slot;
use fbuild_loader::cancel::CancelToken;

use super::bars::Bars;
use super::plan_table::plan_table;
use super::terminal::Terminal;
use super::{CANCELLED, FAILED, SUCCESS, USAGE};
use crate::boards::{Boards as _, LocalBoards};
use crate::build::Built;
use crate::json::Outcome;

/// A deploy that a monitor asks for, over the link in `slot`.
pub(super) fn again(
    boards: &LocalBoards,
    request: &Request,
    slot: &Slot,
    as_json: bool,
    cancel: &CancelToken,
    terminal: Terminal,
) {
    let mut bars = Bars::new(terminal);
    let report = boards.deploy(request, Some(slot), &mut |event| bars.hear(&event), cancel);
    tell(&report, None, &bars, as_json, terminal);
}

/// Tells it.
pub(super) fn tell(
    report: &Report,
    built: Option<&Built>,
    bars: &Bars,
    as_json: bool,
    terminal: Terminal,
) {
    for warning in report
        .warnings
        .iter()
        .filter(|warning| !bars.has_noted(warning))
    {
        terminal.note(terminal.warning_line(warning));
    }
    if let Some(failure) = &report.error {
        terminal.failure(failure);
    }
    if as_json {
        terminal.json(&Outcome::new(report, built));
    } else if report.outcome == OutcomeKind::Cancelled {
        terminal.note(&report.message);
    } else if let (OutcomeKind::Planned, Some(plan)) = (report.outcome, &report.plan) {
        for line in plan_table(plan) {
            terminal.result(line);
        }
    } else if report.error.is_none() {
        let seconds = report.duration.as_secs_f64();
        terminal.result(format!("{} in {seconds:.1} s", report.message));
    }
}

/// What it is worth.
pub(super) fn exit_code(report: &Report) -> u8 {
    match report.outcome {
        OutcomeKind::VerifySkip
        | OutcomeKind::SelectiveFlash
        | OutcomeKind::FullFlash
        | OutcomeKind::Planned => SUCCESS,
        OutcomeKind::Cancelled => CANCELLED,
        OutcomeKind::Failed if report.error.as_ref().is_some_and(|error| error.is_input) => USAGE,
        OutcomeKind::Failed => FAILED,
    }
}
