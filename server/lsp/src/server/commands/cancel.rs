//! `fbuild.server.cancel`: stop a job at its next block, for editors that cannot cancel a request.

use serde_json::{Value, json};

use super::{CommandError, port, roots};
use crate::server::arguments::Fields;
use crate::server::jobs::{Handle, Jobs};
use crate::server::session::Session;

pub(super) async fn cancel(
    jobs: &Jobs,
    session: &Session,
    mut fields: Fields,
) -> Result<Value, CommandError> {
    let roots = roots(session, &mut fields).await?;
    let (job, port) = (fields.get("job")?, port(&mut fields, &roots)?);
    let handle = match (job, port) {
        (Some(job), _) => Handle::Job(job),
        (None, Some(port)) => Handle::Port(port),
        (None, None) => Handle::All,
    };
    Ok(json!({ "cancelled": jobs.cancel(&handle) }))
}
