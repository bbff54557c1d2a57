//! RP2040 and RP2350: a UF2 file on the volume of their boot loader, and `picotool` where none is mounted.

use std::path::Path;
use std::thread::JoinHandle;

use serde_json::json;

use super::{Bench, uf2};

const RP2040: u32 = 0xE48B_FF56;
const RP2350: u32 = 0xE48B_FF59;
static PROGRAM: [u8; 100_000] = [0x5A; 100_000];
const INFO: &str = "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n";

/// A project for an RP2040, and a directory that is its boot loader's volume.
fn bench(family: u32) -> Bench {
    let bench = Bench::new("raspberrypi", "pico\nboard_build.mcu = rp2040");
    bench.built("firmware.uf2", &uf2(family, &PROGRAM));
    bench.write("volume/INFO_UF2.TXT", INFO.as_bytes());
    bench
}

/// A boot loader: when it has the whole file, its volume goes away. What it got is what this returns.
fn boot_loader(volume: &Path, len_bytes: usize) -> JoinHandle<Vec<u8>> {
    let volume = volume.to_owned();
    std::thread::spawn(move || {
        loop {
            let bytes = std::fs::read(volume.join("firmware.uf2")).unwrap_or_default();
            if bytes.len() >= len_bytes {
                std::fs::remove_dir_all(&volume).unwrap();
                return bytes;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    })
}

#[test]
fn a_file_is_written_to_the_volume_until_it_goes_away() {
    let bench = bench(RP2040);
    let file = uf2(RP2040, &PROGRAM);
    let volume = bench.path("volume");
    let board = boot_loader(&volume, file.len());
    let outcome = bench
        .run("deploy", &["--port", volume.to_str().unwrap()])
        .json();
    assert_eq!(
        outcome["message"], "deploy succeeded (full flash, the board has left its boot loader)",
        "{outcome:#}"
    );
    assert_eq!(
        (&outcome["backend"], &outcome["outcome"]),
        (&json!("usb"), &json!("fullFlash"))
    );
    let region = &outcome["regions"][0];
    assert_eq!(
        (&region["sectors"], &region["sectorsWritten"]),
        (&json!(25), &json!(25))
    );
    assert_eq!(board.join().unwrap(), file);
}

/// Cargo's programs are ELF files: a UF2 file is made on the way.
#[test]
fn a_program_of_cargo_is_written_as_a_uf2_file() {
    let bench = bench(RP2040);
    std::fs::remove_file(bench.path("project/platformio.ini")).unwrap();
    let manifest = "[package]\nname = \"blink\"\n[dependencies]\nrp-pico = \"0.9\"\n";
    bench.write("project/Cargo.toml", manifest.as_bytes());
    // For Arm, with one segment, at the start of the flash.
    let mut elf = b"\x7fELF\x01\x01".to_vec();
    elf.resize(84, 0);
    (elf[16], elf[18], elf[28], elf[42], elf[44]) = (2, 40, 52, 32, 1);
    let len_bytes = u32::try_from(PROGRAM.len()).unwrap();
    for (at, word) in [(52, 1), (56, 84), (64, 0x1000_0000), (68, len_bytes)] {
        elf[at..at + 4].copy_from_slice(&u32::to_le_bytes(word));
    }
    elf.extend(PROGRAM);
    bench.write("project/target/thumbv6m-none-eabi/release/blink", &elf);
    let volume = bench.path("volume");
    let port = ["--port", volume.to_str().unwrap()];
    let mut padded = PROGRAM.to_vec();
    padded.resize(PROGRAM.len().next_multiple_of(256), 0);
    let file = uf2(RP2040, &padded);
    let board = boot_loader(&volume, file.len());
    let outcome = bench.run("deploy", &port).json();
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome:#}");
    assert_eq!(outcome["target"], "cargo:blink/release", "{outcome:#}");
    assert!(board.join().unwrap() == file);
    // One that loads nothing to flash is refused before anything is written.
    elf[67] = 0x20;
    bench.write("project/target/thumbv6m-none-eabi/release/blink", &elf);
    bench.write("volume/INFO_UF2.TXT", INFO.as_bytes());
    bench.refused(
        "deploy",
        &port,
        "uf2",
        "an ELF file with nothing for the flash",
    );
}

#[test]
fn what_is_for_another_board_is_not_written() {
    let bench = bench(RP2350);
    let volume = bench.path("volume");
    let port = ["--port", volume.to_str().unwrap()];
    bench.refused(
        "deploy",
        &port,
        "chip-mismatch",
        "is for RP2350, but the project's board has an RP2040",
    );
    bench.built("firmware.uf2", &uf2(RP2040, &[1; 1000])[..1024]);
    bench.refused("deploy", &port, "uf2", "2 of 4 blocks are there");
    bench.built("firmware.uf2", &uf2(RP2040, &[1; 1000]));
    bench.refused("verify", &port, "not-verifiable", "cannot be compared");
    bench.write("volume/INFO_UF2.TXT", b"Board-ID: RP2350\r\n");
    bench.refused("deploy", &port, "chip-mismatch", "is RP2350");
    bench.write("volume/INFO_UF2.TXT", b"Board-ID: SAMD51\r\n");
    bench.refused(
        "deploy",
        &port,
        "not-a-volume",
        "INFO_UF2.TXT says Board-ID SAMD51",
    );
    let other = bench.path("bin");
    let port = ["--port", other.to_str().unwrap()];
    bench.refused("deploy", &port, "not-a-volume", "INFO_UF2.TXT");
    assert_eq!(std::fs::read_dir(volume).unwrap().count(), 1);
    assert_eq!(std::fs::read_dir(other).unwrap().count(), 0);
}

/// As picotool 2.1 prints it.
const LOADS: &str = r#"
case "$1" in version) echo 'picotool v2.1.1 (Linux, GNU-12.2.0, Release)'; exit;; esac
cp firmware.uf2 "$0.took"
printf 'Loading into Flash:   [====      ]  40%%\rLoading into Flash:   [==========]  100%%\r\n'
printf 'Verifying Flash:      [==========]  100%%\r\n  OK\n\nThe device was rebooted to start the application.\n'
"#;

const FINDS_NONE: &str = r#"
case "$1" in version) echo 'picotool v2.1.1 (Linux, GNU-12.2.0, Release)'; exit;; esac
echo 'No accessible RP-series devices in BOOTSEL mode were found.'
exit 249
"#;

#[test]
fn picotool_does_it_where_no_volume_is_mounted() {
    // It would be written to a board of this machine.
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
    let is_board = |line: &str| {
        let path = line
            .split(' ')
            .nth(1)
            .unwrap_or_default()
            .replace("\\040", " ");
        Path::new(&path).join("INFO_UF2.TXT").exists()
    };
    if mounts.lines().any(is_board) {
        println!("skipped: a boot loader's volume is mounted on this machine");
        return;
    }
    let bench = bench(RP2040);
    bench.refused("deploy", &[], "no-loader", "and picotool was not found");
    bench.program("picotool", FINDS_NONE);
    bench.refused(
        "deploy",
        &[],
        "no-loader",
        "No accessible RP-series devices",
    );
    bench.program("picotool", LOADS);
    let outcome = bench.run("deploy", &[]).json();
    assert_eq!(
        outcome["message"], "deploy succeeded (full flash, read back by picotool)",
        "{outcome:#}"
    );
    let calls = bench.calls("picotool");
    assert!(
        calls.ends_with("version\nload -v -x firmware.uf2 -f\n"),
        "{calls}"
    );
    let took = std::fs::read(bench.path("bin/picotool.took")).unwrap();
    assert_eq!(took, uf2(RP2040, &PROGRAM));
}
