//! A build, as far as a board has nothing to do with it.

use std::borrow::Cow;
use std::time::Duration;

use fbuild_deploy::outcome::Failure;
use fbuild_project::plain;

use super::outcome::cause;
use super::words::{capital, duration, sentences};
use super::{Asked, Front, Level, Text, failure_lines, text_of};

/// How it ended, and what can be done about it.
pub(crate) fn build(
    message: &str,
    failure: Option<&Failure>,
    took: Duration,
    asked: &Asked,
) -> Text {
    let remedy = failure.map(|failure| Cow::from(Front::Editor.remedy(&failure.remedy)));
    let remedy = remedy.filter(|remedy| !remedy.is_empty());
    let said = match failure {
        None => format!("{message} in {}", duration(took)),
        Some(_) => message.to_owned(),
    };
    let short = match failure {
        None => format!("{message} · {}", duration(took)),
        Some(failure) => cause(failure.code),
    };
    let detail = [Cow::from(&said)].into_iter().chain(remedy.clone());
    let detail: Vec<String> = detail
        .map(|part| plain::markdown(&capital(&part)))
        .collect();
    let sentence = sentences([Cow::from(&said)].into_iter().chain(remedy));
    let lines = failure
        .into_iter()
        .flat_map(|it| failure_lines(it, Front::Editor));
    Text {
        short: plain::line(&short).into_owned(),
        sentence: plain::line(&sentence).into_owned(),
        detail: detail.join("\n\n"),
        lines: text_of(message, lines).lines().map(str::to_owned).collect(),
        level: failure.map_or(Level::None, |_| Level::Error),
        buttons: failure.map_or_else(Vec::new, |failure| asked.remedies(failure, "")),
    }
}
