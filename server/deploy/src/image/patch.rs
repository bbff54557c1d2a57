//! Patching the boot loader's header as a write by esptool does.
//!
//! Source: esptool 5.6.0 `write-flash --help` and documentation ("Flash Modes"), and its behaviour,
//! which `tests/` compares byte by byte. Only a valid image at exactly the chip's boot loader offset
//! is patched, only where a setting is not `keep`, and its appended SHA-256 is computed anew. With
//! secure boot or in Secure Download Mode nothing is patched.

use fbuild_chip::Chip;
use fbuild_project::esp_image::{EspImage, MODE_AT, SIZE_FREQ_AT};
use fbuild_project::flash_size::{header_nibble, header_sizes, size_name_for};
use fbuild_project::input_error::InputError;
use fbuild_project::target::{FlashParams, Setting};

use super::board::BoardFacts;

const MODES: &[(&str, u8)] = &[("qio", 0), ("qout", 1), ("dio", 2), ("dout", 3)];

/// Patch `bytes`, an image for `offset`, in place.
pub(super) fn patch_header(
    bytes: &mut [u8],
    offset: u32,
    params: &FlashParams,
    board: &BoardFacts,
) -> Result<(), InputError> {
    let untouchable = board.security.secure_boot || board.security.secure_download;
    if offset != board.chip.facts().bootloader_offset || untouchable {
        return Ok(());
    }
    let Ok(image) = EspImage::parse(bytes) else {
        return Ok(());
    };
    let (mode, size_freq) = (bytes[MODE_AT], bytes[SIZE_FREQ_AT]);
    let mode = match &params.mode {
        Setting::Set(name) => mode_byte(name, board.chip)?,
        Setting::Keep | Setting::Detect => mode,
    };
    let freq = match &params.freq {
        Setting::Set(name) => freq_nibble(name, board.chip)?,
        Setting::Keep | Setting::Detect => size_freq & 0x0F,
    };
    let size = match &params.size {
        Setting::Set(name) => Some(size_nibble(name, board.chip)?),
        // A size that the header cannot hold, or an unknown one, leaves the file's value.
        Setting::Detect => board
            .flash_size
            .and_then(|bytes| size_name_for(board.chip, bytes))
            .and_then(|name| size_nibble(name, board.chip).ok()),
        Setting::Keep => None,
    };
    let size = size.unwrap_or(size_freq & 0xF0);
    if (bytes[MODE_AT], bytes[SIZE_FREQ_AT]) != (mode, size | freq) {
        bytes[MODE_AT] = mode;
        bytes[SIZE_FREQ_AT] = size | freq;
        image.renew_hash(bytes);
    }
    Ok(())
}

fn refused(what: &'static str, value: &str, chip: Chip, possible: &[String]) -> InputError {
    InputError::flash_setting(what, value, &chip.to_string(), possible)
}

fn mode_byte(name: &str, chip: Chip) -> Result<u8, InputError> {
    let known = MODES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    known.map(|(_, byte)| *byte).ok_or_else(|| {
        let names: Vec<_> = MODES.iter().map(|(name, _)| (*name).to_owned()).collect();
        refused("flash mode", name, chip, &names)
    })
}

fn freq_nibble(name: &str, chip: Chip) -> Result<u8, InputError> {
    let table = chip.facts().flash_mhz;
    let digits = name.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let mhz: Option<u32> = digits.parse().ok();
    let known = table.iter().find(|(_, known)| Some(*known) == mhz);
    known.map(|(nibble, _)| *nibble).ok_or_else(|| {
        let names: Vec<_> = table.iter().map(|(_, mhz)| format!("{mhz}m")).collect();
        refused("flash frequency", name, chip, &names)
    })
}

fn size_nibble(name: &str, chip: Chip) -> Result<u8, InputError> {
    header_nibble(chip, name)
        .map(|nibble| nibble << 4)
        .ok_or_else(|| {
            let names: Vec<_> = header_sizes(chip).into_iter().map(str::to_owned).collect();
            refused("flash size", name, chip, &names)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::made::image;

    fn set(mode: &str, freq: &str, size: &str) -> FlashParams {
        let setting = |text: &str| match text {
            "keep" => Setting::Keep,
            "detect" => Setting::Detect,
            text => Setting::Set(text.to_owned()),
        };
        FlashParams {
            mode: setting(mode),
            freq: setting(freq),
            size: setting(size),
        }
    }

    fn patched(board: &BoardFacts, offset: u32, params: &FlashParams) -> (u8, u8, bool) {
        let mut bytes = image(board.chip, &[9; 64], true);
        let before = bytes.clone();
        patch_header(&mut bytes, offset, params, board).unwrap();
        EspImage::parse(&bytes).unwrap();
        (bytes[MODE_AT], bytes[SIZE_FREQ_AT], bytes == before)
    }

    #[test]
    fn changes_mode_frequency_and_size_and_renews_the_hash() {
        let board = BoardFacts::new(Chip::Esp32);
        assert_eq!(
            patched(&board, 0x1000, &set("qio", "80m", "16MB")),
            (0, 0x4F, false)
        );
        let board = BoardFacts::new(Chip::Esp32H2);
        assert_eq!(
            patched(&board, 0, &set("keep", "48m", "keep")),
            (2, 0x2F, false)
        );
    }

    #[test]
    fn size_can_come_from_the_board() {
        let mut board = BoardFacts::new(Chip::Esp32C3);
        assert_eq!(
            patched(&board, 0, &set("keep", "keep", "detect")),
            (2, 0x20, true)
        );
        board.flash_size = Some(0x80_0000);
        assert_eq!(
            patched(&board, 0, &set("keep", "keep", "detect")),
            (2, 0x30, false)
        );
        board.flash_size = Some(0x4_0000); // 256 KiB: no nibble for it
        assert_eq!(
            patched(&board, 0, &set("keep", "keep", "detect")),
            (2, 0x20, true)
        );
    }

    #[test]
    fn leaves_everything_else_alone() {
        let mut board = BoardFacts::new(Chip::Esp32);
        let params = set("qio", "80m", "16MB");
        assert!(
            patched(&board, 0, &params).2,
            "not at the boot loader's offset"
        );
        assert!(patched(&board, 0x1000, &set("keep", "keep", "keep")).2);
        board.security.secure_boot = true;
        assert!(patched(&board, 0x1000, &params).2, "signed");
        board.security = fbuild_chip::security::BoardSecurity {
            secure_download: true,
            ..Default::default()
        };
        assert!(patched(&board, 0x1000, &params).2, "secure download mode");
        let mut text = b"not an image".to_vec();
        patch_header(&mut text, 0x1000, &params, &BoardFacts::new(Chip::Esp32)).unwrap();
        assert_eq!(text, b"not an image");
    }

    #[test]
    fn refuses_what_the_chip_does_not_have() {
        let mut bytes = image(Chip::Esp32H2, &[9; 64], true);
        let board = BoardFacts::new(Chip::Esp32H2);
        let error = patch_header(&mut bytes, 0, &set("keep", "80m", "keep"), &board).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the flash frequency '80m' is not possible on ESP32-H2; possible: 48m, 24m, 16m, 12m"
        );
    }
}
