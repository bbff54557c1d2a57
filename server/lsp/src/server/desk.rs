//! The parts of one server, as a list: every part owns its own state, and none needs another.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::Patience;
use super::builds::Builds;
use super::choosing::Choosing;
use super::configuration::Configuration;
use super::crashes::Crashes;
use super::documents::Documents;
use super::editing::projects::Projects;
use super::editor::Editor;
use super::ending::Ending;
use super::jobs::Jobs;
use super::monitors::Monitors;
use super::pages::Pages;
use super::problems::Problems;
use super::requests::Requests;
use super::session::Session;
use super::texts::Texts;
use super::tower::client::Client;
use crate::boards::Boards;
use crate::log::Tap;
use crate::remember::history::History;
use crate::remember::selections::Selections;

pub(crate) struct Desk {
    /// Who is using which port.
    pub(crate) jobs: Arc<Jobs>,
    /// Who listens to which port.
    pub(crate) monitors: Arc<Monitors>,
    /// Which requests wait for a job.
    pub(crate) requests: Arc<Requests>,
    /// The way to the boards.
    pub(crate) boards: Arc<dyn Boards>,
    /// What the client said about itself.
    pub(crate) session: Arc<Session>,
    /// Which documents are open, and the texts of those with help.
    pub(crate) documents: Documents,
    /// What is known around them.
    pub(crate) projects: Projects,
    /// Crashes of boards, on the lines that they lead to.
    pub(crate) crashes: Crashes,
    /// Which builds run.
    pub(crate) builds: Arc<Builds>,
    /// What builds found wrong.
    pub(crate) problems: Arc<Problems>,
    /// The user's settings.
    pub(crate) configuration: Arc<Configuration>,
    /// What was chosen for which folder.
    pub(crate) selections: Arc<Selections>,
    /// What was deployed to which board.
    pub(crate) history: Arc<History>,
    /// Raised when there may be other targets.
    pub(crate) targets_changed: Arc<Notify>,
    /// What this program logs.
    pub(crate) log: Tap,
    /// For threads that have something to tell the client.
    pub(crate) runtime: Handle,
    /// The way to the client.
    pub(crate) editor: Editor,
    /// What it is shown as a page.
    pub(crate) pages: Pages,
    /// The end of the session.
    pub(crate) ending: Ending,
    pub(crate) patience: Patience,
}

impl Desk {
    /// To be called on the runtime that serves the client.
    pub(crate) fn new(
        client: Client,
        boards: Arc<dyn Boards>,
        log: Tap,
        patience: Patience,
        ending: Ending,
    ) -> Self {
        let kept = |name: &str| boards.state_dir().map(|dir| dir.join(name));
        let session = Arc::<Session>::default();
        let editor = Editor::new(client, patience.client, patience.person);
        Self {
            jobs: Jobs::new(),
            monitors: Monitors::new(),
            requests: Arc::default(),
            selections: Arc::new(Selections::new(kept("selections.json"))),
            history: Arc::new(History::new(kept(History::FILE))),
            pages: Pages {
                texts: Texts::default(),
                crash: kept(Pages::CRASH),
                session: session.clone(),
                editor: editor.clone(),
                runtime: Handle::current(),
            },
            boards,
            configuration: Arc::default(),
            targets_changed: Arc::default(),
            log,
            runtime: Handle::current(),
            session,
            documents: Documents::default(),
            projects: Projects::default(),
            crashes: Crashes::default(),
            builds: Arc::default(),
            problems: Arc::default(),
            editor,
            ending,
            patience,
        }
    }
    /// What decides what a deploy takes.
    pub(crate) fn choosing(&self) -> Choosing {
        Choosing {
            selections: self.selections.clone(),
            configuration: self.configuration.clone(),
            session: self.session.clone(),
            boards: self.boards.clone(),
            history: self.history.clone(),
            targets_changed: self.targets_changed.clone(),
        }
    }
}
