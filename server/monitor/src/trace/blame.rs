//! Which frame a crash is to be shown at.

use super::{Blame, Frame, Place};
use crate::crash::{Crash, Kind, Source};

/// Runtime functions between the mistake and the end of the program. What their names begin with.
const RUNTIME: [&str; 27] = [
    "abort",
    "panic_abort",
    "esp_system_abort",
    "esp_restart",
    "__assert",
    "__assert_func",
    "_esp_error_check_failed",
    "esp_error_check_failed",
    "__stack_chk_fail",
    "__cxa_",
    "__cxxabiv1::",
    "std::terminate",
    "std::__throw_",
    "operator new",
    "vApplicationStackOverflowHook",
    "task_wdt_",
    "esp_task_wdt_",
    "rust_begin_unwind",
    "rust_panic",
    "__rust_",
    "__rustc::",
    "core::panicking::",
    "std::panicking::",
    "core::result::unwrap_failed",
    "core::option::",
    "esp_backtrace::",
    "std::sys::",
];

/// The line at fault: the innermost one for a fault; the caller for what ends by `abort()`, an assertion or a Rust panic,
/// at the text's own word where the frames agree with it, since it names the column, too.
pub(super) fn blame(crash: &Crash, exact: &[Frame], frames: &[Frame]) -> Option<Blame> {
    let ends_itself = matches!(
        crash.kind,
        Kind::Abort
            | Kind::Assert
            | Kind::ErrorCheck
            | Kind::CxxTerminate
            | Kind::RustPanic
            | Kind::StackSmashing
            | Kind::HeapCorruption
    );
    if !ends_itself {
        return innermost(exact).or_else(|| innermost(frames));
    }
    if let Some(source) = &crash.source
        && let Some(frame) = frames.iter().find(|frame| agrees(frame, source))
    {
        let place = frame.place.as_ref()?;
        return Some(Blame {
            function: frame.function.clone(),
            place: Place {
                file: place.file.clone(),
                line: Some(source.line),
                column: source.column,
            },
        });
    }
    let own = frames
        .iter()
        .position(|frame| !is_runtime(frame))
        .unwrap_or(0);
    let called = crash
        .abort_pc
        .and_then(|pc| frames.iter().position(|frame| is_at(frame, pc)));
    innermost(&frames[own.max(called.unwrap_or(0))..])
}

/// The first frame with a line. A function whose line is not known is better than a line of one that only called it.
fn innermost(frames: &[Frame]) -> Option<Blame> {
    let frame = frames.iter().find(|frame| frame.place.is_some())?;
    Some(Blame {
        function: frame.function.clone(),
        place: frame.place.clone()?,
    })
}

/// A frame is in the file that the text names, and in its function where it names one.
fn agrees(frame: &Frame, source: &Source) -> bool {
    let is_file = frame.place.as_ref().is_some_and(|place| {
        let named = source.file.trim_start_matches("./").replace('\\', "/");
        let file = place.file.replace('\\', "/");
        file.strip_suffix(named.as_str())
            .is_some_and(|before| before.is_empty() || before.ends_with('/'))
    });
    let is_function = source.function.as_deref().is_none_or(|function| {
        let name = frame.function.as_deref().unwrap_or_default();
        let name = name.split('(').next().unwrap_or(name);
        // Of C++ the text has the whole signature.
        let function = function.split('(').next().unwrap_or(function);
        let function = function.rsplit(' ').next().unwrap_or(function);
        name == function || name.ends_with(&format!("::{function}"))
    });
    is_file && is_function
}

/// The board computes the call of `abort` from its return address, by 4 on RISC-V and 3 on Xtensa.
fn is_at(frame: &Frame, abort_pc: u32) -> bool {
    (abort_pc..=abort_pc.saturating_add(4)).contains(&frame.address)
}

fn is_runtime(frame: &Frame) -> bool {
    let Some(name) = &frame.function else {
        return false;
    };
    RUNTIME.iter().any(|start| {
        name.strip_prefix(start).is_some_and(|rest| {
            let is_whole = !start.ends_with(|c: char| c.is_alphanumeric());
            is_whole || rest.is_empty() || rest.starts_with(['(', '.', ':', ' '])
        })
    })
}
