//! How settings come from the client.
//!
//! Three ways, as clients differ: `initializationOptions.settings`, `workspace/configuration` (asked
//! for at the start and after every change, per folder), and the settings that
//! `workspace/didChangeConfiguration` carries where the client cannot be asked.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::server::desk::Desk;

const SECTION: &str = "fbuild";

/// Takes what `initialize` said.
pub(crate) fn begin(desk: &Arc<Desk>, options: &Value) {
    desk.configuration
        .set_trusted(options["workspaceTrusted"] == true);
    if options["settings"].is_object() {
        desk.configuration.set_initial(options["settings"].clone());
        take(desk, &Value::Null, &[]);
    }
}

/// Deals with notifications that change settings, while they are read. `false`: it is none.
pub(crate) fn apply(desk: &Arc<Desk>, method: &str, params: Option<&Value>) -> bool {
    let can_ask = desk.session.capabilities().configuration;
    match method {
        "workspace/didChangeConfiguration" if can_ask => desk.configuration.announce(),
        "workspace/didChangeConfiguration" => {
            let section = params.map(|params| &params["settings"][SECTION]);
            if let Some(section) = section.filter(|section| section.is_object()) {
                take(desk, section, &[]);
            }
        }
        "fbuild/didChangeTrust" => {
            let is_trusted = params.is_some_and(|params| params["trusted"] == true);
            desk.configuration.set_trusted(is_trusted);
            desk.targets_changed.notify_one();
        }
        // Both go on to others.
        "initialized" | "workspace/didChangeWorkspaceFolders" if can_ask => {
            desk.configuration.announce();
            return false;
        }
        _ => return false,
    }
    true
}

/// Asks the client for its settings whenever they may have changed.
pub(crate) async fn follow(desk: Arc<Desk>) {
    loop {
        let goal = desk.configuration.announced().await;
        let folders = desk.session.folders();
        let scopes: Vec<Option<&Path>> = std::iter::once(None)
            .chain(folders.iter().map(|folder| Some(folder.as_path())))
            .collect();
        if let Some(mut sections) = desk.editor.configuration(SECTION, &scopes).await
            && !sections.is_empty()
        {
            let whole = sections.remove(0);
            let folders: Vec<_> = folders.into_iter().zip(sections).collect();
            take(&desk, &whole, &folders);
        }
        desk.configuration.note_known(goal);
    }
}

fn take(desk: &Arc<Desk>, whole: &Value, folders: &[(PathBuf, Value)]) {
    let wrong = desk.configuration.take(whole, folders);
    desk.log
        .set_level(desk.configuration.settings(&[]).log_level);
    // Another target or port may be what a deploy takes.
    desk.targets_changed.notify_one();
    if wrong.is_empty() {
        return;
    }
    let editor = desk.editor.clone();
    // Not from here: this may be the task that reads the client's messages.
    tokio::spawn(async move {
        for wrong in wrong {
            editor.warn(&wrong.to_string()).await;
        }
    });
}
