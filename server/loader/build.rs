//! Copies the flasher stubs out of the `espflash` crate that Cargo.lock pins, as one Rust table with
//! the decoded segments beside it. No stub is committed to this repository.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;

#[path = "build/espflash_crate.rs"]
mod espflash_crate;

/// Stub file of each supported chip but the ESP8266, for which no crate has one: variant of `Chip`, file name in espflash's `resources/stubs`.
/// Early ESP32-P4 silicon has a stub of its own (`esp32p4rc1`); see `stub.rs`.
const STUBS: [(&str, &str); 13] = [
    ("Esp32", "esp32"),
    ("Esp32S2", "esp32s2"),
    ("Esp32S3", "esp32s3"),
    ("Esp32C2", "esp32c2"),
    ("Esp32C3", "esp32c3"),
    ("Esp32C5", "esp32c5"),
    ("Esp32C6", "esp32c6"),
    ("Esp32C61", "esp32c61"),
    ("Esp32H2", "esp32h2"),
    ("Esp32H4", "esp32h4"),
    ("Esp32P4", "esp32p4"),
    ("Esp32P4", "esp32p4rc1"),
    ("Esp32S31", "esp32s31"),
];

/// espflash's stub file; segments are base64.
#[derive(Deserialize)]
struct StubFile {
    entry: u32,
    text: String,
    text_start: u32,
    data: String,
    data_start: u32,
}

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=build/espflash_crate.rs");
    println!("cargo::rerun-if-changed=../../Cargo.lock");
    let out_dir = PathBuf::from(env::var("OUT_DIR")?);
    let stubs_dir = espflash_crate::folder()?.join("resources/stubs");
    let mut table = String::from("&[\n");
    for (variant, name) in STUBS {
        let path = stubs_dir.join(format!("{name}.toml"));
        let stub = read_stub(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let text = literal(&write_segment(&out_dir, name, "text", &stub.text)?);
        let data = literal(&write_segment(&out_dir, name, "data", &stub.data)?);
        writeln!(
            table,
            "Stub {{ chip: Chip::{variant}, name: {name:?}, entry: {:#x}, \
             text: Segment {{ address: {:#x}, bytes: Cow::Borrowed(include_bytes!({text})) }}, \
             data: Segment {{ address: {:#x}, bytes: Cow::Borrowed(include_bytes!({data})) }} }},",
            stub.entry, stub.text_start, stub.data_start,
        )?;
    }
    table.push(']');
    fs::write(out_dir.join("stubs.rs"), table)?;
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "a file of the pinned espflash crate"
)]
fn read_stub(path: &Path) -> Result<StubFile, Box<dyn Error>> {
    Ok(toml::from_str(&fs::read_to_string(path)?)?)
}

/// A path as a Rust string literal, backslashes of Windows included.
fn literal(path: &Path) -> String {
    format!("{:?}", path.to_string_lossy())
}

fn write_segment(
    out_dir: &Path,
    name: &str,
    segment: &str,
    base64: &str,
) -> Result<PathBuf, Box<dyn Error>> {
    let path = out_dir.join(format!("{name}.{segment}.bin"));
    fs::write(&path, BASE64.decode(base64)?)?;
    Ok(path)
}
