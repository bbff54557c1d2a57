//! Which open documents have changes that are not saved, and so are not in any firmware.
//!
//! Only that is kept, never a text. Notifications are applied in the order they arrived in (the
//! [`super::gate`] calls [`Documents::apply`] as it reads them), and an edit that is not newer than
//! what is known is ignored.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;

use super::uri;

#[derive(Debug, Clone, Copy)]
struct Document {
    version: i64,
    is_modified: bool,
}

/// The client's open documents.
#[derive(Debug, Default)]
pub(crate) struct Documents {
    open: Mutex<HashMap<String, Document>>,
}

impl Documents {
    /// Applies a notification, if it is one about documents.
    pub(crate) fn apply(&self, method: &str, params: Option<&Value>) -> bool {
        let Some(what) = method.strip_prefix("textDocument/did") else {
            return false;
        };
        let document = params.map(|params| &params["textDocument"]);
        let Some(uri) = document.and_then(|document| document["uri"].as_str()) else {
            tracing::warn!(method, "notification without a document");
            return true;
        };
        let version = document.and_then(|document| document["version"].as_i64());
        let mut open = self.open();
        match what {
            "Open" => {
                let version = version.unwrap_or_default();
                open.insert(
                    uri.to_owned(),
                    Document {
                        version,
                        is_modified: false,
                    },
                );
            }
            "Change" => {
                if let Some(document) = open.get_mut(uri) {
                    let version = version.unwrap_or(document.version + 1);
                    if version > document.version {
                        *document = Document {
                            version,
                            is_modified: true,
                        };
                    }
                }
            }
            "Save" => {
                if let Some(document) = open.get_mut(uri) {
                    document.is_modified = false;
                }
            }
            "Close" => {
                open.remove(uri);
            }
            _ => {}
        }
        true
    }

    /// Documents below `root` with changes that are not saved, by name.
    pub(crate) fn unsaved_below(&self, root: &Path) -> Vec<PathBuf> {
        let mut unsaved: Vec<PathBuf> = self
            .open()
            .iter()
            .filter(|(_, document)| document.is_modified)
            .filter_map(|(uri, _)| uri::to_path(uri))
            .filter(|path| path.starts_with(root))
            .collect();
        unsaved.sort();
        unsaved
    }

    /// Every change is a single step, so the map is whole even after a panic elsewhere.
    fn open(&self) -> MutexGuard<'_, HashMap<String, Document>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, unix))]
mod tests {
    use serde_json::json;

    use super::*;

    fn tell(documents: &Documents, what: &str, version: i64) {
        let params = json!({"textDocument": {"uri": "file:///p/main/a%20b.c", "version": version}});
        assert!(documents.apply(&format!("textDocument/did{what}"), Some(&params)));
    }

    #[test]
    fn a_document_is_unsaved_between_an_edit_and_a_save() {
        let documents = Documents::default();
        let unsaved = |documents: &Documents| documents.unsaved_below(Path::new("/p"));
        tell(&documents, "Open", 1);
        assert!(unsaved(&documents).is_empty());
        tell(&documents, "Change", 2);
        assert_eq!(unsaved(&documents), [PathBuf::from("/p/main/a b.c")]);
        assert!(documents.unsaved_below(Path::new("/other")).is_empty());
        tell(&documents, "Save", 2);
        assert!(unsaved(&documents).is_empty());
        tell(&documents, "Change", 3);
        tell(&documents, "Close", 3);
        assert!(unsaved(&documents).is_empty());
    }

    #[test]
    fn an_edit_that_comes_late_is_ignored() {
        let documents = Documents::default();
        tell(&documents, "Open", 1);
        tell(&documents, "Change", 3);
        tell(&documents, "Save", 3);
        tell(&documents, "Change", 2);
        assert!(documents.unsaved_below(Path::new("/p")).is_empty());
    }

    #[test]
    fn nonsense_is_swallowed() {
        let documents = Documents::default();
        assert!(documents.apply("textDocument/didChange", None));
        assert!(documents.apply("textDocument/didOpen", Some(&json!([1, 2]))));
        assert!(!documents.apply("workspace/didChangeConfiguration", None));
    }
}
