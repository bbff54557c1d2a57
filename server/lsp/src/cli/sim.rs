//! `sim`: be a board, for any tool that writes to a serial port.

use std::io;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use fbuild_deploy::outcome::Failure;
use fbuild_sim::port::{Model, SimPort};
use fbuild_sim::serve::{self, Served, Server};
use fbuild_sim::{BuildError, Timing};

use super::terminal::Terminal;
use super::{FAILED, SUCCESS, USAGE, fail};
use crate::boards::LocalBoards;
use crate::port;

const RFC2217: &str = "rfc2217://";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Chip to be: esp32, esp32c3, esp32s3 and so on; or atmega328p, an Uno
    #[arg(long, value_name = "NAME", default_value = "esp32")]
    chip: String,

    /// File with the flash's contents, byte for byte; made, blank, if it is not there
    #[arg(long, value_name = "FILE")]
    flash: Option<PathBuf>,

    /// Size of the flash: 4MB, 512KB, or bytes
    #[arg(long, value_name = "SIZE")]
    flash_size: Option<String>,

    /// How long things take
    #[arg(long, value_enum, default_value_t = Time::Real)]
    time: Time,

    /// Serve on this TCP address instead of a pty, with rfc2217:// in front of it as a port with control
    /// lines; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,

    /// Any further option of `sim:` ports, such as secure-download=1; may be repeated
    #[arg(long = "option", value_name = "NAME=VALUE")]
    options: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Time {
    /// As long as on a real board
    Real,
    /// No time at all
    Accounted,
}

impl Arguments {
    /// Runs `sim`: prints where the board is, then serves it until it is interrupted.
    #[allow(clippy::needless_pass_by_value)] // consumed, as every subcommand is
    pub(crate) fn run(self, boards: &LocalBoards, terminal: Terminal) -> u8 {
        let port = match self.port(boards) {
            Ok(port) => port,
            Err(message) => return wrong(terminal, &message),
        };
        match port.model() {
            Model::Esp(builder) => {
                let mut builder = builder.start_in_download_mode();
                if self.time == Time::Accounted {
                    builder = builder.timing(Timing::instant());
                }
                self.run_board(builder.build(), terminal)
            }
            Model::Avr(model) => self.run_board(model.build(), terminal),
        }
    }

    fn run_board<B: Served>(&self, board: Result<B, BuildError>, terminal: Terminal) -> u8 {
        let board = match board {
            Ok(board) => board,
            Err(error) => return wrong(terminal, &error.to_string()),
        };
        let server = match self.serve(board) {
            Ok(server) => server,
            Err(error) => return fail(terminal, &self.not_served(&error)),
        };
        let stopper = server.stopper();
        if let Err(error) = ctrlc::set_handler(move || stopper.stop()) {
            tracing::warn!(%error, "a signal will end this process at once");
        }
        // What a client passes as its port.
        let scheme = match &self.listen {
            Some(address) if address.starts_with(RFC2217) => RFC2217,
            Some(_) => "socket://",
            None => "",
        };
        terminal.result(format!("{scheme}{}", server.address()));
        match server.wait() {
            Ok(()) => SUCCESS,
            Err(error) => {
                terminal.note(format!("error: the simulated board failed: {error}"));
                FAILED
            }
        }
    }

    fn port(&self, boards: &LocalBoards) -> Result<SimPort, String> {
        let port = port::sim_port(&self.port_name(), boards.state_dir.as_deref());
        let port = port.map_err(|error| error.to_string())?;
        if let Some(parent) = port.flash_path().and_then(|path| path.parent()) {
            std::fs::create_dir_all(parent)
                .map_err(|error| format!("{}: {error}", parent.display()))?;
        }
        Ok(port)
    }

    /// The board as a `sim:` port, so that both take the same options.
    fn port_name(&self) -> String {
        let file = self
            .flash
            .as_ref()
            .map(|path| path.display().to_string())
            .unwrap_or_default();
        let mut name = format!("sim:{file}?chip={}", self.chip);
        let size = self.flash_size.iter().map(|size| format!("size={size}"));
        for option in size.chain(self.options.iter().cloned()) {
            name.push('&');
            name.push_str(&option);
        }
        name
    }

    fn serve<B: Served>(&self, board: B) -> io::Result<Server<B>> {
        match &self.listen {
            Some(address) => match address.strip_prefix(RFC2217) {
                Some(address) => serve::rfc2217(board, address),
                None => serve::tcp(board, address.trim_start_matches("socket://")),
            },
            None => port::on_pty(board),
        }
    }

    fn not_served(&self, error: &io::Error) -> Failure {
        let (what, remedy) = match &self.listen {
            Some(address) => (
                format!("cannot listen on {address}: {error}"),
                "give an address of this machine and a free port, as in 127.0.0.1:0",
            ),
            None => (
                format!("cannot make a pty: {error}"),
                "use --listen 127.0.0.1:0 to serve on TCP instead",
            ),
        };
        Failure::of_input("not-served", what, remedy)
    }
}

fn wrong(terminal: Terminal, message: &str) -> u8 {
    terminal.note(format!("error: {message}"));
    USAGE
}
