//! Code of genuine boot ROMs, from the ELF files in the espflash crate that Cargo.lock pins.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use fbuild_loader::packet::word_at;
use serde_json::Value;

use crate::harness::root;

/// Where ROMs are: constants, and code.
const CONSTANTS: Range<u32> = 0x3FF0_0000..0x3FFA_0000;
const CODE: Range<u32> = 0x4000_0000..0x4007_0000;
const PAGE: u32 = 0x1000;
/// A segment that is loaded.
const LOAD: u32 = 1;

/// Its file.
struct Elf(Vec<u8>);

impl Elf {
    fn read(name: &str) -> Self {
        Self(std::fs::read(folder().join(format!("{name}_rom.elf"))).unwrap())
    }

    fn word(&self, at: usize) -> u32 {
        word_at(&self.0[at..at + 4], 0).unwrap()
    }

    fn half(&self, at: usize) -> usize {
        usize::from(u16::from_le_bytes([self.0[at], self.0[at + 1]]))
    }
}

/// Its functions by their names.
pub(crate) fn functions(name: &str) -> HashMap<String, u32> {
    const SYMBOLS: u32 = 2;
    let elf = Elf::read(name);
    // ELF: where the section headers begin, how long and how many they are; of each its type, its place, and the section
    // with its names.
    let (first, len, count) = (elf.word(32) as usize, elf.half(46), elf.half(48));
    let sections: Vec<usize> = (0..count).map(|n| first + n * len).collect();
    let mut functions = HashMap::new();
    for &table in sections.iter().filter(|&&at| elf.word(at + 4) == SYMBOLS) {
        let names = elf.word(sections[elf.word(table + 24) as usize] + 16) as usize;
        let start = elf.word(table + 16) as usize;
        for symbol in (start..start + elf.word(table + 20) as usize).step_by(16) {
            let bytes = elf.0[names + elf.word(symbol) as usize..].split(|byte| *byte == 0);
            let name = String::from_utf8_lossy(bytes.take(1).next().unwrap()).into_owned();
            functions.insert(name, elf.word(symbol + 4));
        }
    }
    functions
}

/// Where the jump at an address leads (RISC-V, `j`).
pub(crate) fn jump_at(segments: &[(u32, Vec<u8>)], at: u32) -> u32 {
    let inside = |start: u32, bytes: &[u8]| (start..start + bytes.len() as u32).contains(&at);
    let (start, bytes) = segments
        .iter()
        .find(|(start, it)| inside(*start, it))
        .unwrap();
    let word = word_at(&bytes[(at - start) as usize..], 0).unwrap();
    assert_eq!(word & 0xFFF, 0x06F, "{at:#x} is no jump");
    let part = |from: u32, n: u32, to: u32| (word >> from & ((1 << n) - 1)) << to;
    let offset = part(21, 10, 1) | part(20, 1, 11) | part(12, 8, 12) | part(31, 1, 20);
    at.wrapping_add(if offset >> 20 == 0 {
        offset
    } else {
        offset | 0xFFE0_0000
    })
}

/// All that a chip has in its ROM: address and bytes. The initial values of variables are in these files at the variables'
/// addresses; the ROM has a table of where they go, from where to where, and where they are, which it begins with.
pub(crate) fn contents(name: &str) -> Vec<(u32, Vec<u8>)> {
    const PROGBITS: u32 = 1;
    const LOADED: u32 = 2;
    let elf = Elf::read(name);
    let (first, len, count) = (elf.word(32) as usize, elf.half(46), elf.half(48));
    // Of a section: its type, its flags, its address, its place, its length.
    let sections = (0..count)
        .map(|n| first + n * len)
        .filter(|&at| {
            elf.word(at + 4) == PROGBITS && elf.word(at + 12) != 0 && elf.word(at + 20) != 0
        })
        .map(|at| {
            let bytes = &elf.0[elf.word(at + 16) as usize..][..elf.word(at + 20) as usize];
            (elf.word(at + 12), elf.word(at + 8) & LOADED != 0, bytes)
        });
    let (fixed, others): (Vec<_>, Vec<_>) = sections.partition(|(_, is_loaded, _)| *is_loaded);
    let in_rom = |address: u32, bytes: &[u8]| {
        let end = address + bytes.len() as u32;
        let row = [address.to_le_bytes(), end.to_le_bytes()].concat();
        let table = fixed.iter().find_map(|(_, _, code)| {
            let at = code.windows(8).step_by(4).position(|it| it == row)?;
            word_at(code, at + 2)
        });
        table.unwrap_or(address)
    };
    let moved: Vec<(u32, Vec<u8>)> = others
        .iter()
        .map(|(address, _, bytes)| (in_rom(*address, bytes), bytes.to_vec()))
        .collect();
    let fixed = fixed
        .iter()
        .map(|(address, _, bytes)| (*address, bytes.to_vec()));
    fixed.chain(moved).collect()
}

/// What it has in memory: address and bytes.
pub(crate) fn segments(name: &str) -> Vec<(u32, Vec<u8>)> {
    let elf = Elf::read(name);
    let (word, half) = (|at| elf.word(at), |at| elf.half(at));
    // ELF: where the program headers begin, how long and how many they are.
    let (first, len, count) = (word(28) as usize, half(42), half(44));
    let loads = (0..count)
        .map(|n| first + n * len)
        .filter(|&at| word(at) == LOAD);
    // Type, offset in the file, address, physical address, length in the file.
    let loads: Vec<(u32, &[u8])> = loads
        .map(|at| {
            (
                word(at + 8),
                &elf.0[word(at + 4) as usize..][..word(at + 16) as usize],
            )
        })
        .collect();
    // Some have constants and code in one place.
    let part = |part: Range<u32>| {
        let inside = loads
            .iter()
            .filter(|(at, bytes)| part.contains(at) && !bytes.is_empty());
        let starts = inside.clone().map(|(at, _)| at / PAGE * PAGE);
        let start = starts.min()?;
        let mut memory = Vec::new();
        for (at, bytes) in inside {
            let at = (at - start) as usize;
            memory.resize(memory.len().max(at + bytes.len()), 0);
            memory[at..at + bytes.len()].copy_from_slice(bytes);
        }
        Some((start, memory))
    };
    // Some check their stack: against a word in RAM.
    let guard = functions(name).get("__stack_chk_guard").copied();
    let guard = guard.map(|at| (at / PAGE * PAGE, vec![0; PAGE as usize]));
    let parts = [CONSTANTS, CODE].into_iter().filter_map(part);
    parts.chain(guard).collect()
}

fn folder() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(find_folder);
    &FOLDER
}

fn find_folder() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Crates for other systems may never have been downloaded.
    let here = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .args(["--filter-platform", &here])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let espflash = packages.find(|it| it["name"] == "espflash").unwrap();
    let manifest = PathBuf::from(espflash["manifest_path"].as_str().unwrap());
    manifest.with_file_name("resources").join("roms")
}
