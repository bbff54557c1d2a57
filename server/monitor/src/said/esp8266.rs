//! The ESP8266: its SDK and the Arduino core.

use super::{Announcement, Said};
use crate::crash::{Kind, MAX_TEXT, Source};
use crate::text::{bare_hex, before_line, decimal, shortened};

pub(super) fn said(text: &str) -> Option<Said> {
    for (form, old) in [
        ("Exception (", false),
        ("Fatal exception (", true),
        ("Fatal exception ", true),
    ] {
        if let Some((number, rest)) = text.strip_prefix(form).and_then(decimal) {
            let is_end = matches!(rest.trim_end(), "):" | "") || rest.starts_with('(');
            return is_end.then_some(Said::Esp8266Exception { old, number });
        }
    }
    let announced = |kind, cause: &str| Some(Said::Announced(Announcement::new(kind, cause)));
    match text {
        ">>>stack>>>" => return Some(Said::Esp8266Stack { begins: true }),
        "<<<stack<<<" => return Some(Said::Esp8266Stack { begins: false }),
        "Soft WDT reset"
        | "Soft WDT reset - deliberate infinite loop detected"
        | "Hardware WDT reset" => {
            return announced(Kind::Watchdog, text);
        }
        _ if text.starts_with("Double Exception - excsave1=0x") => {
            return announced(Kind::DoubleException, "Double exception");
        }
        "Abort called" => return announced(Kind::Abort, "abort()"),
        "Stack overflow detected." | "Stack smashing detected." => {
            let kind = if text.contains("overflow") {
                Kind::StackOverflow
            } else {
                Kind::StackSmashing
            };
            return announced(kind, text.trim_end_matches('.'));
        }
        _ => {}
    }
    if let Some(what) = text.strip_prefix("Unhandled C++ exception: ") {
        return announced(Kind::CxxTerminate, &shortened(what, MAX_TEXT));
    }
    // `Panic core_esp8266_main.cpp:137 __yield`
    if let Some(rest) = text.strip_prefix("Panic ") {
        let bare = || {
            let (file, line) = rest.rsplit_once(':')?;
            Some((file, line.parse().ok()?, ""))
        };
        let (file, line, function) = before_line(rest, " ")
            .or_else(bare)
            .filter(|(file, ..)| file.contains('.'))?;
        let (function, expression) = match function.split_once(": Assertion '") {
            Some((function, rest)) => (function, rest.strip_suffix("' failed.")),
            None => (function, None),
        };
        let kind = if expression.is_some() {
            Kind::Assert
        } else {
            Kind::Abort
        };
        return Some(Said::Announced(Announcement {
            message: expression.map(|expression| shortened(expression, MAX_TEXT)),
            source: Some(Source {
                file: shortened(file, MAX_TEXT),
                line,
                column: None,
                function: (!function.is_empty()).then(|| shortened(function, MAX_TEXT)),
            }),
            ..Announcement::new(
                kind,
                if kind == Kind::Assert {
                    "assert failed"
                } else {
                    "Panic"
                },
            )
        }));
    }
    stack_words(text)
}

/// `3ffffe20:  3ffee304 00000001 3ffee304 3ffee304  `; a `<` may mark where the memory that was last asked for is.
fn stack_words(text: &str) -> Option<Said> {
    let (base, rest) = bare_hex(text)?;
    let rest = rest.strip_prefix(":  ")?;
    let mut words = Vec::new();
    for word in rest.split_ascii_whitespace().take(4) {
        match bare_hex(word) {
            Some((value, "")) if word.len() == 8 => words.push(value),
            _ => break,
        }
    }
    let is_address = text.find(':') == Some(8) && base % 4 == 0;
    let is_cut = words.len() < 4;
    (is_address && !words.is_empty()).then_some(Said::StackWords {
        base,
        words,
        is_cut,
    })
}

/// Xtensa's causes by number (Xtensa Instruction Set Architecture, EXCCAUSE).
pub(crate) fn cause(number: u32) -> Option<&'static str> {
    Some(match number {
        0 => "IllegalInstruction",
        1 => "Syscall",
        2 => "InstructionFetchError",
        3 => "LoadStoreError",
        4 => "Level1Interrupt",
        5 => "Alloca",
        6 => "IntegerDivideByZero",
        8 => "Privileged",
        9 => "LoadStoreAlignment",
        20 => "InstrFetchProhibited",
        28 => "LoadProhibited",
        29 => "StoreProhibited",
        _ => return None,
    })
}
