//! Faster, where there is enough to send.

use fbuild_loader::error::LoaderError;
use fbuild_loader::session::{LoaderKind, Session};

use super::connect::{rate_memory, reconnect};
use crate::failure::DeployError;
use crate::job::Job;
use crate::rates;
use crate::request::Baud;

/// Time that the next step has to save before it is tried: what a check of the link costs, and
/// something for the risk.
const WORTH_S: f64 = 0.25;

/// Raises the baud rate for `wire_bytes` that are to be sent: up as far as small exchanges work,
/// then full blocks both ways at the top. A rate that does not carry them costs a reset, and the
/// one below is tried.
pub(super) fn climb(
    job: &mut Job<'_>,
    session: &mut Session,
    wire_bytes: u64,
) -> Result<(), DeployError> {
    if job.request().baud != Baud::Auto
        || session.kind() != LoaderKind::Stub
        || !session.has_baud_rate()
        || !session.can_climb()
    {
        return Ok(());
    }
    let memory = rate_memory(job.request(), session);
    let fails = memory.recall().fails;
    let start = session.baud();
    let mut top = start;
    let mut result = Ok(());
    while let (Ok(()), Some(rate)) = (&result, rates::step_up(top)) {
        let seconds = |baud: u32| wire_bytes as f64 * 10.0 / f64::from(baud);
        let saved = seconds(top) - seconds(rate);
        if saved < WORTH_S || fails.is_some_and(|fails| rate >= fails) {
            break;
        }
        // Said beforehand: without control lines nobody may come back to say it afterwards.
        memory.failed(rate);
        top = rate;
        result = session.change_baud(rate);
    }
    let mut too_fast = None;
    while top > start {
        let error = match result.and_then(|()| session.check_link()) {
            Ok(()) => {
                memory.worked(top);
                if let Some(rate) = too_fast {
                    memory.failed(rate);
                }
                break;
            }
            Err(error @ (LoaderError::Cancelled | LoaderError::Link { .. })) => {
                return Err(error.into());
            }
            Err(error) => error,
        };
        memory.failed(top);
        too_fast = Some(top);
        let lower = rates::step_down(top).map_or(start, |lower| lower.max(start));
        tracing::info!(top, lower, %error, "the link does not carry this rate");
        reconnect(job.request(), session, Some(start))?;
        session.attach_flash()?;
        job.survey_mut().start_stub(session)?;
        result = session.change_baud(lower);
        top = lower;
    }
    job.survey_mut().measured.baud = session.clocked_baud();
    job.survey_mut().measured.round_trip = session.round_trip();
    Ok(())
}

/// After a deploy that wrote something and was right: its rate carries full blocks.
pub(super) fn remember_rate(job: &Job<'_>, session: &Session) {
    if job.request().baud == Baud::Auto && session.has_baud_rate() {
        rate_memory(job.request(), session).ended_well(session.baud());
    }
}
