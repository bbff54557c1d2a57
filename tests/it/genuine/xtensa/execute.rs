//! The instructions.

use super::{Bus, FILE_LEN, N_SPECIAL, Stop, Xtensa, cause, ps, special};

/// What `BEQI` and its like compare with; `BLTUI` and `BGEUI` have others for the first two.
const CONSTANTS: [u32; 16] = [
    u32::MAX,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    10,
    12,
    16,
    32,
    64,
    128,
    256,
];
const UNSIGNED: [u32; 2] = [0x8000, 0x1_0000];

const ILLEGAL: Stop = Stop::Exception(cause::ILLEGAL, 0);

/// An instruction's fields of four bits.
#[derive(Clone, Copy)]
struct Word(u32);

impl Word {
    fn t(self) -> u32 {
        self.0 >> 4 & 15
    }
    fn s(self) -> u32 {
        self.0 >> 8 & 15
    }
    fn r(self) -> u32 {
        self.0 >> 12 & 15
    }
    fn op1(self) -> u32 {
        self.0 >> 16 & 15
    }
    fn op2(self) -> u32 {
        self.0 >> 20 & 15
    }
    /// Two bits each.
    fn n(self) -> u32 {
        self.0 >> 4 & 3
    }
    fn m(self) -> u32 {
        self.0 >> 6 & 3
    }
    fn imm8(self) -> u32 {
        self.0 >> 16 & 0xFF
    }
    fn imm12(self) -> u32 {
        self.0 >> 12 & 0xFFF
    }
    fn imm16(self) -> u32 {
        self.0 >> 8 & 0xFFFF
    }
    fn imm18(self) -> u32 {
        self.0 >> 6 & 0x3_FFFF
    }
    /// The number of a special or user register.
    fn number(self) -> u32 {
        self.0 >> 8 & 0xFF
    }
}

fn signed(value: u32, bits: u32) -> u32 {
    ((value << (32 - bits)).cast_signed() >> (32 - bits)).cast_unsigned()
}

impl Xtensa {
    /// Carries it out, and says where to go on.
    pub(super) fn execute(&mut self, word: u32, bus: &mut impl Bus) -> Result<u32, Stop> {
        let it = Word(word);
        match word & 15 {
            0 => self.registers_only(it, bus),
            1 => {
                let base = self.pc.wrapping_add(3) & !3;
                let at = base.wrapping_add(0xFFFC_0000 | it.imm16() << 2);
                self.check_window(it.t())?;
                let value = Self::load(bus, at, 4)?;
                self.set(it.t(), value)?;
                Ok(self.following(3))
            }
            2 => self.with_memory(it, bus),
            5 => {
                let offset = signed(it.imm18(), 18) << 2;
                let target = (self.pc & !3).wrapping_add(offset).wrapping_add(4);
                self.call(it.n())?;
                Ok(target)
            }
            6 => self.jumps(it),
            7 => self.branches(it),
            8..=13 => self.short(it, bus),
            _ => Err(ILLEGAL),
        }
    }

    /// Goes there, from the instruction's fourth byte, or on.
    fn branch(&mut self, is_taken: bool, offset: u32, len_bytes: u32) -> u32 {
        if is_taken {
            self.pc.wrapping_add(4).wrapping_add(offset)
        } else {
            self.following(len_bytes)
        }
    }

    /// Those of two bytes.
    fn short(&mut self, it: Word, bus: &mut impl Bus) -> Result<u32, Stop> {
        let source = self.get(it.s());
        match it.0 & 15 {
            8 => {
                self.check_window(it.t())?;
                let value = Self::load(bus, source?.wrapping_add(it.r() << 2), 4)?;
                self.set(it.t(), value)?;
            }
            9 => {
                let value = self.get(it.t())?;
                Self::store(bus, source?.wrapping_add(it.r() << 2), value, 4)?;
            }
            10 => self.set(it.r(), source?.wrapping_add(self.get(it.t())?))?,
            11 => {
                let other = if it.t() == 0 { u32::MAX } else { it.t() };
                self.set(it.r(), source?.wrapping_add(other))?;
            }
            12 if it.t() < 8 => {
                // From -32 to 95.
                let value = it.t() << 4 | it.r();
                let value = if value < 96 {
                    value
                } else {
                    value.wrapping_sub(128)
                };
                self.set(it.s(), value)?;
            }
            12 => {
                let is_taken = (source? == 0) == (it.t() & 4 == 0);
                return Ok(self.branch(is_taken, (it.t() & 3) << 4 | it.r(), 2));
            }
            13 if it.r() == 0 => self.set(it.t(), source?)?,
            13 if it.r() == 15 => match it.t() {
                0 => return self.get(0),
                1 => return self.leave(),
                // What a debugger would see.
                2 | 3 => {}
                _ => return Err(ILLEGAL),
            },
            _ => return Err(ILLEGAL),
        }
        Ok(self.following(2))
    }

    fn with_memory(&mut self, it: Word, bus: &mut impl Bus) -> Result<u32, Stop> {
        let (s, t, near) = (self.get(it.s()), it.t(), it.imm8());
        match it.r() {
            what @ (0 | 1 | 2 | 9 | 11) => {
                let shift = match what {
                    0 => 0,
                    1 | 9 => 1,
                    _ => 2,
                };
                self.check_window(t)?;
                let value = Self::load(bus, s?.wrapping_add(near << shift), 1 << shift)?;
                let value = if what == 9 { signed(value, 16) } else { value };
                self.set(t, value)?;
            }
            what @ (4 | 5 | 6 | 15) => {
                let shift = what.min(6) - 4;
                let value = self.get(t)?;
                Self::store(bus, s?.wrapping_add(near << shift), value, 1 << shift)?;
            }
            // Caches: there are none.
            7 => {}
            10 => self.set(t, signed(it.s() << 8 | near, 12))?,
            12 => self.set(t, s?.wrapping_add(signed(near, 8)))?,
            13 => self.set(t, s?.wrapping_add(signed(near, 8) << 8))?,
            14 => {
                let (new, at) = (self.get(t)?, s?.wrapping_add(near << 2));
                let old = Self::load(bus, at, 4)?;
                if old == self.special(special::COMPARE) {
                    Self::store(bus, at, new, 4)?;
                }
                self.set(t, old)?;
            }
            _ => return Err(ILLEGAL),
        }
        Ok(self.following(3))
    }

    fn jumps(&mut self, it: Word) -> Result<u32, Stop> {
        let (s, m) = (it.s(), it.m());
        let constant = |first: &[u32]| {
            let at = it.r() as usize;
            first.get(at).copied().unwrap_or(CONSTANTS[at])
        };
        let near = signed(it.imm8(), 8);
        match it.n() {
            0 => Ok(self.branch(true, signed(it.imm18(), 18), 3)),
            1 => {
                let value = self.get(s)?;
                let is_taken = match m {
                    0 => value == 0,
                    1 => value != 0,
                    2 => value >> 31 != 0,
                    _ => value >> 31 == 0,
                };
                Ok(self.branch(is_taken, signed(it.imm12(), 12), 3))
            }
            2 => {
                let (value, other) = (self.get(s)?, constant(&[]));
                let is_less = value.cast_signed() < other.cast_signed();
                let is_taken = match m {
                    0 => value == other,
                    1 => value != other,
                    2 => is_less,
                    _ => !is_less,
                };
                Ok(self.branch(is_taken, near, 3))
            }
            _ if m == 0 => {
                self.entry(s, it.imm12() << 3)?;
                Ok(self.following(3))
            }
            _ if m == 1 => self.begin_loop(it),
            _ => {
                let is_less = self.get(s)? < constant(&UNSIGNED);
                Ok(self.branch(is_less == (m == 2), near, 3))
            }
        }
    }

    fn begin_loop(&mut self, it: Word) -> Result<u32, Stop> {
        let count = self.get(it.s())?;
        let end = self.pc.wrapping_add(4 + it.imm8());
        let is_none = match it.r() {
            8 => false,
            9 => count == 0,
            10 => count.cast_signed() <= 0,
            _ => return Err(ILLEGAL),
        };
        self.set_special(special::LOOP_COUNT, count.wrapping_sub(1));
        self.set_special(special::LOOP_BEGIN, self.pc.wrapping_add(3));
        self.set_special(special::LOOP_END, end);
        Ok(if is_none { end } else { self.pc + 3 })
    }

    fn branches(&mut self, it: Word) -> Result<u32, Stop> {
        let value = self.get(it.s())?;
        let bit = |n: u32| value >> (n & 31) & 1 != 0;
        // The upper half of them is the opposite of the lower.
        let condition = match it.r() & 7 {
            6 | 7 => !bit((it.r() & 1) << 4 | it.t()),
            what => {
                let other = self.get(it.t())?;
                match what {
                    0 => value & other == 0,
                    1 => value == other,
                    2 => value.cast_signed() < other.cast_signed(),
                    3 => value < other,
                    4 => !value & other == 0,
                    _ => !bit(other),
                }
            }
        };
        Ok(self.branch(condition == (it.r() < 8), signed(it.imm8(), 8), 3))
    }

    fn registers_only(&mut self, it: Word, bus: &mut impl Bus) -> Result<u32, Stop> {
        match (it.op1(), it.op2()) {
            (0, 0) => return self.control(it),
            (0, 4) => self.shift_amounts(it)?,
            // The rights of regions of memory: none is taken away.
            (0, 5) => {}
            (1, 6) => {
                let (new, old) = (self.get(it.t())?, self.read_special(it.number(), bus));
                self.write_special(it.number(), new);
                self.set(it.t(), old)?;
            }
            (3, 0) => {
                self.check_window(it.t())?;
                let value = self.read_special(it.number(), bus);
                self.set(it.t(), value)?;
            }
            (3, 1) => {
                let value = self.get(it.t())?;
                self.write_special(it.number(), value);
            }
            (3, 14) => {
                let number = (it.s() << 4 | it.t()) as usize;
                self.set(it.r(), self.registers[FILE_LEN + N_SPECIAL + number])?;
            }
            (3, 15) => {
                let number = it.number() as usize;
                self.registers[FILE_LEN + N_SPECIAL + number] = self.get(it.t())?;
            }
            (3, what @ 8..=11) => {
                let (value, other) = (self.get(it.s())?, self.get(it.t())?);
                self.check_window(it.r())?;
                let is_moved = match what {
                    8 => other == 0,
                    9 => other != 0,
                    10 => other >> 31 != 0,
                    _ => other >> 31 == 0,
                };
                if is_moved {
                    self.set(it.r(), value)?;
                }
            }
            (4 | 5, _) => {
                let value = self.get(it.t())? >> ((it.op1() & 1) << 4 | it.s());
                self.set(it.r(), value & ((2 << it.op2()) - 1))?;
            }
            (9, what @ (0 | 4)) => {
                // With registers of the caller, into or out of its frame.
                let at = self.get(it.s())?.wrapping_add(0xFFFF_FFC0 | it.r() << 2);
                if what == 0 {
                    self.check_window(it.t())?;
                    let value = Self::load(bus, at, 4)?;
                    self.set(it.t(), value)?;
                } else {
                    let value = self.get(it.t())?;
                    Self::store(bus, at, value, 4)?;
                }
            }
            _ => {
                let value = self.value(it)?;
                self.set(it.r(), value)?;
            }
        }
        Ok(self.following(3))
    }

    /// Those that make one value of two.
    fn value(&self, it: Word) -> Result<u32, Stop> {
        let (s, t) = (self.get(it.s()), self.get(it.t()));
        let shift = self.special(special::SHIFT);
        let negative = |value: u32| value.cast_signed();
        let wide = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let half = |value: u32| i32::from(value as i16);
        Ok(match (it.op1(), it.op2()) {
            (0, 1) => s? & t?,
            (0, 2) => s? | t?,
            (0, 3) => s? ^ t?,
            (0, 6) if it.s() == 0 => t?.wrapping_neg(),
            (0, 6) if it.s() == 1 => negative(t?).unsigned_abs(),
            (0, what @ 8..=11) => (s? << (what - 8)).wrapping_add(t?),
            (0, what @ 12..=15) => (s? << (what - 12)).wrapping_sub(t?),
            (1, what @ (0 | 1)) => s?.checked_shl(32 - (what << 4 | it.t())).unwrap_or(0),
            (1, what @ (2 | 3)) => (negative(t?) >> ((what & 1) << 4 | it.s())).cast_unsigned(),
            (1, 4) => t? >> it.s(),
            (1, 8) => wide(s?, t?).checked_shr(shift).unwrap_or(0) as u32,
            (1, 9) => t?.checked_shr(shift).unwrap_or(0),
            (1, 10) => (wide(s?, 0).checked_shr(shift).unwrap_or(0)) as u32,
            (1, 11) => (negative(t?) >> shift.min(31)).cast_unsigned(),
            (1, 12) => (s? & 0xFFFF) * (t? & 0xFFFF),
            (1, 13) => (half(s?) * half(t?)).cast_unsigned(),
            // Of LX7.
            (2, 6) => u32::from(s? < t?),
            (2, 7) => u32::from(negative(s?) < negative(t?)),
            (2, 8) => s?.wrapping_mul(t?),
            (2, 10) => ((u64::from(s?) * u64::from(t?)) >> 32) as u32,
            (2, 11) => {
                let product = i64::from(negative(s?)) * i64::from(negative(t?));
                (product.cast_unsigned() >> 32) as u32
            }
            (2, 12..=15) if t.as_ref().is_ok_and(|it| *it == 0) => {
                return Err(Stop::Exception(cause::DIVISION, 0));
            }
            (2, 12) => s? / t?,
            (2, 13) => negative(s?).wrapping_div(negative(t?)).cast_unsigned(),
            (2, 14) => s? % t?,
            (2, 15) => negative(s?).wrapping_rem(negative(t?)).cast_unsigned(),
            (3, 2) => signed(s?, it.t() + 8),
            (3, 3) => {
                let most = 1 << (it.t() + 7);
                negative(s?).clamp(-most, most - 1).cast_unsigned()
            }
            (3, 4) => negative(s?).min(negative(t?)).cast_unsigned(),
            (3, 5) => negative(s?).max(negative(t?)).cast_unsigned(),
            (3, 6) => s?.min(t?),
            (3, 7) => s?.max(t?),
            _ => return Err(ILLEGAL),
        })
    }

    fn shift_amounts(&mut self, it: Word) -> Result<(), Stop> {
        let s = self.get(it.s());
        let shift = match it.r() {
            0 => s? & 31,
            1 => 32 - (s? & 31),
            2 => (s? & 3) * 8,
            3 => 32 - (s? & 3) * 8,
            4 => (it.t() & 1) << 4 | it.s(),
            8 => {
                self.rotate(it.t());
                return Ok(());
            }
            14 => {
                let value = s?.cast_signed();
                // The sign's copies, without itself.
                return self.set(it.t(), (value ^ value >> 31).leading_zeros().max(1) - 1);
            }
            15 => return self.set(it.t(), s?.leading_zeros()),
            _ => return Err(ILLEGAL),
        };
        self.set_special(special::SHIFT, shift);
        Ok(())
    }

    fn control(&mut self, it: Word) -> Result<u32, Stop> {
        match (it.r(), it.m(), it.n()) {
            (0, 2, 0) => return self.get(0),
            (0, 2, 1) => return self.leave(),
            (0, 2, 2) => return self.get(it.s()),
            (0, 3, fours) => {
                let target = self.get(it.s())?;
                self.call(fours)?;
                return Ok(target);
            }
            (1, ..) => self.move_stack(it.t(), it.s())?,
            // Nothing is out of order; and a debugger's.
            (2 | 4, ..) => {}
            (3, ..) => return self.leave_exception(it),
            (5, ..) if it.s() == 0 => return Err(Stop::Exception(cause::CALL, 0)),
            (what @ (6 | 7), ..) => {
                let status = self.special(special::PS);
                if what == 6 {
                    self.set(it.t(), status)?;
                }
                self.set_special(special::PS, status & !ps::LEVEL | it.s());
                self.is_waiting = what == 7;
            }
            _ => return Err(ILLEGAL),
        }
        Ok(self.following(3))
    }

    fn leave_exception(&mut self, it: Word) -> Result<u32, Stop> {
        match (it.t(), it.s()) {
            (0, 0) => {
                self.set_in_exception(false);
                Ok(self.special(special::EPC))
            }
            (0, 2) => Ok(self.special(special::DEPC)),
            (0, what @ (4 | 5)) => Ok(self.leave_vector(what == 5)),
            (1, level @ 2..=7) => {
                let status = self.special(special::EPS + level - 1);
                self.set_special(special::PS, status);
                Ok(self.special(special::EPC + level - 1))
            }
            _ => Err(ILLEGAL),
        }
    }
}
