//! What a person reads of a job and a board, worded here once: for a terminal, for a log, and as a
//! [`Text`] for every editor, which draws it and words nothing itself.

mod board;
mod build;
mod buttons;
mod crash;
mod next;
mod outcome;
mod plan;
mod remedy;
mod step;
mod words;

use fbuild_deploy::outcome::{Failure, Report};
use fbuild_project::plain;
use serde::Serialize;

pub(crate) use board::{Fact, board_name, facts, past_deploy, work};
pub(crate) use build::build;
pub(crate) use buttons::{Asked, Button};
pub(crate) use crash::crash;
pub(crate) use next::{Next, next, unfinished};
pub(crate) use outcome::outcome;
pub(crate) use remedy::Front;
pub(crate) use step::step;
pub(crate) use words::columns;

/// Words for each place where an editor shows a job. Names in it are harmless as plain text, and as
/// Markdown in [`Text::detail`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Text {
    /// A few words, for a status bar.
    pub(crate) short: String,
    /// What happened, what state the board is in, what to do: for a message.
    pub(crate) sentence: String,
    /// All of it, in Markdown.
    pub(crate) detail: String,
    /// Plain text for a terminal or a window of its own.
    pub(crate) lines: Vec<String>,
    /// How much care it needs.
    pub(crate) level: Level,
    /// What can be done about it with one click, the most useful first.
    pub(crate) buttons: Vec<Button>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Level {
    #[default]
    None,
    Warning,
    Error,
}

/// The outcome in the first line; cause, state of the board and remedy, and warnings in further
/// ones.
pub(crate) fn explain(report: &Report) -> String {
    let lines = report.error.iter();
    let lines = lines.flat_map(|failure| failure_lines(failure, Front::Editor));
    let warnings = report.warnings.iter();
    text_of(
        &report.message,
        lines.chain(warnings.map(|warning| format!("warning: {warning}"))),
    )
}

/// A message, and the lines that say more than it does.
fn text_of(message: &str, more: impl IntoIterator<Item = String>) -> String {
    let more = more.into_iter().filter(|line| !message.contains(line));
    let lines: Vec<_> = std::iter::once(message.to_owned()).chain(more).collect();
    let lines: Vec<_> = lines.iter().map(|line| plain::line(line)).collect();
    lines.join("\n")
}

/// What happened, what state the board is in, what to do: one line each, empty ones left out.
pub(crate) fn failure_lines(
    failure: &Failure,
    front: Front,
) -> impl Iterator<Item = String> + use<> {
    let remedy = front.remedy(&failure.remedy);
    let try_this = if remedy.is_empty() || remedy.starts_with("try") {
        remedy
    } else {
        format!("try: {remedy}")
    };
    [failure.what.clone(), failure.board_state.clone(), try_this]
        .into_iter()
        .filter(|line| !line.is_empty())
}
