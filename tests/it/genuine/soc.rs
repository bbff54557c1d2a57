//! What is around the core: memory, and the peripherals that a boot ROM and a stub use, by their role. All other
//! registers hold what was written to them.

use std::collections::HashMap;
use std::ops::Range;

use super::bus::Bus;
use super::nor::Nor;
use super::spi::{self, Spi};
use super::uart::{self, Uart};

/// One chip's places.
#[derive(Debug)]
pub(super) struct Facts {
    /// Memory that can be read (and written, but for ROM), and where each begins in one long store: some is at two
    /// addresses.
    pub(super) memory: &'static [(Range<u32>, u32, Kind)],
    pub(super) peripherals: &'static [Range<u32>],
    pub(super) uart: (u32, uart::Layout),
    pub(super) spi: (u32, spi::Layout),
    pub(super) interrupts: Interrupts,
    /// Where the strapping pins are read, and what they say for downloading by UART.
    pub(super) strapping: (u32, u32),
    /// Registers that are not 0 after a power-on.
    pub(super) registers: &'static [(u32, u32)],
    /// Bits that are always set: something is ready.
    pub(super) ready: &'static [(u32, u32)],
    /// The processor's clock.
    pub(super) clock_hz: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rom,
    Ram,
}

/// How UART0's interrupt gets to the core.
#[derive(Debug)]
pub(super) enum Interrupts {
    /// A register says on which line, others which lines are on, how important each is, and how important one must be.
    Lines {
        uart: u32,
        enabled: u32,
        priorities: u32,
        threshold: u32,
    },
    /// A register says on which line; the core knows the rest.
    Map { uart: u32 },
    /// A register says on which line; each line has a register of four bytes: it is pending, on, how, how important.
    Levels { uart: u32, lines: u32 },
}

const PAGE_BITS: u32 = 12;
const PAGE_LEN: usize = 1 << PAGE_BITS;
const IS_RAM: u32 = 1 << 31;

/// Memory, page by page.
struct Memory {
    /// Where a page is in the store, and one more.
    pages: Vec<u32>,
    store: Vec<u8>,
}

impl Memory {
    fn new(parts: &[(Range<u32>, u32, Kind)]) -> Self {
        let mut pages = vec![0; 1 << (32 - PAGE_BITS)];
        let mut len = 0;
        for (range, at, kind) in parts {
            for address in range.clone().step_by(PAGE_LEN) {
                let at = at + (address - range.start);
                let flag = if *kind == Kind::Ram { IS_RAM } else { 0 };
                pages[(address >> PAGE_BITS) as usize] = (at + 1) | flag;
                len = len.max(at as usize + PAGE_LEN);
            }
        }
        // What is read at the very end may reach beyond it.
        let store = vec![0; len + 4];
        Self { pages, store }
    }

    fn place(&self, address: u32) -> Option<(usize, bool)> {
        let page = self.pages[(address >> PAGE_BITS) as usize];
        let at = (page & !IS_RAM).checked_sub(1)? as usize;
        let at = at + (address as usize & (PAGE_LEN - 1));
        Some((at, page & IS_RAM != 0))
    }
}

pub(super) struct Soc {
    facts: &'static Facts,
    memory: Memory,
    registers: HashMap<u32, u32>,
    pub(super) uart: Uart,
    spi: Spi,
    pub(super) flash: Nor,
    /// Instructions since the chip got power.
    pub(super) cycles: u64,
    /// Whether the UART was used since this was looked at: something may happen earlier than it would have.
    pub(super) is_touched: bool,
    /// Counts what a peripheral did, and questions whose answer depends on the time.
    pub(super) events: u64,
    /// Of what is in memory: where it is the same again, and there were no events, a loop goes on for ever.
    pub(super) sum: u64,
}

impl Soc {
    /// With this ROM: addresses and bytes.
    pub(super) fn new(facts: &'static Facts, rom: &[(u32, Vec<u8>)], flash: Vec<u8>) -> Self {
        let mut memory = Memory::new(facts.memory);
        for (address, bytes) in rom {
            // Some of what the file has is not in the chip's ROM: tables for debuggers, variables that begin as zeros.
            if let Some((at, false)) = memory.place(*address) {
                memory.store[at..at + bytes.len()].copy_from_slice(bytes);
            }
        }
        Self {
            facts,
            memory,
            registers: facts.registers.iter().copied().collect(),
            uart: Uart::new(facts.uart.1, facts.clock_hz),
            spi: Spi::new(facts.spi.1),
            flash: Nor::new(flash),
            cycles: 0,
            is_touched: false,
            events: 0,
            sum: 0,
        }
    }

    /// Everything but memory, flash and time begins anew.
    pub(super) fn reset(&mut self) {
        self.registers = self.facts.registers.iter().copied().collect();
        let (address, download) = self.facts.strapping;
        self.registers.insert(address, download);
        self.uart = Uart::new(self.facts.uart.1, self.facts.clock_hz);
        self.spi = Spi::new(self.facts.spi.1);
    }

    fn register(&self, address: u32) -> u32 {
        self.registers.get(&address).copied().unwrap_or(0)
    }

    /// On which of the core's lines UART0's interrupt arrives, if it does, and how important that is.
    pub(super) fn uart_line(&self) -> Option<(u32, u32)> {
        match self.facts.interrupts {
            Interrupts::Lines {
                uart,
                enabled,
                priorities,
                threshold,
            } => {
                let line = self.register(uart) & 31;
                let is_on = self.register(enabled) >> line & 1 != 0;
                let priority = self.register(priorities + 4 * line);
                let is_seen = line > 0 && is_on && priority >= self.register(threshold);
                is_seen.then_some((line, 0))
            }
            Interrupts::Levels { uart, lines } => {
                let line = self.register(uart) & 63;
                let [_, is_on, _, level] = self.register(lines + 4 * line).to_le_bytes();
                // Only its three highest bits count.
                (line > 0 && is_on & 1 != 0).then_some((line, u32::from(level | 0x1F)))
            }
            Interrupts::Map { uart } => Some((self.register(uart) & 31, 0)),
        }
    }

    fn is_peripheral(&self, address: u32) -> bool {
        let mut all = self.facts.peripherals.iter();
        all.any(|it| it.contains(&address))
    }

    /// A register, as a whole.
    fn peripheral(&mut self, address: u32) -> Option<u32> {
        if !self.is_peripheral(address) {
            return None;
        }
        let (uart, spi) = (self.facts.uart.0, self.facts.spi.0);
        if let Some(at) = address.checked_sub(uart).filter(|at| *at < 0x100)
            && let Some((value, is_change)) = self.uart.load(at, self.cycles)
        {
            self.events += u64::from(is_change);
            self.is_touched |= is_change;
            return Some(value);
        }
        if let Some(at) = address.checked_sub(spi).filter(|at| *at < 0x100) {
            return Some(self.spi.load(at));
        }
        let mut ready = self.facts.ready.iter();
        let ready = ready.find(|(it, _)| *it == address);
        Some(self.register(address) | ready.map_or(0, |(_, bits)| *bits))
    }

    fn set_peripheral(&mut self, address: u32, value: u32) -> Option<()> {
        if !self.is_peripheral(address) {
            return None;
        }
        let (uart, spi) = (self.facts.uart.0, self.facts.spi.0);
        if let Some(at) = address.checked_sub(spi).filter(|at| *at < 0x100) {
            self.spi.store(at, value, &mut self.flash);
            self.events += 1;
            return Some(());
        }
        if let Some(at) = address.checked_sub(uart).filter(|at| *at < 0x100) {
            self.uart.store(at, value, self.cycles);
            self.is_touched = true;
        }
        let before = self.registers.insert(address, value).unwrap_or(0);
        self.sum ^= mixed(address, before) ^ mixed(address, value);
        Some(())
    }
}

/// A part of the sum: that this place holds this.
fn mixed(place: u32, value: u32) -> u64 {
    let both = u64::from(place) << 32 | u64::from(value);
    let mixed = both.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9)
}

impl Bus for Soc {
    fn load(&mut self, address: u32, len_bytes: u32) -> Option<u32> {
        let Some((at, _)) = self.memory.place(address) else {
            let skew = (address & 3) * 8;
            let word = self.peripheral(address & !3)?;
            return Some(word >> skew & (u32::MAX >> (32 - 8 * len_bytes)));
        };
        let store = &self.memory.store;
        Some(match len_bytes {
            1 => u32::from(store[at]),
            2 => u32::from(store[at]) | u32::from(store[at + 1]) << 8,
            _ => u32::from_le_bytes([store[at], store[at + 1], store[at + 2], store[at + 3]]),
        })
    }

    fn store(&mut self, address: u32, value: u32, len_bytes: u32) -> Option<()> {
        let Some((at, is_ram)) = self.memory.place(address) else {
            if len_bytes == 4 {
                return self.set_peripheral(address & !3, value);
            }
            let (skew, mask) = ((address & 3) * 8, u32::MAX >> (32 - 8 * len_bytes));
            let word = self.peripheral(address & !3)? & !(mask << skew);
            return self.set_peripheral(address & !3, word | (value & mask) << skew);
        };
        if !is_ram {
            return None;
        }
        let bytes = value.to_le_bytes();
        for (n, byte) in bytes.iter().take(len_bytes as usize).enumerate() {
            let cell = &mut self.memory.store[at + n];
            if *cell != *byte {
                let place = (at + n) as u32;
                self.sum ^= mixed(place, u32::from(*cell)) ^ mixed(place, u32::from(*byte));
                *cell = *byte;
            }
        }
        Some(())
    }

    fn cycles(&mut self) -> u32 {
        self.events += 1;
        self.cycles as u32
    }
}
