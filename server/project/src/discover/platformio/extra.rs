//! Images that the Arduino framework's build adds to an upload.
//!
//! Source: arduino-esp32, `tools/platformio-build.py` (2.0 to 3.3) and its successors.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::discover::parse_offset;
use crate::discover::platformio_board::Board;
use crate::discover::platformio_config::ConfigProblem;

/// The images of the board's file, and TinyUF2 where the table is one of those for it.
pub(super) fn images(
    board: &Board<'_>,
    framework: &Path,
) -> Result<Vec<(u32, PathBuf)>, ConfigProblem> {
    let listed = board.json("upload.arduino.flash_extra_images");
    let listed = listed.and_then(Value::as_array).into_iter().flatten();
    let image = |entry: &Value| {
        let offset = match entry.get(0)? {
            Value::Number(number) => u32::try_from(number.as_u64()?).ok()?,
            offset => parse_offset(offset.as_str()?)?,
        };
        Some((offset, framework.join(entry.get(1)?.as_str()?)))
    };
    let mut found: Vec<_> = listed.filter_map(image).collect();
    let table = match board.value("build.partitions")? {
        Some(table) => Some(table),
        None => board.value("build.arduino.partitions")?,
    };
    let is_uf2 = |path: &Path| path.file_name().is_some_and(|name| name == "tinyuf2.bin");
    if table.is_some_and(|table| table.ends_with("tinyuf2.csv"))
        && !found.iter().any(|(_, path)| is_uf2(path))
    {
        let variant = board.value("build.variant")?.unwrap_or_default();
        let usual = format!("variants/{variant}/tinyuf2.bin");
        let named = board.value("upload.arduino.tinyuf2_image")?;
        let path = framework.join(named.unwrap_or(usual));
        let usual = if board.name().starts_with("adafruit") {
            0x2D_0000
        } else {
            0x41_0000
        };
        let offset = board.offset("upload.arduino.uf2_bootloader_offset")?;
        // The build goes on without it.
        if path.is_file() {
            found.push((offset.unwrap_or(usual), path));
        }
    }
    Ok(found)
}
