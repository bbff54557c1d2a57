//! A region's bytes as they will stand in flash, and the checks that run before a board is touched.
//!
//! [`load`] makes every check that needs no board; [`LoadedImages::for_board`] the rest, and gives
//! the bytes that will be compared and written. Both sides of a comparison use those same bytes:
//! a boot loader whose header is patched on the way differs from its file for ever.

mod board;
mod check;
mod elf;
mod esp_image;
pub mod flash_size;
mod layout;
mod load;
mod loaded;
mod patch;
mod start;

use std::sync::Arc;

pub use board::{BoardFacts, BoardSecurity, Standing};
pub(crate) use board::{CONFIGURED, THREE_BYTE_END};
pub(crate) use elf::{elf_chip, parse_table};
pub(crate) use esp_image::peek_chip_id;
pub use esp_image::{EspImage, ImageFault};
pub use load::{load, load_unless};
pub use loaded::LoadedImages;
pub(crate) use start::{Found, START_BYTES, brought, brought_table, header_of, is_app};

/// Size of a flash in bytes, from its name in build tools (`4MB`).
#[must_use]
pub fn flash_size_bytes(name: &str) -> Option<u32> {
    patch::size_bytes(name)
}

/// Name of a flash size in build tools, for the sizes that a header can hold.
#[must_use]
pub fn flash_size_name(bytes: u32) -> Option<&'static str> {
    patch::size_name(bytes)
}

/// A region's bytes as they will stand in flash: header patched, padded with FF.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// The region it is for.
    pub region: crate::target::Region,
    /// Its bytes, and FF behind them up to the end of their last sector, which is what erasing
    /// leaves there. Shared: there is one copy of them, however often a deploy starts over.
    pub bytes: Arc<Vec<u8>>,
    /// Length without the FF that fills up the last sector.
    pub len_bytes: usize,
    /// How they are to stand in flash.
    pub standing: Standing,
}

impl Image {
    /// The bytes without the FF that fills up their last sector.
    #[must_use]
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
