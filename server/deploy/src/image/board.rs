//! What is known of a board, and whether the images may go onto it.

use fbuild_loader::chip::Chip;

use super::Image;
use super::esp_image::EspImage;
use super::layout::span_text;
use crate::input_error::InputError;

/// What was read from the board that the images are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BoardFacts {
    /// Its chip.
    pub chip: Chip,
    /// Chip revision, major * 100 + minor, where it can be read.
    pub revision: Option<u16>,
    /// Flash size in bytes, where it can be read.
    pub flash_size: Option<u32>,
    /// Crystal in MHz, where it was measured. Decides which boot loader an ELF file gets.
    pub crystal_mhz: Option<u32>,
    /// What its eFuses say.
    pub security: BoardSecurity,
}

impl BoardFacts {
    /// A board of which only the chip is known.
    #[must_use]
    pub fn new(chip: Chip) -> Self {
        Self {
            chip,
            revision: None,
            flash_size: None,
            crystal_mhz: None,
            security: BoardSecurity::default(),
        }
    }
}

/// Security state of a board. Everything off is the state of a new one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // four eFuse bits, independent of each other
pub struct BoardSecurity {
    /// The chip decrypts what it reads from flash.
    pub flash_encryption: bool,
    /// Download mode may no longer encrypt (release mode).
    pub encrypted_download_disabled: bool,
    /// The chip boots signed images only.
    pub secure_boot: bool,
    /// Secure Download Mode: nothing can be read back.
    pub secure_download: bool,
}

/// An image must be for the chip that is connected. No force: it could never start.
pub(super) fn check_chip(image: &Image, parsed: &EspImage, chip: Chip) -> Result<(), InputError> {
    if parsed.chip() == Some(chip) {
        return Ok(());
    }
    Err(InputError::ChipMismatch {
        region: image.region.name.clone(),
        path: image.region.source.path().to_owned(),
        found: chip_text(parsed.chip_id),
        expected_by: "the board is".to_owned(),
        expected: chip.to_string(),
    })
}

/// Name of the chip with this image id, also for ids that are not in the table of chips.
pub(super) fn chip_text(id: u16) -> String {
    Chip::from_image_id(id).map_or_else(
        || format!("an unknown chip (id {id:#x})"),
        |c| c.to_string(),
    )
}

/// The revision must lie between what the header allows.
///
/// Source: esptool 5.6.0 `write-flash` and ESP-IDF `bootloader_common_check_chip_validity`. A
/// maximum of 0 means that the image was made before ESP-IDF 4.4, which wrote only the legacy
/// minimum: a major number, on the C3 a minor one. 65535 means no limit.
pub(super) fn check_revision(
    image: &Image,
    parsed: &EspImage,
    board: &BoardFacts,
) -> Result<(), InputError> {
    let Some(revision) = board.revision else {
        return Ok(());
    };
    let text = |revision: u16| format!("v{}.{}", revision / 100, revision % 100);
    let needed = if parsed.max_revision == 0 {
        let legacy = u16::from(parsed.min_revision_legacy);
        let (found, minimum) = match board.chip {
            Chip::Esp32C3 => (revision % 100, legacy),
            _ => (revision / 100, legacy * 100),
        };
        (found < legacy).then(|| format!("{} or newer", text(minimum)))
    } else if revision < parsed.min_revision {
        Some(format!("{} or newer", text(parsed.min_revision)))
    } else if revision > parsed.max_revision {
        Some(format!("{} or older", text(parsed.max_revision)))
    } else {
        None
    };
    match needed {
        None => Ok(()),
        Some(needed) => Err(InputError::Revision {
            region: image.region.name.clone(),
            path: image.region.source.path().to_owned(),
            needed,
            found: text(revision),
        }),
    }
}

/// The image must end before the flash does.
pub(super) fn check_end(image: &Image, flash_bytes: u32, whose: &str) -> Result<(), InputError> {
    let end = u64::from(image.region.offset) + image.bytes.len() as u64;
    if end <= u64::from(flash_bytes) {
        return Ok(());
    }
    Err(InputError::PastFlashEnd {
        what: format!(
            "{} ({})",
            image.region.name,
            image.region.source.path().display()
        ),
        end,
        whose: whose.to_owned(),
        flash_bytes: flash_bytes.into(),
    })
}

/// First flash offset that is not protected by secure boot V1. Source: esptool's `write-flash`.
const SECURE_BOOT_V1_END: u32 = 0x8000;

/// Whether the eFuses leave a chance that the board starts after a plain write.
pub(super) fn check_security(
    images: &[Image],
    build_is_signed: bool,
    board: &BoardFacts,
) -> Result<(), InputError> {
    let security = &board.security;
    if security.flash_encryption {
        let how = if security.encrypted_download_disabled {
            "in release mode: it takes no plaintext over the serial line, and would not start again"
        } else {
            "on: it would read these plain images as noise, and not start"
        };
        let what = format!("the board's flash encryption is {how}");
        return Err(InputError::FlashEncrypted { what });
    }
    if security.secure_boot {
        if let Some(image) = images
            .iter()
            .find(|image| image.region.offset < SECURE_BOOT_V1_END)
        {
            let what = format!(
                "{} ({}) lies below {SECURE_BOOT_V1_END:#x}, where a board with secure boot keeps \
                 the boot loader it trusts",
                image.region.name,
                span_text(image.region.offset, image.bytes.len() as u64),
            );
            return Err(InputError::SecureBoot { what });
        }
        if !build_is_signed {
            let what = "the board boots signed images only, and the build does not sign".to_owned();
            return Err(InputError::SecureBoot { what });
        }
    }
    Ok(())
}
