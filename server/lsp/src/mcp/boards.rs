//! Tools that look at a board, or write to one.

use std::path::PathBuf;
use std::time::Duration;

use fbuild_deploy::event::Event;
use fbuild_deploy::outcome::{Failure, OutcomeKind, Report};
use fbuild_deploy::request::{Mode, Request};
use fbuild_link::lent::Slot;
use fbuild_link::serial::PortInfo;
use fbuild_project::discover::Environment;
use fbuild_project::target::Target;
use regex::Regex;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::monitor::{Limits, Output, listen, pattern};
use super::{Answer, Call};
use crate::boards::Boards as _;
use crate::holding::Holding;
use crate::json::{BoardAnswer, Outcome, PortList};
use crate::monitor::elfs::Elfs;
use crate::monitor::listener::Listener;
use crate::monitor::rate::{Rate, is_rate};
use crate::order::Order;
use crate::port::{self, Wishes};
use crate::progress::Tracker;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ports {}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Identifying {
    /// The board's port, as `ports` names it; the only board if left out
    port: Option<String>,
}

/// What `plan`, `verify` and `deploy` are about.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Comparing {
    /// The project's directory, if it is not the one that the server was started for
    directory: Option<PathBuf>,
    /// Target to use, where the project has several, as `targets` names it; else the one built last
    target: Option<String>,
    /// The board's port, as `ports` names it, or `sim:` for a simulated board; the only board if left out
    port: Option<String>,
    /// Only these regions, by name; else all of the target's
    regions: Option<Vec<String>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Deploying {
    /// The project's directory, if it is not the one that the server was started for
    directory: Option<PathBuf>,
    /// Target to use, where the project has several, as `targets` names it; else the one built last
    target: Option<String>,
    /// The board's port, as `ports` names it, or `sim:` for a simulated board; the only board if left out
    port: Option<String>,
    /// Only these regions, by name; else all of the target's
    regions: Option<Vec<String>>,
    /// Write every region, also those that match
    #[serde(default)]
    full: bool,
    /// Write although data on the board is lost, or where it is refused for safety; only if the person agreed
    #[serde(default)]
    force: bool,
    /// Then listen to what the board prints, from its first byte
    monitor: Option<Limits>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Monitoring {
    /// The project's directory, whose ELF files name the places of a crash
    directory: Option<PathBuf>,
    /// Target that the board is expected to run
    target: Option<String>,
    /// The board's port, as `ports` names it; the only board if left out
    port: Option<String>,
    /// Baud rate of what the board prints; left out: as the project's own monitor has it, else 115200
    #[serde(default, deserialize_with = "rate")]
    baud: Option<u32>,
    /// Reset the board first; otherwise it keeps running
    #[serde(default)]
    reset: bool,
    /// End at a line that matches this regular expression
    #[serde(default, deserialize_with = "pattern")]
    #[schemars(with = "Option<String>")]
    until: Option<Regex>,
    /// End at a line that matches this regular expression, as a failure
    #[serde(default, deserialize_with = "pattern")]
    #[schemars(with = "Option<String>")]
    fail: Option<Regex>,
    /// End after this many seconds; 10 if left out, 600 at most
    seconds: Option<f64>,
    /// End after this many bytes; 16384 if left out, 1048576 at most
    bytes: Option<usize>,
}

/// What a deploy did, and what the board printed then.
#[derive(Serialize, JsonSchema)]
pub(super) struct Deployed<'r> {
    #[serde(flatten)]
    outcome: Outcome<'r>,
    /// Only if it was asked for, and the deploy succeeded
    #[serde(skip_serializing_if = "Option::is_none")]
    monitor: Option<Output>,
}

fn rate<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let rate = Option::<u32>::deserialize(deserializer)?;
    let wrong = || D::Error::custom("baud is a number from 300 to 5000000");
    rate.map(|rate| is_rate(rate).then_some(rate).ok_or_else(wrong))
        .transpose()
}

pub(super) fn ports(call: &Call<'_>, _: Ports) -> Answer {
    Answer::good(&PortList::from(call.host.boards.ports().as_slice()))
}

#[allow(clippy::needless_pass_by_value)] // consumed, as every tool's arguments are
pub(super) fn board(call: &Call<'_>, asked: Identifying) -> Answer {
    let boards = &call.host.boards;
    let answer = call.port(asked.port.as_deref()).and_then(|port| {
        let info = boards.info(&port, None, call.cancel)?;
        Ok((port, info))
    });
    Answer::new(
        &BoardAnswer::new(&answer, call.cancel.is_cancelled()),
        answer.is_err(),
    )
}

pub(super) fn plan(call: &Call<'_>, asked: Comparing) -> Answer {
    carry_out(call, Mode::Plan, asked, false, None)
}

pub(super) fn verify(call: &Call<'_>, asked: Comparing) -> Answer {
    carry_out(call, Mode::Verify, asked, false, None)
}

pub(super) fn deploy(call: &Call<'_>, asked: Deploying) -> Answer {
    let mode = if asked.full { Mode::Full } else { Mode::Auto };
    let what = Comparing {
        directory: asked.directory,
        target: asked.target,
        port: asked.port,
        regions: asked.regions,
    };
    carry_out(call, mode, what, asked.force, asked.monitor)
}

pub(super) fn monitor(call: &Call<'_>, asked: Monitoring) -> Answer {
    match monitored(call, asked) {
        Ok(heard) => Answer::new(&heard, heard.is_error()),
        Err(failure) => Answer::failed(&failure),
    }
}

fn carry_out(
    call: &Call<'_>,
    mode: Mode,
    asked: Comparing,
    force: bool,
    limits: Option<Limits>,
) -> Answer {
    let order = call.order(mode, asked, force);
    let slot = Slot::default();
    let (report, request) = match call.request(&order, &call.host.boards.ports()) {
        Err(failure) => (order.refused(failure, Duration::ZERO), None),
        Ok(request) => {
            let report = call.deploy(&request, limits.is_some().then_some(&slot));
            (report, Some(request))
        }
    };
    let is_error = matches!(report.outcome, OutcomeKind::Failed | OutcomeKind::Cancelled);
    let heard = match (request, slot.take(), limits) {
        (Some(request), Some(link), Some(limits)) if !is_error => {
            let doing = format!("monitoring {}", request.target.root.display());
            let holding = Holding::of_monitor(call.host.boards.state_dir(), &request.port, doing);
            // Only a link that has to be opened or slowed down can fail.
            let rate = Rate::of(None, None, Some(&request.target));
            Listener::open(holding, &request.port, rate, Some(link))
                .ok()
                .map(|listener| {
                    let elfs = Elfs::of_targets(
                        &order.roots[0],
                        Some(&request.target),
                        call.host.boards.state_dir(),
                    );
                    listen(call, listener, limits, elfs)
                })
        }
        _ => None,
    };
    let is_error = is_error || heard.as_ref().is_some_and(Output::is_error);
    let deployed = Deployed {
        outcome: Outcome::new(&report, None),
        monitor: heard,
    };
    Answer::new(&deployed, is_error)
}

fn monitored(call: &Call<'_>, asked: Monitoring) -> Result<Output, Failure> {
    let limits = Limits {
        until: asked.until,
        fail: asked.fail,
        seconds: asked.seconds,
        bytes: asked.bytes,
    };
    let what = Comparing {
        directory: asked.directory,
        target: asked.target,
        port: asked.port,
        regions: None,
    };
    let order = call.order(Mode::Auto, what, false);
    let ports = call.host.boards.ports();
    let (chosen, target) = order.board(&ports, &Environment::from_process())?;
    let port = chosen.name;
    call.host.may_use(&port, &ports)?;
    let doing = format!("monitoring {}", order.roots[0].display());
    let holding = Holding::of_monitor(call.host.boards.state_dir(), &port, doing);
    let rate = Rate::of(asked.baud, None, target.as_ref());
    let mut listener = Listener::open(holding, &port, rate, None)?;
    listener.device = target.as_ref().and_then(Target::device);
    if asked.reset {
        listener.reset()?;
    }
    let elfs = Elfs::of_targets(
        &order.roots[0],
        target.as_ref(),
        call.host.boards.state_dir(),
    );
    let mut heard = listen(call, listener, limits, elfs);
    heard.warning = chosen.warning;
    Ok(heard)
}

impl Call<'_> {
    fn order(&self, mode: Mode, asked: Comparing, force: bool) -> Order {
        Order {
            target: asked.target,
            port: asked.port.or_else(|| self.host.port.clone()),
            regions: asked.regions,
            force,
            ..Order::new(mode, vec![self.host.directory(asked.directory)])
        }
    }

    /// The port that is meant, if it may be used.
    fn port(&self, asked: Option<&str>) -> Result<String, Failure> {
        let ports = self.host.boards.ports();
        let wishes = Wishes {
            asked: asked.or(self.host.port.as_deref()),
            ..Wishes::default()
        };
        let port = port::choose(&wishes, &ports)?.name;
        self.host.may_use(&port, &ports)?;
        Ok(port)
    }

    fn request(&self, order: &Order, ports: &[PortInfo]) -> Result<Request, Failure> {
        let mut target =
            order.choose_target(order.target.as_deref(), &Environment::from_process())?;
        target.ota_password = target.ota_password.filter(|_| self.host.is_trusted);
        let mut request = order.resolve_target(target, ports)?;
        self.host.may_use(&request.port, ports)?;
        request.keep_data = !order.force;
        Ok(request)
    }

    fn deploy(&self, request: &Request, slot: Option<&Slot>) -> Report {
        let mut tracker = Tracker::of(request);
        let mut seen = None;
        let mut told = None;
        let mut hear = |event: Event| {
            let step = tracker.hear(&event);
            let is_more_of_it =
                matches!(event, Event::Progress { .. }) && told == Some(step.percent);
            if !is_more_of_it {
                told = Some(step.percent);
                (self.progress)(step.percent, &step.text);
            }
            if let Event::Connected(board) = event {
                seen = Some(board);
            }
        };
        let boards = &self.host.boards;
        let report = boards.deploy(request, slot, &mut hear, self.cancel);
        if matches!(request.mode, Mode::Auto | Mode::Full) {
            self.host.history().note(request, &report, seen.as_ref());
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use fbuild_link::UsbId;
    use fbuild_loader::cancel::CancelToken;

    use super::*;
    use crate::boards::LocalBoards;
    use crate::mcp::Host;

    #[test]
    fn an_agent_learns_that_the_project_s_own_port_was_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let ini = "[env:lamp]\nplatform = espressif32\nboard = esp32dev\nframework = arduino\n\
                   upload_protocol = espota\nupload_port = lamp.local\n";
        std::fs::write(folder.path().join("platformio.ini"), ini).unwrap();
        let built = folder.path().join(".pio/build/lamp");
        std::fs::create_dir_all(&built).unwrap();
        for name in ["firmware.bin", "bootloader.bin", "partitions.bin"] {
            std::fs::write(built.join(name), name).unwrap();
        }
        let host = Host {
            boards: LocalBoards { state_dir: None },
            directory: folder.path().to_owned(),
            port: None,
            is_trusted: false,
        };
        let call = Call {
            host: &host,
            cancel: &CancelToken::new(),
            progress: &|_, _| {},
        };
        let order = call.order(Mode::Plan, Comparing::default(), false);
        let usb = UsbId {
            vid: 0x10C4,
            pid: 1,
            serial_number: None,
            product: None,
        };
        let ports = [PortInfo {
            name: "/dev/ttyUSB0".to_owned(),
            usb: Some(usb),
        }];
        let request = call.request(&order, &ports).unwrap();
        assert_eq!(request.port, "/dev/ttyUSB0");
        let remarks = request.target.remarks.join("\n");
        assert!(
            remarks.contains("asks for espota://lamp.local"),
            "{remarks}"
        );
    }
}
