//! Changing an image in flash into another one, in place: the board gets the differences only.
//!
//! The flasher stub has a table of handlers for operation codes that it does not know itself. A plugin of our own
//! (`delta/plugin.c`) is put beside it in RAM and entered there. It saves a block of flash, erases it, and makes the new
//! one from [`operations`]: copies of old bytes, copies with something added, and new bytes. [`device`] does the same in
//! Rust, to try a plan before it is sent and for the simulated board; [`place`] says on which chips, and where in RAM.
//!
//! Every request of the plugin's has a sum over all of it, because the stub checks none. Nothing outside of the run that
//! was announced is touched, and a block is only erased if it holds what the host believes.

pub mod device;
pub mod operations;
pub mod place;

use std::ops::Range;

use crate::packet;
use operations::Operations;

pub(crate) use crate::packet::op::PLUGIN as OP;

/// What the plugin says it is. Goes up with every change of a request.
pub const VERSION: u32 = 0x4454_4C32;

/// Bytes that stay saved beside what is erased: of code that moved, what was needed of the block before is mostly
/// in there (measured on a release of MicroPython: 10 % less to send; twice as much would save nothing more).
pub(crate) const KEPT_LEN: u32 = 0x8000;

/// What the plugin has saved of the old image once it has erased `erase`: that, and of what was saved before the part
/// right beside it.
pub fn saved_with(saved: &Range<u32>, erase: &Range<u32>) -> Range<u32> {
    let kept = (saved.end - saved.start).min(KEPT_LEN);
    if saved.end == erase.start {
        erase.start - kept..erase.end
    } else if saved.start == erase.end {
        erase.start..erase.end + kept
    } else {
        erase.clone()
    }
}

/// First words of a request, after the sum.
pub(crate) mod kind {
    pub(crate) const SUM: u32 = 1;
    pub(crate) const PIECE: u32 = 2;
    pub(crate) const COUNT: u32 = 3;
}

pub(crate) const FIRST_PART: u32 = 1;
pub(crate) const LAST_PART: u32 = 2;
/// Words of a request before its part of the stream.
pub(crate) const PIECE_WORDS: usize = 11;
/// Bytes of a stream in one request: what the stub's buffer of 16 KiB holds beside the words.
const PART_LEN: usize = 0x3F00;

/// Error codes of the plugin's own; the others are the stub's.
pub(crate) mod error {
    pub(crate) const SUM: u8 = 0xC1;
    pub(crate) const FLASH: u8 = 0xC4;
    pub(crate) const STREAM: u8 = 0xC7;
    pub(crate) const PLACE: u8 = 0xE0;
    pub(crate) const OLD: u8 = 0xE1;
    pub(crate) const OPERATION: u8 = 0xE2;
}

/// The plugin's sum: FNV-1a by words. No change of a single word has the same sum.
pub fn sum(bytes: &[u8]) -> u32 {
    let words = bytes.chunks(4).map(|chunk| {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        u32::from_le_bytes(word)
    });
    words.fold(0x811C_9DC5, |hash, word| {
        (hash ^ word).wrapping_mul(0x0100_0193)
    })
}

/// Sectors that are made anew in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// What is erased first, at most a block: sectors that this piece and the next ones make.
    pub erase: Range<u32>,
    /// How much of that is known, in whole sectors, and its [`sum`]: where it is something else, nothing is erased.
    pub known_len: u32,
    /// See `known_len`.
    pub old_sum: u32,
    /// Offset of the first sector that is made.
    pub at: u32,
    /// How much is made.
    pub len_bytes: u32,
    /// Length of the operations: control bytes and added bytes.
    pub lengths: (u16, u16),
    /// Length of all of them.
    pub operations_len: u32,
    /// The operations, as one raw deflate stream.
    pub stream: Vec<u8>,
}

impl Piece {
    /// A piece that erases, where it is known to hold `known`, and makes `made`.
    pub fn new(erase: Range<u32>, known: &[u8], made: Range<u32>, operations: &Operations) -> Self {
        Self {
            erase,
            known_len: known.len() as u32,
            old_sum: sum(known),
            at: made.start,
            len_bytes: made.end - made.start,
            lengths: operations.lengths(),
            operations_len: operations.len() as u32,
            stream: operations.deflated(),
        }
    }

    /// The data of its requests, for a plugin whose state is at this address.
    pub fn requests(&self, state: u32) -> impl Iterator<Item = Vec<u8>> {
        let parts = self.stream.len().div_ceil(PART_LEN);
        let (control, added) = self.lengths;
        self.stream
            .chunks(PART_LEN)
            .enumerate()
            .map(move |(n, part)| {
                let mut flags = self.known_len;
                if n == 0 {
                    flags |= FIRST_PART;
                }
                if n + 1 == parts {
                    flags |= LAST_PART;
                }
                let words = [
                    kind::PIECE,
                    state,
                    flags,
                    self.erase.start,
                    self.erase.end.wrapping_sub(self.erase.start),
                    self.old_sum,
                    self.at,
                    self.len_bytes,
                    u32::from(control) | u32::from(added) << 16,
                    part.len() as u32,
                ];
                let mut data = packet::words(&words);
                data.extend_from_slice(part);
                with_sum(data)
            })
    }
}

/// Asks for the sum of what is in RAM.
pub(crate) fn sum_request(address: u32, len_bytes: usize) -> Vec<u8> {
    with_sum(packet::words(&[kind::SUM, address, len_bytes as u32 / 4]))
}

/// Asks how many pieces were made.
pub(crate) fn count_request(state: u32) -> Vec<u8> {
    with_sum(packet::words(&[kind::COUNT, state, 0]))
}

fn with_sum(mut data: Vec<u8>) -> Vec<u8> {
    data.resize(data.len().next_multiple_of(4), 0);
    let sum = sum(&data).to_le_bytes();
    data.splice(0..0, sum);
    data
}
