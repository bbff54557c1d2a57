//! Register dumps: `NAME    : 0x…`, several on a line.

use super::Said;
use crate::text::{bare_hex, hex};

/// Names by which ESP-IDF prints registers, Xtensa and RISC-V.
const NAMES: &[&str] = &[
    "PC", "PS", "A0", "A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A11", "A12",
    "A13", "A14", "A15", "SAR", "EXCCAUSE", "EXCVADDR", "LBEG", "LEND", "LCOUNT", "EPC1", "EPC2",
    "EPC3", "EPC4", "EPC5", "EPC6", "EPC7", "MEPC", "RA", "SP", "GP", "TP", "T0", "T1", "T2",
    "S0/FP", "S1", "S2", "S3", "S4", "S5", "S6", "S7", "S8", "S9", "S10", "S11", "T3", "T4", "T5",
    "T6", "MSTATUS", "MTVEC", "MCAUSE", "MTVAL", "MHARTID", "DEPC",
];

/// The registers of one line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Registers {
    pub(crate) values: Vec<(&'static str, u32)>,
    /// Bytes that are not text are between them.
    pub(crate) damaged: bool,
}

impl Registers {
    /// The program counter is among them.
    pub(crate) fn has_pc(&self) -> bool {
        let mut names = self.values.iter().map(|(name, _)| *name);
        names.any(|name| matches!(name, "PC" | "MEPC"))
    }
}

/// The name in our table, so that a register costs no text of its own.
pub(super) fn known(name: &str) -> Option<&'static str> {
    NAMES
        .iter()
        .find(|known| known.eq_ignore_ascii_case(name))
        .copied()
}

pub(super) fn said(text: &str) -> Option<Said> {
    let mut found = Registers::default();
    let mut rest = text;
    while let Some(colon) = rest.find(':') {
        let before = &rest[..colon];
        let after = &rest[colon + 1..];
        rest = after;
        // Names are padded to eight cells. The last word before the colon, so that a log line of another core in
        // front of it takes one register at most.
        let name = before
            .trim_end_matches(' ')
            .rsplit(|c: char| c.is_whitespace())
            .next();
        let value = after
            .strip_prefix(' ')
            .filter(|value| value.starts_with("0x"))
            .and_then(hex);
        if let (Some(name), Some((value, behind))) = (name.and_then(known), value)
            && after.len() - 1 - behind.len() == 10
        {
            if !found.values.iter().any(|(other, _)| *other == name) {
                found.values.push((name, value));
            }
            rest = behind;
        }
    }
    found.damaged = text.contains(|character: char| {
        character == '\u{fffd}' || (character.is_control() && character != '\t')
    });
    let first_word = text.split_whitespace().next().and_then(known);
    let looks_like_one = found.values.len() >= 2
        || (found.damaged && first_word.is_some())
        || (found.values.len() == 1 && text.starts_with(found.values[0].0));
    (looks_like_one || pairs(text, &mut found)).then_some(Said::Registers(found))
}

/// `epc1=0x4020104f epc2=0x00000000 epc3=0x00000000 excvaddr=0x00000008 depc=0x00000000` of an ESP8266,
/// `PC=0x420060b3       PS=0x00060015` of esp-backtrace on Xtensa.
fn pairs(text: &str, found: &mut Registers) -> bool {
    let name = text.split_once("=0x").map_or("", |(name, _)| name);
    if known(name).is_none() {
        return false;
    }
    for word in text.split([' ', ',']) {
        if let Some((name, value)) = word.split_once('=')
            && word.len() == name.len() + 11
            && let (Some(name), Some((value, ""))) =
                (known(name), value.strip_prefix("0x").and_then(bare_hex))
        {
            found.values.push((name, value));
        }
    }
    !found.values.is_empty()
}

/// `Context { PC: 1074098020, PS: 394784, A0: 2182227078, … }` of esp-hal on Xtensa.
pub(super) fn context(text: &str) -> Option<Said> {
    let mut found = Registers::default();
    for pair in text.strip_prefix("Context { ")?.split(['}', ',']) {
        if let Some((name, value)) = pair.split_once(": ")
            && let Some(name) = known(name.trim())
            && let Ok(value) = value.trim().parse()
        {
            found.values.push((name, value));
        }
    }
    (!found.values.is_empty()).then_some(Said::Registers(found))
}
