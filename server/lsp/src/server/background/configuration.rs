//! How settings come from the client.
//!
//! Three ways, as clients differ: `initializationOptions.settings`, `workspace/configuration` (asked
//! for at the start and after every change, per folder), and the settings that
//! `workspace/didChangeConfiguration` carries where the client cannot be asked.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::server::choosing::Choosing;
use crate::server::editor::Editor;

const SECTION: &str = "fbuild";

/// Takes what `initialize` said.
pub(crate) fn begin(known: &Choosing, editor: &Editor, options: &Value) {
    known
        .configuration
        .set_trusted(options["workspaceTrusted"] == true);
    if options["settings"].is_object() {
        known.configuration.set_initial(options["settings"].clone());
        take(known, editor, &Value::Null, &[]);
    }
}

/// Deals with notifications that change settings, while they are read. `false`: it is none.
pub(crate) fn apply(
    known: &Choosing,
    editor: &Editor,
    method: &str,
    params: Option<&Value>,
) -> bool {
    let can_ask = known.session.capabilities().configuration;
    match method {
        "workspace/didChangeConfiguration" if can_ask => known.configuration.announce(),
        "workspace/didChangeConfiguration" => {
            let section = params.map(|params| &params["settings"][SECTION]);
            if let Some(section) = section.filter(|section| section.is_object()) {
                take(known, editor, section, &[]);
            }
        }
        "fbuild/didChangeTrust" => {
            let is_trusted = params.is_some_and(|params| params["trusted"] == true);
            known.configuration.set_trusted(is_trusted);
            known.targets_changed.notify_one();
        }
        // Both go on to others.
        "initialized" | "workspace/didChangeWorkspaceFolders" if can_ask => {
            known.configuration.announce();
            return false;
        }
        _ => return false,
    }
    true
}

/// Asks the client for its settings whenever they may have changed.
pub(crate) async fn follow(known: Choosing, editor: Editor) {
    loop {
        let goal = known.configuration.announced().await;
        let folders = known.session.folders();
        let scopes: Vec<Option<&Path>> = std::iter::once(None)
            .chain(folders.iter().map(|folder| Some(folder.as_path())))
            .collect();
        if let Some(mut sections) = editor.configuration(SECTION, &scopes).await
            && !sections.is_empty()
        {
            let whole = sections.remove(0);
            let folders: Vec<_> = folders.into_iter().zip(sections).collect();
            take(&known, &editor, &whole, &folders);
        }
        known.configuration.note_known(goal);
    }
}

fn take(known: &Choosing, editor: &Editor, whole: &Value, folders: &[(PathBuf, Value)]) {
    let wrong = known.configuration.take(whole, folders);
    // Another target or port may be what a deploy takes.
    known.targets_changed.notify_one();
    if wrong.is_empty() {
        return;
    }
    let editor = editor.clone();
    // Not from here: this may be the task that reads the client's messages.
    tokio::spawn(async move {
        for wrong in wrong {
            editor.warn(&wrong.to_string()).await;
        }
    });
}
