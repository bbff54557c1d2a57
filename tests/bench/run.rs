//! One run: a fresh board, one contestant, a stopwatch, and a look at what is in flash afterwards.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::PoisonError;
use std::time::{Duration, Instant, SystemTime};

use fbuild_sim::{Board, serve};
use serde::{Deserialize, Serialize};

use crate::contestant::{Call, Contestant, Way, differing};
use crate::lsp::Server;
use crate::namespace;
use crate::parameters::{Conditions, FLASH_SIZE, Link};
use crate::scenario::Case;
use crate::timeline::{self, Command, Phases};
use crate::tools::Tools;

/// Longest time for one run; the slowest there is (everything at 115200 baud) takes two minutes.
const PATIENCE: Duration = Duration::from_mins(5);
/// How often a process is asked whether it has ended: the resolution of the stopwatch.
const POLL: Duration = Duration::from_micros(500);

/// What was measured in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Run {
    /// From before the first process was started until the last one had ended; with the warm
    /// server, from the request to its answer.
    pub(crate) wall_s: f64,
    /// From the first byte on the link to the last, in either direction, on the board's clock.
    pub(crate) link_s: f64,
    /// Bytes that the computer sent, and received.
    pub(crate) sent_bytes: u64,
    pub(crate) received_bytes: u64,
    pub(crate) round_trips: u32,
    pub(crate) sectors_erased: u64,
    pub(crate) programmed_bytes: u64,
    pub(crate) hashed_bytes: u64,
    pub(crate) phases: Phases,
    /// Processes that wanted a CPU in the last minute, as the operating system counts them: whether
    /// something else disturbed the run.
    pub(crate) load: f64,
    /// Why it does not count, if it does not.
    pub(crate) failure: Option<String>,
}

/// A process that has ended.
struct Finished {
    succeeded: bool,
    output: String,
    /// What it took to make the pty look like a serial port.
    set_up: Duration,
}

/// What all runs need.
pub(crate) struct Bench<'a> {
    pub(crate) tools: &'a Tools,
    pub(crate) link: &'a Link,
    pub(crate) conditions: Conditions,
    pub(crate) case: &'a Case,
    pub(crate) server: Server,
    /// Folder for what programs print.
    pub(crate) scratch: &'a Path,
    /// Writes a timeline of each run there.
    pub(crate) timelines: Option<&'a Path>,
}

impl Bench<'_> {
    /// Lets our program remember no deploy, or that of the old build.
    fn remember(&self) -> io::Result<()> {
        let images = self.tools.state.join("fbuild-lsp/images");
        if images.is_dir() {
            std::fs::remove_dir_all(&images)?;
        }
        let Some(old) = self
            .case
            .old
            .as_ref()
            .filter(|_| self.case.scenario.remembers())
        else {
            return Ok(());
        };
        let chip = self.case.chip.name();
        let of = format!("{chip}-{}", self.case.scenario.name());
        let kept = self.scratch.join(format!("images-{of}"));
        if !kept.is_dir() {
            let board = self.scratch.join(format!("old-{of}.bin"));
            let deployed = self
                .tools
                .command(&self.tools.ours)
                .arg("deploy")
                .arg(&old.folder)
                .arg("--port")
                .arg(format!("sim:{}?chip={chip}", board.display()))
                .output()?;
            if !deployed.status.success() {
                let said = String::from_utf8_lossy(&deployed.stderr);
                return Err(io::Error::other(format!("the old build: {said}")));
            }
            std::fs::rename(&images, &kept)?;
        }
        std::fs::create_dir_all(&images)?;
        for file in std::fs::read_dir(&kept)? {
            let file = file?;
            std::fs::copy(file.path(), images.join(file.file_name()))?;
        }
        Ok(())
    }

    /// Starts a server and lets it deploy once, to a board of its own.
    pub(crate) fn warm_up(&mut self) -> io::Result<()> {
        let flash = self.scratch.join("warm-up.bin");
        let _ = std::fs::remove_file(&flash);
        let port = format!("sim:{}?chip={}", flash.display(), self.case.chip.name());
        let outcome = self
            .server
            .deploy(&self.case.new.folder, &port, "auto", PATIENCE)?;
        match outcome["outcome"].as_str() {
            Some("failed") | None => Err(io::Error::other(format!("warm-up: {outcome}"))),
            Some(_) => Ok(()),
        }
    }

    /// Lets `contestant` deploy onto a fresh board.
    pub(crate) fn run(&mut self, contestant: &Contestant) -> io::Result<Run> {
        let board = Board::builder(self.case.chip)
            .flash_size(FLASH_SIZE)
            .flash_contents(self.case.flash_before())
            .connection(self.link.connection)
            .timing(self.link.timing(self.conditions))
            .lines(false)
            .start_in_download_mode()
            .build()
            .map_err(io::Error::other)?;
        self.remember()?;
        let load = load();
        timeline::take();
        let (server, port) = if self.link.is_remote {
            let server = serve::rfc2217(board, "127.0.0.1:0")?;
            let port = format!("rfc2217://{}", server.address());
            (server, port)
        } else {
            let server = serve_on_pty(board)?;
            let port = server.address().to_owned();
            (server, port)
        };
        // The board's thread is up.
        std::thread::sleep(Duration::from_millis(20));
        let began = Instant::now();
        let deployed = self.deploy(contestant, &port);
        let ended = Instant::now();
        let commands = timeline::take();
        let board = server.board();
        server.stop()?;
        let board = board.lock().unwrap_or_else(PoisonError::into_inner);
        let (set_ups, failure) = match deployed {
            Ok(set_ups) => (set_ups, self.case.fault_in(board.flash().contents())),
            Err(error) => (Vec::new(), Some(error.to_string())),
        };
        let set_up: Duration = set_ups.iter().sum();
        let between: Duration = set_ups.iter().skip(1).sum();
        let stats = board.stats();
        // Zero on the board's clock. The first request of all comes in one piece.
        let board_start = match (commands.first(), stats.first_byte) {
            (Some(first), Some(first_byte)) => first.at.checked_sub(first_byte).unwrap_or(began),
            _ => began,
        };
        let mut phases = timeline::phases(&commands, began, ended, board_start);
        phases.start -= set_up.as_secs_f64();
        self.keep_timeline(contestant, &commands, began, board_start)?;
        Ok(Run {
            wall_s: ended
                .duration_since(began)
                .saturating_sub(set_up)
                .as_secs_f64(),
            link_s: stats.link_time().saturating_sub(between).as_secs_f64(),
            sent_bytes: stats.bytes_received,
            received_bytes: stats.bytes_sent,
            round_trips: stats.commands,
            sectors_erased: stats.flash.sectors_erased,
            programmed_bytes: stats.flash.bytes_programmed,
            hashed_bytes: stats.bytes_hashed,
            phases,
            load,
            failure,
        })
    }

    /// Gives the times that were spent, per process, on what no contestant should have to pay for.
    fn deploy(&mut self, contestant: &Contestant, port: &str) -> io::Result<Vec<Duration>> {
        if contestant.way == Way::OursLsp {
            let folder = &self.case.new.folder;
            let outcome = self
                .server
                .deploy(folder, port, &contestant.baud_text(), PATIENCE)?;
            return match outcome["outcome"].as_str() {
                Some("failed" | "cancelled") | None => Err(io::Error::other(outcome.to_string())),
                Some(_) => Ok(Vec::new()),
            };
        }
        let calls = contestant.calls(self.case, port, self.tools);
        if contestant.way == Way::EsptoolVerifyThenWrite {
            return self.verify_then_write(contestant, port, &calls);
        }
        let mut set_ups = Vec::new();
        for call in &calls {
            let finished = self.execute(call, port)?;
            if !finished.succeeded {
                return Err(io::Error::other(last_lines(&finished.output)));
            }
            set_ups.push(finished.set_up);
        }
        Ok(set_ups)
    }

    fn verify_then_write(
        &self,
        contestant: &Contestant,
        port: &str,
        calls: &[Call],
    ) -> io::Result<Vec<Duration>> {
        for call in calls {
            let verify = self.execute(call, port)?;
            if verify.succeeded {
                continue;
            }
            let offsets = differing(&verify.output);
            if offsets.is_empty() {
                return Err(io::Error::other(last_lines(&verify.output)));
            }
            let write = contestant.write_flash(self.case, port, self.tools, &[], &offsets);
            let write = self.execute(&write, port)?;
            if !write.succeeded {
                return Err(io::Error::other(last_lines(&write.output)));
            }
        }
        Ok(Vec::new())
    }

    /// Runs one program to its end.
    fn execute(&self, call: &Call, port: &str) -> io::Result<Finished> {
        let path = self.scratch.join("output.txt");
        let output = File::create(&path)?;
        let mut command = if call.needs_listed_port {
            let mut command = self.tools.command("unshare");
            command.args(namespace::arguments(port)).arg(&call.program);
            command
        } else {
            self.tools.command(&call.program)
        };
        let spawned = SystemTime::now();
        let began = Instant::now();
        let mut child = command
            .args(&call.arguments)
            .stdin(Stdio::null())
            .stderr(output.try_clone()?)
            .stdout(output)
            .spawn()?;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            if began.elapsed() > PATIENCE {
                child.kill()?;
                child.wait()?;
                let seconds = PATIENCE.as_secs();
                return Err(io::Error::other(format!("did not end within {seconds} s")));
            }
            std::thread::sleep(POLL);
        };
        let mut output = String::from_utf8_lossy(&std::fs::read(&path)?).into_owned();
        let mut set_up = Duration::ZERO;
        if call.needs_listed_port {
            (set_up, output) = namespace::split(&output, spawned)
                .ok_or_else(|| io::Error::other(format!("unshare: {}", last_lines(&output))))?;
        }
        Ok(Finished {
            succeeded: status.success(),
            output,
            set_up,
        })
    }

    fn keep_timeline(
        &self,
        contestant: &Contestant,
        commands: &[Command],
        began: Instant,
        board_start: Instant,
    ) -> io::Result<()> {
        let Some(folder) = self.timelines else {
            return Ok(());
        };
        let name: String = [
            self.case.chip.name(),
            self.link.name,
            self.case.scenario.name(),
        ]
        .into_iter()
        .chain([contestant.name])
        .collect::<Vec<_>>()
        .join(" ")
        .replace(|c: char| !c.is_ascii_alphanumeric(), "-");
        let text = timeline::listing(commands, began, board_start);
        std::fs::write(folder.join(format!("{name}.txt")), text)
    }
}

#[cfg(unix)]
fn serve_on_pty(board: Board) -> io::Result<serve::Server> {
    serve::pty(board, serve::PtyOptions::default())
}

#[cfg(not(unix))]
fn serve_on_pty(_: Board) -> io::Result<serve::Server> {
    Err(io::Error::new(
        io::ErrorKind::Unsupported,
        "this operating system has no ptys",
    ))
}

/// The load average over a minute; 0 where there is none.
fn load() -> f64 {
    std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split(' ').next()?.parse().ok())
        .unwrap_or(0.0)
}

fn last_lines(output: &str) -> String {
    let lines: Vec<&str> = output
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    lines[lines.len().saturating_sub(3)..].join(" / ")
}
