//! STK500 version 2: the boot loader of the Mega 2560.
//!
//! Source: `stk500boot.c` of the Arduino core for AVR, and what it answers in an emulator.

use std::time::Duration;

use super::{AvrBoard, Step};

const START: u8 = 0x1B;
const TOKEN: u8 = 0x0E;
const OK: u8 = 0;
const FAILED: u8 = 0xC0;
const HEADER_LEN: usize = 5;

impl AvrBoard {
    pub(super) fn step_v2(&mut self) -> Step {
        let request = self.request.clone();
        // It waits for the beginning of a message.
        if request[0] != START {
            self.request.clear();
            return Step::More;
        }
        let [_, number, high, low, token] = match request.first_chunk() {
            Some(header) => *header,
            None => return Step::More,
        };
        if token != TOKEN {
            self.request.clear();
            return Step::More;
        }
        let end = HEADER_LEN + usize::from(u16::from_be_bytes([high, low]));
        if request.len() <= end {
            return Step::More;
        }
        // It says nothing to a message that was damaged.
        if request.iter().fold(0, |sum, byte| sum ^ byte) != 0 {
            self.request.clear();
            return Step::More;
        }
        let (body, busy, is_last) = self.obey(&request[HEADER_LEN..end]);
        let [high, low] = (body.len() as u16).to_be_bytes();
        let mut bytes = vec![START, number, high, low, TOKEN];
        bytes.extend(body);
        bytes.push(bytes.iter().fold(0, |sum, byte| sum ^ byte));
        if is_last {
            return Step::Leave(bytes);
        }
        let after = bytes.len();
        Step::Answer { bytes, busy, after }
    }

    /// The answer's body, how long it takes, and whether the program starts then.
    fn obey(&mut self, body: &[u8]) -> (Vec<u8>, Duration, bool) {
        let quick = |bytes: Vec<u8>| (bytes, Duration::ZERO, false);
        let at = self.address * 2;
        let page_bytes = self.facts.part.page_bytes as usize;
        match *body {
            [0x01] => quick([&[0x01, OK, 8][..], b"AVRISP_2"].concat()),
            [command @ (0x02 | 0x10), ..] => quick(vec![command, OK]),
            [0x03, parameter] => {
                let value = match parameter {
                    0x90 => 0x0F,
                    0x91 => 2,
                    0x92 => 10,
                    _ => 0,
                };
                quick(vec![0x03, OK, value])
            }
            [0x06, a, b, c, d] => {
                self.address = u32::from_be_bytes([a & 0x7F, b, c, d]);
                quick(vec![0x06, OK])
            }
            [0x11, ..] => (vec![0x11, OK], Duration::ZERO, true),
            // It erases nothing, but begins anew with the pages that it erases before it writes.
            [0x12, ..] => {
                self.memory.erase_at = 0;
                quick(vec![0x12, FAILED])
            }
            [0x13, _, _, _, _, _, _, _, _, _, ref data @ ..] => {
                let mut busy = Duration::ZERO;
                if self.memory.erase_at < self.facts.boot_start {
                    busy += self.memory.erase_page(self.memory.erase_at);
                    self.memory.erase_at += self.facts.part.page_bytes;
                }
                let data = &data[..data.len().min(page_bytes)];
                busy += self.memory.program_page(at, data);
                self.address += data.len() as u32 / 2;
                (vec![0x13, OK], busy, false)
            }
            [0x14, high, low, _] => {
                let len = usize::from(u16::from_be_bytes([high, low]));
                self.address += len as u32 / 2;
                let mut answer = vec![0x14, OK];
                answer.extend(self.memory.read_flash(at, len));
                answer.push(OK);
                quick(answer)
            }
            [0x1B, _, _, _, index, _] => {
                let byte = self.facts.part.signature.get(usize::from(index));
                quick(vec![0x1B, OK, byte.copied().unwrap_or_default(), OK])
            }
            // Four bytes to the part's own programming port: of these it knows the signature.
            [0x1D, _, _, _, 0x30, _, index, ..] => {
                let byte = self.facts.part.signature.get(usize::from(index));
                let byte = byte.copied().unwrap_or_default();
                quick(vec![0x1D, OK, 0x00, 0x30, 0x00, byte, OK])
            }
            [0x1D, ..] => quick(vec![0x1D, OK, 0, 0, 0, 0, OK]),
            [0x18..=0x1A, ..] => quick(vec![body[0], OK, 0, OK]),
            _ => quick(vec![body.first().copied().unwrap_or_default(), FAILED]),
        }
    }
}
