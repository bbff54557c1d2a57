//! Which faults a conversation is tried with.

use fbuild_loader::packet::op;

use super::fault::{ACKNOWLEDGMENT, Fault, Frame, Harm};
use super::noisy::Seen;

/// So many of the bits that are in the middle of data, or far back in a frame, are left out even of
/// the exhaustive run: all of a payload's bits are alike.
const FIELDS_LEN: usize = 8 + 24;
/// Frames that answer one request, of which more than these are like them.
const ANSWERS: u32 = 3;

/// Faults of one conversation, those that matter most first.
pub(super) struct Cases {
    /// Always tried: the requests that name what is erased, written, hashed or left.
    pub(super) always: Vec<Fault>,
    pub(super) others: Vec<Fault>,
}

impl Cases {
    pub(super) fn of(conversation: &[Seen]) -> Self {
        let mut cases = Self {
            always: Vec::new(),
            others: Vec::new(),
        };
        let mut stub_runs = false;
        for seen in conversation {
            cases.add(seen, stub_runs);
            stub_runs |= matches!(seen.frame, Frame::Request(op::MEM_END, _));
        }
        cases
    }

    fn add(&mut self, seen: &Seen, stub_runs: bool) {
        let frame = seen.frame;
        let matters = names_a_place(seen);
        for byte in 0..seen.len.min(fields_len(seen, stub_runs)) {
            for bit in 0..8 {
                let fault = Fault {
                    frame,
                    harm: Harm::Bit(byte, bit),
                };
                if matters && byte >= 8 {
                    self.always.push(fault);
                } else {
                    self.others.push(fault);
                }
            }
        }
        if seen.len > FIELDS_LEN {
            // One in the middle of the data, and the last.
            for byte in [seen.len / 2, seen.len - 1] {
                let harm = Harm::Bit(byte, 4);
                self.others.push(Fault { frame, harm });
            }
        }
        // Delimiters included.
        let on_wire = seen.len + 2;
        for at in (0..on_wire.min(12)).chain([on_wire / 2, on_wire - 1]) {
            let harm = Harm::Lost(at);
            self.others.push(Fault { frame, harm });
        }
        if let Frame::Answer(_, _, index) = frame
            && index < ANSWERS
        {
            for harm in [Harm::Doubled, Harm::Late] {
                let fault = Fault { frame, harm };
                if matches!(frame, Frame::Answer(op::SPI_FLASH_MD5, ..)) {
                    self.always.push(fault);
                } else {
                    self.others.push(fault);
                }
            }
        }
    }
}

fn fields_len(seen: &Seen, stub_runs: bool) -> usize {
    match seen.frame {
        Frame::Answer(_, _, index) if index >= ANSWERS => 0,
        // A ROM's digest and status.
        Frame::Answer(op::SPI_FLASH_MD5, ..) => 8 + 36,
        // The stub's code and data: what arrives wrong does not run.
        Frame::Request(op::MEM_DATA, nth) if nth > 1 && !stub_runs => 0,
        Frame::Request(op::PLUGIN, _) => 8 + 44,
        _ => FIELDS_LEN,
    }
}

fn names_a_place(seen: &Seen) -> bool {
    matches!(
        seen.frame,
        Frame::Request(
            op::FLASH_BEGIN
                | op::FLASH_DEFL_BEGIN
                | op::FLASH_END
                | op::FLASH_DEFL_END
                | op::SPI_SET_PARAMS
                | op::SPI_FLASH_MD5
                | op::ERASE_REGION
                | op::ERASE_FLASH
                | op::READ_FLASH
                | op::READ_FLASH_SLOW
                | op::PLUGIN
                | ACKNOWLEDGMENT,
            _
        )
    )
}
