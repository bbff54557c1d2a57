//! `fbuild/ports`: boards that are plugged in and out.

use std::sync::Arc;
use std::time::Duration;

use crate::boards::Boards;
use crate::json::PortList;
use crate::server::editor::{Editor, custom};

/// Tells the ports now, and whenever others are there: `editor`, if it wants to know, and whom they concern. Asking
/// the system is cheap, and the same everywhere; its own notifications are not.
pub(super) async fn follow(
    boards: Arc<dyn Boards>,
    editor: Option<Editor>,
    poll: Duration,
    changed: impl Fn(),
) {
    let mut told = None;
    loop {
        let boards = boards.clone();
        let Ok(ports) = tokio::task::spawn_blocking(move || boards.ports()).await else {
            return;
        };
        if told.as_ref() != Some(&ports)
            && let Ok(list) = serde_json::to_value(PortList::from(ports.as_slice()))
        {
            if let Some(editor) = &editor {
                editor.notify::<custom::Ports>(list).await;
            }
            told = Some(ports);
            changed();
        }
        tokio::time::sleep(poll).await;
    }
}
