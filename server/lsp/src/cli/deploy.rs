//! `deploy`, `verify` and `plan`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::{Args, ValueEnum};
use fbuild_chip::flash::parse_offset;
use fbuild_chip::{Chip, Device};
use fbuild_deploy::event::Event;
use fbuild_deploy::outcome::Backend;
use fbuild_deploy::request::{Baud, Mode, Request};
use fbuild_link::lent::Slot;
use fbuild_link::port_name::PortName;
use fbuild_link::serial::PortInfo;
use fbuild_loader::cancel::CancelToken;
use fbuild_project::discover::Environment;

use super::bars::Bars;
use super::build;
use super::outcome::{exit_code, tell};
use super::terminal::Terminal;
use super::{SUCCESS, USAGE, interrupt, monitor};
use crate::boards::{Boards as _, LocalBoards};
use crate::build::Built;
use crate::order::Order;
use crate::port;
use crate::stop::Stop;

#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools)] // flags, independent of each other
pub(crate) struct DeployArguments {
    #[command(flatten)]
    common: Arguments,

    /// Write every region, also those that match
    #[arg(long, conflicts_with = "dry_run")]
    full: bool,

    /// Say what would be written, and write nothing; the same as `plan`
    #[arg(long)]
    dry_run: bool,

    /// Write where it is refused for safety (secured boards, sizes that do not agree, nothing that
    /// boots); the board may not start afterwards
    #[arg(long)]
    force: bool,

    /// Build first, with the tool that built the target, or would
    #[arg(long, conflicts_with_all = ["dry_run", "images"])]
    build: bool,

    /// Stop, instead of warning, where a new partition table would cost data on the board
    #[arg(long)]
    keep_data: bool,

    /// Then show what the board prints, from its first byte, over the same port
    #[arg(long, conflicts_with = "dry_run")]
    monitor: bool,

    /// Baud rate of what the board prints, with --monitor; left out: as the project's own monitor has it, else 115200
    #[arg(long, value_name = "N", value_parser = monitor::parse_rate, requires = "monitor")]
    monitor_baud: Option<u32>,

    #[command(flatten)]
    options: monitor::Options,
}

/// Arguments that all three share.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The project's directory; else this one, or the project around it
    #[arg(value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Target to use, where the project has several: `espidf:build`, or `build` if that is clear
    #[arg(long, value_name = "NAME")]
    target: Option<String>,

    /// Port: a device, COM5, `ser=SERIAL`, `usb=VID:PID[:SERIAL]`, `loc=1-2.3`, `rfc2217://host:port`,
    /// `socket://host:port`, `espota://host` to deploy over the air, `usb:` (a Teensy or RP2040 in its boot loader),
    /// or `sim:FILE?chip=NAME`; the only board if left out
    #[arg(long, value_name = "PORT")]
    port: Option<String>,

    /// Only these regions, separated by commas: bootloader,partitions,firmware
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    regions: Option<Vec<String>>,

    /// Baud rate to write at
    #[arg(long, value_name = "auto|N", default_value = "auto", value_parser = parse_baud)]
    baud: Baud,

    /// Who talks to the board: this program, or Espressif's esptool, which must be installed
    #[arg(long, value_enum, default_value = "native")]
    backend: BackendArgument,

    /// The esptool to use, version 4 or 5, instead of the one that is found; an ESP8266's stub is taken out of it
    #[arg(long, value_name = "PATH")]
    esptool: Option<PathBuf>,

    /// A file and where it goes, instead of a project's target; may be repeated
    #[arg(
        long = "image",
        num_args = 2,
        value_names = ["OFFSET", "FILE"],
        action = clap::ArgAction::Append,
        conflicts_with_all = ["directory", "target"]
    )]
    images: Vec<String>,

    /// Do not use or keep copies of what boards were given, which make the next comparison shorter and explain crashes
    #[arg(long)]
    no_keep_images: bool,

    #[command(flatten)]
    differences: Differences,

    /// Print the outcome as one JSON object
    #[arg(long)]
    json: bool,
}

/// Where differences are sent.
#[derive(Debug, Clone, Copy, clap::Args)]
struct Differences {
    /// Send whole sectors, never the differences to what the board holds
    #[arg(long)]
    no_delta: bool,

    /// Send differences also to chips on which that was never tried (docs/differences.md names them)
    #[arg(long, conflicts_with = "no_delta")]
    delta_on_any_chip: bool,
}

/// How much is risked, and what is done first.
#[derive(Debug, Clone, Copy, Default)]
struct Care {
    force: bool,
    keep_data: bool,
    build: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum BackendArgument {
    Native,
    Esptool,
}

impl From<BackendArgument> for Backend {
    fn from(argument: BackendArgument) -> Self {
        match argument {
            BackendArgument::Native => Self::Native,
            BackendArgument::Esptool => Self::Esptool,
        }
    }
}

fn parse_baud(text: &str) -> Result<Baud, String> {
    if text == "auto" {
        return Ok(Baud::Auto);
    }
    let rate = text.parse().ok().and_then(Baud::fixed);
    rate.ok_or_else(|| format!("expected {}, as in 921600", Baud::EXPECTED))
}

impl DeployArguments {
    pub(crate) fn run(self, boards: &LocalBoards, terminal: Terminal) -> u8 {
        let mode = match (self.full, self.dry_run) {
            (_, true) => Mode::Plan,
            (true, false) => Mode::Full,
            (false, false) => Mode::Auto,
        };
        let care = Care {
            force: self.force,
            keep_data: self.keep_data,
            build: self.build,
        };
        if !self.monitor {
            if self.options.is_given() {
                return wrong_usage("options of a monitor need --monitor", terminal);
            }
            return self.common.run(mode, care, boards, terminal);
        }
        if matches!(self.common.backend, BackendArgument::Esptool) {
            let why = "--monitor needs --backend native: esptool does not give the port back before the \
                       board starts";
            return wrong_usage(why, terminal);
        }
        let port = self.common.port.as_deref().map(PortName::of);
        if port.is_some_and(PortName::is_over_the_air) {
            let why = "--monitor needs a serial port: over the air a device takes firmware, and prints nothing";
            return wrong_usage(why, terminal);
        }
        let is_json = self.common.json;
        let slot = Slot::default();
        let done = match self
            .common
            .deploy(mode, care, boards, Some(&slot), terminal)
        {
            Ok(done) => done,
            Err(code) => return code,
        };
        let (Some(request), SUCCESS) = (done.request, done.code) else {
            return done.code;
        };
        let start = monitor::Start {
            boards,
            order: done.order,
            target: Some(request.target),
            port: request.port,
            baud: self.monitor_baud,
            is_json,
            link: slot.take(),
        };
        start.run(self.options, false, &done.cancel, terminal)
    }
}

impl Arguments {
    pub(crate) fn verify(self, boards: &LocalBoards, terminal: Terminal) -> u8 {
        self.run(Mode::Verify, Care::default(), boards, terminal)
    }

    pub(crate) fn plan(self, boards: &LocalBoards, terminal: Terminal) -> u8 {
        self.run(Mode::Plan, Care::default(), boards, terminal)
    }

    fn run(self, mode: Mode, care: Care, boards: &LocalBoards, terminal: Terminal) -> u8 {
        let done = self.deploy(mode, care, boards, None, terminal);
        done.map_or_else(|code| code, |done| done.code)
    }

    /// Deploys, verifies or plans, and tells the outcome. `slot` gets the link afterwards.
    fn deploy(
        self,
        mode: Mode,
        care: Care,
        boards: &LocalBoards,
        slot: Option<&Slot>,
        terminal: Terminal,
    ) -> Result<Done, u8> {
        let as_json = self.json;
        let (keep_images, differences) = (!self.no_keep_images, self.differences);
        let order = self
            .order(mode, care.force, terminal)
            .map_err(|message| wrong_usage(&message, terminal))?;
        let mut bars = Bars::new(terminal);
        let is_over = Arc::new(AtomicBool::new(false));
        let cancel = interrupt::token({
            let (say, is_over) = (bars.voice(), Arc::clone(&is_over));
            move |line| {
                if !is_over.load(Ordering::Acquire) {
                    say(line);
                }
            }
        });
        let ports = boards.ports_for(order.port.as_deref());
        let mut is_lost = false;
        let mut request_done = None;
        let mut built = None;
        let resolved = if care.build {
            built_first(&order, &ports, &mut built, &cancel, terminal)
        } else {
            let resolved = order.resolve(&ports, &Environment::from_process());
            resolved.map_err(Stop::from)
        };
        let report = match resolved {
            Err(Stop::Cancelled) => order.cancelled(Duration::ZERO),
            Err(Stop::Failed(failure)) => order.refused(failure, Duration::ZERO),
            Ok(mut request) => {
                if request.esptool.is_some() && !uses_esptool(&request) {
                    let why = "--esptool needs --backend esptool; the native backend takes only an ESP8266's \
                               stub out of it";
                    return Err(wrong_usage(why, terminal));
                }
                request.keep_data = care.keep_data;
                request.keep_images = keep_images;
                request.delta = !differences.no_delta;
                request.delta_on_any_chip = differences.delta_on_any_chip;
                if slot.is_some() && request.carrier() == Backend::Usb {
                    let why = "--monitor needs a port that stays: this board is deployed to by its boot loader on \
                               USB; deploy without it, then run `fbuild-lsp monitor`";
                    return Err(wrong_usage(why, terminal));
                }
                is_lost = port::is_lost(&request.port, boards.state_dir());
                // Of several targets the newest is taken: a person wants to know which that was.
                bars.voice()(format!("{} of {}", order.verb(), request.target.name).into());
                let mut hear = |event: Event| match event {
                    // Its table says more.
                    Event::Planned(_) if mode == Mode::Plan => {}
                    event => bars.hear(&event),
                };
                let mut report = boards.deploy(&request, slot, &mut hear, &cancel);
                let is_8266 = |it| it == Device::Esp(Chip::Esp8266);
                if request.esptool.is_some()
                    && request.carrier() == Backend::Native
                    && report.chip.is_some_and(|it| !is_8266(it))
                {
                    let why = "--esptool did nothing: the native backend takes only an ESP8266's stub out of it";
                    report.warnings.push(why.to_owned());
                }
                request_done = Some(request);
                report
            }
        };
        is_over.store(true, Ordering::Release);
        tell(&report, built.as_ref(), &bars, as_json, terminal);
        if is_lost {
            terminal.note(
                "the simulated board is not kept, as there is no home directory to keep it in: name a \
                 file for it, as in sim:board.bin",
            );
        }
        Ok(Done {
            code: exit_code(&report),
            order,
            request: request_done,
            cancel,
        })
    }

    fn order(self, mode: Mode, force: bool, terminal: Terminal) -> Result<Order, String> {
        let mut files = Vec::new();
        for pair in self.images.chunks_exact(2) {
            let offset = parse_offset(&pair[0]).ok_or_else(|| {
                format!(
                    "'{}' is not an offset; expected a number, as in 0x10000",
                    pair[0]
                )
            })?;
            files.push((offset, PathBuf::from(&pair[1])));
        }
        // Files need no project.
        let directory = if files.is_empty() {
            super::directory(self.directory, terminal)
        } else {
            PathBuf::new()
        };
        Ok(Order {
            files,
            target: self.target,
            port: self.port,
            regions: self.regions,
            baud: self.baud,
            force,
            backend: self.backend.into(),
            esptool: self.esptool,
            ..Order::new(mode, vec![directory])
        })
    }
}

/// What an order comes to once its subject is built.
fn built_first(
    order: &Order,
    ports: &[PortInfo],
    built: &mut Option<Built>,
    cancel: &CancelToken,
    terminal: Terminal,
) -> Result<Request, Stop> {
    let environment = Environment::from_process();
    let subject = order.subject(&environment)?;
    *built = Some(build::first(&subject, &environment, cancel, terminal)?);
    let mut request = order.resolve_built(&subject, ports, &environment)?;
    // The tool knows what its firmware depends on; times are only a hint.
    request.target.inputs.clear();
    Ok(request)
}

/// Whether an esptool has a part in it. Files may be for an ESP8266 without saying so.
fn uses_esptool(request: &Request) -> bool {
    let is_for = |chip| chip == Chip::Esp8266;
    request.carrier() == Backend::Esptool
        || request.carrier() == Backend::Native && request.target.chip.is_none_or(is_for)
}

/// What is left of a deploy.
struct Done {
    code: u8,
    order: Order,
    /// What the order came to.
    request: Option<Request>,
    cancel: CancelToken,
}

fn wrong_usage(message: &str, terminal: Terminal) -> u8 {
    terminal.note(format!("error: {message}"));
    USAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_as_people_write_them() {
        assert_eq!(parse_baud("auto"), Ok(Baud::Auto));
        assert_eq!(parse_baud("921600"), Ok(Baud::Fixed(921_600)));
        for wrong in ["0", "7", "9599", "5000001", "fast", ""] {
            assert!(parse_baud(wrong).is_err(), "{wrong}");
        }
    }
}
