//! `fbuild.server.selectTarget` and `selectPort`: what a folder's deploys mean when they say
//! nothing. Remembered between runs.

use std::path::PathBuf;

use fbuild_deploy::outcome::Failure;
use fbuild_project::discover::{Environment, discover};

use super::{Answer, BadArguments, Call, CommandError, blocking, to_value};
use crate::json::SelectionEntry;
use crate::port;
use crate::server::choosing::Choosing;

pub(super) async fn target(choosing: Choosing, mut call: Call<'_>) -> Answer {
    let root = one_root(&mut call).await?;
    let name: Option<String> = call.get("target")?;
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
        choosing.select(&root, |selection| selection.target = target);
        Ok(choosing.selection(&root, &found))
    });
    to_value(selected.await??)
}

pub(super) async fn port(choosing: Choosing, mut call: Call<'_>) -> Answer {
    let root = one_root(&mut call).await?;
    let name = call.port_in(std::slice::from_ref(&root))?;
    let selected = blocking(move || {
        let board = name.map(|name| {
            let ports = choosing.boards.ports();
            port::Remembered::of(&name, &ports, &port::usb_location)
        });
        choosing.select(&root, |selection| selection.board = board);
        let found = discover(&root, &Environment::from_process());
        choosing.selection(&root, &found)
    });
    to_value(selected.await?)
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
