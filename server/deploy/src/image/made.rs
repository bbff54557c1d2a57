//! Images made for tests.

use fbuild_chip::Chip;
use sha2::{Digest as _, Sha256};

/// A small valid image, of one segment.
pub(super) fn image(chip: Chip, payload: &[u8], has_hash: bool) -> Vec<u8> {
    let mut bytes = vec![0xE9, 1, 2, 0x20];
    bytes.resize(24, 0);
    bytes[12..14].copy_from_slice(&chip.facts().image_id.unwrap().to_le_bytes());
    bytes[17..19].copy_from_slice(&u16::MAX.to_le_bytes());
    bytes[23] = u8::from(has_hash);
    bytes.extend(0x3F40_0020u32.to_le_bytes());
    bytes.extend(u32::try_from(payload.len()).unwrap().to_le_bytes());
    bytes.extend(payload);
    bytes.resize((bytes.len() + 1).next_multiple_of(16), 0);
    *bytes.last_mut().unwrap() = payload.iter().fold(0xEF, |sum, byte| sum ^ byte);
    if has_hash {
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
    }
    bytes
}
