//! What a deploy would take that names nothing.

use fbuild_project::discover::Discovery;
use fbuild_project::plain;
use fbuild_project::target::Target;
use serde::Serialize;

use super::words::{place, short_port};

/// What a deploy would take, as far as that can be told beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Next {
    target: Option<String>,
    port: Option<String>,
    /// A few words, for a status bar.
    short: String,
    /// In Markdown.
    detail: String,
}

/// The words for it. `found`: everything there is in the folder.
pub(crate) fn next(found: &Discovery, target: Option<&Target>, port: Option<String>) -> Next {
    let (short, detail) = match target {
        Some(target) => {
            let chip = target.chip.map(|chip| chip.name().to_uppercase());
            let chip = chip.map_or_else(String::new, |chip| format!(" ({chip})"));
            let board = port.as_deref().map_or("none, or not chosen yet", place);
            (
                format!(
                    "{} · {}",
                    target.name,
                    port.as_deref().map_or("no board", short_port)
                ),
                format!(
                    "Target: {}{chip}  \nBoard: {}",
                    plain::markdown(&target.name),
                    plain::markdown(board)
                ),
            )
        }
        None => (
            "fbuild: nothing built".to_owned(),
            found.unbuilt.first().map_or_else(
                || "There is nothing to deploy here yet.".to_owned(),
                |unbuilt| {
                    let hint = plain::code(&unbuilt.build_hint);
                    format!("Nothing is built yet. Build it with {hint}.")
                },
            ),
        ),
    };
    Next {
        target: target.map(|target| target.name.clone()),
        port,
        short: plain::line(&short).into_owned(),
        detail,
    }
}
