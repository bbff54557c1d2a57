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
use self::projects::Projects;
use super::Patience;
use super::choosing::Choosing;
use super::crashes::Crashes;
use super::documents::{Documents, Snapshot, Unchecked};
use super::editor::Editor;
use super::problems::Problems;
use super::session::Capabilities;
use super::watched::{WATCHED, WATCHED_TOO};
use fbuild_editing::facts::Facts;

/// The parts of it.
#[derive(Clone)]
pub(crate) struct Help {
    /// Which documents are open, and the texts of those with help.
    pub(crate) documents: Arc<Documents>,
    /// What is known around them.
    pub(super) projects: Arc<Projects>,
    /// What was chosen and deployed, and what is plugged in.
    pub(crate) choosing: Choosing,
    pub(crate) editor: Editor,
    pub(crate) patience: Patience,
}

/// Looks at every document that changes, until the session ends.
pub(crate) async fn follow(help: Help, problems: Arc<Problems>, crashes: Arc<Crashes>) {
    let mut is_watching = false;
    // What the client shows, and as of which version.
    let mut shown: HashMap<String, (Vec<Diagnostic>, Option<i32>)> = HashMap::new();
    loop {
        help.documents.changed.notified().await;
        let n_rechecks = help.documents.n_rechecks();
        for work in help.documents.unchecked() {
            let (uri, found) = match work {
                Unchecked::Open(snapshot) => {
                    if !is_watching {
                        is_watching = true;
                        let capabilities = help.choosing.session.capabilities();
                        tokio::spawn(watch(help.editor.clone(), capabilities));
                    }
                    (snapshot.uri.clone(), help.check(&snapshot).await)
                }
                Unchecked::Gone(uri) => (uri, None),
            };
            let Ok(url) = Url::parse(&uri) else { continue };
            let mut others = problems.of(&uri);
            others.extend(crashes.of(&uri));
            let (mut all, version) = match found {
                Some((found, version)) => (found, version),
                None if !others.is_empty() => (Vec::new(), None),
                None => {
                    if shown.remove(&uri).is_some() {
                        help.editor.diagnostics(url, vec![], None).await;
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
            help.editor.diagnostics(url, all, version).await;
        }
        help.documents.told(n_rechecks);
        if !help.documents.has_texts() {
            help.projects.clear();
        }
    }
}

impl Help {
    /// What is wrong in a document, and as of which version; `None`: there is no help with it.
    async fn check(&self, snapshot: &Snapshot) -> Option<(Vec<Diagnostic>, Option<i32>)> {
        let facts = self.facts(&snapshot.path).await;
        let found = features::diagnostics(self.documents.encoding(), snapshot, &facts);
        // The project may name a table or a part of its configuration at any time; other texts are long.
        let extension = snapshot.path.extension();
        let may_be_named =
            extension.is_some_and(|extension| extension == "csv" || extension == "ini");
        if found.is_none() && !may_be_named {
            self.documents.release(&snapshot.uri);
        }
        Some((found?, i32::try_from(snapshot.version).ok()))
    }

    /// A document that is asked about. `None`: it is not open, or not in a format with help.
    pub(crate) async fn subject(&self, uri: &Url) -> Option<Subject> {
        let snapshot = self.documents.snapshot(uri.as_str())?;
        if snapshot.is_too_long {
            return None;
        }
        let facts = self.facts(&snapshot.path).await;
        Subject::new(snapshot, facts, self.documents.encoding())
    }

    /// What is known around a document. Looks at the disk only if nothing is known yet; old facts are
    /// looked at again afterwards.
    async fn facts(&self, path: &Path) -> Arc<Facts> {
        let root = gather::root_of(&self.choosing.session, path);
        if let Some((facts, age)) = self.projects.get(&root) {
            if age > self.patience.targets_poll {
                self.refresh(root);
            }
            return facts;
        }
        let n_changes = self.projects.changes();
        let found = Arc::new(self.gathered(root.clone()).await);
        let facts = self.projects.put(&root, found);
        if self.projects.changes() != n_changes {
            self.refresh(root);
        }
        facts
    }

    async fn gathered(&self, root: PathBuf) -> Facts {
        let known = self.choosing.clone();
        let found = tokio::task::spawn_blocking(move || {
            gather::gather(&known.selections, &known.history, &*known.boards, &root)
        });
        found.await.unwrap_or_else(|error| {
            tracing::error!(%error, "looking at a project failed");
            Facts::default()
        })
    }

    /// Looks at the disk again, because something has changed there or on a board.
    pub(crate) fn look_again(&self) {
        self.projects.note_change();
        for root in self.projects.roots() {
            self.refresh(root);
        }
    }

    /// The same where others may also be what a deploy takes: boards came or went, or hold something else.
    pub(crate) fn boards_changed(&self) {
        self.choosing.targets_changed.notify_one();
        self.look_again();
    }

    fn refresh(&self, root: PathBuf) {
        if !self.projects.begin_gathering(&root) {
            return;
        }
        let help = self.clone();
        self.editor.runtime.spawn(async move {
            loop {
                let found = help.gathered(root.clone()).await;
                let (is_news, again) = help.projects.end_gathering(&root, found);
                if is_news {
                    help.documents.uncheck();
                    let editor = help.editor.clone();
                    let said = help.choosing.session.capabilities().refreshes;
                    help.editor.runtime.spawn(async move {
                        editor.refresh(said.lenses, said.inlay_hints).await;
                    });
                }
                if !again {
                    return;
                }
                // A build changes many files; one more look when it is quiet is enough.
                tokio::time::sleep(help.patience.quiet).await;
            }
        });
    }
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
