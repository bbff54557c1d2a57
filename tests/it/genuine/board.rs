//! A board with a chip whose ROM is genuine: control lines, a UART, and time, which is counted in instructions.

use std::time::Duration;

use fbuild_link::Lines;
use fbuild_link::memory::{Device, Transmission};

use super::bus::Core;
use super::soc::Soc;

/// Instructions between two looks at whether the program waits in a loop.
const LOOK: u32 = 48;
/// The longest such loop.
const LOOP: u32 = 2048;
/// Cycles that an interrupt needs from a peripheral to the core. A ROM that switches one on has time to say on whose
/// behalf.
const LATENCY: u64 = 8;
/// For so long more bytes are waited for before they are handed over together.
const TOGETHER: Duration = Duration::from_millis(1);

/// Events, memory, and the UART.
type Seen = (u64, u64, (u64, [u32; 6]));

pub(super) struct Board<C> {
    core: C,
    pub(super) soc: Soc,
    clock_hz: u64,
    lines: Lines,
    is_running: bool,
    host_baud: u32,
    /// From this cycle on the UART's interrupt is seen.
    interrupts_at: Option<u64>,
    next_event: u64,
    /// Everything that the board sent.
    pub(super) said: Vec<u8>,
}

impl<C: Core> Board<C> {
    pub(super) fn new(soc: Soc, clock_hz: u64) -> Self {
        Self {
            core: C::reset(),
            soc,
            clock_hz,
            lines: Lines::default(),
            is_running: false,
            host_baud: 115_200,
            interrupts_at: None,
            next_event: 0,
            said: Vec::new(),
        }
    }

    pub(super) fn exceptions(&self) -> &[String] {
        self.core.exceptions()
    }

    fn cycle(&self, at: Duration) -> u64 {
        (at.as_nanos() * u128::from(self.clock_hz) / 1_000_000_000) as u64
    }

    fn moment(&self, cycle: u64) -> Duration {
        // Rounded up: what happened at a cycle has happened then.
        let nanos = u128::from(cycle) * 1_000_000_000;
        Duration::from_nanos(nanos.div_ceil(u128::from(self.clock_hz)) as u64)
    }

    /// Runs until this cycle, or until something was sent.
    fn run(&mut self, until: u64) -> Option<(u64, Vec<u8>)> {
        let mut look = LOOK;
        let mut seen: Option<(u32, Vec<u32>, Seen)> = None;
        while self.soc.cycles < until {
            if !self.is_running {
                self.soc.cycles = until;
                break;
            }
            if self.soc.cycles >= self.next_event {
                self.update();
                if let Some(sent) = self.soc.uart.take_sent(self.soc.cycles, self.host_baud) {
                    return Some(sent);
                }
            }
            if self.interrupts_at.is_some_and(|at| at <= self.soc.cycles)
                && let Some((line, level)) = self.soc.uart_line()
                && self.core.interrupt(line, level)
            {
                self.soc.events += 1;
            }
            if self.core.is_waiting() {
                self.wait(until);
                continue;
            }
            self.core.step(&mut self.soc);
            self.soc.cycles += 1;
            if std::mem::take(&mut self.soc.is_touched) {
                self.next_event = self.soc.cycles;
            }
            look -= 1;
            match &seen {
                None if look == 0 => {
                    let (pc, registers) = self.core.state();
                    seen = Some((pc, registers.to_vec(), self.memory()));
                    look = LOOP;
                }
                Some((pc, registers, memory)) => {
                    let is_over = look == 0 || memory.0 != self.soc.events;
                    let state = self.core.state();
                    if !is_over
                        && state.0 == *pc
                        && state.1 == registers.as_slice()
                        && *memory == self.memory()
                    {
                        self.wait(until);
                        look = LOOK;
                        seen = None;
                    } else if is_over {
                        look = LOOK;
                        seen = None;
                    }
                }
                None => {}
            }
        }
        None
    }

    /// What else a program could notice.
    fn memory(&self) -> Seen {
        (self.soc.events, self.soc.sum, self.soc.uart.state())
    }

    /// Lets time pass until something happens.
    fn wait(&mut self, until: u64) {
        self.next_event = self.soc.uart.next_event(self.soc.cycles);
        self.soc.cycles = self.soc.cycles.max(until.min(self.next_event));
    }

    fn update(&mut self) {
        let now = self.soc.cycles;
        self.interrupts_at = if self.soc.uart.advance(now, self.host_baud) {
            self.interrupts_at.or(Some(now + LATENCY))
        } else {
            None
        };
        self.next_event = self.soc.uart.next_event(self.soc.cycles);
    }

    fn advance(&mut self, now: Duration) {
        let until = self.cycle(now);
        while let Some((_, bytes)) = self.run(until) {
            // Nobody was listening.
            self.said.extend(bytes);
        }
    }
}

impl<C: Core> Device for Board<C> {
    fn receive(&mut self, now: Duration, bytes: &[u8], host_baud: u32) {
        self.advance(now);
        self.host_baud = host_baud;
        self.soc.uart.receive(self.soc.cycles, bytes, host_baud);
        self.next_event = 0;
    }

    fn set_lines(&mut self, now: Duration, lines: Lines) {
        self.advance(now);
        // The usual circuit of two transistors: a line alone pulls its pin.
        let (was_reset, is_reset) = (self.lines.rts && !self.lines.dtr, lines.rts && !lines.dtr);
        let is_download = lines.dtr && !lines.rts;
        self.lines = lines;
        if is_reset {
            self.is_running = false;
        } else if was_reset {
            // What is in flash is not run: there is no cache.
            self.is_running = is_download;
            self.soc.reset();
            self.core = C::reset();
            self.next_event = 0;
            self.interrupts_at = None;
        }
    }

    fn transmit(&mut self, host_baud: u32, until: Duration) -> Option<Transmission> {
        self.host_baud = host_baud;
        let end = self.cycle(until);
        let (mut last, mut bytes) = self.run(end)?;
        while let Some((at, more)) = self.run(end.min(last + self.cycle(TOGETHER))) {
            last = at;
            bytes.extend(more);
        }
        self.said.extend(&bytes);
        Some(Transmission {
            arrives: self.moment(last),
            bytes,
        })
    }

    fn time(&self) -> Duration {
        self.moment(self.soc.cycles)
    }
}
