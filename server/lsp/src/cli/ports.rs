//! `ports`.

use clap::Args;

use super::terminal::Terminal;
use super::{FAILED, SUCCESS};
use crate::boards::{Boards as _, LocalBoards};
use crate::json::PortList;
use crate::network;
use crate::port;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Print rules for udev that let you open the USB adapters of boards (Linux)
    #[arg(long, conflicts_with = "json")]
    udev: bool,

    /// Also look on the network for devices that take firmware over the air (3 s)
    #[arg(long, conflicts_with = "udev")]
    network: bool,
}

impl Arguments {
    #[allow(clippy::needless_pass_by_value)] // consumed, as every subcommand is
    pub(crate) fn run(self, boards: &LocalBoards, terminal: Terminal) -> u8 {
        if self.udev {
            terminal.bytes(port::udev_rules().as_bytes());
            return SUCCESS;
        }
        let ports = boards.ports();
        let devices = match self.network.then(network::devices).transpose() {
            Ok(devices) => devices,
            Err(failure) => {
                terminal.failure(&failure);
                return FAILED;
            }
        };
        if self.json {
            let list = PortList::from(ports.as_slice());
            terminal.json(&list.with_network(devices.as_deref()));
            return SUCCESS;
        }
        for info in &ports {
            let mark = if port::board_vendor(info).is_some() {
                "  likely a board"
            } else {
                ""
            };
            let what = port::describe(info)
                .map(|what| format!("  {what}"))
                .unwrap_or_default();
            terminal.result(format!("{}{what}{mark}", info.name));
        }
        if ports.is_empty() {
            terminal.note("no serial ports");
        }
        for device in devices.iter().flatten() {
            let board = device.board.iter().map(|board| format!(", {board}"));
            let password = ", asks for a password";
            let password = if device.asks_password { password } else { "" };
            terminal.result(format!(
                "{}  {}{}{password}",
                device.name,
                device.host,
                board.collect::<String>()
            ));
        }
        if devices.is_some_and(|devices| devices.is_empty()) {
            terminal.note("no device in the network says that it takes firmware over the air");
        }
        SUCCESS
    }
}
