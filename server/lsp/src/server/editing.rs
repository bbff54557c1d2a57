//! Help while editing: keeps the facts around documents fresh, and the client's diagnostics in step
//! with its texts.
//!
//! [`crate::editing`] knows what to say; here is when. One task looks at every document that has
//! changed ([`follow`]); what arrives while it is busy is looked at once, in its newest state.
//! Keystrokes use the facts that are there: [`gather`] looks at the disk on a thread of its own,
//! and documents are looked at again only if the facts turn out to have changed.

mod capabilities;
mod features;
mod gather;
mod protocol;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use lsp_types::{Diagnostic, Registration, Url};
use serde_json::json;

pub(crate) use self::capabilities::{announce, encoding};
pub(crate) use self::features::{actions, completions, hover, inlay_hints, lenses, symbols, tidy};
use super::background::WATCHED;
use super::desk::Desk;
use super::documents::{Snapshot, Unchecked};
use fbuild_editing::facts::Facts;

/// Further files that help while editing depends on.
const WATCHED_TOO: [&str; 4] = [
    "**/sdkconfig*",
    "**/*.csv",
    "**/*.ini",
    "**/project_description.json",
];

/// Facts of the projects whose files are open, by the project's directory.
#[derive(Debug, Default)]
pub(crate) struct Editing {
    projects: Mutex<HashMap<PathBuf, Project>>,
    /// How often something has changed, for those who were looking meanwhile.
    n_changes: AtomicU64,
}

#[derive(Debug)]
struct Project {
    facts: Arc<Facts>,
    gathered: Instant,
    gathering: Gathering,
}

/// Whether somebody is looking at the disk for a project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gathering {
    No,
    Yes,
    /// And something has changed since it began.
    Again,
}

impl Editing {
    /// Every change is a single step, so the map is whole even after a panic elsewhere.
    fn projects(&self) -> MutexGuard<'_, HashMap<PathBuf, Project>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Marks a project as being looked at; `false`: it is already, and will be once more.
    fn begin_gathering(&self, root: &Path) -> bool {
        let mut projects = self.projects();
        let Some(project) = projects.get_mut(root) else {
            return false;
        };
        let may_begin = project.gathering == Gathering::No;
        project.gathering = if may_begin {
            Gathering::Yes
        } else {
            Gathering::Again
        };
        may_begin
    }

    /// Takes what was found; whether it is news, and whether to look again.
    fn end_gathering(&self, root: &Path, found: Facts) -> (bool, bool) {
        let mut projects = self.projects();
        let Some(project) = projects.get_mut(root) else {
            return (false, false);
        };
        let is_news = *project.facts != found;
        if is_news {
            project.facts = Arc::new(found);
        }
        project.gathered = Instant::now();
        let again = project.gathering == Gathering::Again;
        project.gathering = if again { Gathering::Yes } else { Gathering::No };
        (is_news, again)
    }
}

/// Looks at every document that changes, until the session ends.
pub(crate) async fn follow(desk: Arc<Desk>) {
    let mut is_watching = false;
    // What the client shows diagnostics of.
    let mut shown: HashSet<String> = HashSet::new();
    loop {
        desk.documents.changed.notified().await;
        for work in desk.documents.unchecked() {
            let (uri, found) = match work {
                Unchecked::Open(snapshot) => {
                    if !is_watching {
                        is_watching = true;
                        tokio::spawn(watch(desk.clone()));
                    }
                    (snapshot.uri.clone(), check(&desk, &snapshot).await)
                }
                Unchecked::Gone(uri) => (uri, None),
            };
            let Ok(url) = Url::parse(&uri) else { continue };
            match found {
                Some((found, version)) => {
                    shown.insert(uri);
                    desk.editor.diagnostics(url, found, version).await;
                }
                None if shown.remove(&uri) => desk.editor.diagnostics(url, vec![], None).await,
                None => {}
            }
        }
        if !desk.documents.has_texts() {
            desk.editing.projects().clear();
        }
    }
}

/// What is wrong in a document, and as of which version; `None`: there is no help with it.
async fn check(desk: &Arc<Desk>, snapshot: &Snapshot) -> Option<(Vec<Diagnostic>, Option<i32>)> {
    let facts = facts(desk, &snapshot.path).await;
    let found = features::diagnostics(desk, snapshot, &facts);
    // The project may name a table or a part of its configuration at any time; other texts are long.
    let extension = snapshot.path.extension();
    let may_be_named = extension.is_some_and(|extension| extension == "csv" || extension == "ini");
    if found.is_none() && !may_be_named {
        desk.documents.release(&snapshot.uri);
    }
    Some((found?, i32::try_from(snapshot.version).ok()))
}

/// What is known around a document. Looks at the disk only if nothing is known yet; old facts are
/// looked at again afterwards.
async fn facts(desk: &Arc<Desk>, path: &Path) -> Arc<Facts> {
    let root = gather::root_of(&desk.session, path);
    let known = {
        let projects = desk.editing.projects();
        let known = projects.get(&root);
        known.map(|project| (project.facts.clone(), project.gathered.elapsed()))
    };
    if let Some((facts, age)) = known {
        if age > desk.patience.targets_poll {
            refresh(desk, root);
        }
        return facts;
    }
    let n_changes = desk.editing.n_changes.load(Ordering::Acquire);
    let found = Arc::new(gathered(desk, root.clone()).await);
    // Somebody else may have been faster.
    let facts = {
        let mut projects = desk.editing.projects();
        let project = projects.entry(root.clone()).or_insert(Project {
            facts: found,
            gathered: Instant::now(),
            gathering: Gathering::No,
        });
        project.facts.clone()
    };
    if desk.editing.n_changes.load(Ordering::Acquire) != n_changes {
        refresh(desk, root);
    }
    facts
}

async fn gathered(desk: &Arc<Desk>, root: PathBuf) -> Facts {
    let looking = desk.clone();
    let found = tokio::task::spawn_blocking(move || gather::gather(&looking, &root));
    found.await.unwrap_or_else(|error| {
        tracing::error!(%error, "looking at a project failed");
        Facts::default()
    })
}

/// Looks at the disk again, because something has changed there or on a board.
pub(crate) fn look_again(desk: &Arc<Desk>) {
    desk.editing.n_changes.fetch_add(1, Ordering::AcqRel);
    let roots: Vec<PathBuf> = desk.editing.projects().keys().cloned().collect();
    for root in roots {
        refresh(desk, root);
    }
}

fn refresh(desk: &Arc<Desk>, root: PathBuf) {
    if !desk.editing.begin_gathering(&root) {
        return;
    }
    let desk = desk.clone();
    let runtime = desk.runtime.clone();
    runtime.spawn(async move {
        loop {
            let found = gathered(&desk, root.clone()).await;
            let (is_news, again) = desk.editing.end_gathering(&root, found);
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
async fn watch(desk: Arc<Desk>) {
    let capabilities = desk.session.capabilities();
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
    desk.editor
        .register(vec![Registration {
            id: "fbuild/editing/files".to_owned(),
            method: "workspace/didChangeWatchedFiles".to_owned(),
            register_options: Some(json!({"watchers": watchers})),
        }])
        .await;
}
