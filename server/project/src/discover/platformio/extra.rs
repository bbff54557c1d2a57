//! Images that the Arduino framework's build adds to an upload.
//!
//! Source: arduino-esp32, `tools/platformio-build.py` (2.0 to 3.3) and its successors.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::variant::Variant;
use crate::discover::platformio_board::Board;
use crate::discover::platformio_config::ConfigProblem;
use crate::discover::platformio_values::{BoardValue, esptool_number};

/// The images of the board's file, and TinyUF2 where the table is one of those for it or the image is
/// named.
pub(super) fn images(
    board: &Board<'_>,
    variant: &Variant,
    framework: &Path,
    project: &Path,
) -> Result<Vec<(u32, PathBuf)>, ConfigProblem> {
    const LIST: &str = "upload.arduino.flash_extra_images";
    let listed = board.json(LIST).and_then(Value::as_array);
    let image = |entry: &Value| {
        let path = framework.join(entry.get(1)?.as_str()?);
        let offset = match entry.get(0)? {
            Value::Number(number) => number.to_string(),
            offset => offset.as_str()?.to_owned(),
        };
        let place = esptool_number(&offset);
        let wrong = || board.wrong(LIST, offset, BoardValue::Offset.taken());
        Some(place.ok_or_else(wrong).map(|offset| (offset, path)))
    };
    let listed = listed.into_iter().flatten().filter_map(image);
    let mut found = listed.collect::<Result<Vec<_>, _>>()?;
    let is_uf2 = |path: &Path| path.file_name().is_some_and(|name| name == "tinyuf2.bin");
    let named = board.value("upload.arduino.tinyuf2_image")?;
    let is_wanted = variant.is_for_tinyuf2() || named.is_some();
    if is_wanted && !found.iter().any(|(_, path)| is_uf2(path)) {
        let path = named.map_or_else(
            || variant.dir.join("tinyuf2.bin"),
            |name| project.join(name),
        );
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
