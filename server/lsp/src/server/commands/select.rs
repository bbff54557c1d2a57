//! `fbuild.server.selectTarget` and `selectPort`: what a folder's deploys mean when they say
//! nothing. Remembered between runs.

use std::path::PathBuf;
use std::sync::Arc;

use fbuild_deploy::outcome::Failure;
use fbuild_project::discover::{Environment, discover};
use serde_json::Value;

use super::{BadArguments, CommandError, blocking, roots, to_value};
use crate::json::SelectionEntry;
use crate::port;
use crate::server::arguments::Fields;
use crate::server::desk::Desk;
use crate::server::session::Session;

pub(super) async fn target(desk: &Arc<Desk>, mut fields: Fields) -> Result<Value, CommandError> {
    let root = one_root(&desk.session, &mut fields)?;
    let name: Option<String> = fields.get("target")?;
    let desk = desk.clone();
    let selected = blocking(move || -> Result<SelectionEntry, BadArguments> {
        let target = match name {
            None => None,
            Some(name) => {
                let found = discover(&root, &Environment::from_process());
                let target = found.target(&name).map_err(|error| {
                    let failure = Failure::from(error);
                    BadArguments::Field {
                        field: "target",
                        why: format!("{} ({})", failure.what, failure.remedy),
                    }
                })?;
                Some(target.name.clone())
            }
        };
        desk.selections
            .select(&root, |selection| selection.target = target);
        desk.targets_changed.notify_one();
        Ok(SelectionEntry::new(&root, &desk.selections.of(&root)))
    });
    to_value(selected.await??)
}

pub(super) async fn port(desk: &Arc<Desk>, mut fields: Fields) -> Result<Value, CommandError> {
    let root = one_root(&desk.session, &mut fields)?;
    let name = super::port(&mut fields, std::slice::from_ref(&root))?;
    let desk = desk.clone();
    let selected = blocking(move || {
        let board = name.map(|name| {
            let ports = desk.boards.ports();
            port::Remembered::of(&name, &ports, &port::usb_location)
        });
        desk.selections
            .select(&root, |selection| selection.board = board);
        desk.targets_changed.notify_one();
        SelectionEntry::new(&root, &desk.selections.of(&root))
    });
    to_value(selected.await?)
}

/// The folder that a choice is for.
fn one_root(session: &Session, fields: &mut Fields) -> Result<PathBuf, BadArguments> {
    let mut roots = roots(session, fields)?;
    match (roots.pop(), roots.is_empty()) {
        (Some(only), true) => Ok(only),
        (last, _) => Err(BadArguments::Field {
            field: "root",
            why: match last {
                Some(_) => "several folders are open; say which one is meant".to_owned(),
                None => "no folder is open".to_owned(),
            },
        }),
    }
}
