//! Zephyr: a fatal error, and what Xtensa and RISC-V say before it.
//!
//! Its log puts a time, a level and a name in front of them, or a letter, or nothing.

use super::{Said, registers::known, xtensa_cause};
use crate::crash::MAX_TEXT;
use crate::text::{bare_hex, decimal, hex, shortened};

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Zephyr {
    /// `** FATAL EXCEPTION`
    Exception { is_double: bool },
    /// `** CPU 0 EXCCAUSE 28 (load prohibited)`, `mcause: 5, Load access fault`
    Cause {
        core: Option<u32>,
        words: Option<String>,
        registers: Values,
    },
    /// `**  PC 0x400d9b77 VADDR 0`, `   mepc: 42001a3e`
    Registers(Values),
    /// `>>> ZEPHYR FATAL ERROR 0: CPU exception on CPU 0`
    Fatal {
        reason: u32,
        words: String,
        core: Option<u32>,
    },
    /// `Current thread: 0x3ffc1b90 (sysworkq)`
    Thread(Option<String>),
    /// `Halting system`
    Ends,
}

type Values = Vec<(&'static str, u32)>;

pub(super) fn said(text: &str) -> Option<Said> {
    let text = message(text);
    if let Some(rest) = text.strip_prefix("** ") {
        return xtensa(rest.trim_start()).map(Said::Zephyr);
    }
    if let Some(rest) = text.strip_prefix(">>> ZEPHYR FATAL ERROR ") {
        let (reason, rest) = decimal(rest)?;
        let words = rest.strip_prefix(": ")?;
        let (words, core) = match words.rsplit_once(" on CPU ") {
            Some((words, core)) => (words, core.parse().ok()),
            None => (words, None),
        };
        let words = shortened(words, MAX_TEXT);
        return Some(Said::Zephyr(Zephyr::Fatal {
            reason,
            words,
            core,
        }));
    }
    if let Some(rest) = text.strip_prefix("Current thread: ") {
        let (_, name) = rest.split_once(" (")?;
        let name = name.strip_suffix(')').filter(|name| *name != "unknown");
        let name = name.map(|name| shortened(name, MAX_TEXT));
        return Some(Said::Zephyr(Zephyr::Thread(name)));
    }
    if matches!(text, "Halting system" | "Resetting system") || is_old_end(text) {
        return Some(Said::Zephyr(Zephyr::Ends));
    }
    riscv(text)
}

/// The text without what the log puts in front of it.
fn message(text: &str) -> &str {
    let logged = text.strip_prefix('<').and_then(|rest| {
        let (_, rest) = rest.split_once("> ")?;
        Some(rest.split_once(": ")?.1)
    });
    let starts = ["E: ", "os: ", "FATAL: "];
    let short = || starts.iter().find_map(|start| text.strip_prefix(start));
    logged.or_else(short).unwrap_or(text).trim()
}

fn is_old_end(text: &str) -> bool {
    text.starts_with("Fatal fault in ") && text.ends_with("! Spinning...")
}

fn xtensa(text: &str) -> Option<Zephyr> {
    if let Some(rest) = text.strip_prefix("FATAL EXCEPTION") {
        let is_double = rest == " (DOUBLE)";
        return (is_double || rest.is_empty()).then_some(Zephyr::Exception { is_double });
    }
    let Some(rest) = text.strip_prefix("CPU ") else {
        let registers = named_values(text);
        return (!registers.is_empty()).then_some(Zephyr::Registers(registers));
    };
    let (core, rest) = decimal(rest)?;
    let (cause, rest) = decimal(rest.strip_prefix(" EXCCAUSE ")?)?;
    let rest = rest.trim_start();
    let words = rest
        .strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
        .map(|(words, _)| shortened(words, MAX_TEXT));
    let mut registers = named_values(rest);
    registers.push(("EXCCAUSE", cause));
    Some(Zephyr::Cause {
        core: Some(core),
        words: words.or_else(|| xtensa_cause(cause).map(str::to_owned)),
        registers,
    })
}

/// `A0 0x800d87af  SP 0x3ffe5b70  A2 (nil)  A3 0`
fn named_values(text: &str) -> Values {
    let mut values = Values::new();
    let mut words = text.split_ascii_whitespace();
    while let Some(word) = words.next() {
        let name = match word {
            "SP" => "A1",
            "VADDR" => "EXCVADDR",
            name => name,
        };
        let Some(name) = known(name) else { continue };
        let value = match words.next() {
            Some("0" | "(nil)") => Some(0),
            Some(value) => hex(value).map(|(value, _)| value),
            None => None,
        };
        values.extend(value.map(|value| (name, value)));
    }
    values
}

fn riscv(text: &str) -> Option<Said> {
    if let Some(rest) = text.strip_prefix("mcause: ") {
        let (cause, rest) = decimal(rest)?;
        let words = shortened(rest.strip_prefix(", ")?, MAX_TEXT);
        return Some(Said::Zephyr(Zephyr::Cause {
            core: None,
            words: Some(words),
            registers: vec![("MCAUSE", cause)],
        }));
    }
    // `0: fp: 3fc8f0b0 ra: 42001a3e [handle+0x12]`. A trace by `sp` only guesses.
    if let Some((_, rest)) = decimal(text)
        && let Some(rest) = rest.strip_prefix(": fp: ")
    {
        let (_, rest) = rest.split_once(" ra: ")?;
        let (address, _) = hex(rest).or_else(|| bare_hex(rest))?;
        return Some(Said::Return(address));
    }
    let mut registers = Values::new();
    let mut words = text.split_ascii_whitespace();
    while let Some(word) = words.next() {
        let name = word.strip_suffix(':')?;
        let name = if name == "s0" { "S0/FP" } else { name };
        let digits = words.next()?;
        let (value, "") = bare_hex(digits)? else {
            return None;
        };
        // Eight digits, but for this one. A sensor's lines have fewer.
        if digits.len() != 8 && name != "mtval" {
            return None;
        }
        registers.push((known(name)?, value));
    }
    // The board writes them in small letters.
    let is_small = text.starts_with(|first: char| first.is_ascii_lowercase());
    (is_small && !registers.is_empty()).then_some(Said::Zephyr(Zephyr::Registers(registers)))
}
