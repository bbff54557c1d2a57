//! `fbuild.server.cancel`: stop a job at its next block, for editors that cannot cancel a request.

use serde_json::{Value, json};

use super::{CommandError, port, roots};
use crate::server::arguments::Fields;
use crate::server::desk::Desk;
use crate::server::jobs::Handle;

pub(super) fn cancel(desk: &Desk, mut fields: Fields) -> Result<Value, CommandError> {
    let roots = roots(desk, &mut fields)?;
    let (job, port) = (fields.get("job")?, port(&mut fields, &roots)?);
    let handle = match (job, port) {
        (Some(job), _) => Handle::Job(job),
        (None, Some(port)) => Handle::Port(port),
        (None, None) => Handle::All,
    };
    Ok(json!({ "cancelled": desk.jobs.cancel(&handle) }))
}
