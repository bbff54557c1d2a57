//! Reading flash back.

use super::{ANSWER_TIMEOUT, LoaderKind, Session};
use crate::error::LoaderError;
use crate::packet::{self, op};

/// The ROM reads at most this much at a time.
const SLOW_BLOCK_LEN: u32 = 64;
/// The stub's frame; more is acknowledged and then refused (recordings `*-q13-*`).
const BLOCK_LEN: u32 = 0x1000;
const DIGEST_LEN: usize = 16;

impl Session {
    /// Reads `len_bytes` of flash at `offset`. On a ROM this takes one round trip per 64 bytes.
    ///
    /// Only for what a hash cannot answer: see [`LoaderError::may_have_erased`].
    ///
    /// # Errors
    /// Nothing was changed. [`LoaderError::BadReply`] if the data was damaged in transit: restart the session and
    /// read again.
    pub fn read_flash(&mut self, offset: u32, len_bytes: u32) -> Result<Vec<u8>, LoaderError> {
        self.reach(offset, len_bytes)?;
        match self.kind {
            LoaderKind::Rom => self.read_slowly(offset, len_bytes),
            LoaderKind::Stub => self.read_stream(offset, len_bytes),
        }
    }

    fn read_slowly(&mut self, offset: u32, len_bytes: u32) -> Result<Vec<u8>, LoaderError> {
        let mut content = Vec::with_capacity(len_bytes as usize);
        while (content.len() as u32) < len_bytes {
            let done = content.len() as u32;
            let want = (len_bytes - done).min(SLOW_BLOCK_LEN);
            let request = packet::words(&[offset + done, want]);
            // Always 64 bytes, whatever was asked for.
            let reply = self.call(
                op::READ_FLASH_SLOW,
                &request,
                SLOW_BLOCK_LEN as usize,
                ANSWER_TIMEOUT,
            )?;
            content.extend_from_slice(&reply.data[..want as usize]);
        }
        Ok(content)
    }

    fn read_stream(&mut self, offset: u32, len_bytes: u32) -> Result<Vec<u8>, LoaderError> {
        const MAX_IN_FLIGHT: u32 = 1;
        let request = packet::words(&[offset, len_bytes, BLOCK_LEN, MAX_IN_FLIGHT]);
        self.call(op::READ_FLASH, &request, 0, ANSWER_TIMEOUT)?;
        let mut content: Vec<u8> = Vec::with_capacity(len_bytes as usize);
        while (content.len() as u32) < len_bytes {
            let block = self.stream_frame()?;
            content.extend_from_slice(&block);
            // Exactly four bytes: any other frame ends the read.
            self.send_frame(&(content.len() as u32).to_le_bytes())?;
        }
        let digest = self.stream_frame()?;
        if content.len() as u32 != len_bytes
            || digest.len() != DIGEST_LEN
            || digest != super::flash::md5_of(&content)
        {
            let what = "the data was damaged in transit".to_owned();
            return Err(LoaderError::BadReply {
                command: "READ_FLASH",
                what,
            });
        }
        Ok(content)
    }

    fn stream_frame(&mut self) -> Result<Vec<u8>, LoaderError> {
        let deadline = self.link.now() + ANSWER_TIMEOUT;
        self.next_frame(deadline)?.ok_or(LoaderError::Timeout {
            command: "READ_FLASH",
            waited: ANSWER_TIMEOUT,
        })
    }
}
