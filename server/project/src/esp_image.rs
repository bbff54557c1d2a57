//! The image format of boot loaders and apps: header, segments, checksum, SHA-256.
//!
//! Source: ESP-IDF `esp_app_format.h` and `esp_image_format.c` (v6.0); checked on the images of
//! several tools with esptool 5.6.0 `image-info`. An ESP8266's header is shorter: its segments begin
//! where the others' header goes on (ESP8266_RTOS_SDK `esp_image_format.h`).

use std::fmt;

use fbuild_chip::Chip;
use sha2::{Digest, Sha256};

/// First byte of every image.
pub const MAGIC: u8 = 0xE9;
const HEADER_BYTES: usize = 24;
const HEADER_BYTES_8266: usize = 8;
/// Addresses that an ESP8266's segments are loaded to: RAM, and what is mapped of the flash. The
/// others' header has the pins of the flash in that place, as EE 00 00 00.
const LOADED_BY_8266: std::ops::Range<u32> = 0x3FFE_8000..0x4030_0000;
/// Where an ESP8266's boot loader for Arduino finds the sketch. Source: the core's `elf2bin.py`.
pub(crate) const SKETCH_AT: usize = 0x1000;
const SEGMENT_HEADER_BYTES: usize = 8;
const MAX_SEGMENTS: u8 = 16;
const HASH_BYTES: usize = 32;
const CHECKSUM_SEED: u8 = 0xEF;

/// Where the header says the flash mode, which a write may change.
pub const MODE_AT: usize = 2;
/// Where the header says the size and frequency of the flash, which a write may change.
pub const SIZE_FREQ_AT: usize = 3;
const CHIP_ID_AT: usize = 12;
const MIN_REVISION_LEGACY_AT: usize = 14;
const MIN_REVISION_AT: usize = 15;
const MAX_REVISION_AT: usize = 17;
const HASH_APPENDED_AT: usize = 23;

/// What is wrong with an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImageFault {
    /// It does not begin with E9.
    Magic,
    /// The header makes no sense.
    Header(String),
    /// It ends too early.
    Truncated {
        /// How long it has to be at least.
        needed_bytes: u64,
    },
    /// The checksum byte is wrong.
    Checksum {
        /// What is in the image.
        stored: u8,
        /// What its segments give.
        computed: u8,
    },
    /// The appended SHA-256 is wrong.
    Hash,
}

/// The chip that an image is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageChip {
    /// One that is in the table of chips.
    Known(Chip),
    /// Another one, by the id in the header.
    Unknown(u16),
}

impl ImageChip {
    /// The chip, if it is in the table.
    #[must_use]
    pub fn known(self) -> Option<Chip> {
        match self {
            Self::Known(chip) => Some(chip),
            Self::Unknown(_) => None,
        }
    }
}

impl fmt::Display for ImageChip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known(chip) => chip.fmt(f),
            Self::Unknown(id) => write!(f, "an unknown chip (id {id:#x})"),
        }
    }
}

/// What the header of a valid image says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EspImage {
    /// The chip that it is for.
    pub made_for: ImageChip,
    /// Legacy minimum revision: a major number (on the C3: a minor one).
    pub min_revision_legacy: u8,
    /// Minimum revision, major * 100 + minor.
    pub min_revision: u16,
    /// Maximum revision, major * 100 + minor. 0: not written (before ESP-IDF 4.4); 65535: no limit.
    pub max_revision: u16,
    /// Length without an appended SHA-256; the checksum is the last byte of it.
    pub hashed_bytes: usize,
    /// Whether 32 bytes of SHA-256 follow.
    pub has_hash: bool,
}

impl EspImage {
    /// Read an image and check that it is whole and undamaged. Bytes after its end (a signature,
    /// FF) do not matter.
    ///
    /// # Errors
    /// [`ImageFault`] says what is wrong: not an image at all, cut short, or damaged. Build it again.
    pub fn parse(bytes: &[u8]) -> Result<Self, ImageFault> {
        if bytes.first() != Some(&MAGIC) {
            return Err(ImageFault::Magic);
        }
        let Some(header) = bytes.get(..HEADER_BYTES) else {
            return Err(ImageFault::Truncated {
                needed_bytes: HEADER_BYTES as u64,
            });
        };
        let segments = header[1];
        if segments == 0 || segments > MAX_SEGMENTS {
            let why = format!("{segments} segments; 1 to {MAX_SEGMENTS} are possible");
            return Err(ImageFault::Header(why));
        }
        let made_for = chip_of(header);
        let is_8266 = made_for == ImageChip::Known(Chip::Esp8266);
        let header_bytes = if is_8266 {
            HEADER_BYTES_8266
        } else {
            HEADER_BYTES
        };
        let (segments_end, computed) = walk_segments(bytes, header_bytes, segments)?;
        // There is always at least the checksum byte, and it ends a block of 16.
        let hashed_bytes = (segments_end + 1).next_multiple_of(16);
        let has_hash = !is_8266 && header[HASH_APPENDED_AT] == 1;
        let needed = hashed_bytes + if has_hash { HASH_BYTES } else { 0 };
        if bytes.len() < needed {
            return Err(ImageFault::Truncated {
                needed_bytes: needed as u64,
            });
        }
        let byte = |at: usize| if is_8266 { 0 } else { header[at] };
        let half = |at: usize| u16::from_le_bytes([byte(at), byte(at + 1)]);
        let image = Self {
            made_for,
            min_revision_legacy: byte(MIN_REVISION_LEGACY_AT),
            min_revision: half(MIN_REVISION_AT),
            max_revision: half(MAX_REVISION_AT),
            hashed_bytes,
            has_hash,
        };
        if has_hash && image.digest(bytes)[..] != bytes[hashed_bytes..needed] {
            return Err(ImageFault::Hash);
        }
        let stored = bytes[hashed_bytes - 1];
        if stored != computed {
            return Err(ImageFault::Checksum { stored, computed });
        }
        if is_8266 {
            check_sketch(bytes)?;
        }
        Ok(image)
    }

    /// Length with everything that belongs to it.
    pub fn len_bytes(&self) -> usize {
        self.hashed_bytes + if self.has_hash { HASH_BYTES } else { 0 }
    }

    /// The chip it is for; `None` for an id that is not in the table of chips.
    pub fn chip(&self) -> Option<Chip> {
        self.made_for.known()
    }

    fn digest(&self, bytes: &[u8]) -> [u8; HASH_BYTES] {
        Sha256::digest(&bytes[..self.hashed_bytes]).into()
    }

    /// Compute the appended SHA-256 anew, after the header was changed. `bytes` is the image that
    /// was parsed.
    pub fn renew_hash(&self, bytes: &mut [u8]) {
        if self.has_hash {
            let digest = self.digest(bytes);
            bytes[self.hashed_bytes..self.len_bytes()].copy_from_slice(&digest);
        }
    }
}

/// End of the last segment, and the checksum over all segment data.
fn walk_segments(
    bytes: &[u8],
    header_bytes: usize,
    segments: u8,
) -> Result<(usize, u8), ImageFault> {
    let mut at = header_bytes;
    let mut checksum = CHECKSUM_SEED;
    for _ in 0..segments {
        let data_at = at + SEGMENT_HEADER_BYTES;
        let Some(header) = bytes.get(at..data_at) else {
            return Err(ImageFault::Truncated {
                needed_bytes: data_at as u64,
            });
        };
        let len = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
        let end = data_at as u64 + u64::from(len);
        let data = usize::try_from(end)
            .ok()
            .and_then(|end| bytes.get(data_at..end));
        let Some(data) = data else {
            return Err(ImageFault::Truncated { needed_bytes: end });
        };
        checksum = data.iter().fold(checksum, |sum, byte| sum ^ byte);
        at = data_at + data.len();
    }
    Ok((at, checksum))
}

/// Whether the sketch is whole that a boot loader for Arduino brings along. Its checksum says nothing:
/// the core writes its own CRC into it afterwards.
fn check_sketch(bytes: &[u8]) -> Result<(), ImageFault> {
    let sketch = bytes.get(SKETCH_AT..).unwrap_or_default();
    if sketch.len() < HEADER_BYTES_8266
        || sketch[0] != MAGIC
        || !(1..=MAX_SEGMENTS).contains(&sketch[1])
    {
        return Ok(());
    }
    match walk_segments(sketch, HEADER_BYTES_8266, sketch[1]) {
        Err(ImageFault::Truncated { needed_bytes }) => Err(ImageFault::Truncated {
            needed_bytes: needed_bytes + SKETCH_AT as u64,
        }),
        _ => Ok(()),
    }
}

/// The chip that a header of [`HEADER_BYTES`] names. One that names none is an ESP8266's.
fn chip_of(header: &[u8]) -> ImageChip {
    let at = HEADER_BYTES_8266;
    let load_address =
        u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]]);
    if LOADED_BY_8266.contains(&load_address) {
        return ImageChip::Known(Chip::Esp8266);
    }
    let id = u16::from_le_bytes([header[CHIP_ID_AT], header[CHIP_ID_AT + 1]]);
    Chip::from_image_id(id).map_or(ImageChip::Unknown(id), ImageChip::Known)
}

/// The chip of something that begins like an image, valid or not.
pub fn peek_chip(start: &[u8]) -> Option<ImageChip> {
    let header = start.get(..HEADER_BYTES)?;
    (header[0] == MAGIC).then(|| chip_of(header))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A small valid image.
    fn image(chip: Chip, payload: &[u8], has_hash: bool) -> Vec<u8> {
        let mut bytes = vec![0u8; HEADER_BYTES];
        bytes[0] = MAGIC;
        bytes[1] = 1;
        bytes[MODE_AT] = 2;
        bytes[SIZE_FREQ_AT] = 0x20;
        bytes[CHIP_ID_AT..CHIP_ID_AT + 2]
            .copy_from_slice(&chip.facts().image_id.unwrap().to_le_bytes());
        bytes[MAX_REVISION_AT..MAX_REVISION_AT + 2].copy_from_slice(&u16::MAX.to_le_bytes());
        bytes[HASH_APPENDED_AT] = u8::from(has_hash);
        bytes.extend(0x3F40_0020u32.to_le_bytes());
        bytes.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
        bytes.extend(payload);
        bytes.resize((bytes.len() + 1).next_multiple_of(16), 0);
        let checksum = payload.iter().fold(CHECKSUM_SEED, |sum, byte| sum ^ byte);
        *bytes.last_mut().unwrap() = checksum;
        if has_hash {
            let digest = Sha256::digest(&bytes);
            bytes.extend(digest);
        }
        bytes
    }

    #[test]
    fn tells_whole_images_from_damaged_ones() {
        for has_hash in [false, true] {
            let good = image(Chip::Esp32C3, &[7; 100], has_hash);
            let parsed = EspImage::parse(&good).unwrap();
            assert_eq!(parsed.chip(), Some(Chip::Esp32C3));
            assert_eq!(parsed.len_bytes(), good.len());
            for len in 1..good.len() {
                let fault = EspImage::parse(&good[..len]).unwrap_err();
                assert!(
                    matches!(fault, ImageFault::Truncated { .. }),
                    "{len}: {fault:?}"
                );
            }
            let mut flipped = good.clone();
            flipped[50] ^= 0x10;
            let fault = EspImage::parse(&flipped).unwrap_err();
            assert_eq!(fault == ImageFault::Hash, has_hash, "{fault:?}");
            let mut longer = good;
            longer.extend([0xFF; 77]);
            assert_eq!(EspImage::parse(&longer), Ok(parsed));
        }
        assert_eq!(EspImage::parse(b"<html>"), Err(ImageFault::Magic));
        assert_eq!(EspImage::parse(&[]), Err(ImageFault::Magic));
    }

    /// A boot loader and a sketch as the core's `elf2bin.py` joins them.
    #[test]
    fn an_esp8266s_image_has_a_short_header() {
        let part = |load_address: u32, payload: &[u8]| {
            let mut bytes = vec![MAGIC, 1, 2, 0x40, 0, 0xF0, 0x10, 0x40];
            bytes.extend(load_address.to_le_bytes());
            bytes.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
            bytes.extend(payload);
            bytes.resize((bytes.len() + 1).next_multiple_of(16), 0);
            *bytes.last_mut().unwrap() = payload.iter().fold(CHECKSUM_SEED, |sum, it| sum ^ it);
            bytes
        };
        let boot_loader = part(0x4010_F000, &[7; 400]);
        let parsed = EspImage::parse(&boot_loader).unwrap();
        assert_eq!(parsed.chip(), Some(Chip::Esp8266));
        assert_eq!(parsed.len_bytes(), boot_loader.len());
        assert!(!parsed.has_hash && parsed.max_revision == 0);
        let mut whole = boot_loader;
        whole.resize(SKETCH_AT, 0xAA);
        whole.extend(part(0x4020_1010, &[9; 700]));
        let crc_at = SKETCH_AT + 16;
        whole[crc_at..crc_at + 4].copy_from_slice(&[1, 2, 3, 4]);
        assert_eq!(EspImage::parse(&whole), Ok(parsed));
        assert!(matches!(
            EspImage::parse(&whole[..SKETCH_AT + 600]),
            Err(ImageFault::Truncated { needed_bytes }) if needed_bytes == 0x1000 + 16 + 700
        ));
        whole[100] ^= 1;
        assert!(matches!(
            EspImage::parse(&whole),
            Err(ImageFault::Checksum { .. })
        ));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = EspImage::parse(&bytes);
            if let Some(first) = bytes.first_mut() {
                *first = MAGIC;
            }
            let _ = EspImage::parse(&bytes);
            let _ = peek_chip(&bytes);
        }

        #[test]
        fn no_mutation_panics(at in 0usize..180, value: u8, len in 0usize..180) {
            let mut bytes = image(Chip::Esp32, &[1; 100], true);
            let at = at.min(bytes.len() - 1);
            bytes[at] = value;
            bytes.truncate(len);
            let _ = EspImage::parse(&bytes);
        }
    }
}
