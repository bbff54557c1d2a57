//! The parts of one server, as a list: every part owns its own state. Who is given some of them names those that
//! belong together: [`Bench`], [`Deploying`] and so on.

use std::sync::Arc;

use super::Patience;
use super::choosing::Choosing;
use super::configuration::Configuration;
use super::crashes::Crashes;
use super::editing::Help;
use super::editor::Editor;
use super::ending::Ending;
use super::job::build::Workshop;
use super::job::deploy::Deploying;
use super::job::stand::Bench;
use super::jobs::Jobs;
use super::monitor::Monitoring;
use super::monitor::report::Reporting;
use super::monitors::Monitors;
use super::pages::Pages;
use super::requests::Requests;
use super::texts::Texts;
use super::tower::client::Client;
use crate::boards::Boards;
use crate::log::Tap;
use crate::remember::history::History;
use crate::remember::selections::Selections;

pub(crate) struct Desk {
    /// Which requests wait for a job.
    pub(crate) requests: Arc<Requests>,
    /// Crashes of boards, on the lines that they lead to.
    pub(crate) crashes: Arc<Crashes>,
    /// What the client is shown as a page.
    pub(crate) pages: Arc<Pages>,
    /// The end of the session.
    pub(crate) ending: Ending,
    pub(crate) choosing: Choosing,
    pub(crate) help: Help,
    pub(crate) bench: Bench,
    pub(crate) workshop: Workshop,
    pub(crate) monitoring: Monitoring,
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
        let state_dir = boards.state_dir().map(ToOwned::to_owned);
        let kept = |name: &str| state_dir.as_ref().map(|dir| dir.join(name));
        let editor = Editor::new(client, patience.client, patience.person);
        let choosing = Choosing {
            selections: Arc::new(Selections::new(kept("selections.json"))),
            configuration: Arc::new(Configuration::new(log)),
            session: Arc::default(),
            boards,
            history: Arc::new(History::new(kept(History::FILE))),
            targets_changed: Arc::default(),
        };
        let pages = Arc::new(Pages {
            texts: Texts::default(),
            crash: kept(Pages::CRASH),
            session: choosing.session.clone(),
            editor: editor.clone(),
        });
        let help = Help {
            documents: Arc::default(),
            projects: Arc::default(),
            choosing: choosing.clone(),
            editor: editor.clone(),
            patience,
        };
        let bench = Bench {
            jobs: Jobs::new(),
            monitors: Monitors::new(),
            choosing: choosing.clone(),
            editor: editor.clone(),
        };
        let workshop = Workshop {
            builds: Arc::default(),
            problems: Arc::default(),
            documents: help.documents.clone(),
        };
        let crashes = Arc::<Crashes>::default();
        let reporting = Reporting {
            crashes: crashes.clone(),
            documents: help.documents.clone(),
            pages: pages.clone(),
            session: choosing.session.clone(),
            editor,
        };
        let monitoring = Monitoring {
            monitors: bench.monitors.clone(),
            jobs: bench.jobs.clone(),
            state_dir,
            reporting,
        };
        Self {
            requests: Arc::default(),
            crashes,
            pages,
            ending,
            choosing,
            help,
            bench,
            workshop,
            monitoring,
        }
    }

    /// What a deploy gets.
    pub(crate) fn deploying(&self) -> Deploying {
        Deploying {
            workshop: self.workshop.clone(),
            monitoring: self.monitoring.clone(),
            help: self.help.clone(),
            pages: self.pages.clone(),
        }
    }
}
