//! Environments of the platform `atmelavr`: the board's file says which part it is and how its boot loader
//! is spoken to; where that is not installed, a table of usual boards does.
//!
//! Source: PlatformIO's platform-atmelavr 5.1, `builder/main.py` and its boards.

use std::fmt::Write as _;
use std::path::Path;

use fbuild_chip::avr::{AvrBoard, Part, Protocol, other_protocol};

use super::ota::is_host;
use super::{Board, Env, console};
use crate::discover::platformio_config::{ConfigProblem, ProjectConfig};
use crate::discover::regions;
use crate::target::Target;

/// What a build calls its program.
pub(super) const PROGRAM: &str = "firmware.hex";

/// What is done in place of a project's own way.
pub(super) const SERIAL: &str = "a deploy writes over the serial line, by the board's boot loader";

/// Whether the option `platform` names it, with a version or without.
fn is_avr(platform: &str) -> bool {
    platform.to_lowercase().contains("atmelavr")
}

/// A platform that is not deployed to, with what decides that.
pub(super) fn named_with_board(
    config: &ProjectConfig<'_>,
    env: &str,
    platform: &str,
) -> Result<String, ConfigProblem> {
    let board = Board::of_env(config, env)?;
    if board.name().is_empty() || !is_avr(platform) {
        return Ok(platform.to_owned());
    }
    let section = format!("env:{env}");
    let mut why = format!("board {}", board.name());
    let chosen = config.text(&section, "upload_protocol")?;
    if let Some(chosen) = chosen.filter(|name| Protocol::named(name).is_none()) {
        let shown = config.shown(&section, "upload_protocol");
        let _ = write!(why, ", upload_protocol {}", shown.unwrap_or(chosen));
    } else if let Some(usual) = board
        .value("upload.protocol")?
        .or_else(|| other_protocol(board.name()).map(str::to_owned))
        .filter(|name| Protocol::named(name).is_none())
    {
        let shown = config.shown(&section, "board_upload.protocol");
        let _ = write!(why, ", programmed by {}", shown.unwrap_or(usual));
    }
    Ok(format!("{platform} ({why})"))
}

impl Env<'_> {
    /// How a board is reached that is none of Espressif's, and listened to. `way`: what is done in place of a project's own way.
    pub(super) fn fill_rest(&self, target: &mut Target, way: &str) -> Result<(), ConfigProblem> {
        target.inputs = self.inputs()?;
        target.console = console(self.config, &self.section)?;
        let command = self.config.text(&self.section, "upload_command")?;
        if command.is_some_and(|command| !command.trim().is_empty()) {
            let remark = format!("upload_command is not run: {way}");
            target.remarks.push(remark);
        }
        let port = self.config.text(&self.section, "upload_port")?;
        let port = port.filter(|port| !port.is_empty());
        if let Some(host) = port.as_deref().filter(|port| is_host(port)) {
            let shown = self.config.shown(&self.section, "upload_port");
            let shown = shown.as_deref().unwrap_or(host);
            let remark = format!("upload_port {shown} is not used: {way}");
            target.remarks.push(remark);
        }
        target.port = port.filter(|port| !is_host(port));
        Ok(())
    }
}

/// The board of an environment; `None` where no boot loader is spoken to that is known here.
pub(in crate::discover) fn board(
    config: &ProjectConfig<'_>,
    env: &str,
) -> Result<Option<AvrBoard>, ConfigProblem> {
    let section = format!("env:{env}");
    if !is_avr(&config.platform(&section)?) {
        return Ok(None);
    }
    let board = Board::of_env(config, env)?;
    let known = AvrBoard::named(board.name());
    let option = |name: &str| config.text(&section, name);
    let number = |text: Option<String>| text.and_then(|text| text.trim().parse::<u32>().ok());

    let part = board.value("build.mcu")?;
    let part = part.map_or(known.map(|known| known.part), |mcu| Part::named(&mcu));
    let chosen = match option("upload_protocol")? {
        Some(protocol) => Some(protocol),
        None => board.value("upload.protocol")?,
    };
    let protocol = chosen.map_or(known.map(|known| known.protocol), |name| {
        Protocol::named(&name)
    });
    let speed = match option("upload_speed")? {
        Some(speed) => Some(speed),
        None => board.value("upload.speed")?,
    };
    let baud = number(speed).or(known.map(|known| known.baud));
    let boot_start = number(board.value("upload.maximum_size")?);
    let boot_start = boot_start.or(known.map(|known| known.boot_start));
    let (Some(part), Some(protocol), Some(baud), Some(boot_start)) =
        (part, protocol, baud, boot_start)
    else {
        return Ok(None);
    };
    let end = match protocol {
        Protocol::Stk500V1 => part.flash_bytes.min(Protocol::V1_END),
        Protocol::Stk500V2 => part.flash_bytes,
    };
    let is_possible = baud > 0 && (1..=end).contains(&boot_start);
    Ok(is_possible.then_some(AvrBoard {
        part,
        protocol,
        baud,
        boot_start: boot_start / part.page_bytes * part.page_bytes,
    }))
}

/// The regions of a program, and its EEPROM's where the build made one.
pub(in crate::discover) fn fill(target: &mut Target, board: AvrBoard, program: &Path) {
    target.avr = Some(board);
    target.baud = Some(board.baud);
    target.regions = vec![regions::firmware(0, program.to_owned())];
    let eeprom = program.with_extension("eep");
    if eeprom.is_file() {
        target.on_request = vec![regions::eeprom(eeprom)];
    }
}
