//! Everything one server holds. Created once; every part owns its own state.

use std::sync::Arc;

use tower_lsp::Client;

use super::Patience;
use super::documents::Documents;
use super::editor::Editor;
use super::ending::Ending;
use super::jobs::Jobs;
use super::requests::Requests;
use super::session::Session;
use crate::boards::Boards;

pub(crate) struct Desk {
    /// Who is using which port.
    pub(crate) jobs: Arc<Jobs>,
    /// Which requests wait for a job.
    pub(crate) requests: Arc<Requests>,
    /// The way to the boards.
    pub(crate) boards: Arc<dyn Boards>,
    /// What the client said about itself.
    pub(crate) session: Session,
    /// Which documents are not saved.
    pub(crate) documents: Documents,
    /// The way to the client.
    pub(crate) editor: Editor,
    /// The end of the session.
    pub(crate) ending: Ending,
    pub(crate) patience: Patience,
}

impl Desk {
    pub(crate) fn new(
        client: Client,
        boards: Arc<dyn Boards>,
        patience: Patience,
        ending: Ending,
    ) -> Self {
        Self {
            jobs: Jobs::new(),
            requests: Arc::default(),
            boards,
            session: Session::default(),
            documents: Documents::default(),
            editor: Editor::new(client, patience.client),
            ending,
            patience,
        }
    }
}
