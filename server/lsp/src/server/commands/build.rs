//! `fbuild.server.build`: builds a target, without a board.

use std::path::Path;

use serde::Serialize;

use super::{Answer, Call, Starter, to_value};
use crate::explain::Text;
use crate::json::{Problem, milliseconds};
use crate::server::job::build::Building;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BuildResult<'r> {
    outcome: &'static str,
    message: &'r str,
    target: Option<&'r str>,
    command: Option<&'r str>,
    directory: Option<&'r Path>,
    duration_ms: u64,
    error: Option<Problem>,
    text: Text,
}

pub(super) async fn build(mut call: Call<'_>, starter: Starter<'_>) -> Answer {
    let work = Building {
        roots: call.roots().await?,
        target: call.get("target")?,
        asked: call.asked.clone(),
    };
    let done = starter.run(work).await?;
    to_value(BuildResult {
        outcome: done.outcome(),
        message: &done.message,
        target: done.target.as_deref(),
        command: done.line.as_deref(),
        directory: done.directory.as_deref(),
        duration_ms: milliseconds(done.duration),
        error: done.failure().map(Problem::from),
        text: done.words(&call.asked),
    })
}
