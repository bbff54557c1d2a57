//! `fbuild.server.selectTarget` and `selectPort`: what a folder's deploys mean when they say
//! nothing. Remembered between runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use fbuild_deploy::outcome::Failure;
use fbuild_project::discover::{Discovery, Environment, discover};

use super::{Answer, BadArguments, Call, CommandError, blocking, to_value};
use crate::explain;
use crate::json::SelectionEntry;
use crate::port::{self, Chosen, Wishes};
use crate::server::desk::Desk;
use crate::server::job::stand::board_of;

pub(super) async fn target(desk: &Arc<Desk>, mut call: Call<'_>) -> Answer {
    let root = one_root(&mut call).await?;
    let name: Option<String> = call.get("target")?;
    let desk = desk.clone();
    let selected = blocking(move || -> Result<SelectionEntry, BadArguments> {
        let found = discover(&root, &Environment::from_process());
        let target = name.map(|name| found.target(&name)).transpose();
        let target = target.map_err(|error| {
            let failure = Failure::from(error);
            BadArguments::Field {
                field: "target",
                why: format!("{} ({})", failure.what, failure.remedy),
            }
        })?;
        let target = target.map(|target| target.name.clone());
        desk.selections
            .select(&root, |selection| selection.target = target);
        desk.targets_changed.notify_one();
        Ok(selection(&desk, &root, &found))
    });
    to_value(selected.await??)
}

pub(super) async fn port(desk: &Arc<Desk>, mut call: Call<'_>) -> Answer {
    let root = one_root(&mut call).await?;
    let name = call.port_in(std::slice::from_ref(&root))?;
    let desk = desk.clone();
    let selected = blocking(move || {
        let board = name.map(|name| {
            let ports = desk.boards.ports();
            port::Remembered::of(&name, &ports, &port::usb_location)
        });
        desk.selections
            .select(&root, |selection| selection.board = board);
        desk.targets_changed.notify_one();
        let found = discover(&root, &Environment::from_process());
        selection(&desk, &root, &found)
    });
    to_value(selected.await?)
}

/// What is chosen for a folder, and what a deploy would take there, by the same rules as a deploy, but
/// that a board that was chosen is named also while it is not plugged in.
pub(super) fn selection(desk: &Desk, root: &Path, found: &Discovery) -> SelectionEntry {
    let chosen = desk.selections.of(root);
    let settings = desk.configuration.settings(&[root.to_owned()]);
    let name = chosen.target.as_ref().or(settings.target.as_ref());
    let target = match found.choose(name.map(String::as_str)) {
        Err(_) if chosen.target.is_none() && desk.session.is_below(root) => found.default_target(),
        target => target,
    };
    let target = target.ok();
    let ports = desk.boards.ports();
    let trusted = desk.configuration.is_trusted();
    let is_there = |name: &&str| ports.iter().any(|port| port.name == **name);
    let board = board_of(&desk.selections, &desk.session, root);
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
    let boards = port.as_ref().map(|_| desk.history.read());
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

/// The folder that a choice is for.
async fn one_root(call: &mut Call<'_>) -> Result<PathBuf, CommandError> {
    let mut roots = call.roots().await?;
    match (roots.pop(), roots.is_empty()) {
        (Some(only), true) => Ok(only),
        (last, _) => Err(BadArguments::Field {
            field: "root",
            why: match last {
                Some(_) => "several folders are open; say which one is meant".to_owned(),
                None => "no folder is open".to_owned(),
            },
        }
        .into()),
    }
}
