//! How PlatformIO would upload: the port, and what a deploy does not do as it would.
//!
//! Source: platform-espressif32 6.13.0, `builder/main.py`; PlatformIO Core 6.2.0, `builder/main.py`, for
//! `upload_command`.

use crate::discover::platformio_board::Board;
use crate::discover::platformio_config::{ConfigProblem, ProjectConfig, UPLOAD_PROTOCOLS};

/// The port that the project asks for, and what is told of its way of uploading.
pub(super) fn upload(
    config: &ProjectConfig<'_>,
    section: &str,
    board: &Board<'_>,
) -> Result<(Option<String>, Vec<String>), ConfigProblem> {
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
    let is_network = port.as_deref().is_some_and(is_network);
    let protocol = match config.text(section, "upload_protocol")? {
        Some(protocol) => Some(protocol),
        None => board.value("upload.protocol")?,
    };
    let other = protocol.filter(|it| !it.is_empty() && it != "esptool");
    if let Some(protocol) = &other {
        let tools = board.json("debug.tools");
        let is_known = UPLOAD_PROTOCOLS.contains(&protocol.as_str())
            || tools.is_some_and(|tools| tools.get(protocol).is_some());
        let protocol = shown("upload_protocol", protocol);
        remarks.push(if is_known {
            format!("upload_protocol {protocol} is not used: {SERIAL}")
        } else {
            format!(
                "upload_protocol {protocol} is none that PlatformIO's platform knows, and `pio run -t \
                 upload` writes nothing; {SERIAL}"
            )
        });
    } else if is_network {
        let port = shown("upload_port", port.as_deref().unwrap_or_default());
        remarks.push(format!(
            "upload_port {port} is in the network and is not used: {SERIAL}"
        ));
    }
    let is_serial = other.is_none() && !is_network;
    Ok((port.filter(|port| is_serial && !port.is_empty()), remarks))
}

fn is_network(port: &str) -> bool {
    port.rsplit('.').next() == Some("local") || port.parse::<std::net::IpAddr>().is_ok()
}
