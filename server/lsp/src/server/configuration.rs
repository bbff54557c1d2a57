//! Which settings are in effect, and how they come from the client.
//!
//! Three ways, as clients differ: `initializationOptions.settings`, `workspace/configuration` (asked
//! for at the start and after every change, per folder), and the settings that
//! `workspace/didChangeConfiguration` carries where the client cannot be asked. A job begins only
//! when every change that was announced before it is known.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::{Notify, watch};

use super::desk::Desk;
use super::settings::{Settings, Wrong};

const SECTION: &str = "fbuild";

/// Settings in effect.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    known: Mutex<Known>,
    is_trusted: AtomicBool,
    /// How many changes were announced, and how many of them are known.
    n_announced: AtomicU64,
    n_known: watch::Sender<u64>,
    announced: Notify,
}

#[derive(Debug, Default)]
struct Known {
    /// What `initialize` said, for a client that has nothing to say when it is asked.
    initial: Value,
    whole: Settings,
    folders: Vec<(PathBuf, Settings)>,
    /// Complaints that were made already.
    told: HashSet<Wrong>,
}

impl Configuration {
    /// Settings for a job in these folders: those of the innermost folder around a single one.
    pub(crate) fn settings(&self, roots: &[PathBuf]) -> Settings {
        let known = self.known();
        let folder = match roots {
            [only] => {
                let around = known.folders.iter();
                let around = around.filter(|(folder, _)| only.starts_with(folder));
                around.max_by_key(|(folder, _)| folder.components().count())
            }
            _ => None,
        };
        folder
            .map_or(&known.whole, |(_, settings)| settings)
            .clone()
    }

    /// Whether the client said that programs may be run and ports be opened as settings say.
    pub(crate) fn is_trusted(&self) -> bool {
        self.is_trusted.load(Ordering::Acquire)
    }

    pub(crate) fn set_trusted(&self, is_trusted: bool) {
        self.is_trusted.store(is_trusted, Ordering::Release);
    }

    /// Takes a section; what is wrong with it and was not said before. `null` is how the protocol
    /// spells that the client has nothing to say: then the next wider scope counts.
    fn take(&self, whole: &Value, folders: &[(PathBuf, Value)]) -> Vec<Wrong> {
        let mut known = self.known();
        let or = |section: &Value, wider: &Value| match section {
            Value::Null => wider.clone(),
            section => section.clone(),
        };
        let whole = or(whole, &known.initial);
        let (settings, mut wrong) = Settings::read(&whole);
        known.whole = settings;
        known.folders.clear();
        for (folder, section) in folders {
            let (settings, more) = Settings::read(&or(section, &whole));
            known.folders.push((folder.clone(), settings));
            wrong.extend(more);
        }
        wrong.retain(|wrong| known.told.insert(wrong.clone()));
        wrong
    }

    /// Returns when every change that was announced before this call is known.
    pub(crate) async fn settled(&self) {
        let goal = self.n_announced.load(Ordering::Acquire);
        // Fails only without a sender, and `self` is one.
        let _ = self.n_known.subscribe().wait_for(|n| *n >= goal).await;
    }

    fn announce(&self) {
        self.n_announced.fetch_add(1, Ordering::AcqRel);
        self.announced.notify_one();
    }

    /// Every change is a few whole assignments.
    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes what `initialize` said.
pub(crate) fn begin(desk: &Arc<Desk>, options: &Value) {
    desk.configuration
        .set_trusted(options["workspaceTrusted"] == true);
    if options["settings"].is_object() {
        desk.configuration.known().initial = options["settings"].clone();
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
        desk.configuration.announced.notified().await;
        let goal = desk.configuration.n_announced.load(Ordering::Acquire);
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
        desk.configuration.n_known.send_replace(goal);
    }
}

fn take(desk: &Arc<Desk>, whole: &Value, folders: &[(PathBuf, Value)]) {
    let wrong = desk.configuration.take(whole, folders);
    desk.log
        .set_level(desk.configuration.settings(&[]).log_level);
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
