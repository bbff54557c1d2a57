//! `reset`.

use clap::Args;
use fbuild_chip::Device;
use fbuild_deploy::outcome::Failure;
use fbuild_deploy::request::Mode;
use fbuild_project::discover::Environment;
use fbuild_project::target::Target;

use super::terminal::Terminal;
use super::{SUCCESS, fail};
use crate::boards::LocalBoards;
use crate::monitor::reset::reset_board as reset_by_lines;
use crate::order::Order;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Port: a device, COM5, `ser=SERIAL`, `usb=VID:PID[:SERIAL]`, `loc=1-2.3`, `rfc2217://host:port` or
    /// `sim:FILE?chip=NAME`; else the project's, or the only board
    #[arg(long, value_name = "PORT")]
    port: Option<String>,
}

impl Arguments {
    pub(crate) fn run(self, boards: &LocalBoards, terminal: Terminal) -> u8 {
        // Boards of another family are reset by another line: the project knows.
        let order = Order {
            port: self.port,
            ..Order::new(Mode::Auto, vec![super::directory(None, terminal)])
        };
        match reset_board(&order, boards, terminal) {
            Ok(name) => {
                terminal.result(format!("reset the board on {name}"));
                SUCCESS
            }
            Err(failure) => fail(terminal, &failure),
        }
    }
}

fn reset_board(order: &Order, boards: &LocalBoards, terminal: Terminal) -> Result<String, Failure> {
    let ports = boards.ports_for(order.port.as_deref());
    let (chosen, target) = order.board(&ports, &Environment::from_process())?;
    if let Some(warning) = chosen.warning {
        terminal.note(terminal.warning_line(&warning));
    }
    let holding = boards.holding(&chosen.name, "resetting the board".to_owned());
    let mut link = holding.link()?;
    let name = link.name().to_owned();
    let device = target.as_ref().and_then(Target::device);
    reset_by_lines(&mut *link, device)?;
    // What is behind an adapter is not known; another family of boards has another line.
    Ok(match device {
        Some(Device::Avr(part)) => {
            format!(
                "{name} by the line of an {}, which the project is for",
                part.name
            )
        }
        _ => name,
    })
}
