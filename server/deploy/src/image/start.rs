//! Whether a board can start what is in its flash: what the boot ROM finds, and what follows
//! from the images of a deploy alone. What needs a look at the board is in `job::chain`.

use fbuild_chip::Chip;
use fbuild_project::esp_image::{EspImage, ImageChip, peek_chip};
use fbuild_project::flash_size::{Conflict, Sizes, conflicts, header_flash_size, size_bytes};
use fbuild_project::input_error::InputError;
use fbuild_project::partitions::{DEFAULT_TABLE_OFFSET, PartitionTable};
use fbuild_project::target::{RegionKind, Setting, Target};
use fbuild_project::whole_image::table_in;

use super::Image;
use super::board::{BoardFacts, CONFIGURED, check_end};

/// So much of what is at the boot loader's place is looked at: its header, and whether it is blank.
pub(crate) const START_BYTES: u32 = 64;

/// Begins firmware that the ROMs of newer chips run in place, without a boot loader. Source:
/// Espressif's example of direct boot for the ESP32-C3.
const DIRECT_BOOT: [u8; 8] = [0x1D, 0x04, 0xDB, 0xAE, 0x1D, 0x04, 0xDB, 0xAE];

/// Where the descriptor of an app is in its image, and what it begins with. Source: ESP-IDF
/// `esp_app_desc.h` (v6.0).
const APP_DESCRIPTOR_AT: usize = 32;
const APP_DESCRIPTOR: [u8; 4] = 0xABCD_5432_u32.to_le_bytes();

/// What the boot ROM finds where it looks for the boot loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// Something that it starts.
    Image,
    /// Erased flash.
    Blank,
    /// Neither.
    Else,
    /// An image for another chip.
    ForAnother(Chip),
}

impl Found {
    /// `start` is what is there, [`START_BYTES`] of it.
    pub(crate) fn at(start: &[u8], chip: Chip) -> Self {
        if start.starts_with(&DIRECT_BOOT) {
            return Self::Image;
        }
        match peek_chip(start) {
            Some(ImageChip::Known(other)) if other != chip => Self::ForAnother(other),
            Some(_) => Self::Image,
            None if start.iter().all(|byte| *byte == 0xFF) => Self::Blank,
            None => Self::Else,
        }
    }

    /// What is there instead of a boot loader; `None` if one is there.
    pub(crate) fn instead(self) -> Option<String> {
        match self {
            Self::Image => None,
            Self::Blank => Some("the flash is blank".to_owned()),
            Self::Else => Some("there is no image".to_owned()),
            Self::ForAnother(other) => Some(format!("there is an image for {other}")),
        }
    }
}

/// Whether an image at the boot loader's place is an app: it has an app's descriptor where apps have
/// it, first of all in flash that the ROM does not map.
pub(crate) fn is_app(image: &[u8]) -> bool {
    let descriptor = image.get(APP_DESCRIPTOR_AT..APP_DESCRIPTOR_AT + APP_DESCRIPTOR.len());
    descriptor == Some(&APP_DESCRIPTOR[..])
}

/// What these images put at `offset`, up to the end of the one that reaches there.
pub(crate) fn brought<'i>(
    images: impl IntoIterator<Item = &'i Image>,
    offset: u32,
) -> Option<(&'i Image, &'i [u8])> {
    images.into_iter().find_map(|image| {
        let at = offset.checked_sub(image.region.offset)? as usize;
        let bytes = image.bytes.get(at..).filter(|bytes| !bytes.is_empty())?;
        Some((image, bytes))
    })
}

/// The partition table that these images bring, under whatever name.
pub(crate) fn brought_table<'i>(
    images: impl IntoIterator<Item = &'i Image>,
    table_offset: u32,
) -> Option<PartitionTable> {
    PartitionTable::parse(brought(images, table_offset)?.1).ok()
}

/// Whose header it is, in a message.
pub(crate) fn header_of(image: &Image) -> String {
    format!(
        "the boot loader's header in {}",
        image.region.source.path().display()
    )
}

/// What these images alone say about whether the board will start.
pub(super) fn check_start(
    target: &Target,
    images: &[Image],
    table_offset: u32,
    board: &BoardFacts,
) -> Result<(), InputError> {
    if let Setting::Set(name) = &target.flash.size
        && let Some(bytes) = size_bytes(name)
    {
        images
            .iter()
            .try_for_each(|image| check_end(image, bytes, CONFIGURED))?;
    }
    // What is encrypted already cannot be told from what does not belong there.
    if board.security.flash_encryption {
        return Ok(());
    }
    images
        .iter()
        .try_for_each(|image| check_place(image, table_offset, board.chip))?;
    let place = board.chip.facts().bootloader_offset;
    let Some((image, bytes)) = brought(images, place) else {
        return Ok(());
    };
    check_boot_loader(image, bytes, board.chip)?;
    // The board's own size is put into the header; which one that is, is not known here.
    if target.flash.size == Setting::Detect && board.flash_size.is_none() {
        return Ok(());
    }
    let table = brought_table(images, table_offset);
    let sizes = Sizes {
        header: header_flash_size(bytes),
        table: table.as_ref(),
        board: None,
    };
    let refusal =
        |conflict: Conflict| conflict.refusal(&header_of(image), target.tool, board.flash_size);
    conflicts(&sizes)
        .into_iter()
        .find_map(refusal)
        .map_or(Ok(()), Err)
}

/// An image at the place where other chips have their boot loader is one for them, or one that was
/// put there by mistake; so is an image with a partition table as far after its beginning as one
/// follows the boot loader.
fn check_place(image: &Image, table_offset: u32, chip: Chip) -> Result<(), InputError> {
    let region = &image.region;
    let expected = chip.facts().bootloader_offset;
    if region.offset == expected || EspImage::parse(image.content()).is_err() {
        return Ok(());
    }
    let is_low = region.offset < table_offset;
    let is_anothers = Chip::ALL
        .iter()
        .any(|other| other.facts().bootloader_offset == region.offset);
    let holds_table = || table_in(image.content(), expected, DEFAULT_TABLE_OFFSET).is_some();
    let may_start = is_low || region.kind == RegionKind::App;
    if (is_low && is_anothers) || (may_start && holds_table()) {
        return Err(InputError::bootloader_misplaced(
            &region.name,
            region.source.path(),
            region.offset,
            &chip.to_string(),
            expected,
        ));
    }
    Ok(())
}

/// Something is put where the ROM looks for the boot loader: then it has to be one.
fn check_boot_loader(image: &Image, bytes: &[u8], chip: Chip) -> Result<(), InputError> {
    let region = &image.region;
    let start = &bytes[..bytes.len().min(START_BYTES as usize)];
    match Found::at(start, chip) {
        Found::Image => Ok(()),
        Found::ForAnother(other) => Err(InputError::chip_mismatch(
            &region.name,
            region.source.path(),
            &other.to_string(),
            "the board is",
            &chip.to_string(),
        )),
        Found::Blank | Found::Else => Err(InputError::not_bootable(
            format!(
                "{}: {} covers {:#x}, where an {chip} looks for its boot loader, and has none \
                 there: nothing would start",
                region.name,
                region.source.path().display(),
                chip.facts().bootloader_offset
            ),
            "Correct the offset, or deploy a file that holds the boot loader, too.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::made::image;

    #[test]
    fn tells_a_boot_loader_from_what_is_none() {
        let good = image(Chip::Esp32C3, &[7; 100], true);
        let at = |start: &[u8]| Found::at(start, Chip::Esp32C3);
        assert_eq!(at(&good[..64]), Found::Image);
        assert_eq!(at(&[0xFF; 64]), Found::Blank);
        assert_eq!(at(&[0; 64]), Found::Else);
        assert_eq!(at(&[DIRECT_BOOT, [0; 8]].concat()), Found::Image);
        assert_eq!(
            Found::at(&good[..64], Chip::Esp32S3),
            Found::ForAnother(Chip::Esp32C3)
        );
        assert_eq!(
            Found::ForAnother(Chip::Esp32C3).instead().unwrap(),
            "there is an image for ESP32-C3"
        );
        // A chip that is not known here yet starts what it starts.
        let mut unknown = good;
        unknown[12] = 0x77;
        assert_eq!(at(&unknown[..64]), Found::Image);
    }

    #[test]
    fn an_app_has_its_descriptor() {
        let mut payload = vec![0; 256];
        payload[..4].copy_from_slice(&APP_DESCRIPTOR);
        assert!(is_app(&image(Chip::Esp32S3, &payload, true)));
        assert!(!is_app(&image(Chip::Esp32S3, &[7; 256], true)));
        assert!(!is_app(&[]));
    }
}
