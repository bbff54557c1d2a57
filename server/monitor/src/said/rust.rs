//! Rust programs: esp-backtrace, esp-hal's exception handler, std on ESP-IDF.

use super::{Said, registers};
use crate::crash::{MAX_STACK, MAX_TEXT, Source};
use crate::text::{bare_hex, hex, only_hex, shortened};

pub(super) fn said(text: &str) -> Option<Said> {
    let text = undressed(text);
    if text.starts_with("====") && matches!(text.trim_matches('='), " PANIC " | " EXCEPTION ") {
        return Some(Said::RustBanner);
    }
    if let Some(rest) = text.strip_prefix("!! A panic occured in '") {
        // esp-backtrace before 0.15
        let (file, rest) = rest.split_once("', at line ")?;
        let (line, column) = rest.split_once(", column ")?;
        let source = Source {
            file: shortened(file, MAX_TEXT),
            line: line.parse().ok()?,
            column: column.trim_end_matches(':').parse().ok(),
            function: None,
        };
        return Some(Said::RustPanic {
            thread: None,
            source: Some(source),
            message: None,
        });
    }
    if text == "!! A panic occured at an unknown location:" {
        return Some(Said::RustPanic {
            thread: None,
            source: None,
            message: None,
        });
    }
    if let Some(rest) = text.strip_prefix("STACKDUMP: ") {
        return stack_dump(rest);
    }
    if let Some(context) = registers::context(text) {
        return Some(context);
    }
    if let Some(address) = text.strip_prefix("0x").and_then(|_| only_hex(text)) {
        return Some(Said::Address(address));
    }
    panic(text)
        .or_else(|| exception(text))
        .or_else(|| watched(text))
}

/// The text without what a reader of defmt puts around it: `22.618 [ERROR] ` before, ` (crate path:line)` behind.
fn undressed(text: &str) -> &str {
    let is_stamp = |stamp: &str| {
        stamp
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    let text = match text.split_once("[ERROR] ") {
        Some((stamp, rest)) if is_stamp(stamp.trim_end()) => rest,
        _ => text,
    };
    match text
        .strip_suffix(')')
        .and_then(|rest| rest.rsplit_once(" ("))
    {
        Some((before, place))
            if place.contains(".rs:") && place.ends_with(|last: char| last.is_ascii_digit()) =>
        {
            before.trim_end()
        }
        _ => text,
    }
}

/// `thread 'main' panicked at src/main.rs:27:9:`, `thread 'main' panicked at 'message', src/main.rs:27:9` before
/// Rust 1.73, `panicked at src/bin/main.rs:41:22:` without std.
fn panic(text: &str) -> Option<Said> {
    let (thread, rest) = text.split_once("panicked at ")?;
    let thread = match thread.trim_end().strip_prefix("thread '") {
        // Since Rust 1.91 the thread's number follows its name.
        Some(thread) => {
            let (name, number) = thread.rsplit_once('\'')?;
            let is_number = |c| matches!(c, ' ' | '(' | ')' | '0'..='9');
            number.chars().all(is_number).then_some(Some(name))?
        }
        None => thread.is_empty().then_some(None)?,
    };
    let old_form = rest
        .strip_prefix('\'')
        .and_then(|rest| rest.rsplit_once("', "));
    let (message, place) = match old_form {
        Some((message, place)) => (Some(message), place),
        None => (None, rest.strip_suffix(':')?),
    };
    Some(Said::RustPanic {
        thread: thread.map(|thread| shortened(thread, MAX_TEXT)),
        source: Some(source(place)?),
        message: message.map(|message| shortened(message, MAX_TEXT)),
    })
}

/// `FILE:LINE:COLUMN`
fn source(place: &str) -> Option<Source> {
    let (place, column) = place.rsplit_once(':')?;
    let (file, line) = place.rsplit_once(':')?;
    Some(Source {
        file: shortened(file, MAX_TEXT),
        line: line.parse().ok()?,
        column: Some(column.parse().ok()?),
        function: None,
    })
}

/// `[ProCpu] Exception 'Load access fault (5)' mepc=0x42001a3e, mtval=0x00000010`; on Xtensa `Exception occurred on
/// ProCpu 'LoadProhibited'`.
fn exception(text: &str) -> Option<Said> {
    let (cpu, rest) = on_core(text);
    let rest = rest.strip_prefix("Exception ")?;
    let (before, rest) = rest.split_once('\'')?;
    if !matches!(
        before,
        "" | "occured " | "occurred " | "occurred on ProCpu " | "occurred on AppCpu "
    ) {
        return None;
    }
    let cpu = cpu.or_else(|| core(before.rsplit(' ').nth(1)?));
    let is_old_form = cpu.is_some() || !before.is_empty();
    let (cause, rest) = rest.split_once('\'')?;
    let cause = match cause.rsplit_once(" (") {
        Some((name, number))
            if number
                .strip_suffix(')')
                .is_some_and(|n| n.parse::<u32>().is_ok()) =>
        {
            name
        }
        _ => cause,
    };
    let value = |name: &str| {
        rest.split_once(name)
            .and_then(|(_, value)| hex(value))
            .map(|(value, _)| value)
    };
    let pc = [" mepc=", " pc="].iter();
    let pc = pc
        .copied()
        .find(|name| rest.starts_with(name))
        .and_then(value);
    (is_old_form || pc.is_some()).then(|| Said::RustException {
        core: cpu,
        cause: shortened(cause, MAX_TEXT),
        pc,
        address: value("mtval=").or_else(|| value("excvaddr=")),
    })
}

fn core(word: &str) -> Option<u32> {
    match word {
        "ProCpu" => Some(0),
        "AppCpu" => Some(1),
        _ => None,
    }
}

/// `[ProCpu] …`
fn on_core(text: &str) -> (Option<u32>, &str) {
    let named = text
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("] "));
    named.map_or((None, text), |(cpu, rest)| (core(cpu), rest))
}

/// Other ends that esp-hal watches for: `[ProCpu] Stack overflow detected at 0x42001a3e, possibly called by …`,
/// `Detected a write to the stack guard value on ProCpu`, `Breakpoint on ProCpu`.
fn watched(text: &str) -> Option<Said> {
    let (cpu, text) = on_core(text);
    let is_one = [
        "Stack overflow detected at ",
        "Detected a write to ",
        "Breakpoint on ",
    ]
    .iter()
    .any(|start| text.starts_with(start));
    let (cause, rest) = text
        .split_once(" at 0x")
        .or_else(|| text.split_once(" on "))
        .filter(|_| is_one)?;
    let pc = bare_hex(rest).map(|(pc, _)| pc);
    let core = cpu.or_else(|| core(rest));
    // gdb and tests say such things as well.
    let is_of_esp_hal = core.is_some() || rest.contains(" possibly called by 0x");
    is_of_esp_hal.then(|| Said::RustException {
        core,
        cause: cause.to_owned(),
        pc,
        address: None,
    })
}

/// `42000072 00000000…`: a return address, and the stack's bytes.
fn stack_dump(rest: &str) -> Option<Said> {
    let (pc, rest) = bare_hex(rest)?;
    let digits = rest.trim().as_bytes();
    let digits = &digits[..digits.len().min(2 * MAX_STACK)];
    let mut bytes = Vec::with_capacity(digits.len() / 2);
    for pair in digits.chunks_exact(2) {
        let pair = str::from_utf8(pair).ok()?;
        bytes.push(u8::from_str_radix(pair, 16).ok()?);
    }
    Some(Said::StackDump { pc, bytes })
}
