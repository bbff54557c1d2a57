//! What each ROM prints when it is reset (`boot-logs.jsonl`).
//!
//! May differ: the ESP32 with strapping 03 printed nothing in the emulator (boards print the text
//! that esptool documents); with nothing valid in flash it stopped after the boot line (boards repeat
//! `invalid header`); strapping 33 and 0c are other pins; the damaged image is not part of the
//! recording, so its lines are compared with their numbers left out.

use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_link::Lines;
use fbuild_link::memory::Device;
use fbuild_sim::Board;
use serde_json::Value;

use super::recordings_dir;

#[test]
fn boot_logs_read_as_recorded() {
    let text = std::fs::read_to_string(recordings_dir().join("boot-logs.jsonl")).unwrap();
    let mut compared = 0;
    for line in text.lines().skip(1) {
        let line: Value = serde_json::from_str(line).unwrap();
        let chip: Chip = line["chip"].as_str().unwrap().parse().unwrap();
        let strap = line["strap"].as_str().unwrap();
        let strap = u32::from_str_radix(strap.trim_start_matches("0x"), 16).unwrap();
        let flash = line["flash"].as_str().unwrap();
        let text = line["text"].as_str().unwrap();
        let download = match (chip, strap) {
            (Chip::Esp32, 0x0F) | (Chip::Esp32C3, 2 | 4) | (Chip::Esp32S3, 0 | 7) => true,
            (Chip::Esp32, 0x13) | (Chip::Esp32C3 | Chip::Esp32S3, 8) => false,
            _ => continue,
        };
        let contents = match flash {
            "blank" => Vec::new(),
            "zeros at the bootloader offset" => vec![0; 0x2000],
            _ => damaged_image(chip),
        };
        let got = boot_log(chip, strap, download, contents, text.len() + 200);
        let (got, want) = (without_numbers(&got), without_numbers(text));
        if chip == Chip::Esp32 && !download && !flash.starts_with("image") {
            assert!(got.starts_with(&want), "{chip} {strap:#x} {flash}: {got}");
        } else if want.contains("invalid header") {
            assert!(
                got.starts_with(&want[..want.len() - 20]),
                "{chip} {strap:#x} {flash}: {got}"
            );
        } else {
            assert_eq!(got, want, "{chip} {strap:#x} {flash}");
        }
        compared += 1;
    }
    assert_eq!(compared, 14);
}

fn boot_log(chip: Chip, strap: u32, download: bool, contents: Vec<u8>, enough: usize) -> String {
    let mut board = Board::builder(chip)
        .strapping(strap)
        .flash_contents(contents)
        .start_in_download_mode()
        .build()
        .unwrap();
    let second = Duration::from_secs(1);
    let low = Lines {
        dtr: false,
        rts: true,
    };
    let up = Lines {
        dtr: download,
        rts: false,
    };
    board.set_lines(second, low);
    board.set_lines(second * 2, up);
    let mut text = String::new();
    while let Some(piece) = board.transmit(115_200, Duration::MAX) {
        text.push_str(&String::from_utf8(piece.bytes).unwrap());
        if text.len() > enough {
            break;
        }
    }
    text
}

/// An image of one segment whose checksum is wrong.
fn damaged_image(chip: Chip) -> Vec<u8> {
    let mut image = vec![0xE9, 1, 2, 0x2F, 0, 0, 8, 0x40];
    image.resize(24, 0);
    image.extend_from_slice(&0x3FFF_0018u32.to_le_bytes());
    image.extend_from_slice(&8000u32.to_le_bytes());
    image.extend(std::iter::repeat_n(0x5A, 8000));
    image.resize(image.len() / 16 * 16 + 16, 0x51);
    let mut flash = vec![0xFF; chip.facts().bootloader_offset as usize];
    flash.extend_from_slice(&image);
    flash
}

/// Leaves out the numbers that depend on the damaged image.
fn without_numbers(text: &str) -> String {
    text.split("\r\n")
        .map(|line| {
            let depends = ["load:", "csum err:", "Checksum failure", "ets_main.c"];
            match depends.iter().find(|start| line.starts_with(**start)) {
                Some(start) => *start,
                None => line,
            }
        })
        .collect::<Vec<_>>()
        .join("\n")
}
