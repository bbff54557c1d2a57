//! What the client is asked for and told without having asked: settings, ports and targets that
//! change, and this program's log. All of it begins at `initialized`.

pub(crate) mod configuration;
mod ports;
mod targets;

use std::sync::Arc;

use lsp_types::{MessageType, Registration};
use serde_json::json;
use tracing::Level;

use super::desk::Desk;
use super::editing;
use super::editor::Editor;
use super::session::Capabilities;
use super::watched::WATCHED;
use crate::log::Tap;

/// Starts everything that the client can take part in.
pub(crate) fn start(desk: &Arc<Desk>) {
    let capabilities = desk.session.capabilities();
    tokio::spawn(log(desk.log.clone(), desk.editor.clone()));
    tokio::spawn(editing::follow(desk.clone()));
    if capabilities.configuration {
        tokio::spawn(configuration::follow(desk.clone()));
    }
    // What a deploy would take depends on the ports, too.
    if capabilities.wants.ports || capabilities.wants.targets {
        tokio::spawn(ports::follow(desk.clone()));
    }
    let desk = desk.clone();
    tokio::spawn(async move {
        let is_watching = register(&desk.editor, capabilities).await;
        if capabilities.wants.targets {
            targets::follow(desk, is_watching).await;
        }
    });
}

/// Asks the client to tell about settings and files; whether it watches files.
async fn register(editor: &Editor, capabilities: Capabilities) -> bool {
    let mut wanted = Vec::new();
    let registration = |method: &str, options| Registration {
        id: format!("fbuild/{method}"),
        method: method.to_owned(),
        register_options: Some(options),
    };
    if capabilities.registers_configuration && capabilities.configuration {
        let options = json!({"section": "fbuild"});
        wanted.push(registration("workspace/didChangeConfiguration", options));
    }
    let watches = capabilities.registers_files && capabilities.wants.targets;
    if watches {
        let globs = WATCHED.map(|glob| json!({"globPattern": glob}));
        let options = json!({"watchers": globs});
        wanted.push(registration("workspace/didChangeWatchedFiles", options));
    }
    !wanted.is_empty() && editor.register(wanted).await && watches
}

/// Passes on what this program logs.
async fn log(log: Tap, editor: Editor) {
    let mut lines = log.open();
    while let Some(line) = lines.recv().await {
        let kind = match line.level {
            Level::ERROR => MessageType::ERROR,
            Level::WARN => MessageType::WARNING,
            Level::INFO => MessageType::INFO,
            Level::DEBUG | Level::TRACE => MessageType::LOG,
        };
        editor.log_as(kind, &line.text).await;
    }
}
