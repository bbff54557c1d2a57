//! What the plugin does to make a stretch of the new image, as bytes.
//!
//! Control bytes, then the bytes that are added, then literals. One operation: a number whose lowest bit says that the
//! copies' source moves, the next that literals follow, the rest how many bytes are copied; how many are copied with
//! something added; how far the source moves (relative to where it would go on, zigzag); how many literals. Numbers have
//! seven bits a byte, the lowest first.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::DeflateEncoder;

/// Bytes of operations that the plugin's buffer holds.
pub const MOST_BYTES: usize = 0x8000;

const MOVES: u32 = 1;
const LITERALS: u32 = 2;
/// Shorter runs of equal bytes between two that differ are added as zeros: an operation is longer.
const WORTH_AN_OPERATION: usize = 3;

/// Operations in the making.
#[derive(Debug, Clone, Default)]
pub struct Operations {
    control: Vec<u8>,
    added: Vec<u8>,
    literals: Vec<u8>,
    shift: i32,
}

impl Operations {
    /// Makes `new` from `old`, which is as long and lies `shift` bytes further on in flash.
    pub fn copy(&mut self, shift: i32, old: &[u8], new: &[u8]) {
        debug_assert_eq!(old.len(), new.len());
        let differs: Vec<bool> = old.iter().zip(new).map(|(old, new)| old != new).collect();
        let mut at = 0;
        while at < new.len() {
            let equal = differs[at..]
                .iter()
                .take_while(|differs| !**differs)
                .count();
            let start = at + equal;
            let end = end_of_added(&differs, start);
            let turn = shift.wrapping_sub(self.shift);
            self.shift = shift;
            self.put_head(equal, end - start, turn, 0);
            let pairs = old[start..end].iter().zip(&new[start..end]);
            self.added
                .extend(pairs.map(|(old, new)| new.wrapping_sub(*old)));
            at = end;
        }
    }

    /// Bytes as they are.
    pub fn literals(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.put_head(0, 0, 0, bytes.len());
            self.literals.extend_from_slice(bytes);
        }
    }

    fn put_head(&mut self, copy: usize, add: usize, turn: i32, literals: usize) {
        let mut head = (copy as u32) << 2;
        if turn != 0 {
            head |= MOVES;
        }
        if literals != 0 {
            head |= LITERALS;
        }
        put_number(&mut self.control, head);
        put_number(&mut self.control, add as u32);
        if turn != 0 {
            put_number(
                &mut self.control,
                ((turn << 1) ^ (turn >> 31)).cast_unsigned(),
            );
        }
        if literals != 0 {
            put_number(&mut self.control, literals as u32);
        }
    }

    /// Length in bytes.
    pub fn len(&self) -> usize {
        self.control.len() + self.added.len() + self.literals.len()
    }

    /// Whether nothing is made.
    pub fn is_empty(&self) -> bool {
        self.control.is_empty()
    }

    /// Lengths of the control bytes and of the added ones, for operations that fit ([`MOST_BYTES`]).
    pub(super) fn lengths(&self) -> (u16, u16) {
        (self.control.len() as u16, self.added.len() as u16)
    }

    pub(super) fn deflated(&self) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        for part in [&self.control, &self.added, &self.literals] {
            // Writing to memory does not fail; what would be missing is found before anything is sent.
            let _ = encoder.write_all(part);
        }
        encoder.finish().unwrap_or_default()
    }
}

/// Where the bytes end that are worth adding together.
fn end_of_added(differs: &[bool], start: usize) -> usize {
    let mut end = start;
    let mut equal = 0;
    for (at, differs) in differs.iter().enumerate().skip(start) {
        if *differs {
            end = at + 1;
            equal = 0;
        } else {
            equal += 1;
            if equal == WORTH_AN_OPERATION {
                break;
            }
        }
    }
    end
}

fn put_number(bytes: &mut Vec<u8>, mut number: u32) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Takes a number off the front, as the plugin does.
pub(super) fn take_number(bytes: &mut &[u8]) -> Option<u32> {
    let mut number = 0;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u32::from(byte & 0x7F).wrapping_shl(shift);
        if byte & 0x80 == 0 {
            break;
        }
    }
    Some(number)
}

/// One of them.
pub(super) struct Operation {
    pub(super) copy: u32,
    pub(super) add: u32,
    pub(super) turn: i32,
    pub(super) literals: u32,
}

pub(super) fn take_operation(control: &mut &[u8]) -> Option<Operation> {
    let head = take_number(control)?;
    let add = take_number(control)?;
    let turn = if head & MOVES != 0 {
        take_number(control)?
    } else {
        0
    };
    let literals = if head & LITERALS != 0 {
        take_number(control)?
    } else {
        0
    };
    Some(Operation {
        copy: head >> 2,
        add,
        turn: (turn >> 1).cast_signed() ^ -(turn & 1).cast_signed(),
        literals,
    })
}
