//! STK500 version 1: optiboot, and ATmegaBOOT on boards with a lower baud rate.
//!
//! Source: optiboot 4.4 (its `main`), ATmegaBOOT 1.16, and traces of both in an emulator.

use std::time::Duration;

use super::{AvrBoard, Step};

const END: u8 = 0x20;
const IN_SYNC: u8 = 0x14;
const OK: u8 = 0x10;
/// Rate from which on boards have optiboot.
pub(super) const OPTIBOOT_BAUD: u32 = 115_200;

impl AvrBoard {
    pub(super) fn step_v1(&mut self) -> Step {
        let request = &self.request;
        let word = |at: usize| -> Option<usize> {
            Some(usize::from(*request.get(at)?) << 8 | usize::from(*request.get(at + 1)?))
        };
        let needed = match request[0] {
            0x41 => 3,
            0x42 => 22,
            0x45 => 7,
            0x55 => 4,
            0x56 => 6,
            0x64 => match word(1) {
                Some(len) => 5 + len,
                None => return Step::More,
            },
            0x74 => 5,
            _ => 2,
        };
        if request.len() < needed {
            return Step::More;
        }
        if request[needed - 1] != END {
            return Step::Lost;
        }
        let is_optiboot = self.facts.baud >= OPTIBOOT_BAUD;
        let at = self.address * 2;
        let mut busy = Duration::ZERO;
        let mut data = Vec::new();
        match request[0] {
            0x41 => data.push(match (request[1], is_optiboot) {
                (0x81 | 0x82, true) => 4,
                (0x81, false) => 1,
                (0x82, false) => 16,
                _ => 3,
            }),
            0x51 => return Step::Leave(vec![IN_SYNC, OK]),
            0x55 => self.address = u32::from(u16::from_le_bytes([request[1], request[2]])),
            0x56 => data.push(0),
            0x64 => {
                let bytes = request[4..needed - 1].to_vec();
                busy = if request[3] == b'E' && !is_optiboot {
                    self.memory.write_eeprom(at, &bytes)
                } else {
                    // Optiboot does not look at the kind of memory.
                    self.memory.write_page(at, &bytes)
                };
            }
            0x74 => {
                // A length of one byte: none is 256.
                let len = if is_optiboot {
                    match request[2] {
                        0 => 256,
                        len => len.into(),
                    }
                } else {
                    word(1).unwrap_or_default()
                };
                data = if request[3] == b'E' && !is_optiboot {
                    self.memory.read_eeprom(at, len)
                } else {
                    self.memory.read_flash(at, len)
                };
            }
            0x75 => data.extend(self.facts.part.signature),
            _ => {}
        }
        let mut bytes = vec![IN_SYNC];
        bytes.extend(data);
        bytes.push(OK);
        Step::Answer {
            bytes,
            busy,
            after: 1,
        }
    }
}
