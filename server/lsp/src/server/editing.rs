//! Help while editing: keeps the facts around documents fresh, and the client's diagnostics in step
//! with its texts.
//!
//! [`fbuild_editing`] knows what to say; here is when. One task looks at every document that has
//! changed ([`follow`]); what arrives while it is busy is looked at once, in its newest state.
//! Keystrokes use the facts that are there: [`gather`] looks at the disk on a thread of its own,
//! and documents are looked at again only if the facts turn out to have changed.

pub(super) mod capabilities;
pub(super) mod features;
pub(super) mod gather;
pub(super) mod projects;
mod protocol;

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use lsp_types::{Diagnostic, Registration, Url};
use serde_json::json;

use self::features::Subject;
use super::desk::Desk;
use super::documents::{Snapshot, Unchecked};
use super::editor::Editor;
use super::session::Capabilities;
use super::watched::{WATCHED, WATCHED_TOO};
use fbuild_editing::facts::Facts;

/// Looks at every document that changes, until the session ends.
pub(crate) async fn follow(desk: Arc<Desk>) {
    let mut is_watching = false;
    // What the client shows, and as of which version.
    let mut shown: HashMap<String, (Vec<Diagnostic>, Option<i32>)> = HashMap::new();
    loop {
        desk.documents.changed.notified().await;
        let n_rechecks = desk.documents.n_rechecks();
        for work in desk.documents.unchecked() {
            let (uri, found) = match work {
                Unchecked::Open(snapshot) => {
                    if !is_watching {
                        is_watching = true;
                        let capabilities = desk.session.capabilities();
                        tokio::spawn(watch(desk.editor.clone(), capabilities));
                    }
                    (snapshot.uri.clone(), check(&desk, &snapshot).await)
                }
                Unchecked::Gone(uri) => (uri, None),
            };
            let Ok(url) = Url::parse(&uri) else { continue };
            let mut others = desk.problems.of(&uri);
            others.extend(desk.crashes.of(&uri));
            let (mut all, version) = match found {
                Some((found, version)) => (found, version),
                None if !others.is_empty() => (Vec::new(), None),
                None => {
                    if shown.remove(&uri).is_some() {
                        desk.editor.diagnostics(url, vec![], None).await;
                    }
                    continue;
                }
            };
            all.extend(others);
            // What a build found while it was looked at is asked for once more.
            let is_known = shown
                .get(&uri)
                .is_some_and(|before| version.is_none() && before.1.is_none() && before.0 == all);
            if is_known {
                continue;
            }
            shown.insert(uri, (all.clone(), version));
            desk.editor.diagnostics(url, all, version).await;
        }
        desk.documents.told(n_rechecks);
        if !desk.documents.has_texts() {
            desk.projects.clear();
        }
    }
}

/// What is wrong in a document, and as of which version; `None`: there is no help with it.
async fn check(desk: &Arc<Desk>, snapshot: &Snapshot) -> Option<(Vec<Diagnostic>, Option<i32>)> {
    let facts = facts(desk, &snapshot.path).await;
    let found = features::diagnostics(desk.documents.encoding(), snapshot, &facts);
    // The project may name a table or a part of its configuration at any time; other texts are long.
    let extension = snapshot.path.extension();
    let may_be_named = extension.is_some_and(|extension| extension == "csv" || extension == "ini");
    if found.is_none() && !may_be_named {
        desk.documents.release(&snapshot.uri);
    }
    Some((found?, i32::try_from(snapshot.version).ok()))
}

/// A document that is asked about. `None`: it is not open, or not in a format with help.
pub(crate) async fn subject(desk: &Arc<Desk>, uri: &Url) -> Option<Subject> {
    let snapshot = desk.documents.snapshot(uri.as_str())?;
    if snapshot.is_too_long {
        return None;
    }
    let facts = facts(desk, &snapshot.path).await;
    Subject::new(snapshot, facts, desk.documents.encoding())
}

/// What is known around a document. Looks at the disk only if nothing is known yet; old facts are
/// looked at again afterwards.
async fn facts(desk: &Arc<Desk>, path: &Path) -> Arc<Facts> {
    let root = gather::root_of(&desk.session, path);
    if let Some((facts, age)) = desk.projects.get(&root) {
        if age > desk.patience.targets_poll {
            refresh(desk, root);
        }
        return facts;
    }
    let n_changes = desk.projects.changes();
    let found = Arc::new(gathered(desk, root.clone()).await);
    let facts = desk.projects.put(&root, found);
    if desk.projects.changes() != n_changes {
        refresh(desk, root);
    }
    facts
}

async fn gathered(desk: &Arc<Desk>, root: PathBuf) -> Facts {
    let looking = desk.clone();
    let found = tokio::task::spawn_blocking(move || {
        let Desk {
            selections,
            history,
            boards,
            ..
        } = &*looking;
        gather::gather(selections, history, &**boards, &root)
    });
    found.await.unwrap_or_else(|error| {
        tracing::error!(%error, "looking at a project failed");
        Facts::default()
    })
}

/// Looks at the disk again, because something has changed there or on a board.
pub(crate) fn look_again(desk: &Arc<Desk>) {
    desk.projects.note_change();
    for root in desk.projects.roots() {
        refresh(desk, root);
    }
}

fn refresh(desk: &Arc<Desk>, root: PathBuf) {
    if !desk.projects.begin_gathering(&root) {
        return;
    }
    let desk = desk.clone();
    let runtime = desk.runtime.clone();
    runtime.spawn(async move {
        loop {
            let found = gathered(&desk, root.clone()).await;
            let (is_news, again) = desk.projects.end_gathering(&root, found);
            if is_news {
                desk.documents.uncheck();
                // Some clients never answer; nobody waits for that.
                let (editor, said) = (desk.editor.clone(), desk.session.capabilities().refreshes);
                desk.runtime.spawn(async move {
                    editor.refresh(said.lenses, said.inlay_hints).await;
                });
            }
            if !again {
                return;
            }
            // A build changes many files; one more look when it is quiet is enough.
            tokio::time::sleep(desk.patience.quiet).await;
        }
    });
}

/// Asks the client to tell about files, from the first document on that needs it.
async fn watch(editor: Editor, capabilities: Capabilities) {
    if !capabilities.registers_files {
        return;
    }
    let known: &[&str] = if capabilities.wants.targets {
        &[]
    } else {
        &WATCHED
    };
    let globs = known.iter().chain(&WATCHED_TOO);
    let watchers: Vec<_> = globs.map(|glob| json!({"globPattern": glob})).collect();
    editor
        .register(vec![Registration {
            id: "fbuild/editing/files".to_owned(),
            method: "workspace/didChangeWatchedFiles".to_owned(),
            register_options: Some(json!({"watchers": watchers})),
        }])
        .await;
}
