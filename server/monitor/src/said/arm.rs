//! Boards that no ESP is on: pico-sdk's `panic`, and what a Teensy has kept of its last end.

use super::{Announcement, Said};
use crate::crash::{Kind, MAX_TEXT};
use crate::text::{hex, shortened};

/// What a line of a Teensy's `CrashReport` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Report {
    /// `  A problem occurred at (system time) 0:0:25`
    Begins,
    /// `  Code was executing from address 0xD8`
    At(u32),
    /// `(DACCVIOL) Data Access Violation`
    Cause(String),
    /// `(MMARVALID) Accessed Address: 0x0 (nullptr)`
    Accessed(u32),
    /// `  Reboot was caused by …`, which is the last.
    Ends,
}

pub(super) fn said(text: &str) -> Option<Said> {
    if text == "*** PANIC ***" {
        return Some(Said::Announced(Announcement::new(Kind::Abort, "panic")));
    }
    let text = text.trim_start();
    let report = if text.starts_with("A problem occurred at (system time) ") {
        Report::Begins
    } else if let Some(rest) = text.strip_prefix("Code was executing from address ") {
        Report::At(hex(rest)?.0)
    } else if let Some((_, rest)) = text.split_once(") Accessed Address: ") {
        Report::Accessed(hex(rest)?.0)
    } else if text.starts_with("Reboot was caused by ") {
        Report::Ends
    } else {
        // `(IACCVIOL)`, `(UNDEFINSTR)`: names of bits of the fault status registers
        let (name, words) = text.strip_prefix('(')?.split_once(") ")?;
        let is_bit = name.len() >= 6 && name.bytes().all(|byte| byte.is_ascii_uppercase());
        Report::Cause(is_bit.then(|| shortened(words, MAX_TEXT))?)
    };
    Some(Said::CrashReport(report))
}
