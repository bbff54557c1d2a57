//! STK500 version 2, as the boot loader of the Mega 2560 speaks it.
//!
//! Messages in both directions: 1B, number, length (two bytes, high first), 0E, body, and the exclusive or
//! of all of them. Source: Atmel AVR068; `stk500boot.c` of the Arduino core for AVR.

use std::time::Duration;

use fbuild_link::Link;

use super::wire::Wire;
use super::{BootLoader, Memory};
use crate::error::LoaderError;
use crate::reset::Before;

const START: u8 = 0x1B;
const TOKEN: u8 = 0x0E;
const HEADER_LEN: usize = 5;
const OK: u8 = 0;
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// First byte of a body, and of the body of its answer.
mod command {
    pub(super) const SIGN_ON: u8 = 0x01;
    pub(super) const LOAD_ADDRESS: u8 = 0x06;
    pub(super) const ENTER_PROGRAMMING: u8 = 0x10;
    pub(super) const LEAVE_PROGRAMMING: u8 = 0x11;
    pub(super) const PROGRAM_FLASH: u8 = 0x13;
    pub(super) const READ_FLASH: u8 = 0x14;
    pub(super) const READ_SIGNATURE: u8 = 0x1B;
}

/// A body as a message.
pub fn encode(number: u8, body: &[u8]) -> Vec<u8> {
    let [high, low] = (body.len() as u16).to_be_bytes();
    let mut bytes = vec![START, number, high, low, TOKEN];
    bytes.extend_from_slice(body);
    bytes.push(bytes.iter().fold(0, |sum, byte| sum ^ byte));
    bytes
}

/// The length of the body that follows such a header; `None`: it is no header of the answer to `number`.
pub fn body_len(header: &[u8], number: u8) -> Option<usize> {
    match *header {
        [START, answered, high, low, TOKEN] if answered == number => {
            Some(usize::from(u16::from_be_bytes([high, low])))
        }
        _ => None,
    }
}

/// A session with such a boot loader.
pub struct Session {
    wire: Wire,
    number: u8,
}

impl Session {
    pub(super) fn new(wire: Wire) -> Self {
        Self { wire, number: 0 }
    }

    /// The data of an answer, after its command and its status.
    fn ask(&mut self, command: &'static str, body: &[u8]) -> Result<Vec<u8>, LoaderError> {
        let bad = |what: String| Err(LoaderError::BadReply { command, what });
        self.number = self.number.wrapping_add(1);
        self.wire.send(&encode(self.number, body))?;
        let mut answer = self.wire.receive(HEADER_LEN, ANSWER_TIMEOUT, command)?;
        let Some(len) = body_len(&answer, self.number) else {
            return bad("it is no answer to this request".to_owned());
        };
        // Nothing longer is asked for.
        if len > 0x200 {
            return bad(format!("it has {len} bytes"));
        }
        answer.extend(self.wire.receive(len + 1, ANSWER_TIMEOUT, command)?);
        if answer.iter().fold(0, |sum, byte| sum ^ byte) != 0 {
            return bad("its checksum is wrong".to_owned());
        }
        match &answer[HEADER_LEN..HEADER_LEN + len] {
            [answered, OK, data @ ..] if Some(answered) == body.first() => Ok(data.to_vec()),
            [answered, status, ..] if Some(answered) == body.first() => {
                bad(format!("it says that this failed (status {status:#04x})"))
            }
            _ => bad("it is the answer to another command".to_owned()),
        }
    }

    /// Flash is addressed in words.
    fn load_address(&mut self, address: u32) -> Result<(), LoaderError> {
        let mut body = vec![command::LOAD_ADDRESS];
        body.extend((address / 2).to_be_bytes());
        self.ask("load address", &body)?;
        Ok(())
    }
}

impl BootLoader for Session {
    fn begin(&mut self, before: Before) -> Result<(), LoaderError> {
        self.number = 1;
        let name = b"AVRISP_2";
        let mut body = vec![command::SIGN_ON, OK, name.len() as u8];
        body.extend(name);
        let request = encode(self.number, &[command::SIGN_ON]);
        self.wire
            .begin(before, &request, &encode(self.number, &body))?;
        // Times and pins of a programmer, which a boot loader does not look at: avrdude's.
        let body = [
            command::ENTER_PROGRAMMING,
            200,
            100,
            25,
            32,
            0,
            0x53,
            3,
            0xAC,
            0x53,
            0,
            0,
        ];
        self.ask("enter programming", &body)?;
        Ok(())
    }

    fn name(&self) -> &'static str {
        "AVRISP_2"
    }

    fn signature(&mut self) -> Result<[u8; 3], LoaderError> {
        let mut signature = [0; 3];
        for (index, byte) in signature.iter_mut().enumerate() {
            let body = [command::READ_SIGNATURE, 4, 0x30, 0, index as u8, 0];
            let data = self.ask("read signature", &body)?;
            *byte = data.first().copied().unwrap_or_default();
        }
        Ok(signature)
    }

    fn read(&mut self, _: Memory, address: u32, len_bytes: u32) -> Result<Vec<u8>, LoaderError> {
        self.load_address(address)?;
        let [high, low] = (len_bytes as u16).to_be_bytes();
        let mut data = self.ask("read flash", &[command::READ_FLASH, high, low, 0x20])?;
        // A second status follows.
        if data.pop() != Some(OK) || data.len() != len_bytes as usize {
            return Err(LoaderError::BadReply {
                command: "read flash",
                what: "it has another length".to_owned(),
            });
        }
        Ok(data)
    }

    fn write(&mut self, _: Memory, address: u32, bytes: &[u8]) -> Result<(), LoaderError> {
        self.load_address(address)?;
        let [high, low] = (bytes.len() as u16).to_be_bytes();
        let head = [
            command::PROGRAM_FLASH,
            high,
            low,
            0xC1,
            10,
            0x40,
            0x4C,
            0x20,
            0,
            0,
        ];
        self.ask("program flash", &[&head[..], bytes].concat())?;
        Ok(())
    }

    /// Its page to be erased is counted on with each page that is written, from 0 at a reset.
    fn erases_in_order(&self) -> bool {
        true
    }

    /// Arduino's builds leave writing it out, or were never tried (`stk500boot.c`).
    fn has_eeprom(&self) -> bool {
        false
    }

    fn leave(&mut self) -> Result<(), LoaderError> {
        self.ask("leave programming", &[command::LEAVE_PROGRAMMING, 1, 1])?;
        Ok(())
    }

    fn link(&mut self) -> &mut dyn Link {
        &mut *self.wire.link
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_what_the_genuine_boot_loader_sends() {
        // stk500boot_v2_mega2560 answers SIGN_ON, in an emulator.
        let body = b"\x01\x00\x08AVRISP_2";
        let message = encode(1, body);
        assert_eq!(message[..5], [0x1B, 0x01, 0x00, 0x0B, 0x0E]);
        assert_eq!(message.last(), Some(&0x74));
        assert_eq!(body_len(&message[..5], 1), Some(body.len()));
        assert_eq!(body_len(&message[..5], 2), None);
    }
}
