//! `fbuild/ports`: boards that are plugged in and out.

use std::sync::Arc;

use crate::json::PortList;
use crate::server::desk::Desk;
use crate::server::editing;
use crate::server::editor::custom;

/// Tells the ports now, and whenever others are there. Asking the system is cheap, and the same
/// everywhere; its own notifications are not.
pub(super) async fn follow(desk: Arc<Desk>) {
    let mut told = None;
    loop {
        let boards = desk.boards.clone();
        let Ok(ports) = tokio::task::spawn_blocking(move || boards.ports()).await else {
            return;
        };
        if told.as_ref() != Some(&ports)
            && let Ok(list) = serde_json::to_value(PortList::from(ports.as_slice()))
        {
            if desk.session.capabilities().wants.ports {
                desk.editor.notify::<custom::Ports>(list).await;
            }
            told = Some(ports);
            desk.targets_changed.notify_one();
            editing::look_again(&desk);
        }
        tokio::time::sleep(desk.patience.ports_poll).await;
    }
}
