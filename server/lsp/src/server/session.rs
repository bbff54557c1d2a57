//! What the client said about itself: its capabilities, flattened once, and its folders.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use serde_json::Value;

use super::uri;

/// The client's capabilities that matter here.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Capabilities {
    /// It shows progress that the server begins.
    pub(crate) work_done_progress: bool,
}

/// One client's session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    capabilities: OnceLock<Capabilities>,
    folders: Mutex<Vec<PathBuf>>,
}

impl Session {
    /// Takes what `initialize` said; a second time counts for nothing.
    pub(crate) fn begin(&self, capabilities: Capabilities, folders: Vec<PathBuf>) {
        if self.capabilities.set(capabilities).is_ok() {
            *self.folders.lock().unwrap_or_else(PoisonError::into_inner) = folders;
        }
    }

    /// Whether `initialize` was seen.
    pub(crate) fn has_begun(&self) -> bool {
        self.capabilities.get().is_some()
    }

    pub(crate) fn capabilities(&self) -> Capabilities {
        self.capabilities.get().copied().unwrap_or_default()
    }

    /// The open folders.
    pub(crate) fn folders(&self) -> Vec<PathBuf> {
        self.folders
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The innermost open folder that contains `path`.
    pub(crate) fn folder_of(&self, path: &Path) -> Option<PathBuf> {
        let around = self
            .folders()
            .into_iter()
            .filter(|folder| path.starts_with(folder));
        around.max_by_key(|folder| folder.components().count())
    }

    /// Applies a notification, if it is the one about folders.
    pub(crate) fn apply(&self, method: &str, params: Option<&Value>) -> bool {
        if method != "workspace/didChangeWorkspaceFolders" {
            return false;
        }
        let changed = |what: &str| -> Vec<PathBuf> {
            let list = params.and_then(|params| params["event"][what].as_array());
            let uris = list
                .into_iter()
                .flatten()
                .filter_map(|folder| folder["uri"].as_str());
            uris.filter_map(uri::to_path).collect()
        };
        let (removed, added) = (changed("removed"), changed("added"));
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.retain(|folder| !removed.contains(folder));
        for folder in added {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        true
    }
}

#[cfg(all(test, unix))]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn folders_come_and_go() {
        let session = Session::default();
        session.begin(Capabilities::default(), vec!["/a".into(), "/b".into()]);
        session.begin(Capabilities::default(), vec![]);
        let params = json!({"event": {
            "added": [{"uri": "file:///a/inner", "name": "inner"}, {"uri": "file:///b"}],
            "removed": [{"uri": "file:///b"}, {"uri": "untitled:1"}],
        }});
        assert!(session.apply("workspace/didChangeWorkspaceFolders", Some(&params)));
        assert_eq!(
            session.folders(),
            ["/a", "/a/inner", "/b"].map(PathBuf::from)
        );
        let of = |path: &str| session.folder_of(Path::new(path));
        assert_eq!(of("/a/inner/main.c"), Some("/a/inner".into()));
        assert_eq!(of("/a/main.c"), Some("/a".into()));
        assert_eq!(of("/c/main.c"), None);
    }
}
