//! Texts that are shown to a person as a file.

use std::path::PathBuf;
use std::sync::Arc;

use fbuild_deploy::own_file;

use super::editor::Editor;
use super::session::Session;
use super::uri;

pub(crate) struct Pages {
    /// Where the client is shown a crash.
    pub(super) crash: Option<PathBuf>,
    pub(super) session: Arc<Session>,
    pub(super) editor: Editor,
}

impl Pages {
    pub(super) const CRASH: &str = "crash.txt";

    /// Shows what is known of a crash, where the client can show files. It is kept until the next one.
    pub(crate) async fn show_crash(&self, page: String) -> bool {
        let Some(file) = self.crash.clone() else {
            return false;
        };
        let written = tokio::task::spawn_blocking(move || {
            own_file::directory(file.parent()?).ok()?;
            own_file::replace(&file, page.as_bytes()).ok()?;
            uri::of(&file)
        });
        match written.await {
            Ok(Some(page)) if self.session.capabilities().shows_documents => {
                self.editor.show_file(page).await
            }
            _ => false,
        }
    }
}
