//! Registers, backtraces and stacks, each to the core that they are of.

use super::broken::Broken;
use super::open::Open;
use crate::crash::{Backtrace, Dump, MAX_OTHERS, may_be_code};
use crate::said::{Registers, Said, backtrace};

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

    pub(super) fn current_dump(&self) -> &Dump {
        let other = self.dump.checked_sub(1);
        let other = other.and_then(|index| self.crash.other_cores.get(index));
        other.unwrap_or(&self.crash.dump)
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
        if self.dump_mut().has_trace() && registers.has_pc() {
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

    pub(super) fn backtrace(
        &mut self,
        entries: Vec<(u32, Option<u32>)>,
        corrupted: bool,
        is_cut: bool,
    ) {
        if self.crash.nested > 0 || (entries.is_empty() && !corrupted && !self.is_rust) {
            return;
        }
        if self.dump_mut().backtrace.is_some() {
            self.next_dump(self.prints_core);
        }
        let has_entries = !entries.is_empty();
        let dump = self.dump_mut();
        if dump.backtrace.is_none() {
            dump.backtrace = Some(Backtrace {
                entries,
                corrupted,
                incomplete: is_cut,
                ..Backtrace::default()
            });
            self.broken = has_entries.then(Broken::default);
        }
    }

    /// The line that was heard was this; where it was a backtrace that was taken, it may go on.
    pub(super) fn may_be_broken(&mut self, text: &str) {
        let rest = text.strip_prefix("Backtrace:");
        let broken = self.broken.take();
        self.broken = broken.zip(rest).and_then(|(new, rest)| new.with(rest));
    }

    /// Takes the rest of a backtrace that a terminal has broken: a line that adds an entry, or completes the last.
    pub(super) fn takes_rest_of_backtrace(&mut self, text: &str) -> bool {
        let text = text.trim_end();
        let is_of_it = |c: char| c.is_ascii_hexdigit() || matches!(c, 'x' | ':' | ' ');
        let entries = text.trim_end_matches(|c| "|<-CORRUPTED".contains(c));
        let is_rest = !text.is_empty() && entries.chars().all(is_of_it);
        let Some(broken) = self.broken.take().filter(|_| is_rest) else {
            return false;
        };
        let Some(whole) = broken.with(text) else {
            return false;
        };
        let Some(known) = &mut self.dump_mut().backtrace else {
            return false;
        };
        let Some(Said::Backtrace {
            entries,
            corrupted,
            is_cut,
        }) = backtrace(&whole.text)
        else {
            return false;
        };
        let pc = |(pc, _): &(u32, Option<u32>)| *pc;
        let goes_on = entries.iter().map(pc).take(known.entries.len());
        if !goes_on.eq(known.entries.iter().map(pc))
            || (known.entries == entries && known.corrupted == corrupted)
        {
            return false;
        }
        known.entries = entries;
        known.corrupted = corrupted;
        known.incomplete = is_cut;
        self.is_cut = is_cut;
        self.broken = Some(whole);
        true
    }

    /// An address on a line of its own.
    pub(super) fn address(&mut self, address: u32) {
        // esp-backtrace before 0.15 put no `Backtrace:` before those of an exception.
        let is_bare = self.is_rust && self.is_certain_with_dump && may_be_code(address);
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
