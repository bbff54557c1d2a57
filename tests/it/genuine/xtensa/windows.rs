//! Windows onto the file of registers: each call has its own, and what does not fit goes to the stack by the vectors'
//! programs.

use super::{Stop, Xtensa, cause, ps, special};

/// Entries for an overflow of a frame of four registers, and for an underflow; 0x80 more for each four.
const OVERFLOW: u32 = 0;
const UNDERFLOW: u32 = 0x40;
/// Windows that the file has.
const N: u32 = 16;

impl Xtensa {
    /// Whether windows are on, and no exception is being handled.
    fn has_windows(&self) -> bool {
        self.special(special::PS) & ps::WINDOWS != 0 && !self.is_in_exception()
    }

    /// Whether a frame begins so many windows further on.
    fn begins(&self, steps: u32) -> bool {
        let at = (self.special(special::WINDOW_BASE) + steps) % N;
        self.special(special::WINDOW_START) >> at & 1 != 0
    }

    fn set_begins(&mut self, window: u32, begins: bool) {
        let others = self.special(special::WINDOW_START) & !(1 << window);
        let bit = u32::from(begins) << window;
        self.set_special(special::WINDOW_START, others | bit);
    }

    fn base_and(&self, steps: u32) -> u32 {
        (self.special(special::WINDOW_BASE) + steps) % N
    }

    /// Before a register is used: if an older frame has it, that frame goes to the stack first.
    pub(super) fn check_window(&self, register: u32) -> Result<(), Stop> {
        if register < 4 || !self.has_windows() {
            return Ok(());
        }
        let Some(near) = (1..=register / 4).find(|it| self.begins(*it)) else {
            return Ok(());
        };
        let len = (1..3).find(|it| self.begins(near + it)).unwrap_or(3);
        Err(Stop::Window {
            base: self.base_and(near),
            vector: OVERFLOW + 0x80 * (len - 1),
        })
    }

    /// `CALL4` and so on: where it returns to, and how far the window will move.
    pub(super) fn call(&mut self, fours: u32) -> Result<(), Stop> {
        let back = self.pc.wrapping_add(3);
        if fours == 0 {
            return self.set(0, back);
        }
        self.set(fours * 4, fours << 30 | back & 0x3FFF_FFFF)?;
        let others = self.special(special::PS) & !(3 << ps::CALL_AT);
        self.set_special(special::PS, others | fours << ps::CALL_AT);
        Ok(())
    }

    pub(super) fn entry(&mut self, register: u32, frame_len: u32) -> Result<(), Stop> {
        if !self.has_windows() || register > 3 {
            return Err(Stop::Exception(cause::ILLEGAL, 0));
        }
        let steps = self.special(special::PS) >> ps::CALL_AT & 3;
        let stack = self.get(register)?.wrapping_sub(frame_len);
        self.set(steps * 4 + register, stack)?;
        let base = self.base_and(steps);
        self.set_special(special::WINDOW_BASE, base);
        self.set_begins(base, true);
        Ok(())
    }

    /// `RETW`: where to.
    pub(super) fn leave(&mut self) -> Result<u32, Stop> {
        let back = self.get(0)?;
        let steps = back >> 30;
        let near = (1..4).find(|it| self.begins(N - it));
        if steps == 0 || near.is_some_and(|it| it != steps) || !self.has_windows() {
            return Err(Stop::Exception(cause::ILLEGAL, 0));
        }
        let (own, caller) = (self.base_and(0), self.base_and(N - steps));
        if near.is_none() {
            return Err(Stop::Window {
                base: caller,
                vector: UNDERFLOW + 0x80 * (steps - 1),
            });
        }
        self.set_begins(own, false);
        self.set_special(special::WINDOW_BASE, caller);
        Ok(self.pc & 0xC000_0000 | back & 0x3FFF_FFFF)
    }

    /// `MOVSP`: the frame below it has to be in registers.
    pub(super) fn move_stack(&mut self, to: u32, from: u32) -> Result<(), Stop> {
        let value = self.get(from)?;
        if (1..4).any(|it| self.begins(N - it)) {
            self.set(to, value)
        } else {
            Err(Stop::Exception(cause::NO_FRAME, 0))
        }
    }

    pub(super) fn rotate(&mut self, steps: u32) {
        let base = self.base_and(steps);
        self.set_special(special::WINDOW_BASE, base);
    }

    /// `RFWO` and `RFWU`: back from a window's vector, whose frame is now on the stack, or in registers.
    pub(super) fn leave_vector(&mut self, is_in_registers: bool) -> u32 {
        self.set_in_exception(false);
        self.set_begins(self.base_and(0), is_in_registers);
        let old = self.special(special::PS) >> ps::OLD_BASE_AT & 15;
        self.set_special(special::WINDOW_BASE, old);
        self.special(special::EPC)
    }
}
