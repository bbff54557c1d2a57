//! A small project as ESP-IDF leaves it behind, made here, so that tests need no toolchain.

use std::path::Path;

use serde_json::json;

/// Where the app goes.
pub(crate) const APP_OFFSET: usize = 0x1_0000;

/// An app image for the classic ESP32: one segment of `body`, checksum, no digest. The format is
/// that of ESP-IDF's documentation, "Application Image Format".
pub(crate) fn app_image(body: &[u8]) -> Vec<u8> {
    assert!(body.len().is_multiple_of(4), "segments are whole words");
    let mut image = vec![0xE9, 1, 2, 0x20];
    image.extend(0x4008_0000_u32.to_le_bytes());
    // Extended header: no write-protect pin, drive settings, chip id 0 (ESP32), any revision, no
    // digest after the image.
    image.extend([0xEE, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0, 0, 0, 0, 0]);
    image.extend(0x3F40_0020_u32.to_le_bytes());
    image.extend((body.len() as u32).to_le_bytes());
    image.extend(body);
    let checksum = body.iter().fold(0xEF, |sum, byte| sum ^ byte);
    while image.len() % 16 != 15 {
        image.push(0);
    }
    image.push(checksum);
    image
}

/// Bytes that neither repeat nor compress.
pub(crate) fn body(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).max(1);
    let next = || {
        // xorshift32 (Marsaglia 2003)
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

/// Lays the project out under `root`; the app's bytes.
pub(crate) fn write(root: &Path, app: &[u8]) {
    let build = root.join("build");
    std::fs::create_dir_all(&build).unwrap();
    std::fs::write(root.join("CMakeLists.txt"), "").unwrap();
    let flasher_args = json!({
        "write_flash_args": ["--flash_mode", "dio", "--flash_size", "4MB", "--flash_freq", "40m"],
        "flash_settings": {"flash_mode": "dio", "flash_size": "4MB", "flash_freq": "40m"},
        "flash_files": {"0x10000": "app.bin"},
        "app": {"offset": "0x10000", "file": "app.bin", "encrypted": "false"},
        "extra_esptool_args": {
            "after": "hard_reset", "before": "default_reset", "stub": true, "chip": "esp32"
        }
    });
    std::fs::write(build.join("flasher_args.json"), flasher_args.to_string()).unwrap();
    std::fs::write(build.join("app.bin"), app).unwrap();
}
