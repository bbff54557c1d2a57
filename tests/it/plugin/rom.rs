//! Code of genuine boot ROMs, from the ELF files in the espflash crate that Cargo.lock pins.

use std::ops::Range;
use std::path::PathBuf;
use std::process::Command;

use fbuild_loader::packet::word_at;
use serde_json::Value;

use crate::harness::root;

/// Where ROMs are: constants, and code.
const CONSTANTS: Range<u32> = 0x3FF0_0000..0x3FFA_0000;
const CODE: Range<u32> = 0x4000_0000..0x4007_0000;
const PAGE: u32 = 0x1000;
/// A segment that is loaded.
const LOAD: u32 = 1;

/// What it has in memory: address and bytes.
pub(super) fn segments(name: &str) -> Vec<(u32, Vec<u8>)> {
    let elf = std::fs::read(folder().join(format!("{name}_rom.elf"))).unwrap();
    let word = |at: usize| word_at(&elf[at..at + 4], 0).unwrap();
    let half = |at: usize| usize::from(u16::from_le_bytes([elf[at], elf[at + 1]]));
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
                &elf[word(at + 4) as usize..][..word(at + 16) as usize],
            )
        })
        .collect();
    let part = |part: Range<u32>| {
        let inside = loads
            .iter()
            .filter(|(at, bytes)| part.contains(at) && !bytes.is_empty());
        let starts = inside.clone().map(|(at, _)| at / PAGE * PAGE);
        let start = starts.min().unwrap();
        let mut memory = Vec::new();
        for (at, bytes) in inside {
            let at = (at - start) as usize;
            memory.resize(memory.len().max(at + bytes.len()), 0);
            memory[at..at + bytes.len()].copy_from_slice(bytes);
        }
        (start, memory)
    };
    vec![part(CONSTANTS), part(CODE)]
}

fn folder() -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version", "1", "--locked", "--offline"])
        .current_dir(root())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let espflash = packages.find(|it| it["name"] == "espflash").unwrap();
    let manifest = PathBuf::from(espflash["manifest_path"].as_str().unwrap());
    manifest.with_file_name("resources").join("roms")
}
