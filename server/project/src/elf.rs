//! What an ELF file says of its chip.

use std::panic::catch_unwind;

use espflash::image_format::Metadata;
use fbuild_chip::Chip;

/// The chip that esp-hal wrote into the ELF file.
pub fn elf_chip(elf: &[u8]) -> Option<Chip> {
    // The crate is not trusted with damaged files: it may panic.
    let name = catch_unwind(|| {
        Metadata::from_bytes(Some(elf))
            .chip_name()
            .map(str::to_owned)
    });
    name.ok()??.parse().ok()
}
