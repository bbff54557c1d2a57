//! esptool leaves a board in its loader when it is stopped, and version 4 after a comparison that
//! found a difference. The firmware is started all the same, and only then.

#![cfg(unix)] // a script stands in for esptool

use std::path::{Path, PathBuf};
use std::process::Command;

use fbuild_chip::Chip;
use fbuild_deploy::outcome::Backend;
use fbuild_deploy::request::{Mode, Request};
use fbuild_loader::reset::After;
use fbuild_sim::{Board, State};

use crate::bench::Bench;
use crate::firmware::{APP_AT, Build, FACTORY, NVS, TABLE_AT, image_of_sectors, table};

/// An esptool that finds a difference; `END` is what it says of resets.
const SCRIPT: &str = r#"#!/bin/sh
case " $* " in
*" version "*) echo "esptool.py v4.8.1" ;;
*" flash_id "*)
    echo "Detecting chip type... ESP32"
    echo "Detected flash size: 4MB" ;;
*" dump_mem "*) head -c 28 /dev/zero > efuses.bin ;;
*" verify_flash "*)
    echo "Verifying 0x2000 (8192) bytes @ 0x00001000 in flash against 0x1000.bin..."
    echo "-- verify FAILED (digest mismatch)"
    echo "Verifying 0x1000 (4096) bytes @ 0x00008000 in flash against 0x8000.bin..."
    echo "-- verify OK (digest matched)"
    echo "Verifying 0x4000 (16384) bytes @ 0x00010000 in flash against 0x10000.bin..."
    echo "-- verify OK (digest matched)"
    END
    echo "A fatal error occurred: Verify failed."
    exit 2 ;;
esac
"#;

/// Written by a process of its own: what any process has open for writing cannot be run.
fn script(folder: &Path, end: &str) -> PathBuf {
    let path = folder.join("esptool");
    let text = SCRIPT.replace("END", end);
    let write = r#"printf %s "$1" > "$2" && chmod 755 "$2""#;
    let written = Command::new("sh")
        .args(["-c", write, "sh", &text])
        .arg(&path)
        .status();
    assert!(written.unwrap().success());
    path
}

/// The state of a board in its loader after a verify by an esptool that says this at its end.
fn state_after(end: &str, after: After) -> State {
    let chip = Chip::Esp32;
    let build = Build::new(&[
        (chip.facts().bootloader_offset, image_of_sectors(chip, 1, 2)),
        (TABLE_AT, table(&[NVS, FACTORY])),
        (APP_AT, image_of_sectors(chip, 2, 4)),
    ]);
    let bench = Bench::new(Board::builder(chip));
    bench.deploy(&build.with(|it| it.after = After::NoReset));
    assert_ne!(
        bench.board().state(),
        State::Firmware { app_offset: APP_AT }
    );
    let folder = tempfile::tempdir().unwrap();
    let verified = bench.deploy(&Request {
        mode: Mode::Verify,
        after,
        backend: Backend::Esptool,
        esptool: Some(script(folder.path(), end)),
        ..build.request()
    });
    verified.assert_message("verify failed (differs: bootloader)");
    verified.assert_untouched();
    assert!(
        verified.report.warnings.is_empty(),
        "{:?}",
        verified.report.warnings
    );
    bench.board().state()
}

#[test]
fn the_firmware_is_started_where_esptool_did_not() {
    let runs = State::Firmware { app_offset: APP_AT };
    assert_eq!(state_after("", After::Reset), runs);
    // esptool has done it, or nobody wants it: then nothing is touched.
    let reset = "echo 'Hard resetting via RTS pin...'";
    assert_ne!(state_after(reset, After::Reset), runs);
    assert_ne!(state_after("", After::NoReset), runs);
}
