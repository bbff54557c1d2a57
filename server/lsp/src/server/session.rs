//! What the client said about itself: its capabilities, flattened once, and its folders.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;

use super::uri;
use crate::locked::Locked;

/// The client's capabilities that matter here.
#[derive(Debug, Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools)] // what a client can do, each apart
pub(crate) struct Capabilities {
    /// It shows progress that the server begins.
    pub(crate) work_done_progress: bool,
    /// It can be asked for its settings.
    pub(crate) configuration: bool,
    /// It can be asked to show a file.
    pub(crate) shows_documents: bool,
    /// It asks for the texts of documents that are no files.
    pub(crate) asks_for_texts: bool,
    /// It knows that a command can have a tooltip.
    pub(crate) shows_tooltips: bool,
    /// It can be asked to send further documents, and to ask about them.
    pub(crate) registers_documents: bool,
    /// It can be asked to tell about changed files, and about changed settings.
    pub(crate) registers_files: bool,
    pub(crate) registers_configuration: bool,
    /// Notifications that it asked for.
    pub(crate) wants: Wants,
    /// What it can be asked to ask for again.
    pub(crate) refreshes: Refreshes,
}

/// What a client can be asked to ask for again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Refreshes {
    pub(crate) lenses: bool,
    pub(crate) inlay_hints: bool,
}

/// Notifications that only clients get that asked for them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // each is asked for apart
pub(crate) struct Wants {
    pub(crate) status: bool,
    pub(crate) ports: bool,
    pub(crate) targets: bool,
    pub(crate) monitor: bool,
    /// What builds print, instead of having it in the log.
    pub(crate) build: bool,
    /// To put what is to be copied onto the clipboard.
    pub(crate) copies: bool,
}

impl Capabilities {
    /// What `initialize` says of them.
    pub(crate) fn of(capabilities: &Value, options: &Value) -> Self {
        let is_on = |pointer: &str| capabilities.pointer(pointer) == Some(&Value::Bool(true));
        let is_there = |pointer: &str| capabilities.pointer(pointer).is_some_and(Value::is_object);
        let asked = |name: &str| {
            let lists = [
                &options["notifications"],
                &capabilities["experimental"]["fbuild"]["notifications"],
            ];
            let mut names = lists.into_iter().filter_map(Value::as_array).flatten();
            names.any(|asked| asked == name)
        };
        Self {
            work_done_progress: is_on("/window/workDoneProgress"),
            configuration: is_on("/workspace/configuration"),
            shows_documents: is_on("/window/showDocument/support"),
            asks_for_texts: is_there("/workspace/textDocumentContent"),
            // A tooltip is not announced by itself. This came with it.
            shows_tooltips: is_there("/textDocument/codeLens/resolveSupport"),
            registers_documents: [
                "/textDocument/synchronization/dynamicRegistration",
                "/textDocument/hover/dynamicRegistration",
                "/textDocument/codeAction/dynamicRegistration",
            ]
            .into_iter()
            .all(is_on),
            registers_files: is_on("/workspace/didChangeWatchedFiles/dynamicRegistration"),
            registers_configuration: is_on("/workspace/didChangeConfiguration/dynamicRegistration"),
            wants: Wants {
                status: asked("status"),
                ports: asked("ports"),
                targets: asked("targets"),
                monitor: asked("monitor"),
                build: asked("build"),
                copies: options["clipboard"] == true,
            },
            refreshes: Refreshes {
                lenses: is_on("/workspace/codeLens/refreshSupport"),
                inlay_hints: is_on("/workspace/inlayHint/refreshSupport"),
            },
        }
    }
}

/// One client's session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    announced: OnceLock<Value>,
    capabilities: OnceLock<Capabilities>,
    client: OnceLock<Value>,
    folders: Locked<Vec<PathBuf>>,
}

impl Session {
    /// Takes what `initialize` said; a second time counts for nothing.
    pub(crate) fn begin(&self, capabilities: Capabilities, folders: Vec<PathBuf>) {
        if self.capabilities.set(capabilities).is_ok() {
            *self.folders.lock() = folders;
        }
    }

    /// Keeps the capabilities as the client wrote them: some are newer than what reads them.
    pub(crate) fn announce(&self, capabilities: &Value) {
        let _ = self.announced.set(capabilities.clone());
    }

    pub(crate) fn announced(&self) -> &Value {
        self.announced.get().unwrap_or(&Value::Null)
    }

    /// Keeps who the client says it is.
    pub(crate) fn introduce(&self, client: Value) {
        let _ = self.client.set(client);
    }

    /// Who the client says it is.
    pub(crate) fn client(&self) -> Value {
        self.client.get().cloned().unwrap_or_default()
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
        self.folders.lock().clone()
    }

    /// The innermost open folder that contains `path`.
    pub(crate) fn folder_of(&self, path: &Path) -> Option<PathBuf> {
        let around = self
            .folders()
            .into_iter()
            .filter(|folder| path.starts_with(folder));
        around.max_by_key(|folder| folder.components().count())
    }

    /// Whether a directory is in an open folder, and not one itself.
    pub(crate) fn is_below(&self, root: &Path) -> bool {
        self.folder_of(root).is_some_and(|folder| folder != root)
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
        let mut folders = self.folders.lock();
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
    fn a_client_says_what_it_can_and_wants() {
        let capabilities = json!({
            "window": {"workDoneProgress": true},
            "workspace": {"configuration": true, "didChangeWatchedFiles": {"dynamicRegistration": true}},
            "experimental": {"fbuild": {"notifications": ["targets"]}},
        });
        let said = Capabilities::of(
            &capabilities,
            &json!({"notifications": ["status", 7], "clipboard": true}),
        );
        assert!(said.work_done_progress && said.configuration && said.registers_files);
        assert!(!said.registers_configuration);
        let wants = Wants {
            status: true,
            ports: false,
            targets: true,
            monitor: false,
            build: false,
            copies: true,
        };
        assert_eq!(said.wants, wants);
        for nothing in [json!(null), json!([]), json!({"window": 5})] {
            let said = Capabilities::of(&nothing, &nothing);
            assert!(!said.work_done_progress && said.wants == Wants::default());
        }
    }

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
