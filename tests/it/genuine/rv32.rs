//! A RISC-V core, RV32IMC in machine mode, as far as boot ROMs and flasher stubs use it.
//!
//! Source: "The RISC-V Instruction Set Manual", volumes I and II. Espressif's counters are in ESP32-C3's technical
//! reference manual, "ESP-RISC-V CPU".

use std::collections::HashMap;
use std::sync::LazyLock;

use super::bus::{Bus, Core};

const MSTATUS: u32 = 0x300;
const MTVEC: u32 = 0x305;
const MEPC: u32 = 0x341;
const MCAUSE: u32 = 0x342;
const MTVAL: u32 = 0x343;
const MINTTHRESH: u32 = 0x347;
/// Counters of cycles: the machine's, and Espressif's.
const COUNTERS: [u32; 4] = [0xB00, 0xC00, 0x7E2, 0x802];
/// Bits of `mstatus`: interrupts are on, and were before the trap.
const MIE: u32 = 1 << 3;
const MPIE: u32 = 1 << 7;

const ILLEGAL: u32 = 2;
const BREAKPOINT: u32 = 3;
const NO_FETCH: u32 = 1;
const NO_LOAD: u32 = 5;
const NO_STORE: u32 = 7;
const CALL: u32 = 11;

/// The core's state.
pub(super) struct Rv32 {
    pc: u32,
    x: [u32; 32],
    csr: HashMap<u32, u32>,
    /// Of the interrupt that is being handled, where interrupts have levels.
    level: u32,
    is_waiting: bool,
    exceptions: Vec<String>,
}

/// Where it begins after a reset.
const RESET: u32 = 0x4000_0000;

/// An exception: cause and value.
type Trap = (u32, u32);

impl Rv32 {
    fn csr(&self, number: u32) -> u32 {
        self.csr.get(&number).copied().unwrap_or(0)
    }

    fn trap(&mut self, cause: u32, value: u32) {
        let status = self.csr(MSTATUS);
        let before = if status & MIE == 0 { 0 } else { MPIE };
        self.csr.insert(MSTATUS, status & !(MIE | MPIE) | before);
        self.csr.insert(MEPC, self.pc);
        self.csr.insert(MCAUSE, cause);
        self.csr.insert(MTVAL, value);
        let vector = self.csr(MTVEC);
        // Each interrupt has its own entry.
        let entry = if cause >> 31 != 0 && vector & 3 != 0 {
            (cause & 0x3F) * 4
        } else {
            0
        };
        self.pc = (vector & !3).wrapping_add(entry);
    }

    fn exception(&mut self, cause: u32, value: u32) {
        let at = self.pc;
        self.exceptions
            .push(format!("cause {cause} at {at:#x}, {value:#x}"));
        self.trap(cause, value);
    }

    /// Returns where it goes on.
    fn execute(&mut self, word: u32, len: u32, bus: &mut impl Bus) -> Result<u32, Trap> {
        let illegal = Err((ILLEGAL, word));
        let (rd, rs1, rs2) = (
            (word >> 7 & 31) as usize,
            (word >> 15 & 31) as usize,
            (word >> 20 & 31) as usize,
        );
        let (a, b) = (self.x[rs1], self.x[rs2]);
        let kind = word >> 12 & 7;
        let next = self.pc.wrapping_add(len);
        let immediate = (word.cast_signed() >> 20).cast_unsigned();
        match word & 0x7F {
            0x37 => self.x[rd] = word & 0xFFFF_F000,
            0x17 => self.x[rd] = self.pc.wrapping_add(word & 0xFFFF_F000),
            0x6F => {
                self.x[rd] = next;
                return Ok(self.pc.wrapping_add(jump_offset(word)));
            }
            0x67 => {
                let to = a.wrapping_add(immediate) & !1;
                self.x[rd] = next;
                return Ok(to);
            }
            0x63 => {
                let (sa, sb) = (a.cast_signed(), b.cast_signed());
                let is_taken = match kind {
                    0 => a == b,
                    1 => a != b,
                    4 => sa < sb,
                    5 => sa >= sb,
                    6 => a < b,
                    7 => a >= b,
                    _ => return illegal,
                };
                if is_taken {
                    return Ok(self.pc.wrapping_add(branch_offset(word)));
                }
            }
            0x03 => {
                let address = a.wrapping_add(immediate);
                let len_bytes = 1 << (kind & 3);
                let value = bus.load(address, len_bytes).ok_or((NO_LOAD, address))?;
                self.x[rd] = match kind {
                    0 => i32::from(value as i8).cast_unsigned(),
                    1 => i32::from(value as i16).cast_unsigned(),
                    2 | 4 | 5 => value,
                    _ => return illegal,
                };
            }
            0x23 => {
                let address = a.wrapping_add(immediate & !31 | word >> 7 & 31);
                if kind > 2 {
                    return illegal;
                }
                bus.store(address, b, 1 << kind)
                    .ok_or((NO_STORE, address))?;
            }
            0x13 => self.x[rd] = base(kind, a, immediate, kind == 5 && word >> 30 & 1 != 0),
            0x33 => {
                self.x[rd] = match word >> 25 {
                    0 => base(kind, a, b, false),
                    0x20 if kind == 0 => a.wrapping_sub(b),
                    0x20 if kind == 5 => base(kind, a, b, true),
                    1 => multiply(kind, a, b),
                    _ => return illegal,
                }
            }
            // Nothing is out of order here.
            0x0F => {}
            0x73 => return self.system(word, kind, next, bus),
            _ => return illegal,
        }
        Ok(next)
    }

    fn system(&mut self, word: u32, kind: u32, next: u32, bus: &mut impl Bus) -> Result<u32, Trap> {
        if kind == 0 {
            return match word {
                0x0000_0073 => Err((CALL, 0)),
                0x0010_0073 => Err((BREAKPOINT, self.pc)),
                0x3020_0073 => {
                    let status = self.csr(MSTATUS);
                    let back = if status & MPIE == 0 { 0 } else { MIE };
                    self.csr.insert(MSTATUS, status & !MIE | MPIE | back);
                    self.level = self.csr(MCAUSE) >> 16 & 0xFF;
                    Ok(self.csr(MEPC))
                }
                0x1050_0073 => {
                    self.is_waiting = true;
                    Ok(next)
                }
                _ => Err((ILLEGAL, word)),
            };
        }
        let number = word >> 20;
        let source = word >> 15 & 31;
        let operand = if kind & 4 == 0 {
            self.x[source as usize]
        } else {
            source
        };
        let before = if COUNTERS.contains(&number) {
            bus.cycles()
        } else {
            self.csr(number)
        };
        let after = match kind & 3 {
            1 => operand,
            2 => before | operand,
            _ => before & !operand,
        };
        if kind & 3 == 1 || source != 0 {
            self.csr.insert(number, after);
        }
        self.x[(word >> 7 & 31) as usize] = before;
        Ok(next)
    }
}

impl Core for Rv32 {
    fn reset() -> Self {
        Self {
            pc: RESET,
            x: [0; 32],
            csr: HashMap::new(),
            level: 0,
            is_waiting: false,
            exceptions: Vec::new(),
        }
    }

    fn step(&mut self, bus: &mut impl Bus) {
        let Some(word) = bus.load(self.pc, 4) else {
            self.exception(NO_FETCH, self.pc);
            return;
        };
        let (word, len) = if word & 3 == 3 {
            (word, 4)
        } else {
            (EXPANDED[(word & 0xFFFF) as usize], 2)
        };
        match self.execute(word, len, bus) {
            Ok(pc) => self.pc = pc,
            Err((cause, value)) => self.exception(cause, value),
        }
        self.x[0] = 0;
    }

    fn interrupt(&mut self, number: u32, level: u32) -> bool {
        self.is_waiting = false;
        let is_lower = level > 0 && level <= self.level.max(self.csr(MINTTHRESH));
        if self.csr(MSTATUS) & MIE == 0 || is_lower {
            return false;
        }
        // Levels: one entry for all, and the level before stands in the cause.
        self.trap(1 << 31 | self.level << 16 | number, 0);
        if level > 0 {
            self.pc = self.csr(MTVEC) & !0x3F;
            self.level = level;
        }
        true
    }

    fn is_waiting(&self) -> bool {
        self.is_waiting
    }

    fn state(&self) -> (u32, &[u32]) {
        (self.pc, &self.x)
    }

    fn exceptions(&self) -> &[String] {
        &self.exceptions
    }
}

fn base(kind: u32, a: u32, b: u32, is_arithmetic: bool) -> u32 {
    match kind {
        0 => a.wrapping_add(b),
        1 => a << (b & 31),
        2 => u32::from(a.cast_signed() < b.cast_signed()),
        3 => u32::from(a < b),
        4 => a ^ b,
        5 if is_arithmetic => (a.cast_signed() >> (b & 31)).cast_unsigned(),
        5 => a >> (b & 31),
        6 => a | b,
        _ => a & b,
    }
}

fn multiply(kind: u32, a: u32, b: u32) -> u32 {
    let (sa, sb) = (a.cast_signed(), b.cast_signed());
    match kind {
        0 => a.wrapping_mul(b),
        1 => ((i64::from(sa) * i64::from(sb)).cast_unsigned() >> 32) as u32,
        2 => ((i64::from(sa) * i64::from(b)).cast_unsigned() >> 32) as u32,
        3 => ((u64::from(a) * u64::from(b)) >> 32) as u32,
        4 if b == 0 => u32::MAX,
        4 => sa.wrapping_div(sb).cast_unsigned(),
        5 => a.checked_div(b).unwrap_or(u32::MAX),
        6 if b == 0 => a,
        6 => sa.wrapping_rem(sb).cast_unsigned(),
        _ => a.checked_rem(b).unwrap_or(a),
    }
}

/// `n` bits of a value from one place on, moved to another.
fn part(value: u32, from: u32, n: u32, to: u32) -> u32 {
    (value >> from & ((1 << n) - 1)) << to
}

/// The lowest bits of a value, of which the first is its sign.
fn signed(value: u32, bits: u32) -> u32 {
    ((value << (32 - bits)).cast_signed() >> (32 - bits)).cast_unsigned()
}

fn jump_offset(word: u32) -> u32 {
    let offset = part(word, 21, 10, 1)
        | part(word, 20, 1, 11)
        | part(word, 12, 8, 12)
        | part(word, 31, 1, 20);
    signed(offset, 21)
}

fn branch_offset(word: u32) -> u32 {
    let offset =
        part(word, 8, 4, 1) | part(word, 25, 6, 5) | part(word, 7, 1, 11) | part(word, 31, 1, 12);
    signed(offset, 13)
}

/// What every short instruction stands for; 0, which is illegal, for nothing.
static EXPANDED: LazyLock<Vec<u32>> =
    LazyLock::new(|| (0..=0xFFFF).map(|half| expand(half).unwrap_or(0)).collect());

/// Source: volume I, chapter "C", tables of instruction listings.
fn expand(half: u32) -> Option<u32> {
    let bits = |from, n, to| part(half, from, n, to);
    let immediate = |op: u32, kind: u32, rd: u32, rs1: u32, value: u32| {
        op | rd << 7 | kind << 12 | rs1 << 15 | value << 20
    };
    let register = |kind: u32, funct: u32, rd: u32, rs1: u32, rs2: u32| {
        0x33 | rd << 7 | kind << 12 | rs1 << 15 | rs2 << 20 | funct << 25
    };
    let store = |rs1: u32, rs2: u32, offset: u32| {
        0x23 | part(offset, 0, 5, 7) | 2 << 12 | rs1 << 15 | rs2 << 20 | part(offset, 5, 7, 25)
    };
    let jump = |rd: u32| {
        let at = bits(3, 3, 1)
            | bits(11, 1, 4)
            | bits(2, 1, 5)
            | bits(7, 1, 6)
            | bits(6, 1, 7)
            | bits(9, 2, 8)
            | bits(8, 1, 10)
            | bits(12, 1, 11);
        let at = signed(at, 12);
        0x6F | rd << 7
            | part(at, 12, 8, 12)
            | part(at, 11, 1, 20)
            | part(at, 1, 10, 21)
            | part(at, 20, 1, 31)
    };
    let branch = |kind: u32, rs1: u32| {
        let at = bits(3, 2, 1) | bits(10, 2, 3) | bits(2, 1, 5) | bits(5, 2, 6) | bits(12, 1, 8);
        let at = signed(at, 9);
        0x63 | part(at, 11, 1, 7)
            | part(at, 1, 4, 8)
            | kind << 12
            | rs1 << 15
            | part(at, 5, 6, 25)
            | part(at, 12, 1, 31)
    };
    // Three bits name a register of the eight that are used most.
    let (rd3, rs3) = (8 + bits(2, 3, 0), 8 + bits(7, 3, 0));
    let (rd, rs2) = (bits(7, 5, 0), bits(2, 5, 0));
    let small = signed(bits(2, 5, 0) | bits(12, 1, 5), 6);
    let low12 = |value: u32| value & 0xFFF;
    let word_offset = bits(6, 1, 2) | bits(10, 3, 3) | bits(5, 1, 6);
    Some(match (half & 3, half >> 13) {
        (0, 0) => {
            let by = bits(6, 1, 2) | bits(5, 1, 3) | bits(11, 2, 4) | bits(7, 4, 6);
            if by == 0 {
                return None;
            }
            immediate(0x13, 0, rd3, 2, by)
        }
        (0, 2) => immediate(0x03, 2, rd3, rs3, word_offset),
        (0, 6) => store(rs3, rd3, word_offset),
        (1, 0) => immediate(0x13, 0, rd, rd, low12(small)),
        (1, 1) => jump(1),
        (1, 2) => immediate(0x13, 0, rd, 0, low12(small)),
        (1, 3) if rd == 2 => {
            let by = bits(6, 1, 4) | bits(2, 1, 5) | bits(5, 1, 6) | bits(3, 2, 7) | bits(12, 1, 9);
            immediate(0x13, 0, 2, 2, low12(signed(by, 10)))
        }
        (1, 3) => 0x37 | rd << 7 | (small << 12),
        (1, 4) => match (bits(10, 2, 0), bits(12, 1, 0), bits(5, 2, 0)) {
            (0, ..) => immediate(0x13, 5, rs3, rs3, small & 31),
            (1, ..) => immediate(0x13, 5, rs3, rs3, small & 31 | 0x400),
            (2, ..) => immediate(0x13, 7, rs3, rs3, low12(small)),
            (_, 0, 0) => register(0, 0x20, rs3, rs3, rd3),
            (_, 0, 1) => register(4, 0, rs3, rs3, rd3),
            (_, 0, 2) => register(6, 0, rs3, rs3, rd3),
            (_, 0, _) => register(7, 0, rs3, rs3, rd3),
            _ => return None,
        },
        (1, 5) => jump(0),
        (1, 6) => branch(0, rs3),
        (1, 7) => branch(1, rs3),
        (2, 0) => immediate(0x13, 1, rd, rd, small & 31),
        (2, 2) => {
            let at = bits(4, 3, 2) | bits(12, 1, 5) | bits(2, 2, 6);
            immediate(0x03, 2, rd, 2, at)
        }
        (2, 4) => match (bits(12, 1, 0), rd, rs2) {
            (0, 0, 0) => return None,
            (0, _, 0) => immediate(0x67, 0, 0, rd, 0),
            (0, ..) => register(0, 0, rd, 0, rs2),
            (_, 0, 0) => 0x0010_0073,
            (_, _, 0) => immediate(0x67, 0, 1, rd, 0),
            _ => register(0, 0, rd, rd, rs2),
        },
        (2, 6) => store(2, rs2, bits(9, 4, 2) | bits(7, 2, 6)),
        _ => return None,
    })
}
