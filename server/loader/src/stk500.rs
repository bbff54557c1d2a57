//! Serial boot loaders of AVR boards, which speak STK500.
//!
//! [`v1`] and [`v2`] each have a codec (bytes in, values out) and a session. A session begins with a reset
//! by the control lines. Within one, host and board cannot get back in step: a boot loader that misses a byte
//! starts the program. So after an error a session can only be begun again, by another reset.

pub mod v1;
pub mod v2;
mod wire;

use fbuild_chip::avr::{AvrBoard, Protocol};
use fbuild_link::Link;

use crate::cancel::CancelToken;
use crate::error::LoaderError;
use crate::reset::Before;

/// What a part keeps its bytes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Memory {
    /// Where the program is.
    Flash,
    /// What a program may keep.
    Eeprom,
}

/// Most bytes that are read at once: what every boot loader's length of one byte can count, 0 for 256.
pub const READ_LIMIT: u32 = 256;

/// A session with a boot loader.
pub trait BootLoader {
    /// Resets the board and waits until its boot loader answers: the beginning of a session, and what may
    /// follow after an error.
    ///
    /// # Errors
    /// No boot loader answered, the port failed, or somebody cancelled. Nothing was written.
    fn begin(&mut self, before: Before) -> Result<(), LoaderError>;

    /// What the boot loader calls itself, for people: `optiboot 4.4`.
    fn name(&self) -> &str;

    /// The part's signature, as the boot loader was compiled for it.
    ///
    /// # Errors
    /// The session is over: begin it again.
    fn signature(&mut self) -> Result<[u8; 3], LoaderError>;

    /// Bytes of a memory, [`READ_LIMIT`] at most.
    ///
    /// # Errors
    /// The session is over: begin it again.
    fn read(
        &mut self,
        memory: Memory,
        address: u32,
        len_bytes: u32,
    ) -> Result<Vec<u8>, LoaderError>;

    /// Erases and writes one page of flash, or writes as many bytes of EEPROM.
    ///
    /// # Errors
    /// The session is over: begin it again. The page may be erased, or hold anything.
    fn write(&mut self, memory: Memory, address: u32, bytes: &[u8]) -> Result<(), LoaderError>;

    /// Whether pages are erased one after the other from the first one on, whichever is written: then
    /// only all pages up to a certain one can be written.
    fn erases_in_order(&self) -> bool;

    /// Whether it is known to write EEPROM. Others take the request and write it to flash.
    fn has_eeprom(&self) -> bool;

    /// Starts the program.
    ///
    /// # Errors
    /// The boot loader may have missed it; it starts the program by itself within some seconds.
    fn leave(&mut self) -> Result<(), LoaderError>;

    /// Its link.
    fn link(&mut self) -> &mut dyn Link;
}

/// A session, not begun yet, with the boot loader of such a board.
///
/// # Errors
/// The port does not do the boot loader's baud rate.
pub fn session(
    link: Box<dyn Link>,
    board: AvrBoard,
    cancel: CancelToken,
) -> Result<Box<dyn BootLoader>, LoaderError> {
    let wire = wire::Wire::new(link, board, cancel)?;
    Ok(match board.protocol {
        Protocol::Stk500V1 => Box::new(v1::Session::new(wire)),
        Protocol::Stk500V2 => Box::new(v2::Session::new(wire)),
    })
}
