//! FLASH_BEGIN, FLASH_DATA and their deflated siblings on a boot ROM.
//!
//! The rules are those of recordings `*-p03-*` to `*-p10-*`, `*-p12-*` and `*-p16-*`.

use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};
use fbuild_chip::{Chip, Deflate};
use fbuild_loader::packet;

use super::error;
use crate::hardware::Hardware;
use crate::inflate::{Inflater, Step, WINDOW_LEN};
use crate::timing::at_rate;

/// A write that was begun.
pub(super) struct Begin {
    pub(super) size: u32,
    pub(super) offset: u32,
    pub(super) encrypt: bool,
}

#[derive(Debug)]
pub(super) struct FlashOps {
    /// Sequence number of the next block; `None` before any BEGIN was understood.
    expected_seq: Option<u32>,
    offset: u32,
    /// Bytes announced and not yet written. Goes below 0 when more is sent.
    missing: i64,
    encrypt: bool,
    inflater: Inflater,
}

impl FlashOps {
    pub(super) fn new(chip: Chip) -> Self {
        // The C3's loader starts with memory that is not initialised: a block without (or after a
        // refused) BEGIN is accepted and goes to a stray address (recordings esp32c3-p03, -p12: what
        // was written ends at 31BDEF). The ESP32 and the S3 refuse it.
        let (expected_seq, offset) = match chip {
            Chip::Esp32C3 => (Some(0), 0x31_B9F0),
            _ => (None, 0),
        };
        Self {
            expected_seq,
            offset,
            missing: 0,
            encrypt: false,
            inflater: Inflater::default(),
        }
    }

    /// Erases what was announced, all of it before the answer. The state is set even if that fails:
    /// blocks that follow go to the requested place.
    pub(super) fn begin(
        &mut self,
        begin: &Begin,
        flash_size: u32,
        hw: &mut Hardware,
    ) -> Result<(), u8> {
        self.expected_seq = Some(0);
        self.offset = begin.offset;
        self.missing = i64::from(begin.size);
        self.encrypt = begin.encrypt;
        self.inflater.restart();
        let len = u64::from(begin.size).next_multiple_of(u64::from(SECTOR_LEN));
        let past_end = u64::from(begin.offset) + len > u64::from(flash_size);
        if !begin.offset.is_multiple_of(SECTOR_LEN) || past_end {
            return Err(error::FAILED);
        }
        let extra = if hw.chip == Chip::Esp8266 {
            erased_too_much(begin.offset, len as u32)
        } else {
            0
        };
        hw.erase_range(begin.offset, len as u32 + extra, true);
        Ok(())
    }

    pub(super) fn data(
        &mut self,
        seq: u32,
        payload: &[u8],
        checksum: u32,
        flash_size: u32,
        hw: &mut Hardware,
    ) -> Result<(), u8> {
        self.accept(seq, payload, checksum)?;
        self.write(payload, flash_size, hw)?;
        self.offset = self.offset.wrapping_add(payload.len() as u32);
        Ok(())
    }

    pub(super) fn deflated(
        &mut self,
        seq: u32,
        payload: &[u8],
        checksum: u32,
        flash_size: u32,
        hw: &mut Hardware,
    ) -> Result<(), u8> {
        self.accept(seq, payload, checksum)?;
        let mut input = payload;
        loop {
            let before = self.inflater.filled();
            let step = self.inflater.step(&mut input);
            let made = self.inflater.filled() - before;
            hw.spend(at_rate(made as u64, hw.timing.rom.inflate_rate));
            match step {
                Step::NeedsInput => return Ok(()),
                Step::Corrupt => return Err(error::DEFLATE),
                Step::WindowFull => self.flush(WINDOW_LEN, flash_size, hw),
                Step::Done => {
                    // The Adler-32 may be cut off or come with a later block, which then finds the
                    // stream over; only one that is here is compared.
                    if let Some(adler) = input.first_chunk::<4>()
                        && u32::from_be_bytes(*adler) != self.inflater.adler()
                    {
                        return Err(error::ADLER);
                    }
                    let len = match hw.chip.facts().rom_deflate {
                        Deflate::Exact | Deflate::None => self.inflater.filled(),
                        // The whole window, old contents included, onto whatever is there.
                        Deflate::SpillsWindow => WINDOW_LEN,
                    };
                    self.flush(len, flash_size, hw);
                    return Ok(());
                }
            }
        }
    }

    /// Whether everything that was announced is there.
    pub(super) fn end(&mut self) -> Result<(), u8> {
        if self.missing > 0 {
            return Err(error::FAILED);
        }
        Ok(())
    }

    /// The sequence number is looked at first, then the checksum, and it advances even when the
    /// checksum is wrong: resending such a block can never succeed.
    fn accept(&mut self, seq: u32, payload: &[u8], checksum: u32) -> Result<(), u8> {
        if self.expected_seq != Some(seq) {
            return Err(error::INVALID);
        }
        self.expected_seq = Some(seq.wrapping_add(1));
        if packet::checksum(payload) != checksum {
            return Err(error::CHECKSUM);
        }
        Ok(())
    }

    /// Programs and reads back. Behind the configured end nothing is programmed and nothing is read
    /// back either: that counts as fine (recordings `*-p08-*`).
    fn write(&mut self, bytes: &[u8], flash_size: u32, hw: &mut Hardware) -> Result<(), u8> {
        let len = bytes.len() as u32;
        if u64::from(self.offset) + u64::from(len) > u64::from(flash_size) {
            self.missing -= i64::from(len);
            return Ok(());
        }
        hw.program(self.offset, bytes, self.encrypt);
        if hw.power_lost {
            return Ok(());
        }
        let back = hw.read_flash(self.offset, len);
        // The read-back of an encrypted write is ciphertext and is not compared.
        if !self.encrypt && back.as_deref() != Some(bytes) {
            return Err(error::FLASH_WRITE);
        }
        self.missing -= i64::from(len);
        Ok(())
    }

    /// Programs the first `len` bytes of the window, without reading them back.
    fn flush(&mut self, len: usize, flash_size: u32, hw: &mut Hardware) {
        if u64::from(self.offset) + len as u64 <= u64::from(flash_size) {
            hw.program(self.offset, &self.inflater.window()[..len], self.encrypt);
        }
        self.offset = self.offset.wrapping_add(len as u32);
        self.missing -= i64::try_from(len).unwrap_or(i64::MAX);
        self.inflater.rewind();
    }
}

/// An ESP8266's ROM counts the sectors before the first whole block of 64 KiB twice.
///
/// Source: esptool 5.6.0, `get_erase_size` in `targets/esp8266.py`, which asks for less.
fn erased_too_much(offset: u32, len_bytes: u32) -> u32 {
    len_bytes.min(BLOCK_LEN - offset % BLOCK_LEN)
}
