//! `board`.

use clap::Args;
use fbuild_chip::revision_text;
use fbuild_deploy::native::BoardInfo;
use fbuild_project::amount::amount;

use super::terminal::Terminal;
use super::{CANCELLED, SUCCESS, fail, interrupt};
use crate::boards::{Boards as _, LocalBoards};
use crate::json::BoardAnswer;
use crate::port::{self, Wishes};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Port: a device, COM5, `ser=SERIAL`, `usb=VID:PID[:SERIAL]`, `loc=1-2.3`, `rfc2217://host:port`,
    /// `socket://host:port`, or `sim:FILE?chip=NAME`; the only board if left out
    #[arg(long, value_name = "PORT")]
    port: Option<String>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

impl Arguments {
    #[allow(clippy::needless_pass_by_value)] // consumed, as every subcommand is
    pub(crate) fn run(self, boards: &LocalBoards, terminal: Terminal) -> u8 {
        let cancel = interrupt::token(move |line| terminal.note(line));
        let asked = self.port.as_deref();
        let wishes = Wishes {
            asked,
            ..Wishes::default()
        };
        let port = port::choose(&wishes, &boards.ports_for(asked)).map(|chosen| chosen.name);
        let answer = port.and_then(|port| {
            let info = boards.info(&port, None, &cancel)?;
            Ok((port, info))
        });
        // A cancel reaches the caller as an error of the link.
        let is_cancelled = answer.is_err() && cancel.is_cancelled();
        if self.json {
            terminal.json(&BoardAnswer::new(&answer, is_cancelled));
        }
        match answer {
            Err(_) if is_cancelled => {
                terminal.note("board info cancelled");
                CANCELLED
            }
            Err(failure) => fail(terminal, &failure),
            Ok(_) if self.json => SUCCESS,
            Ok((_, info)) => {
                for line in lines(&info) {
                    terminal.result(line);
                }
                SUCCESS
            }
        }
    }
}

fn lines(info: &BoardInfo) -> Vec<String> {
    let mut lines = vec![match info.revision {
        Some(revision) => format!("{} {}", info.chip, revision_text(revision)),
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
