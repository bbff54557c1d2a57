//! Texts that are shown to a person as a page: a document of the server's own for a client that can ask for its text
//! (`workspace/textDocumentContent`), a file for others.

use std::path::PathBuf;
use std::sync::Arc;

use fbuild_deploy::own_file;
use lsp_types::Url;

use super::editor::Editor;
use super::session::Session;
use super::texts::Texts;
use super::uri;

pub(crate) struct Pages {
    /// Texts that the client asks for.
    pub(crate) texts: Texts,
    /// Where the client is shown a crash that it cannot ask for.
    pub(super) crash: Option<PathBuf>,
    pub(super) session: Arc<Session>,
    pub(super) editor: Editor,
}

impl Pages {
    pub(super) const CRASH: &str = "crash.txt";

    /// Keeps the text of a page, and has the client ask for it again where it shows another one.
    fn put(&self, name: &str, text: String) -> String {
        let (address, is_newer) = self.texts.put(name, text);
        if is_newer {
            let (editor, address) = (self.editor.clone(), address.clone());
            let refreshing = async move { editor.refresh_page(&address).await };
            self.editor.runtime.spawn(refreshing);
        }
        address
    }

    /// The address of the last plan or outcome (`kind`) of a target, for a client that can ask for its text.
    pub(crate) fn of_job(
        &self,
        kind: &str,
        roots: Vec<PathBuf>,
        target: &str,
        lines: &[String],
    ) -> Option<String> {
        if !self.session.capabilities().asks_for_texts {
            return None;
        }
        let number = self.texts.number((roots, target.to_owned()));
        let text = lines.join("\n") + "\n";
        Some(self.put(&format!("{number}/{kind}.txt"), text))
    }

    /// Shows what is known of a crash, where the client can show pages. It is kept until the next one.
    pub(crate) async fn show_crash(&self, page: String) -> bool {
        let capabilities = self.session.capabilities();
        let address = if capabilities.asks_for_texts {
            Url::parse(&self.put(Self::CRASH, page)).ok()
        } else {
            self.written(page).await
        };
        match address {
            Some(address) if capabilities.shows_documents => {
                self.editor.show_document(address).await
            }
            _ => false,
        }
    }

    async fn written(&self, page: String) -> Option<Url> {
        let file = self.crash.clone()?;
        let writing = tokio::task::spawn_blocking(move || {
            own_file::directory(file.parent()?).ok()?;
            own_file::replace(&file, page.as_bytes()).ok()?;
            uri::of(&file)
        });
        writing.await.ok()?
    }
}
