//! Genuine boot loaders, played by simavr: our deploys, and avrdude beside them.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::avrdude;
use super::made::{AvrBoard, hex, program};
use super::tools::{program_or_skip, skip};
use crate::harness::{deploy, root};

const LOADERS: &str = "usr/share/arduino/hardware/arduino/avr/bootloaders";

/// A boot loader of Arduino's core for AVR, which is not ours to have here.
fn loader(name: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache"),
        PathBuf::from,
    );
    let places = [
        cache.join("fbuild-tests/arduino-core-avr"),
        PathBuf::from("/"),
    ];
    let mut found = places.iter().map(|place| place.join(LOADERS).join(name));
    let found = found.find(|path| path.is_file());
    if found.is_none() {
        skip("arduino-core-avr is not there (tests/run brings it)");
    }
    found
}

/// A board that simavr plays, on a TCP port. Opening it resets the board.
struct Genuine {
    child: Child,
    port: String,
    flash: PathBuf,
}

impl Genuine {
    /// `None`, with a line that says so, where something that it needs is not installed.
    fn start(board: AvrBoard, boot_loader: &str, folder: &Path) -> Option<Self> {
        if !Path::new("/usr/include/simavr/sim_avr.h").is_file() {
            skip("libsimavr-dev is not installed (tests/run does it)");
            return None;
        }
        let gcc = program_or_skip("gcc")?;
        let boot_loader = loader(boot_loader)?;
        let driver = folder.join("board");
        let made = Command::new(gcc)
            .args(["-O2", "-I/usr/include/simavr", "-o"])
            .args([&driver, &root().join("tests/avr/board.c")])
            .args(["-lsimavr", "-lelf", "-lm"])
            .status();
        assert!(made.unwrap().success(), "tests/avr/board.c");
        let flash = folder.join("flash.bin");
        let mut child = Command::new(driver)
            .arg(board.facts.part.name)
            .arg(boot_loader)
            .arg(board.facts.baud.to_string())
            .arg(&flash)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut port).unwrap();
        Some(Self {
            child,
            port: format!("127.0.0.1:{}", port.trim()),
            flash,
        })
    }

    /// What the board holds, once it has ended.
    fn stop(mut self) -> (Vec<u8>, Vec<u8>) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").arg(&pid).status().unwrap().success());
        self.child.wait().unwrap();
        let eeprom = self.flash.with_extension("bin.eeprom");
        (
            std::fs::read(&self.flash).unwrap(),
            std::fs::read(eeprom).unwrap(),
        )
    }
}

impl Drop for Genuine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A project for the board, with a program; what a deploy of it says.
fn deployed(folder: &Path, name: &str, port: &str, bytes: &[u8], more: &[&str]) -> String {
    let ini = format!("[env:it]\nplatform = atmelavr\nboard = {name}\n");
    std::fs::write(folder.join("platformio.ini"), ini).unwrap();
    let build = folder.join(".pio/build/it");
    std::fs::create_dir_all(&build).unwrap();
    std::fs::write(build.join("firmware.hex"), hex(bytes)).unwrap();
    std::fs::write(build.join("firmware.eep"), hex(&program(200, 9))).unwrap();
    let done = deploy(folder, &format!("socket://{port}"), more);
    assert_eq!(done.code, Some(0), "{}\n{}", done.stderr, done.stdout);
    done.json()["message"].as_str().unwrap().to_owned()
}

#[test]
fn optiboot_takes_pages_from_us_and_from_avrdude() {
    let folder = tempfile::tempdir().unwrap();
    let board = AvrBoard::named("uno");
    let loader = "optiboot/optiboot_atmega328.hex";
    let Some(genuine) = Genuine::start(board, loader, folder.path()) else {
        return;
    };
    let mut bytes = program(6000, 1);
    let deploy = |bytes: &[u8]| deployed(folder.path(), "uno", &genuine.port, bytes, &[]);
    assert_eq!(deploy(&bytes), "deploy succeeded (full flash)");
    assert_eq!(
        deploy(&bytes),
        "deploy succeeded (verify skipped, device already matched)"
    );
    bytes[2000] ^= 1;
    let selective = "deploy succeeded (selective flash: firmware; 1 of 47 pages)";
    assert_eq!(deploy(&bytes), selective);
    if let Some(program_of_avrdude) = program_or_skip("avrdude") {
        // What avrdude wrote is what we find, and the other way round.
        // It fills up the last page with what the board holds, so this has whole ones.
        let other = program(3072, 2);
        avrdude(
            &program_of_avrdude,
            &format!("net:{}", genuine.port),
            board,
            &other,
        );
        assert_eq!(
            deploy(&other),
            "deploy succeeded (verify skipped, device already matched)"
        );
        bytes[..3072].copy_from_slice(&other);
    }
    let (flash, _) = genuine.stop();
    assert_eq!(flash[..6000], bytes);
}

#[test]
fn atmegaboot_takes_pages_and_eeprom() {
    let folder = tempfile::tempdir().unwrap();
    let name = "nanoatmega328";
    let loader = "atmega/ATmegaBOOT_168_atmega328.hex";
    let Some(genuine) = Genuine::start(AvrBoard::named(name), loader, folder.path()) else {
        return;
    };
    let bytes = program(3000, 1);
    let deploy = |more: &[&str]| deployed(folder.path(), name, &genuine.port, &bytes, more);
    assert_eq!(deploy(&[]), "deploy succeeded (full flash)");
    assert_eq!(
        deploy(&["--regions", "eeprom"]),
        "deploy succeeded (selective flash: eeprom; 2 of 2 pages)"
    );
    assert_eq!(
        deploy(&[]),
        "deploy succeeded (verify skipped, device already matched)"
    );
    let (flash, eeprom) = genuine.stop();
    assert_eq!(flash[..3000], bytes);
    assert_eq!(eeprom[..200], program(200, 9));
}
