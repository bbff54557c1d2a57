//! Putting the plugin of [`crate::delta`] beside the stub, and telling it what to do.

use std::time::Duration;

use super::flash::ERASE_PER_MB;
use super::{ANSWER_TIMEOUT, LoaderKind, Session, usual};
use crate::delta::place::{self, Place};
use crate::delta::{OP, Piece, VERSION, count_request, sum, sum_request};
use crate::error::LoaderError;
use crate::packet::{self, checksum, data_block, op, op_name};
use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};

/// A plugin that runs, for one stretch of flash.
pub struct Delta<'s> {
    session: &'s mut Session,
    state: u32,
    sent: u32,
}

impl std::fmt::Debug for Delta<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Delta")
            .field("sent", &self.sent)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// Uploads the plugin, which will touch nothing outside of `first..end`.
    ///
    /// The stub checks nothing of what goes to RAM. So what arrived is asked for: the slot in the stub's table, word by
    /// word; then, by the plugin itself, a sum of its code; and only then the addresses of the ROM's functions that
    /// erase and program are sent, and summed up, too.
    ///
    /// # Errors
    /// Nothing was changed in flash, but what runs on the chip is not known any more: restart the session.
    pub fn start_delta(&mut self, first: u32, end: u32) -> Result<Delta<'_>, LoaderError> {
        let unsupported = |chip: fbuild_chip::Chip, what: &str| LoaderError::Unsupported {
            chip: chip.into(),
            what: what.to_owned(),
        };
        let place = place::for_chip(self.chip).filter(|_| self.kind == LoaderKind::Stub);
        let found = place.and_then(|place| Some((place.slot()?, place)));
        let (slot, place) =
            found.ok_or_else(|| unsupported(self.chip, "no differences can be sent"))?;
        if self.read_register(slot.address)? != slot.unused {
            return Err(unsupported(self.chip, "its stub is not the expected one"));
        }
        let code = place.program.code;
        self.put(place.code(), code)?;
        let first_word = packet::word_at(code, 0).unwrap_or(0);
        self.expect_word(place.code(), first_word)?;
        self.write_registers(&[(slot.address, place.entry(), u32::MAX)])?;
        self.expect_word(slot.address, place.entry())?;
        self.expect_sum(place.code(), code)?;
        let state = place.state_bytes(first, end);
        self.put(place.state(), &state)?;
        self.expect_sum(place.state(), &state)?;
        Ok(Delta {
            state: Place::state(&place),
            session: self,
            sent: 0,
        })
    }

    /// Into RAM; whole words.
    fn put(&mut self, address: u32, bytes: &[u8]) -> Result<(), LoaderError> {
        let len = bytes.len() as u32;
        let begin = packet::words(&[len, 1, len, address]);
        self.call(op::MEM_BEGIN, &begin, 0, ANSWER_TIMEOUT)?;
        let data = data_block(0, bytes);
        self.call_with_checksum(op::MEM_DATA, &data, checksum(bytes), 0, ANSWER_TIMEOUT)?;
        Ok(())
    }

    fn expect_word(&mut self, address: u32, expected: u32) -> Result<(), LoaderError> {
        let found = self.read_register(address)?;
        if found == expected {
            return Ok(());
        }
        Err(LoaderError::BadReply {
            command: op_name(op::READ_REG),
            what: format!("{found:#010x} at {address:#010x}, expected {expected:#010x}"),
        })
    }

    fn expect_sum(&mut self, address: u32, bytes: &[u8]) -> Result<(), LoaderError> {
        let request = sum_request(address, bytes.len());
        let answer = self.call(OP, &request, 4, ANSWER_TIMEOUT)?;
        if answer.value == VERSION && packet::word_at(&answer.data, 0) == Some(sum(bytes)) {
            return Ok(());
        }
        Err(bad_answer(
            "the plugin did not arrive as it was sent".into(),
        ))
    }
}

impl Delta<'_> {
    /// Sends the next piece, and waits until the one before is done.
    ///
    /// # Errors
    /// The piece before may be erased and half written. Restart the session and compare.
    pub fn send(&mut self, piece: &Piece) -> Result<(), LoaderError> {
        for request in piece.requests(self.state) {
            self.ask(&request)?;
        }
        self.sent += 1;
        Ok(())
    }

    /// Waits until everything is done.
    ///
    /// # Errors
    /// As with [`Self::send`].
    pub fn finish(mut self) -> Result<(), LoaderError> {
        self.ask(&count_request(self.state))
    }

    /// Every request is answered with how many pieces are done.
    fn ask(&mut self, request: &[u8]) -> Result<(), LoaderError> {
        let done = self.session.call(OP, request, 0, patience())?.value;
        if done == self.sent {
            return Ok(());
        }
        Err(bad_answer(format!(
            "{done} pieces are done, expected {}",
            self.sent
        )))
    }
}

/// An answer waits for the piece before: a block that is erased and programmed.
fn patience() -> Duration {
    usual(ERASE_PER_MB, u64::from(2 * BLOCK_LEN + SECTOR_LEN))
}

fn bad_answer(what: String) -> LoaderError {
    LoaderError::BadReply {
        command: op_name(OP),
        what,
    }
}
