//! `mcp`.

use std::path::PathBuf;

use clap::Args;

use super::terminal::Terminal;
use super::{FAILED, USAGE, interrupt};
use crate::boards::LocalBoards;
use crate::mcp::{Host, serve};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project's directory
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,

    /// Port of calls that name none
    #[arg(long, value_name = "PORT")]
    port: Option<String>,

    /// Trust the directory: agents may build what is in it, and use any port
    #[arg(long)]
    trust: bool,
}

impl Arguments {
    /// Runs `mcp`: until the client is gone.
    pub(crate) fn run(self, boards: &LocalBoards, terminal: Terminal) -> u8 {
        if !self.directory.is_dir() {
            let directory = self.directory.display();
            terminal.note(format!(
                "error: {directory} is not a directory: give the project's, or none for this one"
            ));
            return USAGE;
        }
        let host = Host {
            boards: boards.clone(),
            directory: std::path::absolute(&self.directory).unwrap_or(self.directory),
            port: self.port,
            is_trusted: self.trust,
        };
        let cancel = interrupt::token(|_| {});
        serve(host, &cancel).unwrap_or_else(|error| {
            terminal.note(format!("error: the server cannot start: {error}"));
            FAILED
        })
    }
}
