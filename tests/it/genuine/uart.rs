//! UART0 as a boot ROM and a stub use it: two FIFOs, a divider, the interrupts of the receiver, and the measuring of
//! pulses from which a ROM computes the host's baud rate.
//!
//! Source: ESP-IDF, `soc/uart_reg.h` of each chip, and the technical reference manuals' chapters "UART Controller".

use std::collections::VecDeque;

/// Registers whose places or fields differ between the chips.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) clock_hz: u32,
    pub(super) low_pulse: u32,
    pub(super) high_pulse: u32,
    pub(super) edges: u32,
    /// Bits of `CONF0`: the measuring is on; what was received is forgotten.
    pub(super) measures: u32,
    pub(super) forgets: u32,
    /// What the transmitter does, and the bits that are 0 when it rests.
    pub(super) state: (u32, u32),
    /// Bits that count bytes: of both FIFOs in the status, and of the limit in `CONF1`.
    pub(super) count: u32,
}

/// Of the ESP32-C3.
pub(super) const OLDER: Layout = Layout {
    clock_hz: 40_000_000,
    low_pulse: 0x28,
    high_pulse: 0x2C,
    edges: 0x30,
    measures: 1 << 27,
    forgets: 1 << 17,
    state: (0x6C, 0x10),
    count: 0x3FF,
};

/// Of the RISC-V chips after it.
pub(super) const fn newer(clock_hz: u32) -> Layout {
    Layout {
        clock_hz,
        low_pulse: 0x7C,
        high_pulse: 0x80,
        edges: 0x84,
        measures: 1 << 19,
        forgets: 1 << 22,
        state: (0x70, 0x10),
        count: 0xFF,
    }
}

const FIFO: u32 = 0;
const RAW: u32 = 4;
const STATUS_OF_INTERRUPTS: u32 = 8;
const ENABLED: u32 = 0xC;
const CLEAR: u32 = 0x10;
const DIVIDER: u32 = 0x14;
const STATUS: u32 = 0x1C;
const CONF0: u32 = 0x20;
const CONF1: u32 = 0x24;
/// On chips where what was written counts when that is said: here it counts at once.
const UPDATE: u32 = 0x98;

/// Interrupts: so many bytes came; nothing more came.
const FULL: u32 = 1;
const QUIET: u32 = 1 << 8;

const FIFO_LEN: usize = 128;
/// Start bit, byte, stop bit.
const BITS: u64 = 10;
/// No rate, no byte: the two sides may differ by a few percent.
const TOLERANCE_PERCENT: u64 = 4;

/// What the registers do beside holding what was written to them.
pub(super) struct Uart {
    layout: Layout,
    /// Of the processor.
    clock_hz: u64,
    /// Bytes on the wire, and when each has arrived, in the processor's cycles.
    coming: VecDeque<(u64, u8)>,
    received: VecDeque<u8>,
    /// Bytes that were given to the transmitter, and when each has left.
    leaving: VecDeque<(u64, u8)>,
    leaves: u64,
    quiet_at: Option<u64>,
    raw: u32,
    enabled: u32,
    divider: u32,
    limit: u32,
    is_measuring: bool,
    edges: u32,
    pulse: u32,
    /// Bytes for which there was no room.
    pub(super) lost: u32,
}

impl Uart {
    pub(super) fn new(layout: Layout, clock_hz: u64) -> Self {
        Self {
            layout,
            clock_hz,
            coming: VecDeque::new(),
            received: VecDeque::new(),
            leaving: VecDeque::new(),
            leaves: 0,
            quiet_at: None,
            raw: 0,
            enabled: 0,
            divider: 0,
            limit: 0,
            is_measuring: false,
            edges: 0,
            pulse: 0,
            lost: 0,
        }
    }

    fn baud(&self) -> u64 {
        // Sixteenths in bits 20 to 23.
        let sixteenths =
            u64::from(self.divider & 0xFFFFF) * 16 + u64::from(self.divider >> 20 & 15);
        u64::from(self.layout.clock_hz) * 16 / sixteenths.max(1)
    }

    fn cycles_per_byte(&self, baud: u64) -> u64 {
        BITS * self.clock_hz / baud.max(1)
    }

    /// A byte as the other side sees it, whose rate may be another one.
    fn seen(&self, byte: u8, host_baud: u32) -> u8 {
        let (own, host) = (self.baud(), u64::from(host_baud));
        if own.abs_diff(host) * 100 > host * TOLERANCE_PERCENT {
            byte.rotate_left(3) ^ 0x55
        } else {
            byte
        }
    }

    /// The host sends, from this cycle on.
    pub(super) fn receive(&mut self, now: u64, bytes: &[u8], host_baud: u32) {
        let step = self.cycles_per_byte(u64::from(host_baud));
        let mut at = self.coming.back().map_or(now, |(at, _)| now.max(*at));
        for byte in bytes {
            at += step;
            self.coming.push_back((at, *byte));
        }
        self.pulse = (self.layout.clock_hz / host_baud).saturating_sub(1);
    }

    /// What has left by this cycle, and when the last of it did.
    pub(super) fn take_sent(&mut self, now: u64, host_baud: u32) -> Option<(u64, Vec<u8>)> {
        let n = self.leaving.iter().take_while(|(at, _)| *at <= now).count();
        let sent: Vec<(u64, u8)> = self.leaving.drain(..n).collect();
        let bytes = sent.iter().map(|(_, byte)| self.seen(*byte, host_baud));
        let bytes = bytes.collect();
        sent.last().map(|(at, _)| (*at, bytes))
    }

    /// The next cycle at which something happens by itself.
    pub(super) fn next_event(&self, now: u64) -> u64 {
        let coming = self.coming.front().map(|(at, _)| *at);
        let left = self.leaving.iter().map(|(at, _)| *at).find(|at| *at > now);
        let all = [coming, left, self.quiet_at];
        all.into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    /// Lets it come to this cycle. Returns whether it wants to interrupt.
    pub(super) fn advance(&mut self, now: u64, host_baud: u32) -> bool {
        while let Some((at, byte)) = self.coming.front().copied().filter(|(at, _)| *at <= now) {
            self.coming.pop_front();
            if self.is_measuring {
                self.edges += edges(byte);
            }
            if self.received.len() == FIFO_LEN {
                self.lost += 1;
                continue;
            }
            let byte = self.seen(byte, host_baud);
            self.received.push_back(byte);
            self.quiet_at = Some(at + 2 * self.cycles_per_byte(self.baud()));
        }
        if self.quiet_at.is_some_and(|at| at <= now) {
            self.quiet_at = None;
            self.raw |= QUIET;
        }
        self.interrupts() & self.enabled != 0
    }

    fn interrupts(&self) -> u32 {
        let is_full = !self.received.is_empty() && self.received.len() as u32 >= self.limit;
        self.raw | if is_full { FULL } else { 0 }
    }

    /// A register that is more than a memory. `true`: the answer depends on when it was asked for.
    pub(super) fn load(&mut self, at: u32, now: u64) -> Option<(u32, bool)> {
        Some(match at {
            FIFO => match self.received.pop_front() {
                Some(byte) => {
                    if self.received.is_empty() {
                        self.quiet_at = None;
                    }
                    (u32::from(byte), true)
                }
                None => (0, false),
            },
            RAW => (self.interrupts(), false),
            STATUS_OF_INTERRUPTS => (self.interrupts() & self.enabled, false),
            STATUS => {
                let waiting = self.leaving.iter().filter(|(at, _)| *at > now).count() as u32;
                let count = self.layout.count;
                (
                    self.received.len() as u32 & count | (waiting & count) << 16,
                    false,
                )
            }
            UPDATE => (0, false),
            _ if at == self.layout.low_pulse || at == self.layout.high_pulse => (self.pulse, false),
            _ if at == self.layout.edges => (self.edges, false),
            _ if at == self.layout.state.0 => {
                let is_at_rest = self.leaves <= now;
                (if is_at_rest { 0 } else { self.layout.state.1 }, false)
            }
            _ => return None,
        })
    }

    /// What makes a difference to a program.
    pub(super) fn state(&self) -> (u64, [u32; 6]) {
        let received = self.received.len() as u32;
        let measures = u32::from(self.is_measuring);
        let others = [
            self.raw,
            self.enabled,
            self.limit,
            self.edges,
            received,
            measures,
        ];
        (self.leaves, others)
    }

    pub(super) fn store(&mut self, at: u32, value: u32, now: u64) {
        match at {
            FIFO => {
                self.leaves = self.leaves.max(now) + self.cycles_per_byte(self.baud());
                self.leaving.push_back((self.leaves, value as u8));
            }
            ENABLED => self.enabled = value,
            CLEAR => self.raw &= !value,
            DIVIDER => self.divider = value,
            CONF0 => {
                let is_measuring = value & self.layout.measures != 0;
                if is_measuring && !self.is_measuring {
                    self.edges = 0;
                }
                self.is_measuring = is_measuring;
                if value & self.layout.forgets != 0 {
                    self.received.clear();
                }
            }
            CONF1 => self.limit = value & (self.layout.count >> 1),
            _ => {}
        }
    }
}

/// How often the line changes for a byte: from rest to the start bit, and so on until it rests again.
fn edges(byte: u8) -> u32 {
    let line = u32::from(byte) << 1 | 0x200;
    let line = line << 1 | 1;
    (line ^ line >> 1).count_ones() - 1
}
