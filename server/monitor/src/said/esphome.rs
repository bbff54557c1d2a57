//! ESPHome: what it has kept of its last end, which it logs after the reset.

use super::Said;
use crate::crash::MAX_TEXT;
use crate::log::{Level, LogLine};
use crate::text::{decimal, hex, shortened};

/// What a line says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Remembered {
    /// `*** CRASH DETECTED ON PREVIOUS BOOT ***`
    Begins,
    /// `  Reason: Fault - LoadProhibited`: the kind, and the cause where it has one.
    Reason { kind: String, cause: Option<String> },
    /// `  Crashed core: 0`
    Core(u32),
    /// `  PC:  0x400914EC  (fault location)`
    Pc(u32),
    /// `  BT0: 0x400914E9  (backtrace)`. What a search of the stack has found is not certain.
    Frame(u32),
}

pub(super) fn said(text: &str) -> Option<Said> {
    let line = LogLine::parse(text).filter(|line| line.level == Level::Error)?;
    let is_it = |tag: &str| matches!(tag.split_once('.'), Some((_, "crash"))) || tag == "esp8266";
    line.tag.as_deref().filter(|tag| is_it(tag))?;
    remembered(line.message.trim()).map(Said::Remembered)
}

fn remembered(text: &str) -> Option<Remembered> {
    if text == "*** CRASH DETECTED ON PREVIOUS BOOT ***" {
        return Some(Remembered::Begins);
    }
    if let Some(rest) = text.strip_prefix("Reason: ") {
        let (kind, cause) = match rest.split_once(" - ") {
            Some((kind, cause)) => (kind, Some(cause)),
            None => (rest, None),
        };
        let cause = cause.map(|cause| cause.split(" (").next().unwrap_or(cause));
        return Some(Remembered::Reason {
            kind: shortened(kind, MAX_TEXT),
            cause: cause.map(|cause| shortened(cause, MAX_TEXT)),
        });
    }
    if let Some(rest) = text.strip_prefix("Crashed core: ") {
        return rest.parse().ok().map(Remembered::Core);
    }
    let (name, rest) = text.split_once(": ")?;
    let (address, rest) = hex(rest.trim_start())?;
    if name == "PC" {
        return Some(Remembered::Pc(address));
    }
    let is_frame = name.strip_prefix("BT").and_then(decimal).is_some();
    (is_frame && rest.trim() == "(backtrace)").then_some(Remembered::Frame(address))
}
