//! esptool 5.6.0, with the stub and on the bare ROM.

use std::path::{Path, PathBuf};
use std::process::Command;

use fbuild_chip::Chip;
use fbuild_sim::serve::{self, PtyOptions, Server};
use fbuild_sim::{Board, Stats};

use super::{Finished, cache_dir, install_lock, noise, run, skip};

const VERSION: &str = "5.6.0";

fn esptool() -> Result<PathBuf, String> {
    let dir = cache_dir().ok_or("no cache directory")?;
    let name = format!("venv-esptool-{VERSION}");
    let program = dir.join(&name).join("bin/esptool");
    let _lock = install_lock(&dir, &name);
    let works = |program: &Path| {
        Command::new(program)
            .arg("version")
            .output()
            .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(VERSION))
    };
    if !works(&program) {
        let venv = dir.join(&name);
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        run(Command::new(venv.join("bin/pip"))
            .args(["install", "--quiet"])
            .arg(format!("esptool=={VERSION}")))?;
    }
    if works(&program) {
        Ok(program)
    } else {
        Err(format!("{} does not run", program.display()))
    }
}

struct Bench {
    esptool: PathBuf,
    server: Server,
    dir: tempfile::TempDir,
    stub: bool,
}

impl Bench {
    fn new(chip: Chip, stub: bool) -> Option<Self> {
        let esptool = match esptool() {
            Ok(esptool) => esptool,
            Err(why) => {
                skip(&format!("esptool {VERSION} cannot be installed ({why})"));
                return None;
            }
        };
        let dir = tempfile::tempdir().unwrap();
        let board = Board::builder(chip)
            .flash_file(dir.path().join("board.bin"))
            .lines(false)
            .start_in_download_mode()
            .build()
            .unwrap();
        let server = serve::pty(board, PtyOptions::default()).unwrap();
        Some(Self {
            esptool,
            server,
            dir,
            stub,
        })
    }

    fn run(&self, arguments: &[&str]) -> Finished {
        let mut command = Command::new(&self.esptool);
        command.args(["--port", self.server.address(), "--baud", "921600"]);
        if !self.stub {
            command.arg("--no-stub");
        }
        command.args(arguments).current_dir(self.dir.path());
        // No settings of the machine's owner.
        command.env_remove("ESPTOOL_CFGFILE");
        command.output().unwrap().into()
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        std::fs::write(self.dir.path().join(name), bytes).unwrap();
        name.to_owned()
    }

    /// The flash, read from its file by somebody else.
    fn flash(&self) -> Vec<u8> {
        std::fs::read(self.dir.path().join("board.bin")).unwrap()
    }

    fn stats(&self) -> Stats {
        self.server.board().lock().unwrap().stats().clone()
    }
}

fn everything(chip: Chip, stub: bool) {
    let Some(bench) = Bench::new(chip, stub) else {
        return;
    };
    bench
        .run(&["chip-id"])
        .expect(0, &format!("Detecting chip type... {chip}"));
    bench
        .run(&["flash-id"])
        .expect(0, "Detected flash size: 4MB");

    // Not a multiple of a sector, and with bytes that SLIP has to escape.
    let mut plain = noise(9_999, 1);
    plain.extend_from_slice(&[0xC0, 0xDB, 0xC0, 0xC0, 0xDB, 0xDC]);
    plain.extend_from_slice(&[0x11; 6_000]);
    let good = bench.file("good.bin", &plain);
    let bad = bench.file("bad.bin", &noise(9_999, 2));
    bench
        .run(&["write-flash", "0x10000", &good])
        .expect(0, "Hash of data verified");
    assert_eq!(bench.flash()[0x1_0000..][..plain.len()], plain);
    assert!(bench.flash()[..0x1_0000].iter().all(|byte| *byte == 0xFF));
    bench
        .run(&["verify-flash", "0x10000", &good])
        .expect(0, "Verification successful");
    bench
        .run(&["verify-flash", "0x10000", &bad])
        .expect(2, "Verification failed");

    // Without a stub esptool erases by FLASH_BEGIN.
    bench
        .run(&["erase-region", "0x11000", "0x1000"])
        .expect(0, "erased successfully");
    let mut expected = plain.clone();
    expected[0x1000..0x2000].fill(0xFF);
    assert_eq!(bench.flash()[0x1_0000..][..plain.len()], expected);

    let len = if stub { "0x3000" } else { "0x200" };
    bench
        .run(&["read-flash", "0x10001", len, "read.bin"])
        .expect(0, "Read ");
    let read = std::fs::read(bench.dir.path().join("read.bin")).unwrap();
    assert_eq!(read, bench.flash()[0x1_0001..][..read.len()]);
    assert_eq!(format!("{:#x}", read.len()), len);

    let stats = bench.stats();
    assert!(stats.commands > 100, "{stats:?}");
    assert_eq!(stats.garbled_bytes, 0, "the baud rate was followed");
}

#[test]
fn esp32_with_stub() {
    everything(Chip::Esp32, true);
}

#[test]
fn esp32_rom() {
    everything(Chip::Esp32, false);
}

#[test]
fn esp32s3_with_stub() {
    everything(Chip::Esp32S3, true);
}

#[test]
fn esp32s3_rom() {
    everything(Chip::Esp32S3, false);
}

#[test]
fn esp32c3_with_stub() {
    everything(Chip::Esp32C3, true);
}

#[test]
fn esp32c3_rom() {
    everything(Chip::Esp32C3, false);
}

/// The chips that nobody recorded: detection, stub upload, write and verify.
#[test]
fn every_other_chip_is_recognised_and_written() {
    for chip in Chip::ALL {
        if matches!(chip, Chip::Esp32 | Chip::Esp32S3 | Chip::Esp32C3) {
            continue;
        }
        let Some(bench) = Bench::new(chip, true) else {
            return;
        };
        let plain = noise(5_000, 3);
        let file = bench.file("file.bin", &plain);
        let written = bench.run(&["write-flash", "0x20000", &file]);
        written.expect(0, "Hash of data verified");
        written.expect(0, &format!("Connected to {chip} on"));
        assert_eq!(bench.flash()[0x2_0000..][..plain.len()], plain, "{chip}");
    }
}

/// Secure Download Mode: esptool refuses what it cannot do and writes what it can.
#[test]
fn secure_download_mode() {
    let esptool = match esptool() {
        Ok(esptool) => esptool,
        Err(why) => return skip(&format!("esptool {VERSION} cannot be installed ({why})")),
    };
    let dir = tempfile::tempdir().unwrap();
    let board = Board::builder(Chip::Esp32C3)
        .secure_download()
        .lines(false)
        .start_in_download_mode()
        .build()
        .unwrap();
    let server = serve::pty(board, PtyOptions::default()).unwrap();
    let plain = noise(4_096, 4);
    std::fs::write(dir.path().join("file.bin"), &plain).unwrap();
    let run = |arguments: &[&str]| -> Finished {
        Command::new(&esptool)
            .args(["--port", server.address(), "--no-stub"])
            .args(arguments)
            .current_dir(dir.path())
            .output()
            .unwrap()
            .into()
    };
    run(&["get-security-info"]).expect(0, "Secure Download Mode");
    let written = run(&["write-flash", "--flash-size", "4MB", "0x30000", "file.bin"]);
    written.expect(0, "Wrote 4096 bytes");
    let board = server.board();
    let board = board.lock().unwrap();
    assert_eq!(board.flash().contents()[0x3_0000..][..plain.len()], plain);
}
