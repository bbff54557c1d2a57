//! `monitor`, and `deploy --monitor`.

mod exit;
mod input;
mod options;
mod run;
mod view;

use std::path::PathBuf;

use clap::Args;
use fbuild_deploy::request::Mode;
use fbuild_link::Link;
use fbuild_loader::cancel::CancelToken;
use fbuild_project::discover::Environment;
use fbuild_project::target::Target;

use self::input::KeyByKey;
pub(crate) use self::options::{Options, parse_rate};
use self::run::Monitor;
use super::terminal::Terminal;
use super::{USAGE, fail, interrupt};
use crate::boards::{Boards as _, LocalBoards};
use crate::holding::Holding;
use crate::monitor::clock::WallClock;
use crate::monitor::intake::Intake;
use crate::monitor::keys::Keys;
use crate::monitor::listener::Listener;
use crate::monitor::rate::Rate;
use crate::order::Order;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project's directory, whose ELF files name the places of a crash; else this one, or the project around it
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Target that the board is expected to run, and that is deployed from here
    #[arg(long, value_name = "NAME")]
    target: Option<String>,

    /// Port: a device, COM5, `ser=SERIAL`, `usb=VID:PID[:SERIAL]`, `loc=1-2.3`, `rfc2217://host:port`,
    /// `socket://host:port`, or `sim:FILE?chip=NAME`; the only board if left out
    #[arg(long, value_name = "PORT")]
    port: Option<String>,

    /// Baud rate of what the board prints; left out: as the project's own monitor has it, else 115200
    #[arg(long, value_name = "N", value_parser = parse_rate)]
    baud: Option<u32>,

    /// Reset the board first; otherwise it keeps running
    #[arg(long)]
    reset: bool,

    /// Print a JSON object for each line, crash and reset
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    options: Options,
}

impl Arguments {
    pub(crate) fn run(self, boards: &LocalBoards, terminal: Terminal) -> u8 {
        let root = super::directory(self.directory, terminal);
        let order = Order {
            target: self.target,
            port: self.port,
            ..Order::new(Mode::Auto, vec![root])
        };
        let ports = boards.ports_for(order.port.as_deref());
        let (chosen, target) = match order.board(&ports, &Environment::from_process()) {
            Ok(found) => found,
            Err(failure) => return fail(terminal, &failure),
        };
        if let Some(warning) = chosen.warning {
            terminal.note(terminal.warning_line(&warning));
        }
        let cancel = interrupt::token(|_| {});
        let start = Start {
            boards,
            order,
            target,
            port: chosen.name,
            baud: self.baud,
            is_json: self.json,
            link: None,
        };
        start.run(self.options, self.reset, &cancel, terminal)
    }
}

/// What a monitor begins with.
pub(super) struct Start<'b> {
    pub(super) boards: &'b LocalBoards,
    pub(super) order: Order,
    pub(super) target: Option<Target>,
    pub(super) port: String,
    /// The rate that was asked for.
    pub(super) baud: Option<u32>,
    pub(super) is_json: bool,
    /// The port, where somebody has it already; it has the boot log's rate then.
    pub(super) link: Option<Box<dyn Link>>,
}

impl Start<'_> {
    /// Monitors until something ends it; the exit code.
    pub(super) fn run(
        self,
        options: Options,
        resets: bool,
        cancel: &CancelToken,
        terminal: Terminal,
    ) -> u8 {
        let root = &self.order.roots[0];
        let elfs = match options.elfs(root, self.target.as_ref(), self.boards.state_dir()) {
            Ok(elfs) => elfs,
            Err(message) => {
                terminal.note(format!("error: {message}"));
                return USAGE;
            }
        };
        let doing = format!("monitoring {}", root.display());
        let holding = Holding::of_monitor(self.boards.state_dir(), &self.port, doing);
        let rate = Rate::of(self.baud, None, self.target.as_ref());
        let mut listener = match Listener::open(holding, &self.port, rate, self.link) {
            Ok(listener) => listener,
            Err(failure) => return fail(terminal, &failure),
        };
        listener.device = self.target.as_ref().and_then(Target::device);
        let clock = WallClock::at(listener.now());
        let ends = options.ends();
        let line_end = options.line_end();
        let console = self.target.as_ref().map(|target| &target.console);
        let (view, log) = match options.view(terminal, self.is_json, clock, console) {
            Ok(shown) => shown,
            Err(message) => {
                terminal.note(format!("error: {message}"));
                return USAGE;
            }
        };
        let is_person = input::is_a_person();
        let mut monitor = Monitor {
            elfs,
            boards: self.boards,
            order: self.order,
            port: self.port,
            listener,
            intake: Intake::new(log),
            view,
            ends,
            ending: None,
            cancel,
            key_by_key: is_person.then(KeyByKey::start),
            keys: Keys::new(is_person, line_end),
        };
        let described = monitor.listener.described();
        if is_person {
            let hint = "Ctrl+] quits, Ctrl+T H is help";
            monitor.view.note(&format!("{described}; {hint}"));
        } else if rate.from.is_some() {
            monitor.view.note(&described);
        }
        if let Some(warning) = monitor.listener.warning() {
            monitor.view.note(&warning);
        }
        if resets {
            monitor.reset();
        }
        let end = monitor.run();
        monitor.finish(&end)
    }
}
