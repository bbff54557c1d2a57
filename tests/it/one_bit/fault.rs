//! One thing that goes wrong on the wire, once: what, where, and a name that finds it again.

use std::fmt;

use fbuild_loader::packet::op_name;
use fbuild_loader::slip;

/// Which frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Frame {
    /// The n-th request with this operation code, from 1.
    Request(u8, u32),
    /// What came after it: the answer (0), the rest of what a SYNC is answered with, a greeting.
    Answer(u8, u32, u32),
}

/// What happens to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Harm {
    /// One bit of a byte of the frame (without framing, header included) is turned.
    Bit(usize, u8),
    /// One byte of what goes over the wire is lost.
    Lost(usize),
    /// It comes twice.
    Doubled,
    /// It comes again after the next request was sent.
    Late,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) frame: Frame,
    pub(super) harm: Harm,
}

/// A host's acknowledgment while flash is read has no operation code.
pub(super) const ACKNOWLEDGMENT: u8 = 0xFF;

impl Fault {
    /// What goes over the wire instead of `bytes`, which hold the payload `frame`, and what follows
    /// later.
    pub(super) fn apply(self, frame: &[u8], bytes: &[u8]) -> (Vec<u8>, Option<Vec<u8>>) {
        let mut harmed = bytes.to_vec();
        match self.harm {
            Harm::Bit(byte, bit) => {
                let mut frame = frame.to_vec();
                if let Some(byte) = frame.get_mut(byte) {
                    *byte ^= 1 << bit;
                }
                harmed.clear();
                slip::encode(&frame, &mut harmed);
            }
            Harm::Lost(at) => {
                if at < harmed.len() {
                    harmed.remove(at);
                }
            }
            Harm::Doubled => harmed.extend_from_slice(bytes),
            Harm::Late => return (harmed, Some(bytes.to_vec())),
        }
        (harmed, None)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |op| match op {
            ACKNOWLEDGMENT => "ACKNOWLEDGMENT",
            op => op_name(op),
        };
        match self.frame {
            Frame::Request(op, nth) => write!(f, "request {} {nth}", name(op))?,
            Frame::Answer(op, nth, index) => write!(f, "answer {} {nth}/{index}", name(op))?,
        }
        match self.harm {
            Harm::Bit(byte, bit) => write!(f, " bit {byte}.{bit}"),
            Harm::Lost(at) => write!(f, " lost byte {at}"),
            Harm::Doubled => write!(f, " doubled"),
            Harm::Late => write!(f, " late copy"),
        }
    }
}
