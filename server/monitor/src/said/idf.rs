//! ESP-IDF: panic handler, abort, assert, watchdogs, heap; the C++ runtime.

use super::{Announcement, Said, TaskWdt};
use crate::crash::{Kind, MAX_BACKTRACE, MAX_TEXT, Source};
use crate::log::LogLine;
use crate::text::{bare_hex, decimal, hex, only_hex, shortened};

const BROWNOUT: &str = "Brownout detector was triggered";

pub(super) fn said(text: &str) -> Option<Said> {
    first_line(text)
        .or_else(|| dump(text))
        .or_else(|| error_check(text))
        .or_else(|| task_wdt(text))
}

fn first_line(text: &str) -> Option<Said> {
    if let Some(rest) = text.strip_prefix("Guru Meditation Error: Core ") {
        let (core, rest) = rest.split_once(" panic'ed (")?;
        // "Unhandled debug exception (x)" has brackets inside.
        let reason = rest.rsplit_once(')').map_or(rest, |(reason, _)| reason);
        return Some(Said::Guru {
            core: core.trim().parse().ok(),
            reason: shortened(reason, MAX_TEXT),
        });
    }
    if let Some(rest) = text.strip_prefix("Debug exception reason: ") {
        return Some(Said::DebugReason(shortened(rest.trim_end(), MAX_TEXT)));
    }
    if let Some(rest) = text.strip_prefix("Detected in task \"") {
        let (task, at) = rest.split_once("\" at ")?;
        return Some(Said::DetectedIn {
            task: shortened(task, MAX_TEXT),
            at: only_hex(at)?,
        });
    }
    if let Some(rest) = text.trim_start().strip_prefix("faulting address: ") {
        return only_hex(rest).map(Said::FaultingAddress);
    }
    if let Some(rest) = text.strip_prefix("abort() was called at PC ") {
        let (pc, rest) = hex(rest)?;
        let core = rest
            .strip_prefix(" on core ")
            .and_then(|core| core.trim().parse().ok());
        return Some(Said::Abort { pc, core });
    }
    if let Some(rest) = text.strip_prefix("terminate called ") {
        let cause = match rest.strip_prefix("after throwing an instance of '") {
            Some(rest) => rest.strip_suffix('\'')?,
            None => {
                matches!(rest, "recursively" | "without an active exception").then_some(rest)?
            }
        };
        return announced(Announcement::new(
            Kind::CxxTerminate,
            &shortened(cause, MAX_TEXT),
        ));
    }
    if let Some(rest) = text.trim_start().strip_prefix("what(): ") {
        return Some(Said::What(shortened(rest.trim(), MAX_TEXT)));
    }
    if let Some(rest) = text.strip_prefix("***ERROR*** A stack overflow in task ") {
        let task = rest.strip_suffix(" has been detected.")?;
        return announced(Announcement {
            task: Some(shortened(task, MAX_TEXT)),
            ..Announcement::new(
                Kind::StackOverflow,
                "A stack overflow in task has been detected",
            )
        });
    }
    if let Some(rest) = text.strip_prefix("CORRUPT HEAP: ") {
        return corrupt_heap(text, rest);
    }
    let announcement = match text.trim_start() {
        "Stack smashing protect failure!" => {
            Announcement::new(Kind::StackSmashing, "Stack smashing protect failure")
        }
        BROWNOUT => Announcement::new(Kind::Brownout, BROWNOUT),
        // ESP-IDF 5 logs it.
        _ if LogLine::parse(text)
            .is_some_and(|line| line.tag.as_deref() == Some("BOD") && line.message == BROWNOUT) =>
        {
            Announcement::new(Kind::Brownout, BROWNOUT)
        }
        _ => return assertion(text),
    };
    announced(announcement)
}

#[allow(clippy::unnecessary_wraps)] // the end of every branch above
fn announced(announcement: Announcement) -> Option<Said> {
    Some(Said::Announced(announcement))
}

/// `CORRUPT HEAP: Bad head at 0x3ffeb398. Expected 0xabba1234 got 0x3ffe4364`
fn corrupt_heap(text: &str, rest: &str) -> Option<Said> {
    let (cause, at) = rest.split_once(" at ")?;
    let (at, _) = hex(at)?;
    announced(Announcement {
        message: Some(shortened(text, MAX_TEXT)),
        fault_address: Some(at),
        ..Announcement::new(Kind::HeapCorruption, &shortened(cause, MAX_TEXT))
    })
}

/// `assert failed: FUNCTION FILE:LINE (EXPRESSION)`, without the function where it is not known, with an address
/// where texts were left out; newlib's `assertion "EXPRESSION" failed: file "FILE", line LINE, function: FUNCTION`.
fn assertion(text: &str) -> Option<Said> {
    let mut announcement = Announcement::new(Kind::Assert, "assert failed");
    if let Some(rest) = text
        .strip_prefix("assert failed at PC ")
        .or_else(|| text.strip_prefix("assert failed: 0x"))
    {
        announcement.pc = hex(rest).or_else(|| bare_hex(rest)).map(|(pc, _)| pc);
        announcement.pc?;
        return announced(announcement);
    }
    let (function, file, line, expression) =
        if let Some(rest) = text.strip_prefix("assert failed: ") {
            let (place, expression) = rest.split_once(" (")?;
            let (place, line) = place.rsplit_once(':')?;
            let (function, file) = match place.rsplit_once(' ') {
                Some((function, file)) => (Some(function), file),
                None => (None, place),
            };
            (
                function,
                file,
                line.parse().ok()?,
                expression.strip_suffix(')')?,
            )
        } else {
            let rest = text.strip_prefix("assertion \"")?;
            let (expression, rest) = rest.split_once("\" failed: file \"")?;
            let (file, rest) = rest.split_once("\", line ")?;
            let (line, rest) = decimal(rest)?;
            let function = rest.strip_prefix(", function: ").map(str::trim_end);
            (function, file, line, expression)
        };
    announcement.message = Some(shortened(expression, MAX_TEXT));
    announcement.source = Some(Source {
        file: shortened(file, MAX_TEXT),
        line,
        column: None,
        function: function.map(|function| shortened(function, MAX_TEXT)),
    });
    announced(announcement)
}

fn dump(text: &str) -> Option<Said> {
    if let Some(rest) = text.strip_prefix("Core ") {
        if let Some(core) = rest.strip_suffix(" register dump:") {
            return Some(Said::DumpOf(core.trim().parse().ok()));
        }
        return rest
            .ends_with(" was running in ISR context:")
            .then_some(Said::InInterrupt);
    }
    if let Some(rest) = text.strip_prefix("Backtrace:") {
        return backtrace(rest);
    }
    if text.starts_with("Backtrace ended abruptly") {
        return Some(Said::BacktraceCutShort);
    }
    if text == "Stack memory:" {
        return Some(Said::StackMemory);
    }
    match text {
        "Rebooting..." | "CPU halted." | "Entering gdb stub now." => return Some(Said::Rebooting),
        _ if text.starts_with("Please enable CONFIG_ESP_SYSTEM_USE_FRAME_POINTER") => {
            return Some(Said::NoBacktrace);
        }
        _ => {}
    }
    if text.starts_with("====") {
        for (words, begins) in [(" CORE DUMP START ", true), (" CORE DUMP END ", false)] {
            if text.trim_matches('=') == words {
                return Some(Said::CoreDump { begins });
            }
        }
    }
    stack_words(text)
}

/// `0x40089767:0x3ffc2320 …`; a space may be missing between two entries, and digits may be upper case.
fn backtrace(rest: &str) -> Option<Said> {
    let mut rest = rest.trim_start();
    let mut entries = Vec::new();
    while let Some((pc, after)) = hex(rest) {
        let Some((sp, after)) = after.strip_prefix(':').and_then(stack_pointer) else {
            break;
        };
        if entries.len() < MAX_BACKTRACE {
            entries.push((pc, Some(sp)));
        }
        rest = after.trim_start();
    }
    let corrupted = rest.starts_with("|<-CORRUPTED");
    // "Backtrace: none" is a word, "Backtrace:" alone is Rust's.
    (!entries.is_empty() || rest.is_empty() || corrupted)
        .then_some(Said::Backtrace { entries, corrupted })
}

/// A stack pointer: eight digits, after which the next entry may begin at once. (`hex` would take the 0 of the
/// next `0x` for a digit too many.)
fn stack_pointer(text: &str) -> Option<(u32, &str)> {
    let digits = text.strip_prefix("0x")?;
    match digits
        .get(..8)
        .and_then(|eight| u32::from_str_radix(eight, 16).ok())
    {
        Some(pointer) => Some((pointer, &digits[8..])),
        None => hex(text),
    }
}

/// `3fc8bf90: 0x00000000 0x00000000 …`; what another core has printed in between ends the words.
fn stack_words(text: &str) -> Option<Said> {
    let (base, rest) = bare_hex(text)?;
    let rest = rest.strip_prefix(": ")?;
    let is_address = text.find(':') == Some(8) && base % 4 == 0;
    let mut words = Vec::new();
    for word in rest.split_ascii_whitespace() {
        match only_hex(word) {
            Some(value) if word.len() == 10 => words.push(value),
            _ => break,
        }
    }
    (is_address && !words.is_empty()).then_some(Said::StackWords { base, words })
}

/// `ESP_ERROR_CHECK failed: esp_err_t 0x103 (ESP_ERR_INVALID_STATE) at 0x400ed329` and the lines after it.
fn error_check(text: &str) -> Option<Said> {
    if let Some(rest) = text.strip_prefix("ESP_ERROR_CHECK failed: esp_err_t ") {
        let (code, rest) = hex(rest)?;
        let (name, pc) = match rest
            .strip_prefix(" (")
            .and_then(|rest| rest.split_once(')'))
        {
            Some((name, rest)) => (name, rest),
            None => ("esp_err_t", rest),
        };
        return announced(Announcement {
            pc: pc.strip_prefix(" at ").and_then(only_hex),
            ..Announcement::new(
                Kind::ErrorCheck,
                &format!("{} ({code:#x})", shortened(name, MAX_TEXT)),
            )
        });
    }
    if let Some(rest) = text.strip_prefix("file: \"") {
        let (file, line) = rest.split_once("\" line ")?;
        return Some(Said::CheckedAt {
            file: shortened(file, MAX_TEXT),
            line: line.trim().parse().ok()?,
        });
    }
    if let Some(rest) = text.strip_prefix("func: ") {
        return Some(Said::CheckedIn(shortened(rest, MAX_TEXT)));
    }
    let rest = text.strip_prefix("expression: ")?;
    Some(Said::Checked(shortened(rest, MAX_TEXT)))
}

fn task_wdt(text: &str) -> Option<Said> {
    let line = LogLine::parse(text).filter(|line| line.tag.as_deref() == Some("task_wdt"))?;
    let message = line.message.trim_end();
    let said = if message.starts_with("Task watchdog got triggered") {
        TaskWdt::Triggered
    } else if let Some(rest) = message.trim_start().strip_prefix("- ") {
        let (task, rest) = rest.rsplit_once(" (CPU ").unwrap_or((rest, ""));
        TaskWdt::Starved {
            task: shortened(task, MAX_TEXT),
            core: decimal(rest).map(|(core, _)| core),
        }
    } else if let Some(rest) = message.strip_prefix("CPU ") {
        let (core, rest) = decimal(rest)?;
        TaskWdt::Running {
            core,
            task: shortened(rest.strip_prefix(": ")?, MAX_TEXT),
        }
    } else if message.starts_with("Aborting.") {
        TaskWdt::Aborting
    } else if let Some(rest) = message.strip_prefix("Print CPU ") {
        TaskWdt::PrintsCore(decimal(rest)?.0)
    } else {
        TaskWdt::Other
    };
    Some(Said::TaskWdt(said))
}
