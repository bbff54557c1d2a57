//! `fbuild.server.ports`: where a board may be.

use std::sync::Arc;

use super::{Answer, blocking, to_value};
use crate::boards::Boards;
use crate::json::PortList;

pub(super) async fn ports(boards: Arc<dyn Boards>) -> Answer {
    let ports = blocking(move || boards.ports()).await?;
    to_value(PortList::from(ports.as_slice()))
}
