//! `board`.

use clap::Args;
use fbuild_deploy::amount::amount;
use fbuild_deploy::deploy::BoardInfo;

use super::terminal::Terminal;
use super::{SUCCESS, fail, interrupt};
use crate::boards::{Boards as _, LocalBoards};
use crate::json::{self, Board};

/// Arguments of `board`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Port: a device, COM5, `socket://host:port`, or `sim:FILE?chip=NAME`
    #[arg(long, value_name = "PORT")]
    port: String,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs `board`.
    #[allow(clippy::needless_pass_by_value)] // consumed, as every subcommand is
    pub(crate) fn run(self, boards: &LocalBoards, terminal: Terminal) -> u8 {
        let cancel = interrupt::token(move |line| terminal.note(line));
        match boards.info(&self.port, &cancel) {
            Err(failure) => fail(terminal, &failure),
            Ok(info) if self.json => {
                terminal.json(&Board::new(&self.port, &info));
                SUCCESS
            }
            Ok(info) => {
                for line in lines(&info) {
                    terminal.result(&line);
                }
                SUCCESS
            }
        }
    }
}

fn lines(info: &BoardInfo) -> Vec<String> {
    let mut lines = vec![match info.revision {
        Some(revision) => format!("{} {}", info.chip, json::revision(revision)),
        None => info.chip.to_string(),
    }];
    lines.extend(info.mac.as_ref().map(|mac| format!("MAC {mac}")));
    if let Some(flash) = info.flash {
        let size = flash
            .len_bytes
            .map(|bytes| format!("{}, ", amount(bytes.into())));
        lines.push(format!(
            "flash {}id {:06x}",
            size.unwrap_or_default(),
            flash.jedec
        ));
    }
    let security = info.security;
    for (is_on, what) in [
        (
            security.secure_download,
            "Secure Download Mode: nothing can be read or proved",
        ),
        (security.flash_encryption, "flash encryption is on"),
        (
            security.secure_boot,
            "secure boot: only signed images start",
        ),
    ] {
        if is_on {
            lines.push(what.to_owned());
        }
    }
    lines
}
