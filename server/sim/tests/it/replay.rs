//! Every recording of a genuine boot ROM or flasher stub (`tests/recordings`), replayed against the
//! simulated board: the host's frames go in, every frame that comes back is compared byte for byte,
//! and so is what became of the flash.
//!
//! May differ, and nothing else:
//!
//! | what | where | why |
//! | --- | --- | --- |
//! | text outside frames (boot logs, panic dumps) | everywhere | printed by the genuine code at moments that depend on the emulator; the texts themselves are compared in `boot_logs` |
//! | time | everywhere | the emulator's UART has no bit rate |
//! | contents of MEM_DATA | uploads of stubs | removed from the recordings; replaced by bytes with the same checksum |
//!
//! The flash before a probe is not part of the recordings; `probe_flash` makes it again. Two probes
//! (`*-q12-*`) ran on a flash that was not fresh, which shows in what they say has changed.

mod boot_logs;
mod cut;
mod python_random;
mod recording;
mod session;

use std::path::PathBuf;

use cut::CutPayloads;
use recording::{Item, Recording};
use session::Session;

pub(super) fn recordings_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/recordings")
}

/// Every recording whose name starts so, in the order in which they were made.
fn recordings(prefix: &str) -> Vec<Recording> {
    let mut names: Vec<String> = std::fs::read_dir(recordings_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with(prefix))
        .collect();
    // c2 before c10.
    names.sort_by_key(|name| {
        let step = name.split('-').nth(1).unwrap_or_default();
        let (letter, number) = step.split_at(1.min(step.len()));
        (letter.to_owned(), number.parse::<u32>().unwrap_or(0))
    });
    names
        .iter()
        .map(|name| Recording::read(&recordings_dir().join(name)))
        .collect()
}

/// The flash before each probe: address times a constant up to 1 MiB, FF after. The
/// recordings confirm it by dozens of MD5s and by READ_FLASH.
fn probe_flash() -> Vec<u8> {
    let mut flash: Vec<u8> = (0..0x10_0000u32)
        .step_by(4)
        .flat_map(|address| address.wrapping_mul(0x9E37_79B1).to_le_bytes())
        .collect();
    flash.resize(4 << 20, 0xFF);
    flash
}

fn cut_payloads() -> CutPayloads {
    let tail = Recording::read(&recordings_dir().join("esp32-p16-rom-deflate-tail.jsonl"));
    let mut stream = Vec::new();
    let mut long = false;
    for item in &tail.items {
        if let Item::Note(text) = item {
            long |= text.contains("40000 random bytes");
        }
        if let Item::HostFrame { bytes, .. } = item
            && long
            && bytes[1] == 0x11
        {
            stream.extend_from_slice(&bytes[24..]);
        }
    }
    CutPayloads::new(&stream)
}

#[test]
fn probes_of_the_boot_roms() {
    replay_probes("-p", 16 + 16 + 3, 832);
}

#[test]
fn probes_of_the_stub() {
    replay_probes("-q", 17 + 17, 432);
}

fn replay_probes(kind: &str, recordings_expected: usize, frames_expected: usize) {
    let cut = cut_payloads();
    let flash = probe_flash();
    let (mut replayed, mut frames) = (0, 0);
    for chip in ["esp32", "esp32c3", "esp32s3"] {
        for recording in recordings(&format!("{chip}{kind}")) {
            let mut flash = flash.clone();
            if recording.name.contains("-q12-") {
                // The sector was blank already; on the ESP32 the probe had run before.
                flash[0x2_0000..0x2_1000].fill(0xFF);
                if chip == "esp32" {
                    let written = python_random::PythonRandom::new(1).bytes(0x4000);
                    flash[0x2_1000..0x2_4000].copy_from_slice(&written[0x1000..]);
                }
            }
            frames += Session::new(&recording, &flash, &cut).run().1;
            replayed += 1;
        }
    }
    assert_eq!(replayed, recordings_expected, "recordings are missing");
    assert_eq!(frames, frames_expected, "frames were left out");
}

/// esptool's sessions, each on the flash that the one before left.
#[test]
fn sessions_of_esptool() {
    let cut = cut_payloads();
    let (mut replayed, mut frames) = (0, 0);
    for chip in ["esp32", "esp32c3", "esp32s3"] {
        let mut flash = vec![0xFF; 4 << 20];
        for letter in ["a", "b", "c", "d", "e"] {
            for recording in recordings(&format!("{chip}-{letter}")) {
                if recording.name.starts_with("esp32s3-b4") {
                    // The MD5 that it got is the one of blank flash.
                    flash.fill(0xFF);
                }
                let compared;
                (flash, compared) = Session::new(&recording, &flash, &cut).run();
                frames += compared;
                replayed += 1;
            }
        }
    }
    assert_eq!(replayed, 22 + 20 + 6, "recordings are missing");
    assert_eq!(frames, 4637, "frames were left out");
}
