//! Environments for boards whose boot loader is on USB: the platforms `teensy` and `raspberrypi`, which also is
//! the name of its fork for Arduino's core for RP2040.
//!
//! Source: PlatformIO's platform-teensy 5.2, and maxgerhardt's platform-raspberrypi, `builder/main.py`.

use std::path::Path;

use fbuild_chip::usb::{Rp2, Teensy, UsbBoard};

use super::Board;
use crate::discover::platformio_config::{ConfigProblem, ProjectConfig};
use crate::discover::regions;
use crate::target::Target;

/// What is done in place of a project's own way.
pub(super) const LOADER: &str = "a deploy writes by the board's own boot loader, on USB";

/// Ways that a project may have chosen and that come to the same.
const USUAL: [&str; 4] = ["teensy-cli", "teensy-gui", "picotool", "mbed"];

/// The board of an environment; `None` where it is another one.
pub(in crate::discover) fn board(
    config: &ProjectConfig<'_>,
    env: &str,
) -> Result<Option<UsbBoard>, ConfigProblem> {
    let platform = config.platform(&format!("env:{env}"))?.to_lowercase();
    let board = Board::of_env(config, env)?;
    if platform.contains("teensy") {
        return Ok(Teensy::named(board.name()).map(UsbBoard::Teensy));
    }
    if !platform.contains("raspberrypi") {
        return Ok(None);
    }
    let mcu = board.value("build.mcu")?;
    let chip = mcu.as_deref().and_then(Rp2::named);
    Ok((chip.is_some() || mcu.is_none()).then_some(UsbBoard::Rp2(chip)))
}

/// The region of a program.
pub(in crate::discover) fn fill(target: &mut Target, board: UsbBoard, program: &Path) {
    target.usb = Some(board);
    target.regions = vec![regions::firmware(0, program.to_owned())];
}

/// What is said of a way to upload that is not this one.
pub(super) fn other_protocol(
    config: &ProjectConfig<'_>,
    section: &str,
) -> Result<Option<String>, ConfigProblem> {
    let protocol = config.text(section, "upload_protocol")?;
    let other = protocol.filter(|it| !it.is_empty() && !USUAL.contains(&&**it));
    Ok(other.map(|other| format!("upload_protocol {other} is not used: {LOADER}")))
}
