//! What a deploy of a large image takes of the machine's memory. The board runs in a process of its
//! own and is not counted.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use fbuild_chip::Chip;
use serde_json::Value;

use crate::firmware::{
    APP_AT, FACTORY, NVS, Row, TABLE_AT, code, image_of_sectors, noise, sized, table,
};
use crate::harness::{self, Served, assert_in_flash};

/// The one chip of the popular ones whose loaders reach beyond 16 MiB.
const CHIP: Chip = Chip::Esp32S3;
const MIB: usize = 1 << 20;
const ASSETS: Row = ("assets", 1, 0x82, 0x20_0000, 16 << 20);
/// Most that a deploy of 16 MiB may take, in a release build.
const LIMIT_KIB: u64 = 32 * 1024;
/// What may come on top of the image itself: pieces compressed ahead, and the app. So much less may it be, too: how
/// many pages of the binary are resident differs from run to run.
const MARGIN_KIB: u64 = 4 * 1024;

/// A board on which everything is over at once.
fn serve(flash: &Path) -> Served {
    let mut sim = harness::command(&["sim", "--chip", CHIP.name(), "--flash-size", "32MB"]);
    sim.args(["--time", "accounted", "--listen", "127.0.0.1:0", "--flash"]);
    Served::start(sim.arg(flash).stderr(Stdio::null()))
}

/// Most memory that a running process ever had resident, as the kernel counts it.
fn peak_kib(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// Runs a deploy to its end. The peak is read all the time: it never falls, and is gone with the
/// process.
fn deploy(port: &str, images: &[(u32, PathBuf)]) -> (Value, u64) {
    let mut command = harness::command(&["deploy", "--port", port, "--json"]);
    for (offset, path) in images {
        command.args(["--image", &format!("{offset:#x}")]).arg(path);
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    while child.try_wait().unwrap().is_none() {
        peak = peak_kib(&child).unwrap_or(0).max(peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    let mut stdout = String::new();
    let mut pipe = child.stdout.take().unwrap();
    pipe.read_to_string(&mut stdout).unwrap();
    (serde_json::from_str(&stdout).unwrap(), peak)
}

fn file(folder: &Path, offset: u32, bytes: &[u8]) -> (u32, PathBuf) {
    let path = folder.join(format!("at-{offset:x}.bin"));
    std::fs::write(&path, bytes).unwrap();
    (offset, path)
}

#[cfg(target_os = "linux")]
#[test]
fn a_large_image_is_held_once() {
    let folder = tempfile::tempdir().unwrap();
    let flash = folder.path().join("board.bin");
    // One half shrinks as code does, the other not at all.
    let mut assets = code(3, MIB).repeat(8);
    assets.extend(noise(4, MIB).repeat(8));
    let bootloader = sized(image_of_sectors(CHIP, 1, 5), 32 << 20);
    let app = image_of_sectors(CHIP, 2, 200);
    let images = [
        file(folder.path(), CHIP.facts().bootloader_offset, &bootloader),
        file(folder.path(), TABLE_AT, &table(&[NVS, FACTORY, ASSETS])),
        file(folder.path(), APP_AT, &app),
        file(folder.path(), ASSETS.3, &assets),
    ];
    let served = serve(&flash);

    // What a deploy takes anyway, most of it the pages of the binary: two to three times as many as
    // of a release build.
    let (small, base) = deploy(&served.port, &images[..3]);
    assert_eq!(small["outcome"], "fullFlash", "{small:#}");
    let (large, full) = deploy(&served.port, &images);
    assert_eq!(large["outcome"], "selectiveFlash", "{large:#}");
    let (again, skip) = deploy(&served.port, &images);
    assert_eq!(again["outcome"], "verifySkip", "{again:#}");
    for (offset, path) in &images {
        assert_in_flash(&flash, *offset, path);
    }
    println!("without assets {base} KiB, with {full} KiB, verify skip {skip} KiB");
    let image_kib = (assets.len() / 1024) as u64;
    // Much less than the image would mean that something else was measured.
    let more = full.saturating_sub(base);
    assert!(more > image_kib - MARGIN_KIB, "{more} KiB more");
    for peak in [full, skip] {
        let more = peak.saturating_sub(base);
        assert!(more < image_kib + MARGIN_KIB, "{more} KiB more");
        assert!(cfg!(debug_assertions) || peak < LIMIT_KIB, "{peak} KiB");
    }
}
