//! `fbuild/monitor`: what a board prints, in batches, for clients that asked for it.

use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;

use crate::server::editor::{Editor, custom};
use crate::server::monitors::{Monitor, State};

/// Shortest time between two messages.
const INTERVAL: Duration = Duration::from_millis(50);

#[derive(Serialize)]
struct Told<'m, N> {
    port: &'m str,
    #[serde(flatten)]
    news: N,
}

/// Tells what is new on a monitor's screen until it has ended. One message waits for the other: a client that
/// does not keep up is told what it has missed.
pub(super) async fn follow(editor: Editor, monitor: Arc<Monitor>) {
    let mut more = monitor.news();
    loop {
        more.mark_unchanged();
        let news = monitor.record().news();
        if let Some(news) = news {
            let is_over = news.state == State::Ended;
            let port = &monitor.port;
            // Texts and numbers only, so this cannot fail.
            let told: Value = serde_json::to_value(Told { port, news }).unwrap_or_default();
            editor.notify::<custom::Monitor>(told).await;
            if is_over {
                return;
            }
            tokio::time::sleep(INTERVAL).await;
        }
        if more.changed().await.is_err() {
            return;
        }
    }
}
