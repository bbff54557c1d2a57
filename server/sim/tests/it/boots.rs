//! Genuine firmware boots: MicroPython for the ESP32, from the third-party fixtures.

use std::io::Write as _; // straight to stderr: the test runner hides what passing tests print
use std::path::PathBuf;

use fbuild_chip::Chip;
use fbuild_sim::{Board, BootFailure, State};

fn shared() -> PathBuf {
    match std::env::var_os("FBUILD_SHARED") {
        Some(dir) => PathBuf::from(dir),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    }
}

#[test]
fn micropython_boots_and_a_damaged_one_does_not() {
    let firmware = shared().join("fixtures/firmware");
    if !firmware.is_dir() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "no ../shared");
        let _ = writeln!(
            std::io::stderr(),
            "skipped: booting genuine firmware (no ../shared)"
        );
        return;
    }
    let mut flash = vec![0xFF; 4 << 20];
    for (offset, part) in [
        (0x1000, "bootloader"),
        (0x8000, "partitions"),
        (0x1_0000, "app"),
    ] {
        let bytes = std::fs::read(firmware.join(format!("micropython-0608-{part}.bin"))).unwrap();
        flash[offset..offset + bytes.len()].copy_from_slice(&bytes);
    }
    let boot = |flash: &[u8]| {
        Board::builder(Chip::Esp32)
            .flash_contents(flash)
            .build()
            .unwrap()
    };
    let mut board = boot(&flash);
    assert_eq!(board.booted_app_offset(), Some(0x1_0000));
    assert_eq!(board.firmware_starts(), 1);
    flash[0x2_0000] ^= 1;
    assert_eq!(
        boot(&flash).state(),
        State::NotBooted(BootFailure::NoApplication)
    );
    flash[0x1100] ^= 1;
    assert_eq!(
        boot(&flash).state(),
        State::NotBooted(BootFailure::BootloaderDamaged)
    );
    // A C3 looks for its boot loader at 0.
    let mut other = Board::builder(Chip::Esp32C3)
        .flash_contents(flash)
        .build()
        .unwrap();
    assert_eq!(
        other.state(),
        State::NotBooted(BootFailure::NoBootloader(0xFFFF_FFFF))
    );
}
