//! `fbuild/targets`: what can be deployed, whenever that has changed.

use serde_json::Value;
use tokio::sync::Notify;

use crate::server::Patience;
use crate::server::choosing::Choosing;
use crate::server::editor::{Editor, custom};

/// Tells the targets now, and whenever there are others or others' firmware. `is_watching`: the
/// client tells when files change; else they are looked at now and then.
pub(super) async fn follow(known: Choosing, editor: Editor, patience: Patience, is_watching: bool) {
    let mut told = Value::Null;
    loop {
        // What a deploy would take is not told twice at the start: with the settings that count, once.
        known.configuration.settled().await;
        let (choosing, folders) = (known.clone(), known.session.folders());
        let found = tokio::task::spawn_blocking(move || choosing.list_targets(&folders));
        let Ok(found) = found.await else { return };
        if let Ok(found) = serde_json::to_value(found)
            && found != told
        {
            editor.notify::<custom::Targets>(found.clone()).await;
            told = found;
        }
        changed(&known.targets_changed, patience, is_watching).await;
    }
}

/// Returns when files have changed, or may have, and nothing has for a while.
async fn changed(targets: &Notify, patience: Patience, is_watching: bool) {
    let notified = targets.notified();
    if is_watching {
        notified.await;
    } else {
        let _ = tokio::time::timeout(patience.targets_poll, notified).await;
        return;
    }
    while tokio::time::timeout(patience.quiet, targets.notified())
        .await
        .is_ok()
    {}
}
