//! Whether a deploy starts over after an error on the link, and how.

use fbuild_link::LinesReach;
use fbuild_loader::error::LoaderError;
use fbuild_loader::session::Session;

use super::Native;
use super::connect::rate_memory;
use super::in_place::InPlace;
use crate::failure::DeployError;
use crate::job::Job;
use crate::rates;
use crate::request::Baud;

/// How a deploy starts over: from a SYNC, with a new comparison.
pub(super) struct Again {
    /// Baud rate at most; `None`: as it was.
    pub(super) limit: Option<u32>,
}

/// After an error that the line may be to blame for: at a lower baud rate where there is one to
/// choose, and else once more as it was, because one lost byte is enough for such an error. A write
/// that is refused gets the same: its BEGIN may have arrived as another.
pub(super) fn again(
    job: &mut Job<'_>,
    native: &mut Native,
    error: &DeployError,
    tried: u32,
) -> Option<Again> {
    let DeployError::Loader(loader) = error else {
        return None;
    };
    if job.cancel().is_cancelled() || matches!(loader, LoaderError::Link { .. }) {
        return None;
    }
    if loader.may_have_erased() {
        job.note(format!(
            "{error}; if the request was damaged in transit, the whole flash may have been erased"
        ));
        return None;
    }
    let was_written = job.has_written();
    // Then it is written the ordinary way.
    let another_way = native.in_place == InPlace::Failed;
    if another_way {
        native.in_place = InPlace::Off;
    }
    let may_pass =
        loader.is_of_the_line() || was_written && matches!(loader, LoaderError::Refused { .. });
    let session = &native.session;
    let limit = slower(job, session).filter(|_| loader.is_of_the_line());
    let same_helps = may_pass && tried == 0 && !matches!(loader, LoaderError::BaudRate { .. });
    let how = match limit {
        Some(baud) => {
            rate_memory(job.request(), session).failed(session.baud());
            Some(format!("trying again at {baud} baud"))
        }
        None if another_way => Some("writing whole sectors instead".to_owned()),
        None => same_helps.then(|| "trying again".to_owned()),
    };
    // What was sent may have arrived as something else; what the plugin refuses has a sum.
    let is_bounded = another_way && matches!(loader, LoaderError::Refused { .. });
    let also = (was_written && !is_bounded)
        .then_some("something else on the board may have been overwritten");
    let then: Vec<&str> = how.as_deref().into_iter().chain(also).collect();
    if !then.is_empty() {
        job.note(format!("{error}; {}", then.join("; ")));
    }
    how.map(|_| Again { limit })
}

/// The next lower baud rate, where the deploy may choose it and the board can be reset to it.
fn slower(job: &Job<'_>, session: &Session) -> Option<u32> {
    let may_choose = job.request().baud == Baud::Auto
        && session.lines() == LinesReach::Board
        && session.has_baud_rate();
    may_choose.then(|| rates::step_down(session.baud()))?
}
