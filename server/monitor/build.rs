//! Takes the names of the boot ROMs' functions out of the `espflash` crate that Cargo.lock pins, which has the ROMs'
//! ELF files. No ROM is committed, and of 8 MB of ELF files the program carries names and addresses only, compressed.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use object::{Object as _, ObjectSymbol as _, SymbolKind};

#[path = "../loader/build/espflash_crate.rs"]
mod espflash_crate;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=../loader/build/espflash_crate.rs");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    let mut paths = Vec::new();
    for entry in fs::read_dir(espflash_crate::folder()?.join("resources/roms"))? {
        paths.push(entry?.path());
    }
    paths.sort();
    let mut table = String::from("&[\n");
    for path in paths {
        // esp32c3_rev101_rom.elf
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let chip = name.split('_').next().unwrap_or_default().to_owned();
        #[allow(clippy::disallowed_methods)] // a file of the crate that Cargo.lock pins
        let elf = fs::read(&path)?;
        let packed = out_dir.join(format!("{name}.symbols"));
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(symbols(&elf)?.as_bytes())?;
        fs::write(&packed, encoder.finish()?)?;
        writeln!(
            table,
            "Packed {{ chip: {chip:?}, dates: &{:?}, symbols: include_bytes!({:?}) }},",
            dates(&elf),
            packed.to_string_lossy(),
        )?;
    }
    table.push(']');
    fs::write(out_dir.join("roms.rs"), table)?;
    Ok(())
}

/// A line for each function: address, length in bytes, name. Sorted by address.
fn symbols(elf: &[u8]) -> Result<String, Box<dyn Error>> {
    let file = object::File::parse(elf)?;
    let mut functions: Vec<_> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.address() != 0)
        .filter_map(|symbol| {
            Some((
                symbol.address(),
                symbol.size(),
                symbol.name().ok()?.to_owned(),
            ))
        })
        .filter(|(_, _, name)| !name.is_empty() && !name.contains(char::is_whitespace))
        .collect();
    functions.sort();
    functions.dedup_by(|later, first| later.0 == first.0);
    let mut lines = String::new();
    for (address, size, name) in functions {
        writeln!(lines, "{address:x} {size:x} {name}")?;
    }
    Ok(lines)
}

/// Every date that the ROM holds as a text, `Feb  7 2021`: the one that the board prints is among them.
fn dates(elf: &[u8]) -> Vec<String> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let is_date = |bytes: &[u8]| {
        let month = std::str::from_utf8(&bytes[..3])
            .ok()
            .and_then(|month| MONTHS.find(month));
        month.is_some_and(|at| at % 3 == 0)
            && bytes[3] == b' '
            && (bytes[4] == b' ' || bytes[4].is_ascii_digit())
            && bytes[5].is_ascii_digit()
            && bytes[6] == b' '
            && bytes[7..11].iter().all(u8::is_ascii_digit)
    };
    let mut found: Vec<String> = elf
        .windows(11)
        .filter(|window| is_date(window))
        .map(|window| String::from_utf8_lossy(window).into_owned())
        .collect();
    found.sort();
    found.dedup();
    found
}
