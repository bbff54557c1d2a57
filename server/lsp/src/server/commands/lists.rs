//! `fbuild.server.jobs` and `fbuild.server.history`.

use std::sync::Arc;

use fbuild_project::plain;
use serde::Serialize;

use super::{Answer, blocking, to_value};
use crate::explain;
use crate::json::milliseconds;
use crate::remember::history::History;
use crate::server::jobs::{Jobs, Listed};

#[derive(Serialize)]
pub(super) struct JobList {
    jobs: Vec<Job>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Job {
    #[serde(rename = "job")]
    id: u64,
    what: String,
    target: Option<String>,
    port: Option<String>,
    message: String,
    percent: u32,
    running_ms: u64,
}

impl From<Listed> for Job {
    fn from(listed: Listed) -> Self {
        Self {
            id: listed.id,
            what: plain::line(&listed.what).into_owned(),
            target: listed.view.target,
            port: listed.view.port,
            message: plain::line(&listed.view.step.text).into_owned(),
            percent: listed.view.step.percent,
            running_ms: milliseconds(listed.running),
        }
    }
}

/// The jobs that are running.
pub(super) fn job_list(jobs: &Jobs) -> JobList {
    JobList {
        jobs: jobs.list().into_iter().map(Job::from).collect(),
    }
}

pub(super) fn jobs(jobs: &Jobs) -> Answer {
    to_value(job_list(jobs))
}

pub(super) async fn history(history: Arc<History>) -> Answer {
    let kept = blocking(move || history.read()).await?;
    let mut shown = to_value(&kept)?;
    for (i, board) in kept.boards.iter().enumerate() {
        let entry = &mut shown["boards"][i];
        entry["name"] =
            explain::board_name(board.chip.as_deref(), board.mac.as_deref(), &board.port).into();
        for (k, deploy) in board.deploys.iter().enumerate() {
            entry["deploys"][k]["short"] =
                explain::past_deploy(&deploy.message, deploy.duration_ms).into();
        }
    }
    Ok(shown)
}
