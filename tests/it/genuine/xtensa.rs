//! An Xtensa core with windowed registers (LX6, LX7), as far as boot ROMs and flasher stubs use it.
//!
//! Source: Cadence, "Xtensa Instruction Set Architecture Reference Manual". Which options, vectors and levels of interrupts
//! the cores of ESP32 and ESP32-S3 have: ESP-IDF, `xtensa/config/core-isa.h`.

pub(super) mod chips;
mod execute;
mod functions;
mod windows;

use super::bus::{Bus, Core};

/// Where it begins after a reset, and where the vectors are then.
const RESET: u32 = 0x4000_0400;
const VECTORS: u32 = 0x4000_0000;

/// Entries, from the vectors' base; of an interrupt of level 2, 0x40 for each level above it.
mod vector {
    pub(super) const LEVEL_2: u32 = 0x180;
    pub(super) const KERNEL: u32 = 0x300;
    pub(super) const USER: u32 = 0x340;
    pub(super) const DOUBLE: u32 = 0x3C0;
}

/// Special registers, by their numbers.
mod special {
    pub(super) const LOOP_BEGIN: u32 = 0;
    pub(super) const LOOP_END: u32 = 1;
    pub(super) const LOOP_COUNT: u32 = 2;
    pub(super) const SHIFT: u32 = 3;
    pub(super) const COMPARE: u32 = 12;
    pub(super) const WINDOW_BASE: u32 = 72;
    pub(super) const WINDOW_START: u32 = 73;
    /// Of level 1, and up to that of level 7.
    pub(super) const EPC: u32 = 177;
    pub(super) const DEPC: u32 = 192;
    /// Of level 2 it is at 194.
    pub(super) const EPS: u32 = 193;
    pub(super) const INTERRUPT: u32 = 226;
    pub(super) const CLEAR: u32 = 227;
    pub(super) const ENABLED: u32 = 228;
    pub(super) const PS: u32 = 230;
    pub(super) const VECTORS: u32 = 231;
    pub(super) const CAUSE: u32 = 232;
    pub(super) const CYCLES: u32 = 234;
    pub(super) const PROCESSOR: u32 = 235;
    pub(super) const ADDRESS: u32 = 238;
}

/// Parts of `PS`.
mod ps {
    pub(super) const LEVEL: u32 = 15;
    pub(super) const EXCEPTION: u32 = 1 << 4;
    pub(super) const USER: u32 = 1 << 5;
    pub(super) const OLD_BASE_AT: u32 = 8;
    pub(super) const CALL_AT: u32 = 16;
    pub(super) const WINDOWS: u32 = 1 << 18;
}

/// Causes of exceptions.
mod cause {
    pub(super) const ILLEGAL: u32 = 0;
    pub(super) const CALL: u32 = 1;
    /// An access that this memory does not allow.
    pub(super) const ACCESS: u32 = 3;
    pub(super) const INTERRUPT: u32 = 4;
    pub(super) const NO_FRAME: u32 = 5;
    pub(super) const DIVISION: u32 = 6;
    pub(super) const NO_FETCH: u32 = 20;
    pub(super) const NO_LOAD: u32 = 28;
    pub(super) const NO_STORE: u32 = 29;
}

/// Interrupts of level 2 and up; all others have level 1.
const LEVELS: [(u32, u32); 5] = [
    (2, 0x0038_0000),
    (3, 0x28C0_8800),
    (4, 0x5300_0000),
    (5, 0x8401_0000),
    (7, 0x0000_4000),
];
/// While an exception is handled, interrupts of up to this level wait.
const EXCEPTION_LEVEL: u32 = 3;
/// The number of the first core.
const FIRST_CORE: u32 = 0xCDCD;

const FILE_LEN: usize = 64;
const N_SPECIAL: usize = 256;

/// Where only whole words can be read and written.
const WORDS_ONLY: std::ops::Range<u32> = 0x4000_0000..0x5000_0000;

/// Why an instruction is not carried out.
#[derive(Debug)]
enum Stop {
    /// The registers' window moves here, and this vector says what to do.
    Window { base: u32, vector: u32 },
    /// Cause and address.
    Exception(u32, u32),
}

pub(super) struct Xtensa {
    pc: u32,
    /// The file of registers that the windows look at, the special ones, the user's.
    registers: [u32; FILE_LEN + N_SPECIAL + N_SPECIAL],
    is_waiting: bool,
    exceptions: Vec<String>,
}

impl Xtensa {
    fn special(&self, number: u32) -> u32 {
        self.registers[FILE_LEN + number as usize]
    }

    fn set_special(&mut self, number: u32, value: u32) {
        self.registers[FILE_LEN + number as usize] = value;
    }

    fn is_in_exception(&self) -> bool {
        self.special(special::PS) & ps::EXCEPTION != 0
    }

    fn set_in_exception(&mut self, is_in_exception: bool) {
        let others = self.special(special::PS) & !ps::EXCEPTION;
        let bit = u32::from(is_in_exception) * ps::EXCEPTION;
        self.set_special(special::PS, others | bit);
    }

    /// What stands where the window begins, and so on.
    fn slot(&self, register: u32) -> usize {
        (self.special(special::WINDOW_BASE) * 4 + register) as usize % FILE_LEN
    }

    /// A register, unless an older call still has its own there.
    fn get(&self, register: u32) -> Result<u32, Stop> {
        self.check_window(register)?;
        Ok(self.registers[self.slot(register)])
    }

    fn set(&mut self, register: u32, value: u32) -> Result<(), Stop> {
        self.check_window(register)?;
        self.registers[self.slot(register)] = value;
        Ok(())
    }

    /// The address of what follows an instruction of this length: a loop may begin again there.
    fn following(&mut self, len_bytes: u32) -> u32 {
        let next = self.pc.wrapping_add(len_bytes);
        let left = self.special(special::LOOP_COUNT);
        if next != self.special(special::LOOP_END) || left == 0 || self.is_in_exception() {
            return next;
        }
        self.set_special(special::LOOP_COUNT, left - 1);
        self.special(special::LOOP_BEGIN)
    }

    fn load(bus: &mut impl Bus, address: u32, len_bytes: u32) -> Result<u32, Stop> {
        let is_whole = len_bytes == 4 && address.is_multiple_of(4);
        if WORDS_ONLY.contains(&address) && !is_whole {
            return Err(Stop::Exception(cause::ACCESS, address));
        }
        let value = bus.load(address, len_bytes);
        value.ok_or(Stop::Exception(cause::NO_LOAD, address))
    }

    fn store(bus: &mut impl Bus, address: u32, value: u32, len_bytes: u32) -> Result<(), Stop> {
        let is_whole = len_bytes == 4 && address.is_multiple_of(4);
        if WORDS_ONLY.contains(&address) && !is_whole {
            return Err(Stop::Exception(cause::ACCESS, address));
        }
        let done = bus.store(address, value, len_bytes);
        done.ok_or(Stop::Exception(cause::NO_STORE, address))
    }

    fn read_special(&self, number: u32, bus: &mut impl Bus) -> u32 {
        match number {
            special::CYCLES => bus.cycles(),
            _ => self.special(number),
        }
    }

    fn write_special(&mut self, number: u32, value: u32) {
        match number {
            special::WINDOW_BASE => self.set_special(number, value & 15),
            special::WINDOW_START => self.set_special(number, value & 0xFFFF),
            special::SHIFT => self.set_special(number, value & 63),
            special::CLEAR => {
                let left = self.special(special::INTERRUPT) & !value;
                self.set_special(special::INTERRUPT, left);
            }
            special::CYCLES | special::PROCESSOR => {}
            _ => self.set_special(number, value),
        }
    }

    fn stop(&mut self, stop: &Stop) {
        let base = self.special(special::VECTORS);
        match *stop {
            Stop::Window { base: to, vector } => {
                let window = self.special(special::WINDOW_BASE);
                let others = self.special(special::PS) & !(15 << ps::OLD_BASE_AT);
                self.set_special(special::PS, others | window << ps::OLD_BASE_AT);
                self.set_special(special::WINDOW_BASE, to);
                self.set_special(special::EPC, self.pc);
                self.set_in_exception(true);
                self.pc = base + vector;
            }
            Stop::Exception(cause, address) => {
                if !matches!(cause, cause::CALL | cause::NO_FRAME) {
                    let place = format!("cause {cause} at {:#x}, for {address:#x}", self.pc);
                    self.exceptions.push(place);
                }
                if address != 0 {
                    self.set_special(special::ADDRESS, address);
                }
                self.enter(cause);
            }
        }
    }

    fn enter(&mut self, cause: u32) {
        let (kept, vector) = if self.is_in_exception() {
            (special::DEPC, vector::DOUBLE)
        } else if self.special(special::PS) & ps::USER != 0 {
            (special::EPC, vector::USER)
        } else {
            (special::EPC, vector::KERNEL)
        };
        self.set_special(kept, self.pc);
        self.set_special(special::CAUSE, cause);
        self.set_in_exception(true);
        self.pc = self.special(special::VECTORS) + vector;
    }
}

impl Core for Xtensa {
    fn reset() -> Self {
        let mut core = Self {
            pc: RESET,
            registers: [0; _],
            is_waiting: false,
            exceptions: Vec::new(),
        };
        core.set_special(special::PS, ps::LEVEL | ps::EXCEPTION);
        core.set_special(special::WINDOW_START, 1);
        core.set_special(special::VECTORS, VECTORS);
        core.set_special(special::PROCESSOR, FIRST_CORE);
        core
    }

    fn step(&mut self, bus: &mut impl Bus) {
        let done = match bus.load(self.pc, 4) {
            Some(word) => self.execute(word, bus),
            None => Err(Stop::Exception(cause::NO_FETCH, self.pc)),
        };
        match done {
            Ok(next) => self.pc = next,
            Err(stop) => self.stop(&stop),
        }
        // As long as a peripheral wants to interrupt, that is said before each step.
        self.set_special(special::INTERRUPT, 0);
    }

    fn interrupt(&mut self, number: u32, _level: u32) -> bool {
        self.set_special(special::INTERRUPT, 1 << number);
        let its = LEVELS.iter().find(|(_, all)| all >> number & 1 != 0);
        let level = its.map_or(1, |(level, _)| *level);
        let status = self.special(special::PS);
        let kept = if status & ps::EXCEPTION == 0 {
            0
        } else {
            EXCEPTION_LEVEL
        };
        let is_on = self.special(special::ENABLED) >> number & 1 != 0;
        if !is_on || level <= kept.max(status & ps::LEVEL) {
            return false;
        }
        self.is_waiting = false;
        if level == 1 {
            self.enter(cause::INTERRUPT);
        } else {
            self.set_special(special::EPC + level - 1, self.pc);
            self.set_special(special::EPS + level - 1, status);
            let others = status & !ps::LEVEL;
            self.set_special(special::PS, others | level | ps::EXCEPTION);
            let vectors = self.special(special::VECTORS) + vector::LEVEL_2;
            self.pc = vectors + (level - 2) * 0x40;
        }
        true
    }

    fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    fn state(&self) -> (u32, &[u32]) {
        (self.pc, &self.registers)
    }

    fn exceptions(&self) -> &[String] {
        &self.exceptions
    }
}
