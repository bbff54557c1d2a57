//! Assertions: ESP-IDF's, newlib's, `FreeRTOS`'s and `lwIP`'s of older ESP-IDF, Zephyr's.

use super::{Announcement, Said};
use crate::crash::{Kind, MAX_TEXT, Source};
use crate::text::{bare_hex, before_line, decimal, only_hex, shortened};

/// What an assertion says of itself.
#[derive(Default)]
struct Failed<'t> {
    expression: Option<&'t str>,
    file: &'t str,
    /// The text may end before it.
    line: Option<u32>,
    function: Option<&'t str>,
}

pub(super) fn said(text: &str) -> Option<Said> {
    let mut announcement = Announcement::new(Kind::Assert, "assert failed");
    if let Some(pc) = silent(text) {
        announcement.pc = Some(pc);
        return Some(Said::Announced(announcement));
    }
    let failed = idf(text)
        .or_else(|| newlib(text))
        .or_else(|| freertos(text))
        .or_else(|| zephyr(text))?;
    let owned = |text: &str| shortened(text, MAX_TEXT);
    // What is in flash cannot be read while its cache is off: then an address is in the function's place.
    announcement.pc = failed.function.and_then(only_hex);
    let function = failed.function.filter(|_| announcement.pc.is_none());
    let is_there = |text: &&str| *text != "<cached disabled>";
    announcement.message = failed.expression.filter(is_there).map(owned);
    announcement.source = failed
        .line
        .filter(|_| is_there(&failed.file))
        .map(|line| Source {
            file: owned(failed.file),
            line,
            column: None,
            function: function.map(owned),
        });
    Some(Said::Announced(announcement))
}

/// `assert failed at PC 0x4008880b`, `assert failed: 0x4008880b`: a build without the texts.
fn silent(text: &str) -> Option<u32> {
    let rest = text
        .strip_prefix("assert failed at PC ")
        .or_else(|| text.strip_prefix("assert failed: 0x"))?;
    let digits = rest.strip_prefix("0x").unwrap_or(rest);
    match bare_hex(digits) {
        Some((pc, "")) if digits.len() == 8 => Some(pc),
        _ => None,
    }
}

/// ESP-IDF prints no more of an assertion.
const MOST_OF_IDF: usize = 199;

/// `assert failed: FUNCTION FILE:LINE (EXPRESSION)`, without the function where it is not known, with an address where
/// texts were left out, and without its end where it is long.
fn idf(text: &str) -> Option<Failed<'_>> {
    let rest = text.strip_prefix("assert failed: ")?;
    // A space at its end is gone.
    let is_cut = (MOST_OF_IDF - 1..=MOST_OF_IDF).contains(&text.len());
    let Some((place, line, expression)) = before_line(rest, " (") else {
        return is_cut.then(Failed::default);
    };
    let (function, file) = function_and_file(place);
    Some(Failed {
        expression: expression
            .strip_suffix(')')
            .or_else(|| is_cut.then_some(expression))
            .map(Some)?,
        file,
        line: Some(line),
        function,
    })
}

/// `app_main ./main/main.c`, `void Motor::onStop(void (*)(int)) C:/my files (2)/motor.cpp`. Of C it is a name, of C++ the
/// whole signature; both may have spaces in them.
fn function_and_file(place: &str) -> (Option<&str>, &str) {
    let of_path = |at: usize| {
        let path = &place.as_bytes()[at + 1..];
        let is_rooted = |path: &[u8]| matches!(path, [b'/' | b'\\', ..]);
        is_rooted(path)
            || matches!(path, [drive, b':', rest @ ..] if drive.is_ascii_alphabetic() && is_rooted(rest))
            || path.starts_with(b"./")
            || path.starts_with(b"../")
    };
    let last = |is_it: &dyn Fn(usize) -> bool| {
        let mut spaces = place.rmatch_indices(' ').map(|(at, _)| at);
        spaces.find(|at| is_it(*at))
    };
    // A relative path is behind the signature, or behind a name.
    let split = last(&of_path)
        .or_else(|| last(&|at| place[..at].ends_with([')', '>', ']'])))
        .or_else(|| place.find(' '));
    let Some(split) = split else {
        return (None, place);
    };
    let mut file = &place[split + 1..];
    // What may stand between a signature and its end.
    let behind = ["const ", "volatile ", "&& ", "& "];
    while let Some(rest) = behind.iter().find_map(|word| file.strip_prefix(word)) {
        file = rest;
    }
    let function = place[..place.len() - file.len()].trim_end();
    // A backspace takes the place of one that is not known.
    ((function != "\u{8}").then_some(function), file)
}

/// `assertion "EXPRESSION" failed: file "FILE", line LINE, function: FUNCTION`, of which a long path leaves the
/// beginning only; of lwIP `… failed at line LINE in FILE`.
fn newlib(text: &str) -> Option<Failed<'_>> {
    let rest = text
        .strip_prefix("assertion \"")
        .or_else(|| text.strip_prefix("Assertion \""))?;
    let (expression, rest) = rest.split_once("\" failed")?;
    let expression = Some(expression);
    if let Some(rest) = rest.strip_prefix(" at line ") {
        let (line, rest) = decimal(rest)?;
        return Some(Failed {
            expression,
            file: rest.strip_prefix(" in ")?,
            line: Some(line),
            function: None,
        });
    }
    let (file, rest) = rest.strip_prefix(": file \"")?.split_once('"')?;
    let line = rest.strip_prefix(", line ").and_then(decimal);
    let function = line.and_then(|(_, rest)| rest.strip_prefix(", function: "));
    Some(Failed {
        expression,
        file,
        line: line.map(|(line, _)| line),
        function: function.map(str::trim_end),
    })
}

/// `FILE:LINE (FUNCTION)- assert failed!`
fn freertos(text: &str) -> Option<Failed<'_>> {
    let (file, line, function) = before_line(text.strip_suffix(")- assert failed!")?, " (")?;
    Some(Failed {
        expression: None,
        file,
        line: Some(line),
        function: Some(function),
    })
}

/// `ASSERTION FAIL [EXPRESSION] @ FILE:LINE`
fn zephyr(text: &str) -> Option<Failed<'_>> {
    let rest = text.strip_prefix("ASSERTION FAIL ")?;
    let (expression, place) = match rest.strip_prefix('[') {
        Some(rest) => {
            let (expression, place) = rest.rsplit_once("] @ ")?;
            (Some(expression), place)
        }
        None => (None, rest.strip_prefix("@ ")?),
    };
    let (file, line) = place.rsplit_once(':')?;
    Some(Failed {
        expression,
        file,
        line: Some(line.parse().ok()?),
        function: None,
    })
}
