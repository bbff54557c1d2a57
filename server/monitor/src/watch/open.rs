//! A crash whose lines are still coming.

use std::time::Duration;

use super::fault::{fault, kind_of};
use super::{Said, TaskWdt};
use crate::crash::{Crash, Kind, MAX_BACKTRACE, MAX_OTHERS, MAX_TEXT, Severity, Source};
use crate::said::{Announcement, xtensa_cause};
use crate::text::shortened;

/// The text if the first line of a panic was lost.
const UNKNOWN: &str = "unknown (the first line of the panic is missing)";

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // each is one thing that a line has said
pub(super) struct Open {
    pub(super) crash: Crash,
    /// Lines in between that are not its own.
    pub(super) other_lines: u32,
    /// A dump alone may be a program's own `esp_backtrace_print()`: only what follows makes it a crash.
    is_certain: bool,
    /// The panic handler has spoken (`Guru Meditation`, `abort()`): another first line is a panic inside it.
    is_panic: bool,
    has_ended: bool,
    is_complete: bool,
    /// The task watchdog will abort.
    aborts: bool,
    /// Tasks that run, by core, when the task watchdog looks.
    running: Vec<(u32, String)>,
    pub(super) prints_core: Option<u32>,
    /// Which dump the next registers belong to: 0, or one more than the index in `other_cores`.
    pub(super) dump: usize,
    /// The next line is the message of a Rust panic.
    wants_message: bool,
    in_esp8266_stack: bool,
}

impl Open {
    /// The crash that a line begins.
    pub(super) fn begin(said: Said, at: Duration) -> Option<Self> {
        let open = |kind, cause: &str| Self {
            crash: Crash::new(kind, cause, at),
            other_lines: 0,
            is_certain: true,
            is_panic: false,
            has_ended: false,
            is_complete: false,
            aborts: false,
            running: Vec::new(),
            prints_core: None,
            dump: 0,
            wants_message: false,
            in_esp8266_stack: false,
        };
        let headless = || Self {
            is_certain: false,
            ..open(Kind::Fault, UNKNOWN)
        };
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
            Said::Esp8266Exception { old, number } => {
                let word = if old { "Fatal exception" } else { "Exception" };
                let name = xtensa_cause(number)
                    .map(|name| format!(" {name}"))
                    .unwrap_or_default();
                open(Kind::Fault, &format!("{word} ({number}){name}"))
            }
            Said::DumpOf(_) => {
                let mut new = headless();
                new.hear(said);
                new
            }
            Said::Registers(ref registers)
                if registers
                    .values
                    .iter()
                    .any(|(name, _)| matches!(*name, "PC" | "MEPC")) =>
            {
                let mut new = headless();
                new.hear(said);
                new
            }
            Said::Backtrace { ref entries, .. } if !entries.is_empty() => {
                let mut new = headless();
                new.hear(said);
                new
            }
            _ => return None,
        })
    }

    /// Takes a line that belongs to this crash; gives back one that begins another.
    pub(super) fn hear(&mut self, said: Said) -> Option<Said> {
        self.wants_message &= matches!(said, Said::RustException { .. });
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
                // A damaged heap is found by an assertion; the damage is the news.
                let follows =
                    self.crash.kind == Kind::HeapCorruption && announcement.kind == Kind::Assert;
                if !follows || self.crash.dump.has_trace() {
                    return Some(said);
                }
                self.is_panic = true;
            }
            Said::TaskWdt(TaskWdt::Triggered)
            | Said::RustBanner
            | Said::Esp8266Exception { .. } => return Some(said),
            Said::TaskWdt(said) => self.task_wdt(said),
            Said::RustPanic { .. } => {
                if self.is_certain || self.crash.kind != Kind::RustPanic {
                    return Some(said);
                }
                self.is_certain = true;
                self.rust_panic(said);
            }
            Said::RustException {
                core,
                cause,
                pc,
                address,
            } => self.rust_exception(core, cause, pc, address),
            said => self.detail(said),
        }
        None
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
                        crash.task = Some(task.trim_end_matches(')').to_owned());
                    }
                    None => crash.cause = format!("{}: {reason}", crash.cause),
                }
            }
            Said::DetectedIn { task, at } => {
                crash.task = Some(task);
                crash.named_pc = Some(at);
            }
            Said::FaultingAddress(address) => crash.fault_address = Some(address),
            Said::CheckedAt { file, line } if crash.kind == Kind::ErrorCheck => {
                let source = crash.source.get_or_insert_default();
                source.file = file;
                source.line = line;
            }
            Said::CheckedIn(function) if crash.kind == Kind::ErrorCheck => {
                crash.source.get_or_insert_default().function = Some(function);
            }
            Said::Checked(expression) if crash.kind == Kind::ErrorCheck => {
                crash.message = Some(expression);
            }
            Said::What(what) if crash.kind == Kind::CxxTerminate => crash.message = Some(what),
            Said::DumpOf(core) => self.dump_of(core),
            Said::InInterrupt => self.dump_mut().in_interrupt = true,
            Said::Registers(registers) => self.registers(registers),
            Said::Backtrace { entries, corrupted } => self.backtrace(entries, corrupted),
            Said::BacktraceCutShort => {
                if let Some(backtrace) = &mut self.dump_mut().backtrace {
                    backtrace.incomplete = true;
                }
            }
            Said::Address(address) => {
                if let Some(backtrace) = &mut self.dump_mut().backtrace
                    && backtrace
                        .entries
                        .iter()
                        .all(|(_, stack_pointer)| stack_pointer.is_none())
                    && backtrace.entries.len() < MAX_BACKTRACE
                {
                    backtrace.entries.push((address, None));
                }
            }
            Said::StackMemory => self.is_certain = true,
            Said::StackWords { base, words } if self.takes_stack() => {
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
    }

    fn task_wdt(&mut self, said: TaskWdt) {
        if self.crash.kind != Kind::TaskWdt {
            return;
        }
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

    fn rust_panic(&mut self, said: Said) {
        if let Said::RustPanic {
            thread,
            source,
            message,
        } = said
        {
            self.crash.task = thread;
            self.crash.source = source;
            match message {
                Some(message) => self.crash.cause = message,
                None => self.wants_message = true,
            }
        }
    }

    /// esp-hal panics in its own handler: that place is not the fault's.
    fn rust_exception(
        &mut self,
        core: Option<u32>,
        cause: String,
        pc: Option<u32>,
        address: Option<u32>,
    ) {
        if self.crash.kind != Kind::RustPanic {
            return;
        }
        self.is_certain = true;
        self.wants_message = false;
        self.crash.kind = Kind::RustException;
        self.crash.cause = cause;
        self.crash.core = core;
        self.crash.source = None;
        self.crash.fault_address = address;
        if let Some(pc) = pc {
            self.crash.dump.registers.push(("MEPC", pc));
        }
    }

    /// Takes the message of a Rust panic.
    pub(super) fn takes_text(&mut self, text: &str) -> bool {
        if std::mem::take(&mut self.wants_message) {
            self.crash.cause = shortened(text.trim(), MAX_TEXT);
            return true;
        }
        false
    }

    /// The task watchdog only reports: the program's next words end it.
    pub(super) fn ends_with_other_text(&self) -> bool {
        self.crash.kind == Kind::TaskWdt && !self.aborts && !self.crash.dump.is_empty()
    }

    pub(super) fn is_complete(&self) -> bool {
        self.is_complete
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
        crash.truncated =
            self.is_panic && !self.has_ended && crash.nested == 0 && !crash.dump.has_trace();
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
