//! `fbuild.server.build`: builds a target, without a board.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::{CommandError, roots, run_job, to_value};
use crate::explain::{Asked, Text};
use crate::json::{Problem, milliseconds};
use crate::server::arguments::Fields;
use crate::server::desk::Desk;
use crate::server::editor::Token;
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

pub(super) async fn build(
    desk: &Arc<Desk>,
    mut fields: Fields,
    asked: Asked,
    given: Option<Token>,
) -> Result<Value, CommandError> {
    let work = Building {
        roots: roots(&desk.session, &mut fields).await?,
        target: fields.get("target")?,
        asked: asked.clone(),
    };
    let done = run_job(desk, work, given).await?;
    to_value(BuildResult {
        outcome: done.outcome(),
        message: &done.message,
        target: done.target.as_deref(),
        command: done.line.as_deref(),
        directory: done.directory.as_deref(),
        duration_ms: milliseconds(done.duration),
        error: done.failure().map(Problem::from),
        text: done.words(&asked),
    })
}
