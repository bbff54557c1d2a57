//! What is known of a board, and whether the images may go onto it.

use fbuild_chip::flash::SECTOR_LEN;
use fbuild_chip::security::BoardSecurity;
use fbuild_chip::{Chip, revision_text};
use fbuild_project::amount::amount;
use fbuild_project::esp_image::EspImage;
use fbuild_project::input_error::InputError;
use fbuild_project::target::{Region, RegionKind};

use super::Image;
use super::layout::span_text;

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

/// An image must be for the chip that is connected. No force: it could never start.
pub(super) fn check_chip(image: &Image, parsed: &EspImage, chip: Chip) -> Result<(), InputError> {
    if parsed.chip() == Some(chip) {
        return Ok(());
    }
    Err(InputError::chip_mismatch(
        &image.region.name,
        image.region.source.path(),
        &parsed.made_for.to_string(),
        "the board is",
        &chip.to_string(),
    ))
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
    let mut is_too_new = false;
    let needed = if parsed.max_revision == 0 {
        let legacy = u16::from(parsed.min_revision_legacy);
        let (found, minimum) = match board.chip {
            Chip::Esp32C3 => (revision % 100, legacy),
            _ => (revision / 100, legacy * 100),
        };
        (found < legacy).then(|| format!("{} or newer", revision_text(minimum)))
    } else if revision < parsed.min_revision {
        Some(format!("{} or newer", revision_text(parsed.min_revision)))
    } else if revision > parsed.max_revision {
        is_too_new = true;
        Some(format!("{} or older", revision_text(parsed.max_revision)))
    } else {
        None
    };
    match needed {
        None => Ok(()),
        Some(needed) => {
            let path = image.region.source.path();
            let what = format!(
                "{}: {} needs chip revision {needed}, but the board has {}",
                image.region.name,
                path.display(),
                revision_text(revision)
            );
            let remedy = revision_remedy(board.chip, is_too_new);
            Err(InputError::new("revision", what, remedy).in_file(path))
        }
    }
}

/// Builds for the P4 are for revisions below v3 or for the others, never for both.
fn revision_remedy(chip: Chip, board_is_too_new: bool) -> &'static str {
    match (chip, board_is_too_new) {
        (Chip::Esp32P4, true) => {
            "The board is newer than what this is built for: build for v3 and newer \
             (CONFIG_ESP32P4_SELECTS_REV_LESS_V3 off), or use an older board."
        }
        (Chip::Esp32P4, false) => {
            "The board is older than what this is built for: build for revisions below v3 \
             (CONFIG_ESP32P4_SELECTS_REV_LESS_V3 on) or lower the minimum revision, or use a newer \
             board."
        }
        (_, true) => {
            "The board is newer than what this is built for: raise the maximum chip revision of the \
             build, or use an older board."
        }
        (_, false) => "Use a newer board, or lower the minimum chip revision of the build.",
    }
}

/// The image must end before the flash does.
pub(super) fn check_end(image: &Image, flash_bytes: u32, whose: &str) -> Result<(), InputError> {
    let end = u64::from(image.region.offset) + image.len_bytes as u64;
    if end <= u64::from(flash_bytes) {
        return Ok(());
    }
    let path = image.region.source.path().display();
    let what = format!("{} ({path})", image.region.name);
    Err(past_flash_end(&what, end, whose, flash_bytes))
}

/// Whose flash it is: the board's own, or where that is not known.
pub(super) const OF_THE_BOARD: &str = "of the board";
pub(super) const CONFIGURED: &str = "that the build is configured for";

/// Something lies beyond the end of the flash.
pub(super) fn past_flash_end(what: &str, end: u64, whose: &str, flash_bytes: u32) -> InputError {
    InputError::new(
        "past-flash-end",
        format!(
            "{what} ends at {end:#x}, but the flash {whose} ends at {flash_bytes:#x} ({})",
            amount(flash_bytes.into())
        ),
        if whose == CONFIGURED {
            "Correct the flash size that the project is configured for, or the offset."
        } else {
            "Use a board with more flash, or build for the flash that the board has."
        },
    )
}

/// Flash beyond this is addressed with four bytes, which boot ROMs and the older chips' stubs do not
/// do: they would write to the beginning of the flash instead.
///
/// Source: esptool 5.6.0, `FLASH_32BIT_ADDR_SUPPORTED` and the check that uses it.
pub(crate) const THREE_BYTE_END: u32 = 16 << 20;

/// Largest flash chips there are. Source: esptool 5.6.0, `DETECTED_FLASH_SIZES`.
const LARGEST_FLASH: u32 = 256 << 20;

/// The image must end before the flash does that the chip's loaders reach.
pub(super) fn check_reach(image: &Image, chip: Chip) -> Result<(), InputError> {
    let end = if chip.facts().stub_beyond_16_mib {
        LARGEST_FLASH
    } else {
        THREE_BYTE_END
    };
    check_end(image, end, &format!("that the loaders of {chip} reach"))
}

/// How a region's bytes are to be in a board's flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// As they are: what the board hashes can be compared with them.
    Plain,
    /// As the ciphertext that the chip makes of them, which nobody else can compute.
    Encrypted,
}

impl Standing {
    /// What this board has to find in its flash to use the region. The build says so; a boot loader,
    /// a table, an app or otadata is decrypted whatever the build says.
    ///
    /// Source: ESP-IDF documentation, "Flash Encryption", encrypted partitions.
    pub(super) fn of(region: &Region, build_encrypts: bool, board: &BoardFacts) -> Self {
        let may_stay_plain = build_encrypts && !region.encrypted && region.kind == RegionKind::Data;
        if board.security.flash_encryption && !may_stay_plain {
            Self::Encrypted
        } else {
            Self::Plain
        }
    }

    /// What a forced write makes of it: the chip encrypts what the build marks and the chip can.
    pub(super) fn forced(self, region: &Region, board: &BoardFacts) -> Self {
        if region.encrypted && !board.security.encrypted_download_disabled {
            self
        } else {
            Self::Plain
        }
    }
}

/// Whether the eFuses leave a chance that the board starts after these images were written.
///
/// Source: esptool 5.6.0 `write-flash`, which leaves more of this to its user.
pub(super) fn check_security(
    images: &[Image],
    build_encrypts: bool,
    board: &BoardFacts,
) -> Result<(), InputError> {
    if board.security.flash_encryption {
        check_encryption(images, build_encrypts, board)?;
    }
    if board.security.secure_boot {
        images
            .iter()
            .try_for_each(|image| check_secure_boot(image, board))?;
    }
    Ok(())
}

fn check_encryption(
    images: &[Image],
    build_encrypts: bool,
    board: &BoardFacts,
) -> Result<(), InputError> {
    let refused = |what: String| {
        Err(InputError::new(
            "flash-encrypted",
            what,
            "If the board's encryption is still in development mode, build with flash encryption in \
             that mode; else update over the air. Force the write only if you know that the board \
             will still start.",
        ))
    };
    if let Some(why) = board.security.refuses_every_build() {
        return refused(why.to_owned());
    }
    for image in images {
        let region = &image.region;
        let place = format!(
            "{} ({})",
            region.name,
            span_text(region.offset, image.len_bytes as u64)
        );
        let decrypted = Standing::of(region, build_encrypts, board) == Standing::Encrypted;
        if decrypted && !region.encrypted {
            return refused(format!(
                "the board's flash encryption is on, and the build does not mark {place} as \
                 encrypted: the board would read the plain bytes as noise, and not start"
            ));
        }
        if region.offset < key_recovery_end(board.chip) {
            return refused(format!(
                "{place} is where this chip may keep what it needs to recover its flash \
                 encryption key"
            ));
        }
    }
    Ok(())
}

/// End of the flash that chips with a key manager keep for themselves once it holds the key of flash
/// encryption. Their boot loader follows it. Whether the key manager is in use is not asked:
/// nothing of a build lies there.
///
/// Source: esptool 5.6.0 `write-flash`.
fn key_recovery_end(chip: Chip) -> u32 {
    match chip {
        Chip::Esp32C5 | Chip::Esp32P4 => 0x2000,
        _ => 0,
    }
}

/// First flash offset that is not protected by secure boot V1. Source: esptool 5.6.0 `write-flash`.
const SECURE_BOOT_V1_END: u32 = 0x8000;

fn check_secure_boot(image: &Image, board: &BoardFacts) -> Result<(), InputError> {
    let region = &image.region;
    let v1 = board.security.secure_boot_v1;
    let what = if v1 && region.offset < SECURE_BOOT_V1_END {
        format!(
            "{} ({}) is below {SECURE_BOOT_V1_END:#x}, where a board with secure boot V1 keeps \
             the one boot loader that it trusts",
            region.name,
            span_text(region.offset, image.len_bytes as u64),
        )
    } else if matches!(region.kind, RegionKind::Bootloader | RegionKind::App)
        && !is_signed(image.content(), v1)
    {
        format!(
            "the board starts signed images only, and {} ({}) is not signed",
            region.name,
            region.source.path().display()
        )
    } else {
        return Ok(());
    };
    Err(InputError::new(
        "secure-boot",
        what,
        "Deploy images signed with the board's key, and leave the boot loader alone; force the write \
         only if you know that the board will still start.",
    ))
}

/// Whether a signature follows an image, in the form that the boot loader expects. By which
/// key it was made, only the board can tell.
///
/// Source: ESP-IDF documentation, "Secure Boot V2", signature block format, and
/// `esp_image_format.c` (v6.0): V1 has 68 bytes, the first four 0, right after the image; V2 a
/// sector of its own that begins with E7.
fn is_signed(bytes: &[u8], v1: bool) -> bool {
    const V1_VERSION: [u8; 4] = [0; 4];
    const V1_SIGNATURE_BYTES: usize = 64;
    const V2_MAGIC: u8 = 0xE7;
    let Ok(image) = EspImage::parse(bytes) else {
        return false;
    };
    let end = image.len_bytes();
    if v1 {
        let block = bytes.get(end..end + V1_VERSION.len() + V1_SIGNATURE_BYTES);
        block.is_some_and(|block| block.starts_with(&V1_VERSION))
    } else {
        let sector = end.next_multiple_of(SECTOR_LEN as usize);
        bytes.get(sector) == Some(&V2_MAGIC)
    }
}
