//! A crash in words for a shell.

use fbuild_monitor::crash::{Crash, Kind};
use fbuild_monitor::trace::{Build, Frame, Trace};

/// What a crash is and where, a line each.
pub(crate) fn told(crash: &Crash, trace: &Trace) -> Vec<String> {
    let mut lines = vec![headline(crash)];
    if let Some(message) = &crash.message {
        lines.push(format!("  {message}"));
    }
    if let Some(source) = &crash.source {
        lines.push(format!("  at {}:{}", source.file, source.line));
    }
    if crash.repeats > 1 && crash.kind != Kind::BootLoop {
        lines.push(format!(
            "  seen {} times in a row, at the same place",
            crash.repeats
        ));
        return lines;
    }
    if crash.addresses().is_empty() && trace.frames.is_empty() && trace.unknown_top.is_none() {
        return lines;
    }
    match &trace.build {
        Build::Named(elf) => lines.push(format!(
            "  addresses by {elf}, the build that the board names"
        )),
        Build::Unverified(elf) => lines.push(format!(
            "  addresses by {elf}; the board does not say whether it runs this build"
        )),
        Build::Other => {
            let sha = crash.elf_sha256.as_deref().unwrap_or_default();
            lines.push(format!(
                "  the board runs another build (ELF file SHA256 {sha}) than every ELF file at hand: no \
                 address is resolved"
            ));
            return lines;
        }
        Build::Unknown(error) => {
            let why = error.as_deref().unwrap_or(
                "no ELF file: name it with --elf FILE, or run this in the project's directory",
            );
            lines.push(format!("  {why}"));
            return lines;
        }
    }
    if let Some(pc) = trace.unknown_top {
        lines.push(format!("  {pc:#010x}  no code of the program"));
    }
    frames(&trace.frames, &mut lines);
    lines.push(format!("  ({})", trace.stop));
    if !trace.candidates.is_empty() {
        lines.push("  perhaps called by:".to_owned());
        frames(&trace.candidates, &mut lines);
    }
    for (dump, other) in crash.other_cores.iter().zip(&trace.other_cores) {
        lines.push(match dump.core {
            Some(core) => format!("  core {core}:"),
            None => "  another core:".to_owned(),
        });
        frames(other, &mut lines);
    }
    lines
}

/// `fault: LoadProhibited at 0x00000004, core 1`
pub(crate) fn headline(crash: &Crash) -> String {
    let address = crash
        .fault_address
        .map(|address| format!(" at {address:#010x}"));
    let task = crash.task.as_ref().map(|task| format!(", task {task}"));
    let core = crash.core.map(|core| format!(", core {core}"));
    let times = (crash.kind == Kind::BootLoop).then(|| format!(", {} times", crash.repeats));
    let mut line = format!("{}: {}", crash.kind.word(), crash.cause);
    line.extend([address, task, core, times].into_iter().flatten());
    line
}

/// `LoadProhibited reading 0x00000004`, `assert failed: x > 0`
pub(crate) fn short(crash: &Crash) -> String {
    let cause = &crash.cause;
    let reach = if cause.starts_with("Load") {
        "reading"
    } else if cause.starts_with("Store") {
        "writing"
    } else {
        "at"
    };
    let address = crash.fault_address;
    let address = address.map(|address| format!(" {reach} {address:#010x}"));
    let message = crash.message.as_ref().map(|text| format!(": {text}"));
    let mut short = cause.clone();
    short.extend([address, message].into_iter().flatten());
    short
}

/// A line each; endless recursion is shown once.
fn frames(frames: &[Frame], lines: &mut Vec<String>) {
    let mut before = String::new();
    let mut same = 0;
    let mut shown = Vec::new();
    for frame in frames {
        let line = shown_frame(frame);
        if line == before {
            same += 1;
            continue;
        }
        flush(&mut same, &mut shown);
        shown.push(line.clone());
        before = line;
    }
    flush(&mut same, &mut shown);
    lines.append(&mut shown);
}

fn flush(same: &mut u32, shown: &mut Vec<String>) {
    if *same > 0 {
        shown.push(format!("  {:10}  the same {same} more times", ""));
    }
    *same = 0;
}

fn shown_frame(frame: &Frame) -> String {
    let function = frame.function.as_deref().unwrap_or("??");
    let inlined = if frame.is_inlined { " (inlined)" } else { "" };
    let place = match &frame.place {
        Some(place) => match place.line {
            Some(line) => format!(" at {}:{line}", place.file),
            None => format!(" in {}, no line", place.file),
        },
        None if frame.is_rom => " in the chip's ROM".to_owned(),
        None => String::new(),
    };
    format!("  {:#010x}  {function}{inlined}{place}", frame.address)
}
