//! What the client is asked for and told without having asked: settings, ports and targets that
//! change, and this program's log. All of it begins at `initialized`.

pub(crate) mod configuration;
mod ports;
mod targets;

use std::sync::Arc;

use lsp_types::{MessageType, Registration};
use serde_json::json;
use tracing::Level;

use super::crashes::Crashes;
use super::editing::{self, Help};
use super::editor::Editor;
use super::problems::Problems;
use super::session::Capabilities;
use super::watched::WATCHED;
use crate::log::Tap;

/// Starts everything that the client can take part in.
pub(crate) fn start(help: Help, problems: Arc<Problems>, crashes: Arc<Crashes>) {
    let (choosing, editor) = (help.choosing.clone(), help.editor.clone());
    let (patience, capabilities) = (help.patience, choosing.session.capabilities());
    tokio::spawn(log(choosing.configuration.log.clone(), editor.clone()));
    tokio::spawn(editing::follow(help.clone(), problems, crashes));
    if capabilities.configuration {
        tokio::spawn(configuration::follow(choosing.clone(), editor.clone()));
    }
    let wants = capabilities.wants;
    // What a deploy would take depends on the ports, too.
    if wants.ports || wants.targets {
        let told = wants.ports.then(|| editor.clone());
        let changed = move || help.boards_changed();
        let poll = patience.ports_poll;
        tokio::spawn(ports::follow(choosing.boards.clone(), told, poll, changed));
    }
    tokio::spawn(async move {
        let is_watching = register(&editor, capabilities).await;
        if wants.targets {
            targets::follow(choosing, editor, patience, is_watching).await;
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
