//! The command line: one file per subcommand.
//!
//! Results go to standard output, everything else to standard error. Exit codes: 0 success, 1
//! failed, 2 wrong usage or input, 130 cancelled; 3, 4 and 5 are a monitor's (`monitor/end`). A
//! success whose result could not be written has failed; where a pipe was closed it ends as by
//! SIGPIPE.

mod bars;
mod board;
mod build;
mod decode;
mod deploy;
mod interrupt;
mod mcp;
mod monitor;
mod outcome;
mod plan_table;
mod ports;
mod reset;
mod sim;
mod targets;
mod terminal;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fbuild_deploy::outcome::Failure;
use fbuild_project::discover::{Environment, discover, project_around};
use fbuild_project::file;
use tracing::level_filters::LevelFilter;

use self::terminal::Terminal;
use crate::boards::LocalBoards;
use crate::{log, server, state_dir};

const SUCCESS: u8 = 0;
const FAILED: u8 = 1;
const USAGE: u8 = 2;
/// 128 + SIGINT, as shells have it.
const CANCELLED: u8 = 130;
/// 128 + SIGPIPE, likewise.
const PIPE_CLOSED: u8 = 141;

/// Global options follow a subcommand's own in its help.
const LAST: usize = 900;

const EXAMPLE: &str = "\
Example, in a project that ESP-IDF, PlatformIO, Arduino, Zephyr, cargo or fbuild has built:

  fbuild-lsp deploy                    verify the board, rewrite what differs, prove it, start it
  fbuild-lsp deploy --port sim:        the same on a simulated board";

#[derive(Debug, Parser)]
#[command(
    name = "fbuild-lsp",
    version,
    about = "Put firmware onto ESP32, ESP8266, AVR, Teensy and RP2040 boards, from any editor and from the shell",
    long_about = None,
    before_help = EXAMPLE,
    after_help = "Without a command this is a language server on standard input and output."
)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,

    /// Be a language server on standard input and output (also without this option)
    #[arg(long)]
    stdio: bool,

    /// How much to log on standard error: off, error, warn, info, debug, trace
    #[arg(long, global = true, value_name = "LEVEL", display_order = LAST)]
    log: Option<LevelFilter>,

    /// Also log to this file, at least at level debug; it is appended to
    #[arg(long, global = true, value_name = "FILE", display_order = LAST)]
    log_file: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Put a project's firmware onto a board, writing only what differs
    #[command(before_help = "Example: fbuild-lsp deploy --port /dev/ttyUSB0 --regions firmware")]
    Deploy(deploy::DeployArguments),
    /// Build a project's firmware with the tool that built it, or would
    #[command(before_help = "Example: fbuild-lsp build --target platformio:esp32dev")]
    Build(build::Arguments),
    /// Check whether a board holds a project's firmware; write nothing
    Verify(deploy::Arguments),
    /// Show what a deploy would write, and how long it would take; write nothing
    Plan(deploy::Arguments),
    /// Show what a board prints, with the places of a crash
    #[command(
        before_help = "Example: fbuild-lsp monitor --port /dev/ttyUSB0 --reset --until ready --timeout 30"
    )]
    Monitor(monitor::Arguments),
    /// Reset a board: its firmware starts again
    Reset(reset::Arguments),
    /// List the serial ports
    Ports(ports::Arguments),
    /// List the targets of a project
    Targets(targets::Arguments),
    /// Show which board is on a port
    Board(board::Arguments),
    /// Show a board's log with the places in the sources that a crash's addresses stand for
    #[command(before_help = "Example: fbuild-lsp decode --elf build/app.elf crash.log")]
    Decode(decode::Arguments),
    /// Serve agents: the same work over the Model Context Protocol, on standard input and output
    #[command(before_help = "Example: fbuild-lsp mcp --port /dev/ttyUSB0 .")]
    Mcp(mcp::Arguments),
    /// Serve a simulated board to any tool that writes to a serial port
    #[command(before_help = "Example: fbuild-lsp sim --chip esp32c3 --flash board.bin")]
    Sim(sim::Arguments),
}

/// The whole program.
pub(crate) fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let is_server = arguments.command.is_none();
    let level = arguments.log.unwrap_or(if is_server {
        LevelFilter::INFO
    } else {
        LevelFilter::ERROR
    });
    let terminal = Terminal::of_this_process();
    let log_file = arguments.log_file.as_deref();
    let log = match log::start(level, is_server, terminal.is_colourful(), log_file) {
        Ok(log) => log,
        Err(error) => {
            let path = log_file.unwrap_or(Path::new("")).display();
            terminal.note(format!("error: cannot log to {path}: {error}"));
            return ExitCode::from(USAGE);
        }
    };
    let boards = LocalBoards {
        state_dir: state_dir::of_this_process(),
    };
    let code = match arguments.command {
        None => {
            let code = server::serve_stdio(boards, log.clone()).unwrap_or_else(|error| {
                tracing::error!(%error, "could not start");
                FAILED
            });
            log.finish();
            code
        }
        Some(Command::Deploy(arguments)) => arguments.run(&boards, terminal),
        Some(Command::Build(arguments)) => arguments.run(terminal),
        Some(Command::Verify(arguments)) => arguments.verify(&boards, terminal),
        Some(Command::Plan(arguments)) => arguments.plan(&boards, terminal),
        Some(Command::Monitor(arguments)) => arguments.run(&boards, terminal),
        Some(Command::Reset(arguments)) => arguments.run(&boards, terminal),
        Some(Command::Ports(arguments)) => arguments.run(&boards, terminal),
        Some(Command::Targets(arguments)) => arguments.run(terminal),
        Some(Command::Board(arguments)) => arguments.run(&boards, terminal),
        Some(Command::Decode(arguments)) => arguments.run(terminal),
        Some(Command::Mcp(arguments)) => arguments.run(&boards, terminal),
        Some(Command::Sim(arguments)) => arguments.run(&boards, terminal),
    };
    ExitCode::from(terminal.exit_code(code))
}

/// The directory that a command is about: the one that was named, else this one, or, where there is
/// nothing of a project in it, the project around it: as cargo and git do. Not one of another user's.
fn directory(named: Option<PathBuf>, terminal: Terminal) -> PathBuf {
    if let Some(named) = named {
        return std::path::absolute(&named).unwrap_or(named);
    }
    let here = std::path::absolute(".").unwrap_or_default();
    if !discover(&here, &Environment::from_process()).is_empty() {
        return here;
    }
    let owner = file::owner(&here);
    match project_around(&here, |dir| file::owner(dir) == owner) {
        Some(project) if project != here => {
            terminal.note(format!("in {}", project.display()));
            project
        }
        _ => here,
    }
}

/// Says what went wrong; the exit code for it.
fn fail(terminal: Terminal, failure: &Failure) -> u8 {
    terminal.failure(failure);
    if failure.is_input { USAGE } else { FAILED }
}
