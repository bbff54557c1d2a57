//! `fbuild/targets`: what can be deployed, whenever that has changed.

use std::sync::Arc;

use serde_json::Value;

use crate::server::desk::Desk;
use crate::server::editor::custom;

/// Tells the targets now, and whenever there are others or others' firmware. `is_watching`: the
/// client tells when files change; else they are looked at now and then.
pub(super) async fn follow(desk: Arc<Desk>, is_watching: bool) {
    let mut told = Value::Null;
    loop {
        // What a deploy would take is not told twice at the start: with the settings that count, once.
        desk.configuration.settled().await;
        let (choosing, folders) = (desk.choosing(), desk.session.folders());
        let found = tokio::task::spawn_blocking(move || choosing.list_targets(&folders));
        let Ok(found) = found.await else { return };
        if let Ok(found) = serde_json::to_value(found)
            && found != told
        {
            desk.editor.notify::<custom::Targets>(found.clone()).await;
            told = found;
        }
        changed(&desk, is_watching).await;
    }
}

/// Returns when files have changed, or may have, and nothing has for a while.
async fn changed(desk: &Desk, is_watching: bool) {
    let notified = desk.targets_changed.notified();
    if is_watching {
        notified.await;
    } else {
        let _ = tokio::time::timeout(desk.patience.targets_poll, notified).await;
        return;
    }
    while tokio::time::timeout(desk.patience.quiet, desk.targets_changed.notified())
        .await
        .is_ok()
    {}
}
