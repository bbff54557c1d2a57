//! What goes wrong with esptool, and what its own words for it mean. Pure: text in, errors out.
//!
//! Where the native backend has an error for the same thing, it is that error: one text and one
//! remedy, whichever backend is used.

use std::io;
use std::sync::LazyLock;

use fbuild_link::error::OpenError;
use fbuild_loader::boot_log::BootState;
use fbuild_loader::error::LoaderError;
use regex::{Captures, Regex};

use super::arguments::CONNECT_ATTEMPTS;
use super::error::EsptoolError;
use crate::failure::DeployError;

/// What stopped esptool, from what it said.
pub fn fault(lines: &[String], how: &str, port: &str, region: &str) -> DeployError {
    // What the port said, through pyserial: a cable pulled out, most of the time.
    if let Some(said) = said_behind("A serial exception error occurred: ", lines) {
        let (port, source) = (port.to_owned(), io::Error::other(said));
        return LoaderError::Link { port, source }.into();
    }
    let why = last_error(lines);
    for (pattern, meaning) in &*RULES {
        if let Some(found) = pattern.captures(&why) {
            return meaning(&found, port, region);
        }
    }
    EsptoolError::Failed {
        how: how.to_owned(),
        why,
    }
    .into()
}

/// Whether a comparison ended as one that found a difference, and not in any other way.
pub fn is_mismatch(lines: &[String]) -> bool {
    matches!(
        &*last_error(lines),
        "Verify failed." | "Verification failed."
    )
}

type Meaning = fn(&Captures<'_>, &str, &str) -> DeployError;

/// The first that fits counts. Texts: esptool 4.8.1 and 5.6.0, `loader.py` and `cmds.py`, and
/// `tests/esptool-output`.
static RULES: LazyLock<Vec<(Regex, Meaning)>> = LazyLock::new(|| {
    let rules: [(&str, Meaning); 11] = [
        (
            r"(?s)^Could not open .*?, the port is busy or doesn't exist\.(.*)",
            |found, port, _| not_opened(&found[1], port).into(),
        ),
        (r"^ValueError: invalid URL, protocol ", |_, port, _| {
            let (port, why) = (
                port.to_owned(),
                "esptool does not support such ports".to_owned(),
            );
            OpenError::BadName { port, why }.into()
        }),
        (r"No serial data received", |_, port, _| {
            no_loader(port, BootState::Silent)
        }),
        (
            r"Wrong boot mode detected \((0x[0-9a-f]+)\)",
            |found, port, _| {
                let mode = found[1].to_owned();
                no_loader(port, BootState::NormalBoot { mode })
            },
        ),
        (r"The serial TX path seems to be down", |_, port, _| {
            no_loader(port, BootState::DownloadModeButDeaf)
        }),
        (
            r"^Failed to connect to .*(?:Invalid head of packet|noise or corruption)",
            |_, port, _| no_loader(port, BootState::Garbage),
        ),
        (
            r"(?s)^Failed to connect to [^:]*: (.*)",
            |found, port, _| {
                let (port, why) = (port.to_owned(), found[1].to_owned());
                EsptoolError::NoLoader { port, why }.into()
            },
        ),
        (r"^(This chip is .*?)\. Wrong ", other_chip),
        (r"^(.* is not an? ESP\S* image)", other_chip),
        (
            r"MD5 of file does not match data in flash",
            |_, _, region| {
                let region = region.to_owned();
                EsptoolError::NotProved { region }.into()
            },
        ),
        (
            r"(?i)(stopped responding|No more data to read from the serial port|Timed out waiting|content transfer stopped|Serial data stream stopped|returned no data|Input/output error|disconnected|no response|Invalid head of packet|noise or corruption)",
            |found, _, _| {
                let why = found.get(0).map_or("", |found| found.as_str()).to_owned();
                EsptoolError::Lost { why }.into()
            },
        ),
    ];
    let rules = rules.into_iter();
    // Literal patterns, all of them compiled by any test that has an error explained.
    rules
        .map(|(text, meaning)| (Regex::new(text).expect("a valid pattern"), meaning))
        .collect()
});

fn no_loader(port: &str, state: BootState) -> DeployError {
    let error = LoaderError::NoLoader {
        port: port.to_owned(),
        attempts: CONNECT_ATTEMPTS,
        state,
    };
    error.into()
}

fn other_chip(found: &Captures<'_>, _: &str, _: &str) -> DeployError {
    let why = found[1].to_owned();
    EsptoolError::OtherChip { why }.into()
}

/// What Python or the operating system said about a port.
fn not_opened(reason: &str, port: &str) -> OpenError {
    let reason = reason.trim();
    let bare = reason
        .strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'));
    let reason = bare.unwrap_or(reason);
    let again = format!("Could not open port {port}: ");
    let reason = reason.strip_prefix(&again).unwrap_or(reason);
    let port = port.to_owned();
    let has = |text: &str| reason.contains(text);
    if has("FileNotFoundError") || has("[Errno 2]") {
        OpenError::NotFound { port }
    // Windows has no other word for a port that somebody holds.
    } else if has("PermissionError(13") || has("[Errno 11]") || has("[Errno 16]") {
        // The caller may find out who that is.
        let holders = Vec::new();
        OpenError::Busy { port, holders }
    } else if has("[Errno 13]") {
        OpenError::Permission { port }
    } else {
        let mut reason = reason.to_owned();
        if has("while waiting for option 'control'") {
            // It resets the board itself, and does not answer.
            reason += "; with esp_rfc2217_server at the far end, the port's name has to end in \
                       ?ign_set_control";
        }
        OpenError::Other {
            port,
            source: io::Error::other(reason),
        }
    }
}

/// The last thing that was said after these words, with the lines that belong to it.
fn said_behind(words: &str, lines: &[String]) -> Option<String> {
    const ADVICE: [&str; 3] = ["Hint:", "Note:", "For troubleshooting"];
    let is_advice = |line: &str| ADVICE.iter().any(|advice| line.starts_with(advice));
    let n = lines.iter().rposition(|line| line.contains(words))?;
    let (_, first) = lines[n].split_once(words)?;
    let more = lines[n + 1..].iter().map(String::as_str);
    let all = std::iter::once(first).chain(more.take_while(|line| !is_advice(line)));
    Some(all.map(str::trim_end).collect::<Vec<_>>().join("\n"))
}

/// The last line that says what went wrong, with the lines that belong to it.
fn last_error(lines: &[String]) -> String {
    const BOX: char = '│';
    if let Some(fatal) = said_behind("A fatal error occurred: ", lines) {
        return fatal;
    }
    // A wrong call, as the two libraries report it that read esptool's arguments.
    if let Some(line) = lines.iter().rfind(|line| line.starts_with(BOX)) {
        return line.trim_matches([BOX, ' ']).to_owned();
    }
    let usage = lines
        .iter()
        .rev()
        .find_map(|line| line.split_once(": error: "));
    if let Some((_, text)) = usage {
        return text.to_owned();
    }
    let last = lines.iter().rfind(|line| !line.trim().is_empty());
    match last.map(|line| line.trim()) {
        None => "it printed nothing".to_owned(),
        // Python's own complaints end with what happened.
        Some(last) if lines.iter().any(|line| line.starts_with("Traceback")) => last.to_owned(),
        Some(last) => format!("it gives no reason; its last line was \"{last}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::BoardState;

    #[track_caller]
    fn check(text: &str, code: &str, words: &[&str]) {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let error = fault(&lines, "exit code 2", "/dev/ttyUSB0", "firmware");
        let failure = error.into_failure("/dev/ttyUSB0", &BoardState::Untouched);
        assert_eq!(failure.code, code, "{failure:?}");
        assert!(!failure.remedy.is_empty(), "{failure:?}");
        for word in words {
            assert!(failure.what.contains(word), "no '{word}' in {failure:?}");
        }
    }

    #[test]
    fn ports_that_do_not_open() {
        let open = |why: &str| {
            format!(
                "A fatal error occurred: Could not open P, the port is busy or doesn't exist.\n({why})"
            )
        };
        check(
            &open("[Errno 13] could not open port P"),
            "port-permission",
            &["/dev/ttyUSB0"],
        );
        check(
            &open("[Errno 11] Could not exclusively lock port P"),
            "port-busy",
            &[],
        );
        check(
            &open("[Errno 16] Device or resource busy"),
            "port-busy",
            &[],
        );
        check(
            &open("could not open port 'COM5': PermissionError(13, 'Access is denied.', None, 5)"),
            "port-busy",
            &[],
        );
        check(
            &open("could not open port 'COM5': FileNotFoundError(2, 'The system…', None, 2)"),
            "port-not-found",
            &[],
        );
        check(
            &open("Could not configure port: (25, 'Inappropriate ioctl')"),
            "port-open",
            &["(25, 'Inappropriate ioctl')"],
        );
        check(
            &open("Could not open port /dev/ttyUSB0: [Errno 111] Connection refused"),
            "port-open",
            &["could not be opened: [Errno 111] Connection refused"],
        );
        check(
            &open("timeout while waiting for option 'control'"),
            "port-open",
            &["?ign_set_control"],
        );
        check(
            "Traceback (most recent call last):\nValueError: invalid URL, protocol 'x' not known",
            "port-name",
            &["esptool does not support such ports"],
        );
    }

    /// What 5.6.0 and 4.8.1 say when the far end goes while they write.
    #[test]
    fn a_port_that_goes_away() {
        check(
            "Lost connection, retrying...\nHard resetting via RTS pin...\n\
             ERROR: A serial exception error occurred: Could not open port P: [Errno 2] No such file\n\
             Note: This error originates from pySerial. It is likely not a problem with esptool.\n\
             For troubleshooting steps visit: x",
            "link-lost",
            &["/dev/ttyUSB0 stopped working: Could not open port P: [Errno 2] No such file"],
        );
        check(
            "Waiting for the chip to reconnect.......\n\
             A serial exception error occurred: read failed: socket disconnected\n\
             Note: This error originates from pySerial.",
            "link-lost",
            &["read failed: socket disconnected"],
        );
    }

    #[test]
    fn boards_that_do_not_answer_or_fall_silent() {
        let fatal = |text: &str| format!("ERROR: A fatal error occurred: {text}");
        let connect = |text: &str| fatal(&format!("Failed to connect to ESP32: {text}"));
        check(
            &connect(
                "Download mode successfully detected, but getting no sync reply: The serial TX path seems to be down.",
            ),
            "no-loader",
            &["receives nothing"],
        );
        check(
            &connect("Invalid head of packet (0x65): Possible serial noise or corruption."),
            "no-loader",
            &["not text"],
        );
        check(&connect("Something new."), "no-loader", &["Something new."]);
        check(
            &fatal("The chip stopped responding."),
            "timeout",
            &["stopped responding"],
        );
        check(
            &fatal("Packet content transfer stopped (received 8 bytes)"),
            "timeout",
            &[],
        );
        check(
            &fatal("MD5 of file does not match data in flash!"),
            "not-proved",
            &["firmware"],
        );
    }

    #[test]
    fn what_is_not_known_is_passed_on_in_esptools_words() {
        check(
            "ERROR: A fatal error occurred: Something new.",
            "esptool-failed",
            &["exit code 2", "Something new."],
        );
        check(
            "Traceback (most recent call last):\n  File \"x\"\nKeyError: 'x'",
            "esptool-failed",
            &["KeyError: 'x'"],
        );
        check("", "esptool-failed", &["it printed nothing"]);
        check(
            "esptool v5.6.0\nSerial port X:",
            "esptool-failed",
            &["gives no reason", "\"Serial port X:\""],
        );
    }

    #[test]
    fn a_mismatch_is_told_from_other_ends() {
        let mismatch =
            |text: &str| is_mismatch(&text.lines().map(str::to_owned).collect::<Vec<_>>());
        assert!(mismatch("x\nA fatal error occurred: Verify failed."));
        assert!(mismatch(
            "ERROR: A fatal error occurred: Verification failed."
        ));
        assert!(!mismatch(
            "A fatal error occurred: Verification failed. And more."
        ));
        assert!(!mismatch(""));
    }
}
