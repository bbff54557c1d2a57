//! STK500 version 1, as optiboot and ATmegaBOOT speak it.
//!
//! A request is a command with its arguments and a 0x20; an answer 0x14, the data, and 0x10. Source: Atmel
//! AVR061; optiboot 4.4 and 8.3; bytes compared with what avrdude 7.1 sends to optiboot 4.4.

use std::time::Duration;

use fbuild_chip::Device;
use fbuild_link::Link;

use super::wire::Wire;
use super::{BootLoader, Memory};
use crate::error::LoaderError;
use crate::reset::Before;

const END: u8 = 0x20;
const IN_SYNC: u8 = 0x14;
const OK: u8 = 0x10;

/// A page takes some milliseconds to write, EEPROM as many for each byte.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// A request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Request<'d> {
    Sync,
    Parameter(u8),
    EnterProgramming,
    LeaveProgramming,
    /// Counted in words of two bytes.
    LoadAddress(u16),
    WritePage(Memory, &'d [u8]),
    /// Up to 256 bytes.
    ReadPage(Memory, u16),
    ReadSignature,
}

/// Number of the boot loader's major version.
const MAJOR: u8 = 0x81;
/// Number of its minor version.
const MINOR: u8 = 0x82;

impl Request<'_> {
    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        let kind = |memory: &Memory| match memory {
            Memory::Flash => b'F',
            Memory::Eeprom => b'E',
        };
        let mut bytes = match self {
            Self::Sync => vec![0x30],
            Self::Parameter(number) => vec![0x41, *number],
            Self::EnterProgramming => vec![0x50],
            Self::LeaveProgramming => vec![0x51],
            Self::LoadAddress(words) => {
                let [low, high] = words.to_le_bytes();
                vec![0x55, low, high]
            }
            Self::WritePage(memory, data) => {
                let [high, low] = (data.len() as u16).to_be_bytes();
                let mut bytes = vec![0x64, high, low, kind(memory)];
                bytes.extend_from_slice(data);
                bytes
            }
            Self::ReadPage(memory, len_bytes) => {
                let [high, low] = len_bytes.to_be_bytes();
                vec![0x74, high, low, kind(memory)]
            }
            Self::ReadSignature => vec![0x75],
        };
        bytes.push(END);
        bytes
    }

    /// How many bytes its answer has.
    pub fn answer_len(&self) -> usize {
        2 + match self {
            Self::Parameter(_) => 1,
            Self::ReadSignature => 3,
            Self::ReadPage(_, len_bytes) => usize::from(*len_bytes),
            _ => 0,
        }
    }

    /// What it is called, for messages.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Sync => "sync",
            Self::Parameter(_) => "get parameter",
            Self::EnterProgramming => "enter programming",
            Self::LeaveProgramming => "leave programming",
            Self::LoadAddress(_) => "load address",
            Self::WritePage(..) => "program page",
            Self::ReadPage(..) => "read page",
            Self::ReadSignature => "read signature",
        }
    }
}

/// The data of an answer; `None` if it is none.
pub fn data_of(answer: &[u8]) -> Option<&[u8]> {
    match answer {
        [IN_SYNC, data @ .., OK] => Some(data),
        _ => None,
    }
}

/// A session with such a boot loader.
pub struct Session {
    wire: Wire,
    name: String,
    has_eeprom: bool,
}

impl Session {
    pub(super) fn new(wire: Wire) -> Self {
        Self {
            wire,
            name: "boot loader".to_owned(),
            has_eeprom: false,
        }
    }

    fn ask(&mut self, request: Request<'_>) -> Result<Vec<u8>, LoaderError> {
        self.wire.send(&request.encode())?;
        self.answer_to(request)
    }

    fn answer_to(&mut self, request: Request<'_>) -> Result<Vec<u8>, LoaderError> {
        let command = request.name();
        let answer = self
            .wire
            .receive(request.answer_len(), ANSWER_TIMEOUT, command)?;
        data_of(&answer)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| LoaderError::BadReply {
                command,
                what: "it does not begin with 14 and end with 10 (hexadecimal)".to_owned(),
            })
    }

    /// A request about an address. Both are sent at once, which saves a round trip: the boot loader reads
    /// on while its answer to the first one leaves. Nothing is sent while it writes, or sends more than
    /// two bytes: it hears only three then.
    fn ask_at(&mut self, address: u32, request: Request<'_>) -> Result<Vec<u8>, LoaderError> {
        // Whoever makes a board sees to it; a shortened address would be another page's.
        let words = u16::try_from(address / 2).map_err(|_| LoaderError::Unsupported {
            chip: Device::Avr(self.wire.board.part),
            what: format!("STK500 version 1 has no address {address:#x}: it ends at 0x20000"),
        })?;
        let load = Request::LoadAddress(words);
        let mut bytes = load.encode();
        bytes.extend(request.encode());
        self.wire.send(&bytes)?;
        self.answer_to(load)?;
        self.answer_to(request)
    }

    fn parameter(&mut self, number: u8) -> Result<u8, LoaderError> {
        let value = self.ask(Request::Parameter(number))?;
        Ok(value.first().copied().unwrap_or_default())
    }
}

impl BootLoader for Session {
    fn begin(&mut self, before: Before) -> Result<(), LoaderError> {
        let sync = Request::Sync.encode();
        self.wire.begin(before, &sync, &[IN_SYNC, OK])?;
        let (major, minor) = (self.parameter(MAJOR)?, self.parameter(MINOR)?);
        // ATmegaBOOT says 1.16 or 1.18. Optiboot began with 3, and takes EEPROM for flash where it was
        // built without it, which it does not tell.
        self.has_eeprom = major == 1;
        let family = if self.has_eeprom {
            "ATmegaBOOT"
        } else {
            "optiboot"
        };
        self.name = format!("{family} {major}.{minor}");
        self.ask(Request::EnterProgramming)?;
        Ok(())
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&mut self) -> Result<[u8; 3], LoaderError> {
        let request = Request::ReadSignature;
        let bytes = self.ask(request)?;
        bytes.try_into().map_err(|_| LoaderError::BadReply {
            command: request.name(),
            what: "a signature has three bytes".to_owned(),
        })
    }

    fn read(
        &mut self,
        memory: Memory,
        address: u32,
        len_bytes: u32,
    ) -> Result<Vec<u8>, LoaderError> {
        self.ask_at(address, Request::ReadPage(memory, len_bytes as u16))
    }

    fn write(&mut self, memory: Memory, address: u32, bytes: &[u8]) -> Result<(), LoaderError> {
        self.ask_at(address, Request::WritePage(memory, bytes))?;
        Ok(())
    }

    fn erases_in_order(&self) -> bool {
        false
    }

    fn has_eeprom(&self) -> bool {
        self.has_eeprom
    }

    fn leave(&mut self) -> Result<(), LoaderError> {
        self.ask(Request::LeaveProgramming)?;
        Ok(())
    }

    fn link(&mut self) -> &mut dyn Link {
        &mut *self.wire.link
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use fbuild_chip::avr::{AvrBoard, Protocol};
    use fbuild_link::memory::{MemoryLink, Time};

    use super::super::wire::tests::Mute;
    use super::*;
    use crate::cancel::CancelToken;

    #[test]
    fn requests_are_what_avrdude_sends() {
        // From a trace of avrdude 7.1.
        for (request, bytes, answer_len) in [
            (Request::Sync, &[0x30, 0x20][..], 2),
            (Request::Parameter(MAJOR), &[0x41, 0x81, 0x20], 3),
            (Request::EnterProgramming, &[0x50, 0x20], 2),
            (Request::ReadSignature, &[0x75, 0x20], 5),
            (Request::LoadAddress(0x0640), &[0x55, 0x40, 0x06, 0x20], 2),
            (
                Request::ReadPage(Memory::Flash, 128),
                &[0x74, 0x00, 0x80, 0x46, 0x20],
                130,
            ),
            (
                Request::WritePage(Memory::Flash, &[1, 2]),
                &[0x64, 0x00, 0x02, 0x46, 1, 2, 0x20],
                2,
            ),
            (Request::LeaveProgramming, &[0x51, 0x20], 2),
        ] {
            assert_eq!(request.encode(), bytes);
            assert_eq!(request.answer_len(), answer_len, "{request:?}");
        }
    }

    #[test]
    fn an_address_that_has_no_number_is_not_shortened() {
        let device = Arc::new(Mutex::new(Mute(Vec::new())));
        let link = MemoryLink::new("board", Arc::clone(&device), Time::Accounted);
        let board = AvrBoard {
            protocol: Protocol::Stk500V1,
            ..AvrBoard::named("megaatmega2560").unwrap()
        };
        let wire = Wire::new(Box::new(link), board, CancelToken::new()).unwrap();
        let error = Session::new(wire).write(Memory::Flash, 0x2_0100, &[0; 256]);
        assert_eq!(
            error.unwrap_err().to_string(),
            "ATmega2560: STK500 version 1 has no address 0x20100: it ends at 0x20000"
        );
        assert!(device.lock().unwrap().0.is_empty(), "something was sent");
    }

    #[test]
    fn an_answer_has_its_marks() {
        assert_eq!(data_of(&[0x14, 0x10]), Some(&[][..]));
        assert_eq!(data_of(&[0x14, 4, 0x10]), Some(&[4][..]));
        assert_eq!(data_of(&[0x15]), None);
        assert_eq!(data_of(&[0x14, 4, 0x11]), None);
    }
}
