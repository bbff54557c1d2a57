//! `reset`.

use clap::Args;
use fbuild_deploy::outcome::Failure;

use super::terminal::Terminal;
use super::{SUCCESS, fail};
use crate::boards::LocalBoards;
use crate::monitor::listener;
use crate::port::{self, Wishes};

/// Arguments of `reset`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Port: a device, COM5, or `sim:FILE?chip=NAME`; the only board if left out
    #[arg(long, value_name = "PORT")]
    port: Option<String>,
}

impl Arguments {
    /// Runs `reset`.
    pub(crate) fn run(self, boards: &LocalBoards, terminal: Terminal) -> u8 {
        let asked = self.port.as_deref();
        let wishes = Wishes {
            asked,
            ..Wishes::default()
        };
        let chosen = port::choose(&wishes, &boards.ports_for(asked)).map(|chosen| chosen.name);
        match chosen.and_then(|port| reset_board(boards, &port)) {
            Ok(name) => {
                terminal.result(format!("reset the board on {name}"));
                SUCCESS
            }
            Err(failure) => fail(terminal, &failure),
        }
    }
}

fn reset_board(boards: &LocalBoards, port: &str) -> Result<String, Failure> {
    let holding = boards.holding(port, "resetting the board".to_owned());
    let mut link = holding.link()?;
    let name = link.name().to_owned();
    listener::reset_board(&mut *link)?;
    Ok(name)
}
