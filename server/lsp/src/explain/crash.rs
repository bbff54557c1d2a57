//! A crash of a board, in words.

use fbuild_project::plain;

use super::words;
use super::{Level, Text};

/// `short`: what it is, in a few words; `place`: the file's name and line, if they are known. `lines` say all of it.
pub(crate) fn crash(
    short: &str,
    cause: &str,
    place: Option<&str>,
    port: &str,
    is_loop: bool,
    lines: &[String],
) -> Text {
    let what = if is_loop { "boot loop" } else { "crashed" };
    let at = place.map(|place| format!(" {place}")).unwrap_or_default();
    let sentence = match place {
        Some(place) => format!("{short}, at {place}"),
        None => short.to_owned(),
    };
    let board = words::place(port);
    let sentence = if is_loop {
        format!("The firmware on {board} starts and crashes again and again: {sentence}.")
    } else {
        format!("The firmware on {board} crashed: {sentence}.")
    };
    let lines: Vec<String> = lines
        .iter()
        .map(|line| plain::line(line).into_owned())
        .collect();
    Text {
        short: plain::line(&format!("{what}: {cause}{at}")).into_owned(),
        detail: plain::markdown(&plain::line(&sentence)),
        sentence: plain::line(&sentence).into_owned(),
        lines,
        level: Level::Error,
        buttons: Vec::new(),
    }
}
