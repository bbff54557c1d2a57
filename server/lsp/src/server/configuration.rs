//! Which settings are in effect. A job begins only when every change that was announced before it is
//! known. How settings come from the client: [`super::background::configuration`].

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use serde_json::Value;
use tokio::sync::{Notify, watch};

use super::settings::{Settings, Wrong};
use crate::locked::Locked;
use crate::log::Tap;

/// Settings in effect.
#[derive(Debug, Default)]
pub(crate) struct Configuration {
    known: Locked<Known>,
    is_trusted: AtomicBool,
    /// How many changes were announced, and how many of them are known.
    n_announced: AtomicU64,
    n_known: watch::Sender<u64>,
    announced: Notify,
    /// What this program logs: settings say how much.
    pub(super) log: Tap,
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
    pub(super) fn new(log: Tap) -> Self {
        Self {
            log,
            ..Self::default()
        }
    }

    /// Settings for a job in these folders: those of the innermost folder around a single one.
    pub(crate) fn settings(&self, roots: &[PathBuf]) -> Settings {
        let known = self.known.lock();
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
    pub(crate) fn take(&self, whole: &Value, folders: &[(PathBuf, Value)]) -> Vec<Wrong> {
        let mut known = self.known.lock();
        let or = |section: &Value, wider: &Value| match section {
            Value::Null => wider.clone(),
            section => section.clone(),
        };
        let whole = or(whole, &known.initial);
        let (settings, mut wrong) = Settings::read(&whole);
        self.log.set_level(settings.log_level);
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

    /// Notes that there is a change which is not known yet.
    pub(crate) fn announce(&self) {
        self.n_announced.fetch_add(1, Ordering::AcqRel);
        self.announced.notify_one();
    }

    /// Waits for a change; its number, for [`Self::note_known`].
    pub(crate) async fn announced(&self) -> u64 {
        self.announced.notified().await;
        self.n_announced.load(Ordering::Acquire)
    }

    /// Every change up to this number is known.
    pub(crate) fn note_known(&self, number: u64) {
        self.n_known.send_replace(number);
    }

    /// What counts where the client has nothing to say.
    pub(crate) fn set_initial(&self, settings: Value) {
        self.known.lock().initial = settings;
    }
}
