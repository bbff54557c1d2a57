//! `fbuild.server.cancel`: stop a job at its next block, for editors that cannot cancel a request.

use serde_json::json;

use super::{Answer, Call};
use crate::server::jobs::{Handle, Jobs};

pub(super) async fn cancel(jobs: &Jobs, mut call: Call<'_>) -> Answer {
    let handle = match (call.get("job")?, call.port().await?) {
        (Some(job), _) => Handle::Job(job),
        (None, Some(port)) => Handle::Port(port),
        (None, None) => Handle::All,
    };
    Ok(json!({ "cancelled": jobs.cancel(&handle) }))
}
