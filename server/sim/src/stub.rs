//! The flasher stub (esp-flasher-stub 1.x, "stub 2" in esptool 5.x), in the chip's RAM.
//!
//! Behaviour from the recordings of the genuine binary (`tests/recordings`, files `*-c*` and `*-q*`)
//! and from the stub's published sources. Its traits: strict about lengths; one request at a time;
//! data blocks are acknowledged before they are inflated and written, and what goes wrong then is the
//! answer to the next command, which is not executed.

mod flash_ops;
mod plugin;
mod read_flash;
mod receiver;

use std::time::Duration;

use fbuild_chip::flash::SECTOR_LEN;
use fbuild_loader::delta::place::TABLE_OPS;
use fbuild_loader::packet::{self, op};

use crate::hardware::Hardware;
use crate::rom::{WRITE_REG_ENTRY_LEN, security_info};
use flash_ops::{FlashOps, Trouble};
use plugin::Plugins;
use read_flash::ReadFlash;
use receiver::Receiver;

/// Error codes. Source: esp-flasher-stub, `commands.h`.
mod error {
    pub(super) const BAD_LENGTH: u8 = 0xC0;
    pub(super) const CHECKSUM: u8 = 0xC1;
    pub(super) const UNKNOWN: u8 = 0xC3;
    pub(super) const SPI: u8 = 0xC4;
    pub(super) const NOT_IN_FLASH_MODE: u8 = 0xC6;
    pub(super) const INFLATE: u8 = 0xC7;
    pub(super) const NOT_ENOUGH_DATA: u8 = 0xC8;
    pub(super) const TOO_MUCH_DATA: u8 = 0xC9;
    pub(super) const NOT_IMPLEMENTED: u8 = 0xFF;
}

/// How often a SYNC is answered.
const SYNC_ANSWERS: usize = 8;
/// Length of a SYNC's data.
const SYNC_LEN: usize = packet::SYNC_PAYLOAD.len();

/// What a command's handler has to say.
enum Reply {
    /// Success, with this value and this data before the status.
    Ok(u32, Vec<u8>),
    /// Success, with this value; this is done after the answer was sent.
    Then(u32, Afterwards),
    /// No answer at all.
    Silence,
}

const DONE: Reply = Reply::Ok(0, Vec::new());

enum Afterwards {
    WriteData,
    WriteDeflated,
    ReadFlash(ReadFlash),
    ChangeBaud(u32),
    Plugin,
}

/// The stub's memory.
#[derive(Debug)]
pub(crate) struct Stub {
    receiver: Receiver,
    /// What went wrong after the last answer.
    pending_error: Option<u8>,
    ops: FlashOps,
    reading: Option<ReadFlash>,
    /// Where a RAM upload goes on, and how many bytes of it are still to come.
    upload: Option<(u32, u32)>,
    plugins: Plugins,
    /// Range checks use the size that the stub found itself, until SPI_SET_PARAMS.
    flash_size: u32,
    /// It waits for an erase that never comes (a stream longer than announced).
    hung: bool,
}

impl Stub {
    pub(crate) fn new(hw: &Hardware) -> Self {
        Self {
            receiver: Receiver::new(hw),
            pending_error: None,
            ops: FlashOps::default(),
            reading: None,
            upload: None,
            plugins: Plugins::new(hw),
            flash_size: hw.flash().size(),
            hung: false,
        }
    }

    /// A byte that was complete on the line at `at`. Gives the frame that it completed, and when the
    /// main loop can see it.
    pub(crate) fn receive(
        &mut self,
        at: Duration,
        byte: u8,
        hw: &Hardware,
    ) -> Option<(Duration, Vec<u8>)> {
        if self.hung {
            return None;
        }
        self.receiver.push(at, byte, hw)
    }

    /// Whether the next frame is an acknowledgment of READ_FLASH and no command.
    pub(crate) fn is_reading(&self) -> bool {
        self.reading.is_some()
    }

    /// An acknowledgment, or whatever the host sent instead.
    pub(crate) fn acknowledge(&mut self, at: Duration, frame: &[u8], hw: &mut Hardware) {
        hw.now = hw.now.max(at);
        if let Some(reading) = self.reading.take() {
            self.go_on_reading(reading, Some(frame), hw);
        }
    }

    /// Obeys a request that the main loop saw at `at`, and answers.
    pub(crate) fn obey(&mut self, at: Duration, frame: &[u8], hw: &mut Hardware) {
        hw.now = hw.now.max(at);
        hw.spend(hw.timing.stub.command_overhead);
        // A frame shorter than a header is looked at all the same (recordings `*-q01-*`).
        let mut header = [0; packet::HEADER_LEN];
        let len = frame.len().min(header.len());
        header[..len].copy_from_slice(&frame[..len]);
        let code = header[1];
        let size = usize::from(u16::from_le_bytes([header[2], header[3]]));
        let checksum = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        if header[0] != 0 {
            return fail(code, error::UNKNOWN, hw);
        }
        if frame.len() != size + packet::HEADER_LEN {
            return fail(code, error::BAD_LENGTH, hw);
        }
        if let Some(error) = self.pending_error.take() {
            return fail(code, error, hw);
        }
        let data = &frame[packet::HEADER_LEN..];
        let reply = self.handle(code, data, checksum, hw);
        if hw.power_lost {
            return;
        }
        match reply {
            Ok(Reply::Ok(value, data)) => succeed(code, value, data, hw),
            Ok(Reply::Silence) => {}
            Ok(Reply::Then(value, afterwards)) => {
                succeed(code, value, Vec::new(), hw);
                self.finish(afterwards, data, hw);
            }
            Err(error) => fail(code, error, hw),
        }
    }

    fn handle(
        &mut self,
        code: u8,
        data: &[u8],
        checksum: u32,
        hw: &mut Hardware,
    ) -> Result<Reply, u8> {
        let word = |index| packet::word_at(data, index).unwrap_or(0);
        let exactly = |len: usize| (data.len() == len).then_some(()).ok_or(error::BAD_LENGTH);
        match code {
            op::SYNC => {
                exactly(SYNC_LEN)?;
                for _ in 1..SYNC_ANSWERS {
                    succeed(code, 0, Vec::new(), hw);
                }
                Ok(DONE)
            }
            op::READ_REG => {
                exactly(4)?;
                let in_ram = self.plugins.word_at(word(0));
                let value = in_ram.unwrap_or_else(|| hw.read_register(word(0)));
                Ok(Reply::Ok(value, Vec::new()))
            }
            op::WRITE_REG => self.write_registers(data, hw),
            op::SPI_ATTACH => exactly(4).map(|()| DONE),
            op::SPI_SET_PARAMS => {
                exactly(24)?;
                self.flash_size = word(1);
                Ok(DONE)
            }
            op::CHANGE_BAUDRATE => {
                exactly(8)?;
                Ok(Reply::Then(0, Afterwards::ChangeBaud(word(0))))
            }
            op::MEM_BEGIN => {
                exactly(16)?;
                self.upload = Some((word(3), word(0)));
                Ok(DONE)
            }
            op::MEM_DATA => self.mem_data(data),
            op::MEM_END => {
                exactly(8)?;
                self.upload.take().ok_or(error::NOT_IN_FLASH_MODE)?;
                Ok(DONE)
            }
            op::FLASH_BEGIN | op::FLASH_DEFL_BEGIN => {
                self.ops.begin(data, self.flash_size, hw)?;
                Ok(DONE)
            }
            op::FLASH_DATA => {
                self.ops.check_data(data, checksum)?;
                Ok(Reply::Then(0, Afterwards::WriteData))
            }
            op::FLASH_DEFL_DATA => {
                self.ops.check_deflated(data, checksum)?;
                Ok(Reply::Then(0, Afterwards::WriteDeflated))
            }
            op::FLASH_END | op::FLASH_DEFL_END => {
                exactly(4)?;
                self.ops.end()?;
                Ok(DONE)
            }
            op::SPI_FLASH_MD5 => {
                exactly(16)?;
                let end = u64::from(word(0)) + u64::from(word(1));
                if end > u64::from(self.flash_size) {
                    return Err(error::SPI);
                }
                let timing = hw.timing.stub;
                let digest = hw.hash(word(0), word(1), &timing).ok_or(error::SPI)?;
                Ok(Reply::Ok(0, digest.to_vec()))
            }
            op::GET_SECURITY_INFO => {
                exactly(0)?;
                if hw.chip.facts().security_info_len.is_none() {
                    return Err(error::NOT_IMPLEMENTED);
                }
                Ok(Reply::Ok(0, security_info(hw)))
            }
            op::ERASE_FLASH => {
                hw.erase_chip();
                Ok(DONE)
            }
            op::ERASE_REGION => {
                exactly(8)?;
                let (offset, len) = (word(0), word(1));
                if !offset.is_multiple_of(SECTOR_LEN) || !len.is_multiple_of(SECTOR_LEN) {
                    return Err(error::BAD_LENGTH);
                }
                hw.erase_range(offset, len, true);
                Ok(DONE)
            }
            op::READ_FLASH => {
                exactly(16)?;
                Ok(Reply::Then(
                    0,
                    Afterwards::ReadFlash(ReadFlash::new(word(0), word(1), word(2))),
                ))
            }
            op::RUN_USER_CODE => Ok(Reply::Silence),
            code if TABLE_OPS.contains(&code) => self.ask_plugin(code, data, hw),
            _ => Err(error::UNKNOWN),
        }
    }

    fn ask_plugin(&mut self, code: u8, data: &[u8], hw: &mut Hardware) -> Result<Reply, u8> {
        match self.plugins.answer(code, data, hw) {
            Ok(((value, _), true)) => Ok(Reply::Then(value, Afterwards::Plugin)),
            Ok(((value, data), false)) => Ok(Reply::Ok(value, data)),
            Err(Trouble::Error(code)) => Err(code),
            Err(Trouble::Hang) => {
                self.hung = true;
                Ok(Reply::Silence)
            }
        }
    }

    fn mem_data(&mut self, data: &[u8]) -> Result<Reply, u8> {
        let payload = data
            .get(packet::DATA_HEADER_LEN..)
            .ok_or(error::NOT_ENOUGH_DATA)?;
        let (address, missing) = self.upload.as_mut().ok_or(error::NOT_IN_FLASH_MODE)?;
        let len = payload.len() as u32;
        if packet::word_at(data, 0) != Some(len) || len > *missing {
            return Err(error::TOO_MUCH_DATA);
        }
        self.hung |= !self.plugins.write(*address, payload);
        *address = address.wrapping_add(len);
        *missing -= len;
        Ok(DONE)
    }

    fn write_registers(&mut self, data: &[u8], hw: &mut Hardware) -> Result<Reply, u8> {
        if data.is_empty() || !data.len().is_multiple_of(WRITE_REG_ENTRY_LEN) {
            return Err(error::NOT_ENOUGH_DATA);
        }
        for entry in data.chunks_exact(WRITE_REG_ENTRY_LEN) {
            let word = |index| packet::word_at(entry, index).unwrap_or(0);
            let (address, value, mask) = (word(0), word(1), word(2));
            hw.spend(Duration::from_micros(u64::from(word(3))));
            if let Some(before) = self.plugins.word_at(address) {
                let value = before & !mask | value & mask;
                self.hung |= !self.plugins.write(address, &value.to_le_bytes());
            } else {
                hw.write_register(address, value, mask);
            }
        }
        Ok(DONE)
    }

    /// What is done after the answer. An error here answers the next command.
    fn finish(&mut self, afterwards: Afterwards, data: &[u8], hw: &mut Hardware) {
        let result = match afterwards {
            Afterwards::WriteData => self.ops.write_data(data, self.flash_size, hw),
            Afterwards::WriteDeflated => self.ops.write_deflated(data, self.flash_size, hw),
            Afterwards::Plugin => self.plugins.work(data, self.flash_size, hw),
            Afterwards::ChangeBaud(baud) => {
                hw.change_baud(baud, false);
                Ok(())
            }
            Afterwards::ReadFlash(reading) => {
                self.go_on_reading(reading, None, hw);
                return;
            }
        };
        match result {
            Ok(()) => {}
            Err(Trouble::Error(code)) => self.pending_error = Some(code),
            Err(Trouble::Hang) => self.hung = true,
        }
    }

    fn go_on_reading(&mut self, mut reading: ReadFlash, ack: Option<&[u8]>, hw: &mut Hardware) {
        match reading.go_on(ack, self.flash_size, hw) {
            Ok(true) => {}
            Ok(false) => self.reading = Some(reading),
            Err(code) => self.pending_error = Some(code),
        }
    }
}

fn succeed(code: u8, value: u32, mut data: Vec<u8>, hw: &mut Hardware) {
    data.extend_from_slice(&[0, 0]);
    hw.send(&packet::encode_response(code, value, &data));
}

fn fail(code: u8, error: u8, hw: &mut Hardware) {
    hw.send(&packet::encode_response(code, 0, &[error, 0]));
}
