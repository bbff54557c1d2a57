//! What a deploy takes where nobody says what: what was chosen for its folder, the settings, and what is
//! plugged in.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fbuild_project::discover::{Discovery, Environment, discover};
use tokio::sync::Notify;

use super::configuration::Configuration;
use super::session::Session;
use crate::boards::Boards;
use crate::explain;
use crate::json::{SelectionEntry, TargetList};
use crate::port::{self, Chosen, Wishes};
use crate::remember::history::History;
use crate::remember::selections::{Selection, Selections};

/// The parts that decide it.
#[derive(Clone)]
pub(crate) struct Choosing {
    pub(crate) selections: Arc<Selections>,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) session: Arc<Session>,
    pub(crate) boards: Arc<dyn Boards>,
    pub(crate) history: Arc<History>,
    pub(crate) targets_changed: Arc<Notify>,
}

impl Choosing {
    /// Changes what was chosen for a folder.
    pub(crate) fn select(&self, folder: &Path, change: impl FnOnce(&mut Selection)) {
        self.selections.select(folder, change);
        self.targets_changed.notify_one();
    }

    /// The targets of some folders, and what was chosen for each. Looks at the disk.
    pub(crate) fn list_targets(&self, roots: &[PathBuf]) -> TargetList {
        let environment = Environment::from_process();
        let mut targets = TargetList::default();
        for root in roots {
            let found = discover(root, &environment);
            targets.add(&found, &environment);
            targets.add_selection(self.selection(root, &found));
        }
        targets
    }

    /// The board that was chosen for a folder, or for the open folder that it is a part of.
    pub(crate) fn board_of(&self, folder: &Path) -> Option<port::Remembered> {
        let own = self.selections.of(folder).board;
        own.or_else(|| self.selections.of(&self.session.folder_of(folder)?).board)
    }

    /// What is chosen for a folder, and what a deploy would take there, by the same rules as a deploy, but
    /// that a board that was chosen is named also while it is not plugged in.
    pub(crate) fn selection(&self, root: &Path, found: &Discovery) -> SelectionEntry {
        let chosen = self.selections.of(root);
        let settings = self.configuration.settings(&[root.to_owned()]);
        let name = chosen.target.as_ref().or(settings.target.as_ref());
        let target = match found.choose(name.map(String::as_str)) {
            Err(_) if chosen.target.is_none() && self.session.is_below(root) => {
                found.default_target()
            }
            target => target,
        };
        let target = target.ok();
        let ports = self.boards.ports();
        let trusted = self.configuration.is_trusted();
        let is_there = |name: &&str| ports.iter().any(|port| port.name == **name);
        let board = self.board_of(root);
        let setting = settings.port.as_deref();
        let setting = setting.map(|name| port::anchored(name, root));
        let wishes = Wishes {
            asked: None,
            remembered: board.as_ref(),
            setting: setting.as_deref().filter(|name| trusted || is_there(name)),
            project: target.and_then(|target| target.port.as_deref()),
            needs_none: false,
        };
        let wishes = target.map_or(wishes, |target| wishes.of(target));
        let port = match (port::choose(&wishes, &ports), board) {
            // The warning says that it is not plugged in.
            (
                Err(_)
                | Ok(Chosen {
                    warning: Some(_), ..
                }),
                Some(board),
            ) => Some(board.name),
            (chosen, _) => chosen.ok().map(|chosen| chosen.name),
        };
        let boards = port.as_ref().map(|_| self.history.read());
        let unfinished = Option::zip(boards.as_ref(), port.as_deref())
            .and_then(|(boards, port)| boards.unfinished(root, port))
            .map(|(board, deploy)| {
                let name =
                    explain::board_name(board.chip.as_deref(), board.mac.as_deref(), &board.port);
                explain::unfinished(&deploy.target, &name, root)
            });
        let next = explain::next(found, target, port, unfinished);
        SelectionEntry::new(root, &chosen, Some(next))
    }
}
