//! READ_FLASH: raw frames, one at a time, each acknowledged by the host with the number of bytes that
//! it has; then the MD5 (recordings `*-q13-*`).

use md5::{Digest, Md5};

use super::error;
use crate::hardware::Hardware;

/// Largest frame; more is refused after the request was acknowledged.
const LARGEST_BLOCK: u32 = 0x1000;

#[derive(Debug)]
pub(super) struct ReadFlash {
    offset: u32,
    total: u32,
    missing: u32,
    block: u32,
    acknowledged: u32,
    hash: Md5,
}

impl ReadFlash {
    pub(super) fn new(offset: u32, len: u32, block: u32) -> Self {
        Self {
            offset,
            total: len,
            missing: len,
            block,
            acknowledged: 0,
            hash: Md5::new(),
        }
    }

    /// Sends the first block (`ack` is `None`), or takes what the host sent and sends the next one,
    /// or the MD5. `Ok(true)`: over.
    pub(super) fn go_on(
        &mut self,
        ack: Option<&[u8]>,
        flash_size: u32,
        hw: &mut Hardware,
    ) -> Result<bool, u8> {
        if self.block > LARGEST_BLOCK {
            return Err(error::BAD_LENGTH);
        }
        let mut aborted = false;
        if let Some(frame) = ack {
            match <[u8; 4]>::try_from(frame) {
                Ok(bytes) => self.acknowledged = u32::from_le_bytes(bytes),
                // Anything but four bytes ends the read; it is never answered as a command.
                Err(_) => aborted = true,
            }
        }
        if aborted || (self.missing == 0 && self.acknowledged >= self.total) {
            let digest = std::mem::take(&mut self.hash).finalize();
            hw.send(&digest);
            return Ok(true);
        }
        if self.missing > 0 {
            let len = self.missing.min(self.block);
            if u64::from(self.offset) + u64::from(len) > u64::from(flash_size) {
                return Err(error::SPI);
            }
            let bytes = hw.read_flash(self.offset, len).ok_or(error::SPI)?;
            self.hash.update(&bytes);
            hw.send(&bytes);
            self.offset += len;
            self.missing -= len;
        }
        Ok(false)
    }
}
