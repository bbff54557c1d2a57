//! ESP-IDF: panic handler, abort, assert, watchdogs, heap; the C++ runtime.

use super::{Announcement, PANIC_IN_PANIC, Said, TaskWdt, assertion};
use crate::crash::{Kind, MAX_BACKTRACE, MAX_TEXT};
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
    if text == PANIC_IN_PANIC {
        return Some(Said::PanicInPanic);
    }
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
        let (task, at) = rest.rsplit_once("\" at ")?;
        return Some(Said::DetectedIn {
            task: shortened(task, MAX_TEXT),
            at: only_hex(at)?,
        });
    }
    if let Some(refused) = refused(text) {
        return Some(refused);
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
        // ESP-IDF 5 logs it, without a time where the time is not at hand.
        _ if early(text, "BOD").is_some_and(|message| message == BROWNOUT) => {
            Announcement::new(Kind::Brownout, BROWNOUT)
        }
        _ => return assertion::said(text),
    };
    announced(announcement)
}

#[allow(clippy::unnecessary_wraps)] // the end of every branch above
fn announced(announcement: Announcement) -> Option<Said> {
    Some(Said::Announced(announcement))
}

/// The message of an error of this tag: `E (88) BOD: …`, or `E BOD: …` of code that knows no time.
fn early(text: &str, tag: &str) -> Option<String> {
    let timeless = text
        .strip_prefix("E ")
        .and_then(|rest| rest.strip_prefix(tag));
    if let Some(message) = timeless.and_then(|rest| rest.strip_prefix(": ")) {
        return Some(message.trim_end().to_owned());
    }
    let line = LogLine::parse(text).filter(|line| line.tag.as_deref() == Some(tag))?;
    Some(line.message.trim_end().to_owned())
}

/// `CORRUPT HEAP: Bad head at 0x3ffeb398. Expected 0xabba1234 got 0x3ffe4364`, `CORRUPT HEAP: Block 0x3ffe64d8 is
/// outside heap`
fn corrupt_heap(text: &str, rest: &str) -> Option<Said> {
    let address = rest.find("0x").map(|start| &rest[start..]);
    let address = address.and_then(hex).map(|(at, _)| at);
    let cause = rest.split_once(" at 0x").map_or(rest, |(cause, _)| cause);
    announced(Announcement {
        message: Some(shortened(text, MAX_TEXT)),
        fault_address: address,
        ..Announcement::new(Kind::HeapCorruption, &shortened(cause, MAX_TEXT))
    })
}

/// What follows a memory protection fault or a cache error: the address where there is one, and the reason.
fn refused(text: &str) -> Option<Said> {
    if let Some(rest) = text.trim_start().strip_prefix("faulting address: ") {
        let at = Some(only_hex(rest)?);
        return Some(Said::Refused { at, what: None });
    }
    let words = [
        " operation at address 0x",
        " error occurred while accessing the address 0x",
        " parameter configuration error, the error address and size is 0x",
    ];
    let found = words.iter().find_map(|words| text.split_once(words));
    let at = match found {
        Some((_, rest)) => Some(bare_hex(rest)?.0),
        None => None,
    };
    let is_reason = matches!(
        text,
        "dbus tried to write cache"
            | "dbus authentication failed"
            | "ibus authentication failed"
            | "ibus tried to write cache"
            | "MMU entry fault"
            | "MMU entry fault error"
            | "preload configurations fault"
            | "sync configurations fault"
    ) || text.starts_with("access to cache while ")
        || text.starts_with("Cached memory region accessed while ")
        || text.starts_with("Dbus write to cache rejected")
        || text.starts_with("Write back error occurred");
    (at.is_some() || is_reason).then(|| Said::Refused {
        at,
        what: Some(shortened(text, MAX_TEXT)),
    })
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
        _ if text.starts_with("Setting breakpoint at 0x") => return Some(Said::Rebooting),
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

/// `0x40089767:0x3ffc2320 …`; a space may be missing between two entries, and digits may be upper case. Where the text ends
/// inside an entry, its PC counts if it is whole.
pub(crate) fn backtrace(rest: &str) -> Option<Said> {
    let mut rest = rest.trim();
    let mut entries = Vec::new();
    while let Some((pc, after)) = hex(rest) {
        let Some((sp, after)) = after.strip_prefix(':').and_then(stack_pointer) else {
            break;
        };
        if after.is_empty() && rest.len() < ENTRY.len() {
            break;
        }
        if entries.len() < MAX_BACKTRACE {
            entries.push((pc, Some(sp)));
        }
        rest = after.trim_start();
    }
    let corrupted = rest.starts_with("|<-CORRUPTED");
    let is_in_entry = rest.len() < ENTRY.len() && is_like(rest, ENTRY);
    let is_cut =
        !rest.is_empty() && (is_in_entry || (!corrupted && "|<-CORRUPTED".starts_with(rest)));
    if let Some((pc, _)) = hex(rest.split(':').next().unwrap_or(rest))
        && is_cut
        && rest.len() >= 10
        && entries.len() < MAX_BACKTRACE
    {
        entries.push((pc, None));
    }
    // "Backtrace: none" is a word, "Backtrace:" alone is Rust's.
    (!entries.is_empty() || rest.is_empty() || corrupted).then_some(Said::Backtrace {
        entries,
        corrupted,
        is_cut,
    })
}

const ENTRY: &str = "0x00000000:0x00000000";

/// A beginning of this form, in which a 0 is any digit.
fn is_like(text: &str, form: &str) -> bool {
    let is_it = |(is, wanted): (u8, u8)| match wanted {
        b'0' => is.is_ascii_hexdigit(),
        wanted => is == wanted,
    };
    text.bytes().zip(form.bytes()).all(is_it)
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

/// `3fc8bf90: 0x00000000 0x00000000 …`, eight words a line; what another core has printed in between ends the words.
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
    let is_cut = words.len() < 8;
    (is_address && !words.is_empty()).then_some(Said::StackWords {
        base,
        words,
        is_cut,
    })
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
    // ESP-IDF before 3.1 and that for the ESP8266 did not log it.
    let message = match early(text, "task_wdt") {
        Some(message) => message,
        None if text.starts_with("Task watchdog got triggered.") => text.to_owned(),
        None => {
            let listed = text.starts_with(" - ") && text.ends_with(')');
            let runs = text.strip_prefix("CPU ").and_then(decimal);
            let runs = runs.is_some_and(|(_, rest)| rest.starts_with(": "));
            let is_of_it = listed || runs || text == "Aborting.";
            return is_of_it.then(|| Said::TaskWdt(of_task_wdt(text)));
        }
    };
    Some(Said::TaskWdt(of_task_wdt(&message)))
}

fn of_task_wdt(message: &str) -> TaskWdt {
    if message.starts_with("Task watchdog got triggered") {
        TaskWdt::Triggered
    } else if let Some(rest) = message.trim_start().strip_prefix("- ") {
        let (task, rest) = rest.rsplit_once(" (CPU ").unwrap_or((rest, ""));
        TaskWdt::Starved {
            task: shortened(task, MAX_TEXT),
            core: decimal(rest).map(|(core, _)| core),
        }
    } else if let Some((core, rest)) = message.strip_prefix("CPU ").and_then(decimal) {
        match rest.strip_prefix(": ") {
            Some(task) => TaskWdt::Running {
                core,
                task: shortened(task, MAX_TEXT),
            },
            None => TaskWdt::Other,
        }
    } else if message.starts_with("Aborting.") {
        TaskWdt::Aborting
    } else if let Some((core, _)) = message.strip_prefix("Print CPU ").and_then(decimal) {
        TaskWdt::PrintsCore(core)
    } else {
        TaskWdt::Other
    }
}
