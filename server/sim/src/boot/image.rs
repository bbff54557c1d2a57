//! Application and boot-loader images, as the boot code checks them. Source: esptool's documentation,
//! "Firmware Image Format".

use fbuild_chip::Chip;
use sha2::{Digest, Sha256};

use super::View;

const MAGIC: u8 = 0xE9;
const HEADER_LEN: u32 = 24;
/// The others' header without its second part (ESP8266_RTOS_SDK, `esp_image_format.h`).
const HEADER_LEN_8266: u32 = 8;
const SEGMENT_HEADER_LEN: u32 = 8;
const CHECKSUM_SEED: u8 = 0xEF;
const DIGEST_LEN: u32 = 32;

/// An image that passed its checks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    /// First byte after it.
    pub(crate) end: u32,
    pub(crate) entry: u32,
    /// Bytes 2 and 3 of the header: flash mode; size and frequency.
    pub(crate) flash_mode: u8,
    pub(crate) flash_size_and_frequency: u8,
    /// Load address and length of each segment.
    pub(crate) segments: Vec<(u32, u32)>,
}

/// What is wrong with an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ImageFault {
    /// It does not start as an image; its first word.
    Header(u32),
    /// It runs past the end of flash.
    CutOff,
    /// The checksum over its segments is wrong. What could be read is kept for the log.
    Checksum {
        image: Image,
        calculated: u8,
        stored: u8,
    },
    /// Its SHA-256 is wrong.
    Digest,
}

pub(super) fn read(view: View<'_>, offset: u32) -> Result<Image, ImageFault> {
    let header = view.read(offset, HEADER_LEN).ok_or(ImageFault::CutOff)?;
    let word = |bytes: &[u8], at: usize| {
        u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    };
    let count = header[1];
    if header[0] != MAGIC || count > 16 {
        return Err(ImageFault::Header(word(&header, 0)));
    }
    let mut image = Image {
        end: 0,
        entry: word(&header, 4),
        flash_mode: header[2],
        flash_size_and_frequency: header[3],
        segments: Vec::new(),
    };
    let is_8266 = view.chip == Chip::Esp8266;
    let header_len = if is_8266 { HEADER_LEN_8266 } else { HEADER_LEN };
    let mut at = offset + header_len;
    let mut calculated = CHECKSUM_SEED;
    for _ in 0..count {
        let segment = view
            .read(at, SEGMENT_HEADER_LEN)
            .ok_or(ImageFault::CutOff)?;
        let (address, len) = (word(&segment, 0), word(&segment, 4));
        let data = view
            .read(at + SEGMENT_HEADER_LEN, len)
            .ok_or(ImageFault::CutOff)?;
        calculated = data.iter().fold(calculated, |sum, byte| sum ^ byte);
        image.segments.push((address, len));
        at += SEGMENT_HEADER_LEN + len;
    }
    // The checksum is the last byte of a multiple of 16, counted from the image's start.
    at = offset + (at - offset) / 16 * 16 + 15;
    let stored = view.read(at, 1).ok_or(ImageFault::CutOff)?[0];
    image.end = at + 1;
    if stored != calculated {
        return Err(ImageFault::Checksum {
            image,
            calculated,
            stored,
        });
    }
    if header[23] == 1 && !is_8266 {
        let whole = view
            .read(offset, image.end - offset)
            .ok_or(ImageFault::CutOff)?;
        let digest = view.read(image.end, DIGEST_LEN).ok_or(ImageFault::CutOff)?;
        if Sha256::digest(&whole)[..] != digest[..] {
            return Err(ImageFault::Digest);
        }
        image.end += DIGEST_LEN;
    }
    Ok(image)
}
