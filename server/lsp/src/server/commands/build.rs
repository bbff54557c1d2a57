//! `fbuild.server.build`: builds a target, without a board.

use fbuild_project::plain;

use super::{Answer, Call, Starter, to_value};
use crate::json::{BuildOutcome, Problem, milliseconds};
use crate::server::job::build::{Building, Workshop};

pub(super) async fn build(mut call: Call<'_>, starter: Starter<'_>, workshop: Workshop) -> Answer {
    let work = Building {
        roots: call.roots().await?,
        target: call.get("target")?,
        asked: call.asked.clone(),
        workshop,
    };
    let done = starter.run(work).await?;
    to_value(BuildOutcome {
        outcome: done.outcome(),
        message: plain::line(&done.message),
        target: done.target.as_deref(),
        command: done.line.as_deref(),
        directory: done.directory.as_deref(),
        duration_ms: milliseconds(done.duration),
        error: done.failure().map(Problem::from),
        text: Some(done.words(&call.asked)),
    })
}
