//! Assertions: ESP-IDF's, newlib's, `FreeRTOS`'s and `lwIP`'s of older ESP-IDF, Zephyr's.

use super::{Announcement, Said};
use crate::crash::{Kind, MAX_TEXT, Source};
use crate::text::{bare_hex, decimal, shortened};

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
    if let Some(rest) = text
        .strip_prefix("assert failed at PC ")
        .or_else(|| text.strip_prefix("assert failed: 0x"))
    {
        let digits = rest.strip_prefix("0x").unwrap_or(rest);
        let (pc, "") = bare_hex(digits).filter(|_| digits.len() == 8)? else {
            return None;
        };
        announcement.pc = Some(pc);
        return Some(Said::Announced(announcement));
    }
    let failed = idf(text)
        .or_else(|| newlib(text))
        .or_else(|| freertos(text))
        .or_else(|| zephyr(text))?;
    let owned = |text: &str| shortened(text, MAX_TEXT);
    announcement.message = failed.expression.map(owned);
    announcement.source = failed.line.map(|line| Source {
        file: owned(failed.file),
        line,
        column: None,
        function: failed.function.map(owned),
    });
    Some(Said::Announced(announcement))
}

/// `assert failed: FUNCTION FILE:LINE (EXPRESSION)`, without the function where it is not known, with an address where
/// texts were left out.
fn idf(text: &str) -> Option<Failed<'_>> {
    let (place, expression) = text.strip_prefix("assert failed: ")?.split_once(" (")?;
    let (place, line) = place.rsplit_once(':')?;
    let (function, file) = match place.rsplit_once(' ') {
        Some((function, file)) => (Some(function), file),
        None => (None, place),
    };
    Some(Failed {
        expression: Some(expression.strip_suffix(')')?),
        file,
        line: Some(line.parse().ok()?),
        function,
    })
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
    let (place, function) = text.strip_suffix(")- assert failed!")?.rsplit_once(" (")?;
    let (file, line) = place.rsplit_once(':')?;
    Some(Failed {
        expression: None,
        file,
        line: Some(line.parse().ok()?),
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
