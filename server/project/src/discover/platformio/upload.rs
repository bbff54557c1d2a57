//! How PlatformIO would upload: the port, and what a deploy does not do as it would.
//!
//! Source: platform-espressif32 6.13.0, `builder/main.py`; PlatformIO Core 6.2.0, `builder/main.py`, for
//! `upload_command`.

use super::ota;
use crate::discover::platformio_board::Board;
use crate::discover::platformio_config::{ConfigProblem, ProjectConfig, UPLOAD_PROTOCOLS};
use crate::password::Password;

/// How the project uploads.
#[derive(Default)]
pub(super) struct Upload {
    /// The port that it asks for.
    pub(super) port: Option<String>,
    /// Password that it has for that port.
    pub(super) password: Option<Password>,
    /// What is told of its way.
    pub(super) remarks: Vec<String>,
}

/// How the project uploads, as far as a deploy does the same.
pub(super) fn upload(
    config: &ProjectConfig<'_>,
    section: &str,
    board: &Board<'_>,
) -> Result<Upload, ConfigProblem> {
    const SERIAL: &str = "a deploy writes over the serial line, as esptool would";
    let shown = |option: &str, value: &str| {
        let written = config.shown(section, option);
        written.unwrap_or_else(|| value.to_owned())
    };
    let mut remarks = Vec::new();
    let command = config.text(section, "upload_command")?;
    if command.is_some_and(|command| !command.trim().is_empty()) {
        remarks.push(format!("upload_command is not run: {SERIAL}"));
    }
    let port = config.text(section, "upload_port")?;
    let port = port.filter(|port| !port.is_empty());
    let is_host = port.as_deref().is_some_and(ota::is_host);
    let protocol = match config.text(section, "upload_protocol")? {
        Some(protocol) => Some(protocol),
        None => board.value("upload.protocol")?,
    };
    let protocol = protocol.filter(|it| !it.is_empty() && it != "esptool");
    if let Some(port) = &port
        && protocol.as_deref().map_or(is_host, |it| it == "espota")
    {
        let flags = ota::Flags::of(&config.list(section, "upload_flags")?);
        return Ok(Upload {
            port: Some(ota::port(port, &flags)),
            password: flags.password,
            remarks,
        });
    }
    let Some(protocol) = protocol else {
        return Ok(Upload {
            port,
            remarks,
            ..Upload::default()
        });
    };
    let tools = board.json("debug.tools");
    let is_known = UPLOAD_PROTOCOLS.contains(&protocol.as_str())
        || tools.is_some_and(|tools| tools.get(&protocol).is_some());
    let protocol = shown("upload_protocol", &protocol);
    remarks.push(if is_known {
        format!("upload_protocol {protocol} is not used: {SERIAL}")
    } else {
        format!(
            "upload_protocol {protocol} is none that PlatformIO's platform knows, and `pio run -t upload` \
             writes nothing; {SERIAL}"
        )
    });
    Ok(Upload {
        remarks,
        ..Upload::default()
    })
}
