//! The client's open documents: which have changes that are not saved, and so are not in any
//! firmware; and the texts of those with help.
//!
//! Other texts are never kept. Notifications are applied in the order they arrived in (the
//! `tower::gate` calls [`Documents::apply`] as it reads them), and an edit that is not newer than
//! what is known is ignored.
//!
//! An edit that makes no sense (no text, an end before its start) leaves nobody knowing what the
//! client shows. Such a text is given up: there is no help with it until it arrives whole again. So
//! is one that is too long, and that is told.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use fbuild_editing::formats::Kind;
use fbuild_editing::text::{Encoding, Place, Text};
use serde_json::Value;
use tokio::sync::{Notify, watch};

use super::shorten::is_shortened;
use super::uri;
use crate::locked::Locked;

#[derive(Debug)]
struct Document {
    version: i64,
    is_modified: bool,
    /// `None`: there is no help with it, or its text was given up.
    text: Option<Content>,
    /// Whether its diagnostics have to be looked at again.
    is_unchecked: bool,
}

/// What is kept of a text.
#[derive(Debug, Clone)]
enum Content {
    Whole(Arc<Text>),
    /// Nothing: there was more of it than is looked at.
    TooLong,
}

impl Content {
    fn new(text: &str, bytes_max: usize) -> Self {
        if text.len() > bytes_max {
            return Self::TooLong;
        }
        Self::Whole(Arc::new(Text::new(text.to_owned())))
    }
}

/// A document at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// As the client names it.
    pub(crate) uri: String,
    pub(crate) path: PathBuf,
    pub(crate) version: i64,
    /// Empty where it is too long.
    pub(crate) text: Arc<Text>,
    pub(crate) is_too_long: bool,
}

/// A document whose diagnostics have to be looked at again.
#[derive(Debug)]
pub(crate) enum Unchecked {
    Open(Snapshot),
    /// Closed, or its text was given up: whatever was said of its text counts no more.
    Gone(String),
}

/// The client's open documents.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    open: Locked<HashMap<String, Document>>,
    gone: Locked<HashSet<String>>,
    encoding: OnceLock<Encoding>,
    /// Raised when there are unchecked documents.
    pub(crate) changed: Notify,
    n_rechecks: AtomicU64,
    /// How many of them have been told.
    n_told: watch::Sender<u64>,
}

impl Documents {
    /// Takes how the client counts columns; a second time counts for nothing.
    pub(crate) fn begin(&self, encoding: Encoding) {
        let _ = self.encoding.set(encoding);
    }

    /// How the client counts columns.
    pub(crate) fn encoding(&self) -> Encoding {
        self.encoding.get().copied().unwrap_or_default()
    }

    /// Applies a notification, if it is one about documents.
    pub(crate) fn apply(&self, method: &str, params: Option<&Value>) -> bool {
        let Some(what) = method.strip_prefix("textDocument/did") else {
            return false;
        };
        let document = params.map(|params| &params["textDocument"]);
        let (Some(params), Some(document), Some(name)) = (
            params,
            document,
            document.and_then(|document| document["uri"].as_str()),
        ) else {
            tracing::warn!(method, "notification without a document");
            return true;
        };
        let name = uri::normal(name);
        let version = document["version"].as_i64();
        match what {
            "Open" => self.did_open(name, version, params),
            "Change" => self.did_change(&name, version, params),
            "Save" => {
                if let Some(document) = self.open.lock().get_mut(&name) {
                    document.is_modified = false;
                }
            }
            "Close" => {
                let closed = self.open.lock().remove(&name);
                if closed.is_some_and(|document| document.text.is_some()) {
                    self.forget(name);
                }
            }
            _ => {}
        }
        true
    }

    fn did_open(&self, name: String, version: Option<i64>, params: &Value) {
        let text = text_bytes_max(&name).and_then(|bytes_max| {
            if is_shortened(params) {
                return Some(Content::TooLong);
            }
            let text = params["textDocument"]["text"].as_str()?;
            Some(Content::new(text, bytes_max))
        });
        let is_unchecked = text.is_some();
        let document = Document {
            version: version.unwrap_or_default(),
            is_modified: false,
            text,
            is_unchecked,
        };
        self.open.lock().insert(name, document);
        if is_unchecked {
            self.changed.notify_one();
        }
    }

    fn did_change(&self, name: &str, version: Option<i64>, params: &Value) {
        let mut open = self.open.lock();
        let Some(document) = open.get_mut(name) else {
            return;
        };
        let version = version.unwrap_or(document.version + 1);
        if version <= document.version {
            return;
        }
        document.version = version;
        document.is_modified = true;
        let Some(bytes_max) = text_bytes_max(name) else {
            return;
        };
        let had_text = document.text.is_some();
        let text = document.text.take();
        document.text = if is_shortened(params) {
            Some(Content::TooLong)
        } else {
            edited(text, &params["contentChanges"], self.encoding(), bytes_max)
        };
        document.is_unchecked = document.text.is_some();
        let is_lost = had_text && document.text.is_none();
        drop(open);
        if is_lost {
            tracing::warn!(uri = name, "an invalid edit; no help until reopened");
            self.forget(name.to_owned());
        } else {
            self.changed.notify_one();
        }
    }

    fn forget(&self, name: String) {
        self.gone.lock().insert(name);
        self.changed.notify_one();
    }

    /// A document that there may be help with, as it is now.
    pub(crate) fn snapshot(&self, name: &str) -> Option<Snapshot> {
        let name = uri::normal(name);
        snapshot(&name, self.open.lock().get(&name)?)
    }

    /// Documents to be looked at; each is handed out once for every time it changes.
    pub(crate) fn unchecked(&self) -> Vec<Unchecked> {
        let gone = std::mem::take(&mut *self.gone.lock());
        let mut found: Vec<Unchecked> = gone.into_iter().map(Unchecked::Gone).collect();
        for (name, document) in self.open.lock().iter_mut() {
            if std::mem::take(&mut document.is_unchecked) {
                found.extend(snapshot(name, document).map(Unchecked::Open));
            }
        }
        found
    }

    /// How often [`Self::recheck`] was called.
    pub(crate) fn n_rechecks(&self) -> u64 {
        self.n_rechecks.load(Ordering::SeqCst)
    }

    /// What the first of them were about has been looked at, and told.
    pub(crate) fn told(&self, n_rechecks: u64) {
        self.n_told.send_replace(n_rechecks);
    }

    /// Waits until what [`Self::recheck`] was asked for so far has been told.
    pub(crate) async fn all_told(&self) {
        let asked = self.n_rechecks();
        let mut told = self.n_told.subscribe();
        // Its sender is in here, too.
        let _ = told.wait_for(|told| *told >= asked).await;
    }

    /// Has every text looked at again, because something around them has changed.
    pub(crate) fn uncheck(&self) {
        for document in self.open.lock().values_mut() {
            document.is_unchecked = document.text.is_some();
        }
        self.changed.notify_one();
    }

    /// Has these documents looked at, open or not, because something else than their text has changed.
    pub(crate) fn recheck(&self, names: impl IntoIterator<Item = String>) {
        for name in names {
            let mut open = self.open.lock();
            match open.get_mut(&name) {
                Some(document) if document.text.is_some() => document.is_unchecked = true,
                _ => {
                    drop(open);
                    self.forget(name);
                }
            }
        }
        self.n_rechecks.fetch_add(1, Ordering::SeqCst);
        self.changed.notify_one();
    }

    /// Drops a text that there turned out to be no help with.
    pub(crate) fn release(&self, name: &str) {
        if let Some(document) = self.open.lock().get_mut(name) {
            document.text = None;
        }
    }

    /// Whether any text is kept.
    pub(crate) fn has_texts(&self) -> bool {
        self.open
            .lock()
            .values()
            .any(|document| document.text.is_some())
    }

    /// Open documents with changes that are not saved, as far as edits and saves tell.
    pub(crate) fn unsaved(&self) -> Vec<PathBuf> {
        self.open
            .lock()
            .iter()
            .filter(|(_, document)| document.is_modified)
            .filter_map(|(uri, _)| uri::to_path(uri))
            .collect()
    }
}

fn snapshot(name: &str, document: &Document) -> Option<Snapshot> {
    let content = document.text.clone()?;
    let is_too_long = matches!(content, Content::TooLong);
    Some(Snapshot {
        uri: name.to_owned(),
        path: uri::to_path(name)?,
        version: document.version,
        text: match content {
            Content::Whole(text) => text,
            Content::TooLong => Arc::new(Text::new(String::new())),
        },
        is_too_long,
    })
}

/// How much of a document's text is looked at; `None`: there is no help with it.
fn text_bytes_max(name: &str) -> Option<usize> {
    Some(Kind::of(&uri::to_path(name)?)?.text_bytes_max())
}

/// A text after some changes, each of which sees what the ones before it made; `None` if nobody
/// knows any more.
fn edited(
    text: Option<Content>,
    changes: &Value,
    encoding: Encoding,
    bytes_max: usize,
) -> Option<Content> {
    let mut text = text;
    for change in changes.as_array()? {
        let new = change["text"].as_str()?;
        if change["range"].is_null() {
            text = Some(Content::new(new, bytes_max));
            continue;
        }
        let whole = match text.as_mut()? {
            Content::Whole(whole) => whole,
            // Of what was given up nothing is left that could be edited.
            Content::TooLong => continue,
        };
        // Shared only while somebody still looks at the state before.
        let edited = Arc::make_mut(whole);
        let (from, to) = (
            place(&change["range"]["start"])?,
            place(&change["range"]["end"])?,
        );
        edited.replace(edited.range(from, to, encoding)?, new);
        if edited.as_str().len() > bytes_max {
            text = Some(Content::TooLong);
        }
    }
    text
}

fn place(value: &Value) -> Option<Place> {
    let number = |name: &str| u32::try_from(value[name].as_u64()?).ok();
    Some(Place {
        line: number("line")?,
        column: number("character")?,
    })
}

#[cfg(test)]
mod tests;
