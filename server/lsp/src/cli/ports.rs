//! `ports`.

use clap::Args;

use super::SUCCESS;
use super::terminal::Terminal;
use crate::boards::{Boards as _, LocalBoards};
use crate::json::PortList;
use crate::port;

/// Arguments of `ports`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Print rules for udev that let you open the USB adapters of boards (Linux)
    #[arg(long, conflicts_with = "json")]
    udev: bool,
}

impl Arguments {
    /// Runs `ports`.
    #[allow(clippy::needless_pass_by_value)] // consumed, as every subcommand is
    pub(crate) fn run(self, boards: &LocalBoards, terminal: Terminal) -> u8 {
        if self.udev {
            terminal.bytes(port::udev_rules().as_bytes());
            return SUCCESS;
        }
        let ports = boards.ports();
        if self.json {
            terminal.json(&PortList::from(ports.as_slice()));
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
        SUCCESS
    }
}
