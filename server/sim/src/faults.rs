//! Faults on demand: what real boards and cables do on bad days, at a chosen moment.

/// The moment a fault strikes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// At the n-th command that the board receives, counted from 1 since it was built.
    Command(u32),
    /// At the n-th command (from 1) with this operation code.
    Op(u8, u32),
}

impl When {
    /// At the n-th command, counted from 1.
    pub fn command(nth: u32) -> Self {
        Self::Command(nth)
    }

    /// At the first command with this operation code.
    pub fn op(op: u8) -> Self {
        Self::Op(op, 1)
    }

    /// At the n-th command (from 1) with this operation code.
    pub fn nth_op(op: u8, nth: u32) -> Self {
        Self::Op(op, nth)
    }
}

/// What goes wrong with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The board neither obeys nor answers, this command and all that follow, resets or not.
    Mute,
    /// The same, but a reset helps.
    Hang,
    /// The cable is pulled: this command and everything else on the link fails.
    Vanish,
    /// The command is obeyed, its answer lost.
    DropAnswer,
    /// One byte of the answer is wrong.
    CorruptAnswer(usize),
    /// One byte of the request arrives wrong.
    CorruptRequest(usize),
}

/// A board's faults; [`Faults::none`] to begin with.
#[must_use]
#[derive(Debug, Clone, Default)]
pub struct Faults {
    by_command: Vec<(When, Fault)>,
    pub(crate) bad_sectors: Vec<u32>,
    pub(crate) coupled_sectors: Vec<(u32, u32)>,
    pub(crate) power_loss_after: Option<u64>,
}

impl Faults {
    /// A sound board.
    pub fn none() -> Self {
        Self::default()
    }

    /// From that command on the board says nothing more, whatever is done to it.
    pub fn mute_at(self, when: When) -> Self {
        self.with(when, Fault::Mute)
    }

    /// From that command on the board says nothing more until it is reset.
    pub fn hang_at(self, when: When) -> Self {
        self.with(when, Fault::Hang)
    }

    /// At that command the port disappears.
    pub fn vanish_at(self, when: When) -> Self {
        self.with(when, Fault::Vanish)
    }

    /// That command is obeyed but its answer does not arrive.
    pub fn drop_answer(self, when: When) -> Self {
        self.with(when, Fault::DropAnswer)
    }

    /// One bit of byte `index` of that command's answer (as it is on the wire, delimiters
    /// included) is turned.
    pub fn corrupt_answer(self, when: When, index: usize) -> Self {
        self.with(when, Fault::CorruptAnswer(index))
    }

    /// One bit of byte `index` of that command (unescaped, header included) is turned.
    pub fn corrupt_request(self, when: When, index: usize) -> Self {
        self.with(when, Fault::CorruptRequest(index))
    }

    /// The sector that holds `offset` neither erases nor programs.
    pub fn bad_sector(mut self, offset: u32) -> Self {
        self.bad_sectors.push(offset);
        self
    }

    /// Erasing the sector that holds `offset` erases the one that holds `other`, too.
    pub fn erase_takes_along(mut self, offset: u32, other: u32) -> Self {
        self.coupled_sectors.push((offset, other));
        self
    }

    /// After that many programmed bytes the supply fails: the rest of the operation does not happen
    /// and the board is off. The next reset on the control lines finds it powered again.
    pub fn power_loss_after(mut self, programmed_bytes: u64) -> Self {
        self.power_loss_after = Some(programmed_bytes);
        self
    }

    fn with(mut self, when: When, fault: Fault) -> Self {
        self.by_command.push((when, fault));
        self
    }

    /// The fault that strikes at this command, if any: the `nth` of all, and the `nth_of_op` of its
    /// operation code.
    pub(crate) fn at(&self, nth: u32, op: u8, nth_of_op: u32) -> Option<Fault> {
        self.by_command
            .iter()
            .find(|(when, _)| match *when {
                When::Command(n) => n == nth,
                When::Op(code, n) => code == op && n == nth_of_op,
            })
            .map(|(_, fault)| *fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_once_and_at_its_moment() {
        let faults = Faults::none()
            .drop_answer(When::command(3))
            .mute_at(When::nth_op(0x13, 2));
        assert_eq!(faults.at(1, 0x08, 1), None);
        assert_eq!(faults.at(3, 0x0A, 1), Some(Fault::DropAnswer));
        assert_eq!(faults.at(4, 0x13, 1), None);
        assert_eq!(faults.at(9, 0x13, 2), Some(Fault::Mute));
    }
}
