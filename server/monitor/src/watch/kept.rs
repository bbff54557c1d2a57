//! Crashes that a program has stored, and reports after the reset.

use super::fault::kind_of;
use super::open::{KEPT, Open};
use crate::crash::{Crash, Kind};
use crate::said::{Registers, Remembered, Report};

impl Open {
    pub(super) fn remembered(&mut self, said: Remembered) {
        let crash = &mut self.crash;
        match said {
            Remembered::Begins => {}
            Remembered::Reason { kind, cause } => {
                crash.kind = match kind.as_str() {
                    "Abort" => Kind::Abort,
                    "Interrupt wdt" => Kind::IntWdt,
                    "Task wdt" => Kind::TaskWdt,
                    kind if kind.ends_with(" WDT") => Kind::Watchdog,
                    _ => kind_of(cause.as_deref().unwrap_or_default()),
                };
                // `abort()` ends by a store to nowhere.
                crash.cause = match crash.kind {
                    Kind::Abort => "abort()".to_owned(),
                    Kind::Watchdog => kind,
                    _ => cause.filter(|cause| cause != "Unknown").unwrap_or(kind),
                };
            }
            Remembered::Core(core) => crash.core = Some(core),
            Remembered::Pc(pc) => self.registers(Registers {
                values: vec![("PC", pc)],
                damaged: false,
            }),
            Remembered::Frame(address) => self.returns_to(address),
        }
    }

    pub(super) fn crash_report(&mut self, said: Report) {
        let crash = &mut self.crash;
        match said {
            Report::Begins => {}
            Report::At(pc) => {
                crash.named_pc = Some(pc);
                crash.message = Some(format!("at {pc:#x}; {KEPT}"));
            }
            Report::Cause(cause) => crash.cause = cause,
            Report::Accessed(address) => crash.fault_address = Some(address),
            Report::Ends => {
                self.end();
                self.is_complete = true;
            }
        }
    }
}

impl Crash {
    /// Whether the program has kept the very crash that it has printed before.
    pub(super) fn is_told_again(&self, printed: &Self) -> bool {
        let first = |crash: &Self| {
            let backtrace = crash.dump.backtrace.as_ref()?;
            backtrace.entries.first().map(|(pc, _)| *pc)
        };
        let pc = self.dump.pc().filter(|pc| printed.dump.pc() == Some(*pc));
        pc.is_some() || first(self).is_some_and(|pc| first(printed) == Some(pc))
    }
}
