//! What a deploy would take that names nothing.

use std::borrow::Cow;
use std::path::Path;

use fbuild_project::discover::Discovery;
use fbuild_project::plain;
use fbuild_project::target::Target;
use serde::Serialize;
use serde_json::json;

use super::buttons::DEPLOY;
use super::words::{place, sentences, short_port};
use super::{Button, Level, Text};

/// What a deploy would take, as far as that can be told beforehand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Next {
    target: Option<String>,
    port: Option<String>,
    /// A few words, for a status bar.
    short: String,
    /// In Markdown.
    detail: String,
    /// That the last deploy left the board half written.
    unfinished: Option<Text>,
}

/// The words for it. `found`: everything there is in the folder.
pub(crate) fn next(
    found: &Discovery,
    target: Option<&Target>,
    port: Option<String>,
    unfinished: Option<Text>,
) -> Next {
    let (short, detail) = match target {
        Some(target) => {
            let chip = target.device().map(|chip| chip.name().to_uppercase());
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
        unfinished,
    }
}

/// A deploy that ended after it had begun to write, and nobody has repaired what it left.
pub(crate) fn unfinished(target: &str, board: &str, root: &Path) -> Text {
    let what = format!("the last deploy of {target} to {board} ended before all of it was written");
    let more = ["the board may not start", "deploy again, which finishes it"];
    let lines = std::iter::once(&*what).chain(more);
    let lines: Vec<_> = lines.map(|line| plain::line(line).into_owned()).collect();
    let sentence = sentences(lines.iter().map(|line| Cow::Borrowed(&**line)));
    Text {
        short: "deploy was interrupted".to_owned(),
        detail: plain::markdown(&sentence),
        sentence,
        lines,
        level: Level::Warning,
        buttons: vec![Button {
            title: "Deploy",
            command: DEPLOY.to_owned(),
            arguments: vec![json!({ "root": root })],
            choose: None,
        }],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_board_that_was_left_half_written_is_named_with_what_helps() {
        let text = unfinished(
            "espidf:build",
            "ESP32 24:0a:c4:00:01:10 · ttyUSB0",
            Path::new("/blink"),
        );
        assert_eq!(
            text.sentence,
            "The last deploy of espidf:build to ESP32 24:0a:c4:00:01:10 · ttyUSB0 ended before all of it \
             was written. The board may not start. Deploy again, which finishes it."
        );
        assert_eq!(text.level, Level::Warning);
        assert_eq!(
            json!(text.buttons[0].arguments),
            json!([{"root": "/blink"}])
        );
    }
}
