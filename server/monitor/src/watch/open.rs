//! A crash whose lines are still coming.

use std::time::Duration;

use super::broken::Broken;
use super::fault::{fault, kind_of};
use super::{MAX_BEFORE_DUMP, Said, TaskWdt};
use crate::crash::{Crash, Kind, MAX_OTHERS, MAX_TEXT, Severity, Source};
use crate::said::{Announcement, Remembered, Report, Zephyr, xtensa_cause};
use crate::text::shortened;

/// What is said of a crash that a program has kept.
pub(super) const KEPT: &str = "stored by the program, which reported it after the reset";

/// The cause until Zephyr has named another.
const ZEPHYR: &str = "FATAL EXCEPTION";

/// The text if the first line of a panic was lost.
const UNKNOWN: &str = "unknown (the first line of the panic is missing)";

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each is one thing that a line has said
pub(super) struct Open {
    pub(super) crash: Crash,
    /// Lines in between that are not its own.
    pub(super) other_lines: u32,
    /// A dump alone may be a program's own `esp_backtrace_print()`: only what follows makes it a crash.
    pub(super) is_certain: bool,
    /// A dump that follows is the panic handler's, although the first line alone is not certain.
    pub(super) is_certain_with_dump: bool,
    /// The panic handler has spoken (`Guru Meditation`, `abort()`): another first line is a panic inside it.
    pub(super) is_panic: bool,
    has_ended: bool,
    pub(super) is_complete: bool,
    /// The task watchdog will abort.
    aborts: bool,
    /// Tasks that run, by core, when the task watchdog looks.
    running: Vec<(u32, String)>,
    pub(super) prints_core: Option<u32>,
    /// Which dump the next registers belong to: 0, or one more than the index in `other_cores`.
    pub(super) dump: usize,
    /// The next line is the message of a panic.
    pub(super) wants_message: bool,
    in_esp8266_stack: bool,
    /// Its last line ends too early.
    pub(super) is_cut: bool,
    /// esp-backtrace prints a backtrace's addresses a line each.
    pub(super) is_rust: bool,
    /// The program has kept it, and told it after the reset.
    pub(super) is_kept: bool,
    /// The line before was a backtrace that was taken; a terminal may have broken it.
    pub(super) broken: Option<Broken>,
}

impl Open {
    fn new(kind: Kind, cause: &str, at: Duration) -> Self {
        Self {
            crash: Crash::new(kind, cause, at),
            other_lines: 0,
            is_certain: true,
            is_certain_with_dump: false,
            is_panic: false,
            has_ended: false,
            is_complete: false,
            aborts: false,
            running: Vec::new(),
            prints_core: None,
            dump: 0,
            wants_message: false,
            in_esp8266_stack: false,
            is_cut: false,
            is_rust: false,
            is_kept: false,
            broken: None,
        }
    }

    /// The crash that a line begins.
    pub(super) fn begin(said: Said, at: Duration) -> Option<Self> {
        let open = |kind, cause: &str| Self::new(kind, cause, at);
        Some(match said {
            Said::Guru { core, reason } => {
                let mut new = open(kind_of(&reason), &reason);
                new.crash.core = core;
                new.is_panic = true;
                new
            }
            Said::Abort { pc, core } => {
                let mut new = open(Kind::Abort, "abort()");
                new.crash.core = core;
                new.crash.abort_pc = Some(pc);
                new.is_panic = true;
                new
            }
            Said::Announced(announcement) => {
                let mut new = open(announcement.kind, &announcement.cause);
                new.announce(announcement);
                new
            }
            Said::TaskWdt(TaskWdt::Triggered) => {
                let mut new = open(Kind::TaskWdt, "Task watchdog got triggered");
                new.crash.severity = Severity::Error;
                new.crash.continues = true;
                new
            }
            Said::RustBanner => Self {
                is_certain: false,
                ..open(Kind::RustPanic, "panic")
            },
            Said::RustPanic { .. } => {
                let mut new = open(Kind::RustPanic, "panic");
                new.rust_panic(said);
                new
            }
            Said::RustException { .. } => {
                let mut new = open(Kind::RustPanic, "panic");
                new.is_certain = false;
                new.is_certain_with_dump = true;
                new.is_rust = true;
                new.heard(said)
            }
            Said::Esp8266Exception { old, number } => {
                let word = if old { "Fatal exception" } else { "Exception" };
                let name = xtensa_cause(number)
                    .map(|name| format!(" {name}"))
                    .unwrap_or_default();
                open(Kind::Fault, &format!("{word} ({number}){name}"))
            }
            Said::PanicInPanic => {
                let mut new = open(Kind::Fault, "a panic in the panic handler, which gave up");
                new.is_panic = true;
                new.is_complete = true;
                new
            }
            Said::Zephyr(ref zephyr) => {
                let mut new = open(Kind::Fault, ZEPHYR);
                new.is_certain = zephyr.begins()?;
                new.is_certain_with_dump = matches!(zephyr, Zephyr::Cause { .. });
                new.heard(said)
            }
            Said::Remembered(Remembered::Begins) | Said::CrashReport(Report::Begins) => {
                let mut new = open(Kind::Fault, "crash before the last reset");
                new.is_kept = true;
                new.crash.message = Some(KEPT.to_owned());
                new
            }
            said if begins_dump(&said) => {
                let mut new = open(Kind::Fault, UNKNOWN);
                new.is_certain = false;
                new.heard(said)
            }
            _ => return None,
        })
    }

    fn heard(mut self, said: Said) -> Self {
        self.hear(said);
        self
    }

    /// Whether a line may be of this crash, or begins another. A log has words of its own that look like details.
    pub(super) fn is_its(&self, said: &Said) -> bool {
        match said {
            Said::Address(_) => self.is_rust && !self.wants_message,
            Said::Registers(registers) => {
                let dump = self.current_dump();
                dump.has_trace() || registers.damaged || {
                    let mut names = registers.values.iter().map(|(name, _)| *name);
                    names.any(|name| dump.register(name).is_none())
                }
            }
            Said::DebugReason(_)
            | Said::DetectedIn { .. }
            | Said::InInterrupt
            | Said::StackWords { .. }
            | Said::BacktraceCutShort
            | Said::NoBacktrace
            | Said::Esp8266Stack { .. } => !self.wants_message,
            Said::Zephyr(said) => self.is_its_zephyr(said),
            Said::Remembered(said) => *said == Remembered::Begins || self.is_kept,
            Said::CrashReport(said) => *said == Report::Begins || self.is_kept,
            Said::CheckedAt { .. } | Said::CheckedIn(_) | Said::Checked(_) => {
                self.crash.kind == Kind::ErrorCheck
            }
            Said::What(_) => self.crash.kind == Kind::CxxTerminate,
            Said::Refused { .. } => {
                matches!(self.crash.kind, Kind::MemProt | Kind::CacheError)
            }
            Said::TaskWdt(said) => *said == TaskWdt::Triggered || self.crash.kind == Kind::TaskWdt,
            _ => true,
        }
    }

    /// Takes a line that belongs to this crash; gives back one that begins another.
    pub(super) fn hear(&mut self, said: Said) -> Option<Said> {
        self.wants_message &= matches!(said, Said::RustException { .. });
        self.broken = None;
        self.is_cut = match &said {
            Said::Backtrace { is_cut, .. } | Said::StackWords { is_cut, .. } => *is_cut,
            _ => false,
        };
        match said {
            Said::Guru { core, .. } => {
                if self.is_panic {
                    self.crash.nested = self.crash.nested.saturating_add(1);
                } else if self.may_go_on() {
                    self.crash.core = self.crash.core.or(core);
                    self.is_panic = true;
                } else {
                    return Some(said);
                }
            }
            Said::Abort { pc, core } => {
                if self.is_panic || !self.may_go_on() {
                    return Some(said);
                }
                self.crash.core = self.crash.core.or(core);
                self.crash.abort_pc = Some(pc);
                self.is_panic = true;
            }
            Said::Announced(ref announcement) => {
                // A damaged heap is found by an assertion, and in several places at once; the damage is the news.
                let is_heap = self.crash.kind == Kind::HeapCorruption;
                let is_panic = announcement.kind == Kind::Assert;
                let is_more = announcement.kind == Kind::HeapCorruption && self.other_lines == 0;
                if !is_heap || !(is_panic || is_more) || self.crash.dump.has_trace() {
                    return Some(said);
                }
                self.is_panic |= is_panic;
            }
            Said::Esp8266Exception { .. } if self.is_announced_esp8266() => {}
            Said::TaskWdt(TaskWdt::Triggered)
            | Said::Remembered(Remembered::Begins)
            | Said::CrashReport(Report::Begins)
            | Said::Esp8266Exception { .. } => return Some(said),
            Said::TaskWdt(said) => self.task_wdt(said),
            Said::PanicInPanic if !self.is_panic => return Some(said),
            Said::PanicInPanic => self.is_complete = true,
            Said::RustBanner | Said::RustPanic { .. } | Said::RustException { .. } => {
                return self.rust(said);
            }
            Said::Zephyr(said) => return self.zephyr(said).map(Said::Zephyr),
            Said::Remembered(said) => self.remembered(said),
            Said::CrashReport(said) => self.crash_report(said),
            said => self.detail(said),
        }
        None
    }

    /// The Arduino core says what it was before it prints the exception by which it has ended.
    fn is_announced_esp8266(&self) -> bool {
        let is_one = matches!(
            self.crash.kind,
            Kind::StackOverflow | Kind::StackSmashing | Kind::Watchdog | Kind::DoubleException
        );
        is_one && !self.is_panic && self.crash.dump.is_empty()
    }

    /// Another first line may belong to this crash: it was only announced.
    fn may_go_on(&self) -> bool {
        let is_announced =
            !matches!(self.crash.kind, Kind::Brownout | Kind::TaskWdt) || self.aborts;
        is_announced && self.is_certain && self.crash.dump.is_empty()
    }

    fn detail(&mut self, said: Said) {
        let crash = &mut self.crash;
        match said {
            Said::DebugReason(reason) => {
                match reason.strip_prefix("Stack canary watchpoint triggered (") {
                    Some(task) => {
                        crash.kind = Kind::StackOverflow;
                        "Stack canary watchpoint triggered".clone_into(&mut crash.cause);
                        let task = task.strip_suffix(')').unwrap_or(task);
                        crash.task = Some(task).filter(|it| !it.is_empty()).map(str::to_owned);
                    }
                    None if crash.cause.ends_with(&reason) => {}
                    None => {
                        crash.cause = shortened(&format!("{}: {reason}", crash.cause), MAX_TEXT);
                    }
                }
            }
            Said::DetectedIn { task, at } => {
                crash.task = Some(task);
                crash.named_pc = Some(at);
            }
            Said::Refused { at, what } => {
                crash.fault_address = crash.fault_address.or(at);
                crash.message = crash.message.take().or(what);
            }
            Said::CheckedAt { file, line } => {
                let source = crash.source.get_or_insert_default();
                source.file = file;
                source.line = line;
            }
            Said::CheckedIn(function) => {
                crash.source.get_or_insert_default().function = Some(function);
            }
            Said::Checked(text) | Said::What(text) => crash.message = Some(text),
            Said::DumpOf(core) => {
                self.is_certain |= self.is_certain_with_dump;
                self.dump_of(core);
            }
            Said::InInterrupt => self.dump_mut().in_interrupt = true,
            Said::Registers(registers) => {
                let has_pc = registers.has_pc();
                self.is_certain |= self.is_certain_with_dump && self.is_rust && has_pc;
                self.registers(registers);
            }
            Said::Backtrace {
                entries,
                corrupted,
                is_cut,
            } => {
                self.is_certain |= self.is_certain_with_dump && !entries.is_empty();
                self.backtrace(entries, corrupted, is_cut);
            }
            Said::BacktraceCutShort => {
                if let Some(backtrace) = &mut self.dump_mut().backtrace {
                    backtrace.incomplete = true;
                }
            }
            Said::Address(address) => self.address(address),
            Said::Return(address) => self.returns_to(address),
            Said::StackMemory => self.is_certain = true,
            Said::StackWords { base, words, .. } if self.takes_stack() => {
                self.dump_mut().stack.add(base, &words);
            }
            Said::StackDump { pc, bytes } => {
                self.dump_mut().stack.to_stack_start = Some((pc, bytes));
            }
            Said::Esp8266Stack { begins } => {
                self.in_esp8266_stack = begins;
                self.dump_mut().stack.is_esp8266 |= begins;
                self.is_complete = !begins;
            }
            _ => {}
        }
    }

    fn takes_stack(&mut self) -> bool {
        self.crash.nested == 0 && (self.in_esp8266_stack || self.dump_mut().is_riscv())
    }

    fn announce(&mut self, announcement: Announcement) {
        let crash = &mut self.crash;
        crash.message = announcement.message;
        crash.task = announcement.task;
        crash.source = announcement.source;
        crash.named_pc = announcement.pc;
        crash.fault_address = announcement.fault_address;
        // Damage to the heap may be noticed by a check that goes on.
        if crash.kind == Kind::HeapCorruption {
            crash.severity = Severity::Error;
        }
        self.is_complete = crash.kind == Kind::Brownout;
        self.wants_message = crash.kind == Kind::Abort && crash.cause == "panic";
    }

    fn task_wdt(&mut self, said: TaskWdt) {
        match said {
            TaskWdt::Starved { task, core } => {
                if self.crash.starved.len() < MAX_OTHERS {
                    self.crash.starved.push(task);
                }
                self.crash.core = self.crash.core.or(core);
            }
            TaskWdt::Running { core, task } => {
                if self.running.len() < MAX_OTHERS {
                    self.running.push((core, task));
                }
            }
            TaskWdt::Aborting => self.aborts = true,
            TaskWdt::PrintsCore(core) => {
                if self.prints_core.is_none() {
                    self.crash.core = Some(core);
                }
                self.prints_core = Some(core);
            }
            TaskWdt::Triggered | TaskWdt::Other => {}
        }
    }

    /// The task watchdog only reports, and what a program has kept is one log line after another: the program's next
    /// words end it.
    pub(super) fn ends_with_other_text(&self) -> bool {
        let is_report = self.crash.kind == Kind::TaskWdt && !self.aborts || self.is_kept;
        is_report && !self.crash.dump.is_empty()
    }

    /// Only a dump makes a crash of it, and none has come yet.
    pub(super) fn waits_for_dump(&self) -> bool {
        self.is_certain_with_dump && !self.is_certain
    }

    /// Whether it is worth waiting for the rest. Not where it may be no crash at all: a program's own dump, or registers.
    pub(super) fn is_likely(&self) -> bool {
        self.is_certain || (self.other_lines <= MAX_BEFORE_DUMP && self.crash.cause != ZEPHYR)
    }

    pub(super) fn names_build(&mut self, sha: &str) {
        self.crash.elf_sha256 = Some(sha.to_owned());
        self.end();
    }

    /// The panic handler has finished.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
        self.is_certain = true;
    }

    /// The crash, as far as it was printed; nothing where it was none.
    pub(super) fn finish(mut self) -> Option<Crash> {
        if !self.is_certain {
            return None;
        }
        let last = self.current_dump().clone();
        let crash = &mut self.crash;
        if crash.kind == Kind::TaskWdt {
            let core = crash.core;
            crash.task = self
                .running
                .iter()
                .find(|(other, _)| Some(*other) == core)
                .map(|(_, task)| task.clone());
            crash.dump.core = core;
        }
        let panicked = self.has_ended || self.is_panic || self.aborts;
        if panicked && matches!(crash.kind, Kind::TaskWdt | Kind::HeapCorruption) {
            crash.severity = Severity::Fatal;
            crash.continues = false;
        }
        crash.continues |= crash.kind == Kind::HeapCorruption && !panicked;
        if crash.source == Some(Source::default()) {
            crash.source = None;
        }
        let has_no_trace = self.is_panic && !last.has_trace();
        crash.truncated = (self.is_cut || has_no_trace) && !self.has_ended && crash.nested == 0;
        let (cause, address) = fault(&crash.dump);
        if crash.cause == UNKNOWN
            && let Some(cause) = cause
        {
            cause.clone_into(&mut crash.cause);
        }
        if crash.fault_address.is_none()
            && !crash.dump.registers_damaged
            && matches!(crash.kind, Kind::Fault | Kind::DoubleException)
        {
            crash.fault_address = address;
        }
        Some(self.crash)
    }
}

/// The first line of a panic may be lost.
fn begins_dump(said: &Said) -> bool {
    match said {
        Said::DumpOf(_) => true,
        // One alone may be any program's word.
        Said::Registers(registers) => registers.values.len() > 1 && registers.has_pc(),
        Said::Backtrace { entries, .. } => !entries.is_empty(),
        _ => false,
    }
}
