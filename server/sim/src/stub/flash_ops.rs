//! FLASH_BEGIN, FLASH_DATA and their deflated siblings in the stub: erasing just in time, 64 KiB where
//! it can, and not at all while everything is blank.
//!
//! Sources: esp-flasher-stub 1.x, `command_handler.c`, and recordings `*-q03-*` to `*-q10-*`.

use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};
use fbuild_loader::packet;

use super::error;
use crate::hardware::Hardware;
use crate::inflate::{Inflater, Step};
use crate::timing::at_rate;

/// Why something after the answer did not work.
pub(super) enum Trouble {
    /// The next command gets this error.
    Error(u8),
    /// The stub never comes back.
    Hang,
}

impl From<u8> for Trouble {
    fn from(code: u8) -> Self {
        Self::Error(code)
    }
}

#[derive(Debug, Default)]
pub(super) struct FlashOps {
    in_progress: bool,
    offset: u32,
    /// Plain bytes still to come.
    missing: u32,
    /// Compressed bytes still to come, as far as BEGIN said.
    compressed_missing: u32,
    encrypt: bool,
    next_erase: u32,
    erase_missing: u32,
    /// Sectors are looked at before they are erased, up to the first that is not blank.
    skip_blank: bool,
    inflater: Inflater,
}

impl FlashOps {
    /// Sets everything up and starts the first erase without waiting for it.
    pub(super) fn begin(
        &mut self,
        data: &[u8],
        flash_size: u32,
        hw: &mut Hardware,
    ) -> Result<(), u8> {
        if data.len() != 16 && data.len() != 20 {
            return Err(error::BAD_LENGTH);
        }
        let word = |index| packet::word_at(data, index).unwrap_or(0);
        let (size, blocks, block_size, offset) = (word(0), word(1), word(2), word(3));
        self.in_progress = true;
        self.offset = offset;
        self.missing = size;
        self.compressed_missing = blocks.wrapping_mul(block_size);
        self.encrypt = word(4) != 0;
        self.inflater.restart();
        let start = offset / SECTOR_LEN * SECTOR_LEN;
        let end = offset
            .saturating_add(size)
            .checked_next_multiple_of(SECTOR_LEN)
            .unwrap_or(u32::MAX);
        self.next_erase = start;
        self.erase_missing = end.saturating_sub(start);
        self.skip_blank = true;
        self.start_next_erase(flash_size, hw)
    }

    pub(super) fn check_data(&self, data: &[u8], checksum: u32) -> Result<(), u8> {
        let payload = data
            .get(packet::DATA_HEADER_LEN..)
            .ok_or(error::NOT_ENOUGH_DATA)?;
        if !self.in_progress {
            return Err(error::NOT_IN_FLASH_MODE);
        }
        if packet::word_at(data, 0) != Some(payload.len() as u32) {
            return Err(error::TOO_MUCH_DATA);
        }
        compare_checksum(payload, checksum)
    }

    pub(super) fn check_deflated(&self, data: &[u8], checksum: u32) -> Result<(), u8> {
        if data.len() < packet::DATA_HEADER_LEN {
            return Err(error::BAD_LENGTH);
        }
        if !self.in_progress {
            return Err(error::NOT_IN_FLASH_MODE);
        }
        if self.missing == 0 {
            return Err(error::TOO_MUCH_DATA);
        }
        compare_checksum(deflated_payload(data), checksum)
    }

    pub(super) fn write_data(
        &mut self,
        data: &[u8],
        flash_size: u32,
        hw: &mut Hardware,
    ) -> Result<(), Trouble> {
        // What was announced is written, the padding of the last block is not.
        let payload = &data[packet::DATA_HEADER_LEN..];
        let len = payload.len().min(self.missing as usize);
        self.write(&payload[..len], flash_size, hw)
    }

    pub(super) fn write_deflated(
        &mut self,
        data: &[u8],
        flash_size: u32,
        hw: &mut Hardware,
    ) -> Result<(), Trouble> {
        let seq = packet::word_at(data, 1).unwrap_or(0);
        if seq == 0 {
            self.inflater.rewind();
        }
        let mut input = deflated_payload(data);
        let more_to_come = self.compressed_missing as usize > input.len();
        self.compressed_missing = self.compressed_missing.wrapping_sub(input.len() as u32);
        while !input.is_empty() {
            self.start_next_erase(flash_size, hw)?;
            let before = self.inflater.filled();
            let step = self.inflater.step(&mut input);
            let made = self.inflater.filled() - before;
            hw.spend(at_rate(made as u64, hw.timing.stub.inflate_rate));
            match step {
                Step::Corrupt => return Err(error::INFLATE.into()),
                // The stream has to be over by the last block that BEGIN announced.
                Step::NeedsInput if !more_to_come => return Err(error::INFLATE.into()),
                Step::NeedsInput => {}
                Step::WindowFull => self.flush(flash_size, hw)?,
                // The Adler-32 after it is not looked at.
                Step::Done => return self.flush(flash_size, hw),
            }
        }
        Ok(())
    }

    pub(super) fn end(&mut self) -> Result<(), u8> {
        if !self.in_progress {
            return Err(error::NOT_IN_FLASH_MODE);
        }
        if self.missing != 0 {
            return Err(error::BAD_LENGTH);
        }
        self.in_progress = false;
        Ok(())
    }

    fn flush(&mut self, flash_size: u32, hw: &mut Hardware) -> Result<(), Trouble> {
        let len = self.inflater.filled();
        let bytes = self.inflater.window()[..len].to_vec();
        self.inflater.rewind();
        self.write(&bytes, flash_size, hw)
    }

    fn write(&mut self, bytes: &[u8], flash_size: u32, hw: &mut Hardware) -> Result<(), Trouble> {
        let len = bytes.len() as u32;
        let end = u64::from(self.offset) + u64::from(len);
        while u64::from(self.next_erase) < end && !hw.power_lost {
            if self.erase_missing == 0 {
                return Err(Trouble::Hang);
            }
            self.start_next_erase(flash_size, hw)?;
        }
        if end > u64::from(flash_size) {
            return Err(error::SPI.into());
        }
        hw.program(self.offset, bytes, self.encrypt);
        self.offset += len;
        self.missing = self.missing.wrapping_sub(len);
        Ok(())
    }

    /// Waits for the erase that goes on and starts the next one, if there is one left.
    fn start_next_erase(&mut self, flash_size: u32, hw: &mut Hardware) -> Result<(), u8> {
        hw.wait_flash();
        if self.erase_missing == 0 {
            return Ok(());
        }
        if self.next_erase >= flash_size {
            return Err(error::SPI);
        }
        if self.skip_blank {
            if hw.check_blank(self.next_erase) {
                self.advance_erase(SECTOR_LEN);
                return Ok(());
            }
            self.skip_blank = false;
        }
        if self.next_erase.is_multiple_of(BLOCK_LEN) && self.erase_missing >= BLOCK_LEN {
            hw.start_block_erase(self.next_erase);
            self.advance_erase(BLOCK_LEN);
        } else {
            hw.start_sector_erase(self.next_erase);
            self.advance_erase(SECTOR_LEN);
        }
        Ok(())
    }

    fn advance_erase(&mut self, len: u32) {
        self.next_erase = self.next_erase.saturating_add(len);
        self.erase_missing -= len.min(self.erase_missing);
    }
}

/// The header's length says how much of the frame is payload.
fn deflated_payload(data: &[u8]) -> &[u8] {
    let announced = packet::word_at(data, 0).unwrap_or(0) as usize;
    let payload = &data[packet::DATA_HEADER_LEN..];
    &payload[..announced.min(payload.len())]
}

fn compare_checksum(payload: &[u8], checksum: u32) -> Result<(), u8> {
    if packet::checksum(payload) == checksum {
        Ok(())
    } else {
        Err(error::CHECKSUM)
    }
}
