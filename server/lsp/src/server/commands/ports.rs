//! `fbuild.server.ports`: where a board may be.

use std::sync::Arc;

use serde_json::Value;

use super::{CommandError, blocking, to_value};
use crate::boards::Boards;
use crate::json::PortList;

pub(super) async fn ports(boards: Arc<dyn Boards>) -> Result<Value, CommandError> {
    let ports = blocking(move || boards.ports()).await?;
    to_value(PortList::from(ports.as_slice()))
}
