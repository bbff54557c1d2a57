//! Registers, backtraces and stacks, each to the core that they are of.

use super::open::Open;
use crate::crash::{Backtrace, Dump, MAX_OTHERS};
use crate::said::Registers;

impl Open {
    /// What the lines that come now are about.
    pub(super) fn dump_mut(&mut self) -> &mut Dump {
        match self
            .dump
            .checked_sub(1)
            .filter(|index| *index < self.crash.other_cores.len())
        {
            Some(index) => &mut self.crash.other_cores[index],
            None => &mut self.crash.dump,
        }
    }

    fn next_dump(&mut self, core: Option<u32>) {
        if self.crash.other_cores.len() < MAX_OTHERS {
            self.crash.other_cores.push(Dump {
                core,
                ..Dump::default()
            });
            self.dump = self.crash.other_cores.len();
        }
    }

    pub(super) fn dump_of(&mut self, core: Option<u32>) {
        // The task watchdog names the core itself; what the dump calls it is wrong on some versions.
        let core = self.prints_core.or(core);
        if self.crash.dump.is_empty() {
            self.crash.dump.core = core;
            self.crash.core = self.crash.core.or(core);
        } else if self.crash.nested == 0 {
            self.next_dump(core);
        }
    }

    pub(super) fn registers(&mut self, registers: Registers) {
        if self.crash.nested > 0 {
            return;
        }
        let begins = |(name, _): &(&str, u32)| matches!(*name, "PC" | "MEPC");
        if self.dump_mut().has_trace() && registers.values.iter().any(begins) {
            self.next_dump(None); // its first line was lost
        }
        let dump = self.dump_mut();
        if dump.has_trace() {
            return;
        }
        dump.registers_damaged |= registers.damaged;
        for (name, value) in registers.values {
            if dump.register(name).is_none() {
                dump.registers.push((name, value));
            }
        }
    }

    pub(super) fn backtrace(&mut self, entries: Vec<(u32, Option<u32>)>, corrupted: bool) {
        if self.crash.nested > 0 || (entries.is_empty() && !corrupted && !self.is_rust) {
            return;
        }
        if self.dump_mut().backtrace.is_some() {
            self.next_dump(self.prints_core);
        }
        let dump = self.dump_mut();
        if dump.backtrace.is_none() {
            dump.backtrace = Some(Backtrace {
                entries,
                corrupted,
                ..Backtrace::default()
            });
        }
    }

    /// An address on a line of its own.
    pub(super) fn address(&mut self, address: u32) {
        // esp-backtrace before 0.15 put no `Backtrace:` before those of an exception.
        let is_bare = self.is_rust && self.is_certain_with_dump;
        let dump = self.dump_mut();
        if is_bare {
            dump.backtrace.get_or_insert_default();
        }
        if let Some(backtrace) = &mut dump.backtrace {
            backtrace.add_bare(address);
        }
        self.is_certain |= is_bare;
    }

    /// A return address, after the PC itself.
    pub(super) fn returns_to(&mut self, address: u32) {
        let backtrace = self.dump_mut().backtrace.get_or_insert_default();
        backtrace.is_raw = true;
        backtrace.add_bare(address);
    }
}
