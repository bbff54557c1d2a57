//! `fbuild.server.ports`: where a board may be.

use std::sync::Arc;

use serde_json::Value;

use super::{CommandError, blocking, to_value};
use crate::json::PortList;
use crate::server::desk::Desk;

pub(super) async fn ports(desk: &Arc<Desk>) -> Result<Value, CommandError> {
    let boards = desk.boards.clone();
    let ports = blocking(move || boards.ports()).await?;
    to_value(PortList::from(ports.as_slice()))
}
