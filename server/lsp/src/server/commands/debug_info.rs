//! `fbuild.server.debugInfo`: what a person pastes into a bug report.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Value, json};

use super::lists::{JobList, job_list};
use super::{Answer, blocking, to_value};
use crate::json::SelectionEntry;
use crate::server::choosing::Choosing;
use crate::server::jobs::Jobs;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DebugInfo {
    version: &'static str,
    system: String,
    executable: Option<String>,
    state_dir: Option<String>,
    client: Value,
    capabilities: Value,
    folders: Vec<Folder>,
    settings: Value,
    workspace_trusted: bool,
    #[serde(flatten)]
    jobs: JobList,
    last_error: Option<String>,
}

#[derive(Serialize)]
struct Folder {
    #[serde(flatten)]
    selection: SelectionEntry,
    settings: Value,
}

pub(super) async fn debug_info(known: Choosing, jobs: Arc<Jobs>) -> Answer {
    // Else a client's first question would be answered with settings that it has not told yet.
    known.configuration.settled().await;
    to_value(blocking(move || gather(&known, &jobs)).await?)
}

fn gather(known: &Choosing, jobs: &Jobs) -> DebugInfo {
    let capabilities = known.session.capabilities();
    let folders = known.session.folders().into_iter().map(|folder| Folder {
        selection: SelectionEntry::new(&folder, &known.selections.of(&folder), None),
        settings: known.configuration.settings(&[folder]).in_effect(),
    });
    let executable = std::env::current_exe().ok();
    DebugInfo {
        version: env!("CARGO_PKG_VERSION"),
        system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        executable: executable.map(|path| path.display().to_string()),
        state_dir: known
            .boards
            .state_dir()
            .map(|dir| dir.display().to_string()),
        client: known.session.client(),
        capabilities: json!({
            "workDoneProgress": capabilities.work_done_progress,
            "configuration": capabilities.configuration,
            "watchesFiles": capabilities.registers_files,
            "notifications": {
                "status": capabilities.wants.status,
                "ports": capabilities.wants.ports,
                "targets": capabilities.wants.targets,
                "monitor": capabilities.wants.monitor,
                "build": capabilities.wants.build,
            },
        }),
        folders: folders.collect(),
        settings: known.configuration.settings(&[]).in_effect(),
        workspace_trusted: known.configuration.is_trusted(),
        jobs: job_list(jobs),
        last_error: jobs.last_error(),
    }
}
