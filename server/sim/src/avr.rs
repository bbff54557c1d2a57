//! A simulated AVR board: a part with a serial boot loader on the wire.
//!
//! It does what genuine boot loaders were seen to do in an emulator, also where that is awkward: they
//! blink before they hear, start the program for a byte that is missing, hear no more than three bytes while
//! they are busy, and optiboot takes EEPROM for flash. It runs no program; a reset starts the boot loader.

mod memory;
mod v1;
mod v2;

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::time::Duration;

use fbuild_chip::avr::{AvrBoard as Facts, Protocol};
use fbuild_link::Lines;
use fbuild_link::memory::{Device, Transmission};

use crate::board::BuildError;
use crate::stats::Stats;
use crate::timing::Timing;
use crate::wire::Wire;
use memory::Memory;
pub use memory::PageCounters;

/// From a reset to the boot loader's first instruction: 65 ms by the fuses.
const START: Duration = Duration::from_millis(65);
/// Boot loaders blink before they look at what came. Measured in an emulator: optiboot 4.4, ATmegaBOOT for
/// the ATmega328P; that of the Mega 2560 does not.
fn blink(facts: &Facts) -> Duration {
    Duration::from_millis(match facts.protocol {
        Protocol::Stk500V1 if facts.baud >= v1::OPTIBOOT_BAUD => 375,
        Protocol::Stk500V1 => 200,
        Protocol::Stk500V2 => 0,
    })
}
/// How long it waits for another byte.
const WATCHDOG: Duration = Duration::from_secs(1);
/// How many bytes a part's receiver holds that nobody takes from it: two, and one in its shift register.
const HELD: usize = 3;

/// What the part is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AvrState {
    /// The program runs.
    Running,
    /// The boot loader waits for requests.
    Loader,
}

/// What a boot loader does with the bytes of a request that came so far.
enum Step {
    More,
    /// The request is complete: send this, being busy for so long before the last `after` bytes of it.
    Answer {
        bytes: Vec<u8>,
        busy: Duration,
        after: usize,
    },
    /// As an answer; then the program starts.
    Leave(Vec<u8>),
    /// Out of step: the program starts.
    Lost,
}

/// A simulated board.
#[derive(Debug)]
pub struct AvrBoard {
    facts: Facts,
    memory: Memory,
    wire: Wire,
    now: Duration,
    lines: Lines,
    has_lines: bool,
    state: AvrState,
    /// The boot loader looks at no byte before.
    busy_until: Duration,
    /// Since when the receiver is on.
    hears_from: Duration,
    starts_at: Duration,
    held: VecDeque<u8>,
    request: Vec<u8>,
    /// Words; where the next access of memory is.
    address: u32,
    stats: Stats,
}

impl AvrBoard {
    /// A board with a blank flash, or with that of a file, which it is written to.
    ///
    /// # Errors
    /// [`BuildError`]: the file is in use or cannot be read.
    pub fn new(facts: Facts, file: Option<&Path>, timing: Timing) -> Result<Self, BuildError> {
        let mut wire = Wire::new(timing.link);
        wire.set_baud(Some(facts.baud));
        Ok(Self {
            facts,
            memory: Memory::new(facts, file)?,
            wire,
            now: Duration::ZERO,
            lines: Lines::default(),
            has_lines: true,
            state: AvrState::Running,
            busy_until: Duration::ZERO,
            hears_from: Duration::ZERO,
            starts_at: Duration::ZERO,
            held: VecDeque::new(),
            request: Vec::new(),
            address: 0,
            stats: Stats::default(),
        })
    }

    /// Whether control lines reach it.
    #[must_use]
    pub fn lines(mut self, reach: bool) -> Self {
        self.has_lines = reach;
        self
    }

    /// What the part is doing.
    pub fn state(&self) -> AvrState {
        self.state
    }

    /// What is in its flash.
    pub fn flash(&self) -> &[u8] {
        self.memory.flash()
    }

    /// The flash, to be changed behind everybody's back.
    pub fn flash_mut(&mut self) -> &mut [u8] {
        self.memory.flash_mut()
    }

    /// The next pages that are written get a wrong bit each.
    pub fn spoil_pages(&mut self, count: u32) {
        self.memory.spoilt = count;
    }

    /// What is in its EEPROM.
    pub fn eeprom(&self) -> &[u8] {
        self.memory.eeprom()
    }

    /// What was done to its flash.
    pub fn counters(&self) -> PageCounters {
        self.memory.counters()
    }

    /// What went over its line.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// The reset button.
    pub fn reset(&mut self, now: Duration) {
        self.wire.reset(now);
        self.stats.resets += 1;
        self.held.clear();
        self.request.clear();
        self.memory.restart();
        self.address = 0;
        self.state = AvrState::Loader;
        self.hears_from = now + START;
        self.busy_until = self.hears_from + blink(&self.facts);
        self.starts_at = self.busy_until + WATCHDOG;
    }

    /// Does what is due by `now`.
    fn settle(&mut self, now: Duration) {
        while self.state == AvrState::Loader && self.busy_until <= now {
            let Some(byte) = self.held.pop_front() else {
                break;
            };
            let at = self.busy_until;
            self.take(at, byte);
        }
        if self.state == AvrState::Loader && self.starts_at <= now {
            self.state = AvrState::Running;
        }
        self.now = self.now.max(now);
    }

    fn hear(&mut self, at: Duration, byte: u8) {
        self.settle(at);
        if self.state != AvrState::Loader || at < self.hears_from {
            return;
        }
        if at < self.busy_until {
            if self.held.len() < HELD {
                self.held.push_back(byte);
            }
            return;
        }
        self.take(at, byte);
    }

    /// The boot loader takes a byte from the receiver.
    fn take(&mut self, at: Duration, byte: u8) {
        self.starts_at = at + WATCHDOG;
        self.request.push(byte);
        let step = match self.facts.protocol {
            Protocol::Stk500V1 => self.step_v1(),
            Protocol::Stk500V2 => self.step_v2(),
        };
        match step {
            Step::More => return,
            Step::Answer { bytes, busy, after } => {
                self.stats.commands += 1;
                let (first, last) = bytes.split_at(bytes.len() - after);
                let sent = self.send(at, first);
                self.busy_until = (at.max(sent) + busy).max(at);
                self.stats.flash_busy += busy;
                let end = self.send(self.busy_until, last);
                self.busy_until = self.busy_until.max(end);
                self.starts_at = self.busy_until + WATCHDOG;
            }
            Step::Leave(bytes) => {
                self.stats.commands += 1;
                self.send(at, &bytes);
                self.state = AvrState::Running;
            }
            Step::Lost => self.state = AvrState::Running,
        }
        self.request.clear();
    }

    /// Sends; gives the time when the CPU has handed over all but the two bytes that the part's
    /// transmitter holds.
    fn send(&mut self, at: Duration, bytes: &[u8]) -> Duration {
        if bytes.is_empty() {
            return at;
        }
        let baud = self.wire.baud();
        self.wire
            .send_raw(at, bytes.to_vec(), baud, &mut self.stats);
        let held = Duration::from_secs(1) * 10 * bytes.len().min(2) as u32 / baud;
        at.max(self.wire.tx_free().saturating_sub(held))
    }
}

impl Device for AvrBoard {
    fn time(&self) -> Duration {
        self.now
    }

    fn receive(&mut self, now: Duration, bytes: &[u8], host_baud: u32) {
        self.settle(now);
        let arrivals = self.wire.receive(now, bytes, host_baud, &mut self.stats);
        for (at, byte) in arrivals {
            self.hear(at, byte);
        }
    }

    /// A capacitor makes a reset of the moment at which a line is asserted.
    fn set_lines(&mut self, now: Duration, lines: Lines) {
        self.settle(now);
        let before = std::mem::replace(&mut self.lines, lines);
        if lines.dtr && !before.dtr {
            self.reset(now);
        }
    }

    fn transmit(&mut self, host_baud: u32, until: Duration) -> Option<Transmission> {
        // What it holds may make it send.
        if self.wire.waiting() == 0 {
            self.settle(until);
        }
        self.wire.next_transmission(host_baud, until)
    }

    fn has_lines(&self) -> bool {
        self.has_lines
    }

    fn presence(&self) -> io::Result<()> {
        self.memory.presence()
    }
}

impl crate::served::Served for AvrBoard {
    const RESETS_WHEN_OPENED: bool = true;

    fn transmit_as_sent(&mut self, until: Duration) -> Option<Transmission> {
        let baud = self.wire.baud();
        self.transmit(baud, until)
    }

    fn baud(&self) -> u32 {
        self.wire.baud()
    }

    fn make_ready(&mut self, now: Duration) {
        self.settle(now);
        self.reset(now);
    }
}

#[cfg(test)]
mod tests;
