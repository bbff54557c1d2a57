//! `fbuild.server.jobs` and `fbuild.server.history`.

use std::sync::Arc;

use fbuild_project::plain;
use serde::Serialize;
use serde_json::Value;

use super::{CommandError, blocking, to_value};
use crate::json::milliseconds;
use crate::server::desk::Desk;
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

pub(super) fn jobs(jobs: &Jobs) -> Result<Value, CommandError> {
    to_value(job_list(jobs))
}

pub(super) async fn history(desk: &Arc<Desk>) -> Result<Value, CommandError> {
    let desk = desk.clone();
    to_value(blocking(move || desk.history.read()).await?)
}
