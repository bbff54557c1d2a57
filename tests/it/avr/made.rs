//! Programs for AVR boards, and boards.

use fbuild_chip::avr::{AvrBoard as Facts, Protocol};
use fbuild_sim::Timing;

use crate::intel_hex;

#[derive(Debug, Clone, Copy)]
pub(super) struct AvrBoard {
    pub(super) facts: Facts,
}

impl AvrBoard {
    pub(super) fn named(name: &str) -> Self {
        Self {
            facts: Facts::named(name).unwrap(),
        }
    }

    /// What avrdude calls the protocol.
    pub(super) fn programmer(self) -> &'static str {
        match self.facts.protocol {
            Protocol::Stk500V1 => "arduino",
            Protocol::Stk500V2 => "wiring",
        }
    }

    pub(super) fn build(self) -> fbuild_sim::avr::AvrBoard {
        fbuild_sim::avr::AvrBoard::new(self.facts, None, Timing::cp2102n()).unwrap()
    }
}

/// A program that does nothing for ever, and bytes after it that do not repeat.
pub(super) fn program(len_bytes: usize, seed: u32) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let jump_to_itself = [0xFF, 0xCF];
    let rest = std::iter::from_fn(|| Some(next()));
    jump_to_itself
        .into_iter()
        .chain(rest)
        .take(len_bytes)
        .collect()
}

/// As Intel HEX, sixteen bytes a line, as avr-objcopy writes it.
pub(super) fn hex(bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut record = |address: u16, kind: u8, data: &[u8]| {
        text += &intel_hex::record(address, kind, data);
        text.push_str("\r\n");
    };
    for (index, line) in bytes.chunks(16).enumerate() {
        let at = index * 16;
        if at > 0 && at % 0x1_0000 == 0 {
            record(0, 2, &((at >> 4) as u16).to_be_bytes());
        }
        record(at as u16, 0, line);
    }
    record(0, 1, &[]);
    text
}
