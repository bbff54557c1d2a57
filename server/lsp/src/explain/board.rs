//! Work on a board without a target, who the board is, and what was deployed to it.

use std::time::Duration;

use fbuild_chip::revision_text;
use fbuild_deploy::native::BoardInfo;
use fbuild_deploy::outcome::Failure;
use fbuild_project::amount::amount;
use fbuild_project::plain;
use serde::Serialize;

use super::outcome::{cause, state_and_remedy};
use super::words::{board, duration, sentences, short_port};
use super::{Asked, Front, Level, Text, failure_lines, text_of};

/// How asking or erasing a board ended.
pub(crate) fn work(message: &str, failure: Option<&Failure>, port: &str, asked: &Asked) -> Text {
    let lines = failure.into_iter();
    let text = text_of(
        message,
        lines.flat_map(|it| failure_lines(it, Front::Editor)),
    );
    let more = failure.into_iter().flat_map(state_and_remedy);
    let sentence = sentences(std::iter::once(message.into()).chain(more));
    Text {
        short: failure.map_or_else(
            || plain::line(message).into_owned(),
            |failure| cause(failure.code),
        ),
        sentence: plain::line(&sentence).into_owned(),
        detail: text
            .lines()
            .map(plain::markdown)
            .collect::<Vec<_>>()
            .join("  \n"),
        lines: text.lines().map(str::to_owned).collect(),
        level: failure.map_or(Level::None, |_| Level::Error),
        buttons: failure.map_or_else(Vec::new, |failure| asked.remedies(failure, port)),
    }
}

/// Something to know of a board.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Fact {
    name: &'static str,
    value: String,
}

/// Who a board is, a fact a line.
pub(crate) fn facts(info: &BoardInfo) -> Vec<Fact> {
    let fact = |name, value| Fact { name, value };
    let on_off = |is_on| if is_on { "on" } else { "off" }.to_owned();
    let chip = info.chip.name().to_uppercase();
    let flash = info.flash.map(|flash| {
        let jedec = format!("JEDEC {:06x}", flash.jedec);
        match flash.len_bytes {
            Some(bytes) => format!("{} ({jedec})", amount(bytes.into())),
            None => jedec,
        }
    });
    let security = info.security;
    vec![
        fact(
            "Chip",
            match info.revision {
                Some(revision) => format!("{chip} {}", revision_text(revision)),
                None => chip,
            },
        ),
        fact(
            "MAC address",
            info.mac
                .clone()
                .unwrap_or_else(|| "not told in Secure Download Mode".to_owned()),
        ),
        fact("Flash", flash.unwrap_or_else(|| "not told".to_owned())),
        fact("Secure boot", on_off(security.secure_boot)),
        fact("Flash encryption", on_off(security.flash_encryption)),
        fact("Secure Download Mode", on_off(security.secure_download)),
    ]
}

/// A board that was deployed to: `ESP32 24:0a:c4:00:01:10 · ttyUSB0`.
pub(crate) fn board_name(chip: Option<&str>, mac: Option<&str>, port: &str) -> String {
    let parts = [board(chip, mac), short_port(port).to_owned()];
    let parts: Vec<_> = parts.into_iter().filter(|it| !it.is_empty()).collect();
    plain::line(&parts.join(" · ")).into_owned()
}

/// What a deploy did: `selective flash: firmware; 3 of 366 sectors, 1.8 s`.
pub(crate) fn past_deploy(message: &str, duration_ms: u64) -> String {
    let message = message.strip_prefix("deploy ").unwrap_or(message);
    let what = message.strip_prefix("succeeded (");
    let what = what
        .and_then(|rest| rest.strip_suffix(')'))
        .unwrap_or(message);
    let time = duration(Duration::from_millis(duration_ms));
    plain::line(&format!("{what}, {time}")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn history_says_what_differs_from_line_to_line() {
        assert_eq!(
            past_deploy(
                "deploy succeeded (selective flash: firmware; 3 of 366 sectors)",
                1843
            ),
            "selective flash: firmware; 3 of 366 sectors, 1.8 s"
        );
        assert_eq!(
            past_deploy("deploy failed: no answer", 1843),
            "failed: no answer, 1.8 s"
        );
        assert_eq!(board_name(None, None, "/dev/ttyUSB0"), "ttyUSB0");
    }
}
