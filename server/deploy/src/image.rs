//! A region's bytes as they will be in flash, and the checks that run before a board is touched.
//!
//! [`load`] makes every check that needs no board; [`LoadedImages::for_board`] the rest, and gives
//! the bytes that will be compared and written. Both sides of a comparison use those same bytes:
//! a boot loader whose header is patched on the way differs from its file for ever.

pub(crate) mod board;
mod check;
mod elf;
mod layout;
pub(crate) mod load;
mod loaded;
#[cfg(test)]
mod made;
mod patch;
pub(crate) mod read;
mod start;

use std::sync::Arc;

use crate::outcome::Unit;

pub use board::{BoardFacts, Standing};
pub use load::{load, load_unless};
pub use loaded::LoadedImages;
pub(crate) use start::{Found, START_BYTES, brought, brought_table, header_of, is_app};

/// A region's bytes as they will be in flash: header patched, padded with FF.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// The region it is for.
    pub region: fbuild_project::target::Region,
    /// Its bytes, and FF after them up to the end of their last sector, which is what erasing
    /// leaves there (but none in EEPROM). Shared: there is one copy of them, however often a deploy starts over.
    pub bytes: Arc<Vec<u8>>,
    /// Length without the FF that fills up the last sector.
    pub len_bytes: usize,
    /// How they are to be in flash.
    pub standing: Standing,
    /// What they are compared and written in.
    pub unit: Unit,
}

impl Image {
    /// The bytes without the FF that fills up their last sector.
    pub fn content(&self) -> &[u8] {
        &self.bytes[..self.len_bytes]
    }
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Image")
            .field("region", &self.region.name)
            .field("offset", &self.region.offset)
            .field("len_bytes", &self.len_bytes)
            .field("standing", &self.standing)
            .finish_non_exhaustive()
    }
}
