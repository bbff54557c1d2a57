//! Boards whose boot loader is on USB: Teensy by `teensy_loader_cli`, RP2040 and RP2350 by a UF2 file on their
//! volume or by `picotool`. No such board is here: the programs are scripts that say what the genuine ones say,
//! the volume is a directory, and the genuine `teensy_loader_cli` finds no board.

mod teensy;
mod volume;

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::harness::{self, Run};
use crate::intel_hex;

/// A project that PlatformIO has built, and programs that only it finds.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
}

impl Bench {
    pub(crate) fn new(platform: &str, board: &str) -> Self {
        let bench = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let ini = format!("[env:it]\nplatform = {platform}\nboard = {board}\n");
        bench.write("project/platformio.ini", ini.as_bytes());
        std::fs::create_dir(bench.path("bin")).unwrap();
        bench
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    /// What the build made.
    pub(crate) fn built(&self, name: &str, bytes: &[u8]) {
        self.write(&format!("project/.pio/build/it/{name}"), bytes);
    }

    /// A program of this name, a script that notes what it is called with.
    pub(crate) fn program(&self, name: &str, body: &str) {
        let script = format!("#!/bin/sh\nPATH=/bin:/usr/bin\necho \"$*\" >> \"$0.calls\"\n{body}");
        let path = format!("bin/{name}");
        self.write(&path, script.as_bytes());
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(self.path(&path), mode).unwrap();
    }

    /// What a program was called with, a line a call.
    pub(crate) fn calls(&self, name: &str) -> String {
        let calls = self.path(&format!("bin/{name}.calls"));
        std::fs::read_to_string(calls).unwrap_or_default()
    }

    /// A command that finds no other programs than these.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = harness::command(args);
        command.env("PATH", self.path("bin"));
        command.env("HOME", self.path("home"));
        command
    }

    pub(crate) fn run(&self, verb: &str, more: &[&str]) -> Run {
        let project = self.path("project");
        let mut command = self.command(&[verb, project.to_str().unwrap(), "--json"]);
        Run::of(&command.args(more).output().unwrap())
    }

    /// A run that has to be refused, with this code, for a reason that has these words.
    pub(crate) fn refused(&self, verb: &str, more: &[&str], code: &str, words: &str) {
        let run = self.run(verb, more);
        let outcome = run.json();
        let error = &outcome["error"];
        assert_eq!(error["code"], code, "{outcome:#}");
        let said = error["message"].as_str().unwrap_or_default();
        assert!(said.contains(words), "{outcome:#}");
        assert_ne!(run.code, Some(0));
    }
}

/// As Intel HEX, in a memory that begins at `start`.
pub(crate) fn hex(start: u32, bytes: &[u8]) -> String {
    let mut text = String::new();
    let mut record = |address: u16, kind: u8, data: &[u8]| {
        text += &intel_hex::record(address, kind, data);
        text.push('\n');
    };
    for (n, line) in bytes.chunks(16).enumerate() {
        let address = start + n as u32 * 16;
        if n == 0 || address.trailing_zeros() >= 16 {
            record(0, 4, &((address >> 16) as u16).to_be_bytes());
        }
        record(address as u16, 0, line);
    }
    record(0, 1, &[]);
    text
}

/// As UF2, for flash from its start.
pub(crate) fn uf2(family: u32, bytes: &[u8]) -> Vec<u8> {
    let pages = bytes.chunks(256);
    let count = pages.len() as u32;
    let block = |(n, page): (usize, &[u8])| {
        let n = n as u32;
        let (address, magic) = (0x1000_0000 + n * 256, [0x0A32_4655, 0x9E5D_5157]);
        let words = [magic[0], magic[1], 0x2000, address, 256, n, count, family];
        let mut block: Vec<u8> = words
            .iter()
            .flat_map(|word: &u32| word.to_le_bytes())
            .collect();
        block.extend(page);
        block.resize(508, 0);
        block.extend(0x0AB1_6F30_u32.to_le_bytes());
        block
    };
    pages.enumerate().flat_map(block).collect()
}
