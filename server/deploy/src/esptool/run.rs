//! Running esptool: as a process group of its own, in a folder of its own, with a person who may
//! cancel. The only place of this backend that touches the world.
//!
//! The folder matters: Python takes modules, and esptool its settings, from where it is started, and
//! that must never be a stranger's project.

use std::io::{self, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use fbuild_loader::cancel::CancelToken;
use fbuild_loader::error::LoaderError;

use super::error::EsptoolError;
use super::find::Candidate;
use super::output::Lines;
use crate::failure::DeployError;
use crate::process_group::Group;

/// How often the cancel token is looked at.
const POLL: Duration = Duration::from_millis(20);
/// Once the process has ended, how long its output is read.
const REST: Duration = Duration::from_millis(300);
/// Longest silence. esptool waits up to 8 s for a hash of each megabyte, and up to 250 s for the
/// erase of a large chip (4.8.1 and 5.6.0, `loader.py`).
const SILENCE: Duration = Duration::from_mins(5);
/// Lines that are kept, for verdicts and to explain an error.
const KEPT_LINES: usize = 1000;
/// Chunks of output under way.
const CHUNKS: usize = 64;

/// How a run ended.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) status: ExitStatus,
    /// The last lines that it said.
    pub(super) lines: Vec<String>,
}

impl Ran {
    /// `exit code 2`.
    pub(super) fn how(&self) -> String {
        match self.status.code() {
            Some(code) => format!("exit code {code}"),
            None => self.status.to_string(),
        }
    }
}

/// Runs it to its end; `hear` gets each line as soon as it is there.
pub(super) fn run(
    candidate: &Candidate,
    arguments: &[String],
    folder: &Path,
    cancel: &CancelToken,
    hear: &mut dyn FnMut(&str),
) -> Result<Ran, DeployError> {
    tracing::debug!(%candidate, ?arguments, "esptool");
    let (mut group, output) =
        start(candidate, arguments, folder).map_err(|error| EsptoolError::Unusable {
            program: candidate.to_string(),
            why: not_started(candidate, &error),
        })?;
    let mut listener = Listener {
        lines: Lines::default(),
        kept: Vec::new(),
        hear,
    };
    let mut heard = Instant::now();
    let mut ended: Option<Instant> = None;
    loop {
        match output.recv_timeout(POLL) {
            Ok(bytes) => {
                heard = Instant::now();
                listener.take(&bytes);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if cancel.is_cancelled() {
            group.end();
            listener.rest(&output);
            return Err(LoaderError::Cancelled.into());
        }
        if heard.elapsed() > SILENCE {
            group.end();
            return Err(silent().into());
        }
        // A grandchild may keep the pipe.
        if ended.is_none() && !matches!(group.child.try_wait(), Ok(None)) {
            ended = Some(Instant::now());
        }
        if ended.is_some_and(|ended| ended.elapsed() > REST) {
            break;
        }
    }
    listener.end();
    let status = wait(&mut group, cancel)?;
    Ok(Ran {
        status,
        lines: listener.kept,
    })
}

/// Waits for a process that has closed its output, which need not be its end.
fn wait(group: &mut Group, cancel: &CancelToken) -> Result<ExitStatus, DeployError> {
    let since = Instant::now();
    loop {
        match group.child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => return Ok(status),
            Err(error) => {
                let (how, why) = ("it is not known how it ended".to_owned(), error.to_string());
                return Err(EsptoolError::Failed { how, why }.into());
            }
        }
        if cancel.is_cancelled() {
            group.end();
            return Err(LoaderError::Cancelled.into());
        }
        if since.elapsed() > SILENCE {
            group.end();
            return Err(silent().into());
        }
        std::thread::sleep(POLL);
    }
}

fn silent() -> EsptoolError {
    EsptoolError::Silent {
        seconds: SILENCE.as_secs(),
    }
}

/// What the operating system says of a program that it cannot start leaves the reason open.
fn not_started(candidate: &Candidate, error: &io::Error) -> String {
    let program = &candidate.program;
    match error.kind() {
        _ if program.is_dir() => "it is a folder".to_owned(),
        io::ErrorKind::NotFound if program.is_file() => {
            "the Python in its first line is gone".to_owned()
        }
        io::ErrorKind::NotFound => {
            "there is no such file (a name alone is looked for on PATH)".to_owned()
        }
        io::ErrorKind::PermissionDenied => "it cannot be run: permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// Both outputs come through one pipe, so that their order is kept.
fn start(
    candidate: &Candidate,
    arguments: &[String],
    folder: &Path,
) -> io::Result<(Group, Receiver<Vec<u8>>)> {
    let (pipe, end) = io::pipe()?;
    let mut command = Command::new(&candidate.program);
    command
        .args(&candidate.before)
        .args(arguments)
        .current_dir(folder)
        // Progress is to come when it happens, and bars are not plain letters.
        .env("PYTHONUNBUFFERED", "1")
        .env("PYTHONIOENCODING", "utf-8:replace")
        .env("NO_COLOR", "1")
        .env_remove("FORCE_COLOR")
        .stdin(Stdio::null())
        .stdout(end.try_clone()?)
        .stderr(end);
    let group = Group::start(&mut command)?;
    // It holds this process's copies of the pipe's other end.
    drop(command);
    let (sender, receiver) = sync_channel(CHUNKS);
    std::thread::Builder::new()
        .name("esptool output".to_owned())
        .spawn(move || pass_on(pipe, &sender))?;
    Ok((group, receiver))
}

fn pass_on(mut pipe: impl Read, sender: &SyncSender<Vec<u8>>) {
    let mut buffer = [0; 4096];
    loop {
        match pipe.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => return,
            Ok(n) => {
                if sender.send(buffer[..n].to_vec()).is_err() {
                    return;
                }
            }
        }
    }
}

struct Listener<'h> {
    lines: Lines,
    kept: Vec<String>,
    hear: &'h mut dyn FnMut(&str),
}

impl Listener<'_> {
    fn take(&mut self, bytes: &[u8]) {
        for line in self.lines.feed(bytes) {
            self.line(line);
        }
    }

    fn line(&mut self, line: String) {
        tracing::debug!("esptool: {line}");
        (self.hear)(&line);
        if self.kept.len() == KEPT_LINES {
            self.kept.remove(0);
        }
        self.kept.push(line);
    }

    fn end(&mut self) {
        if let Some(line) = self.lines.finish() {
            self.line(line);
        }
    }

    /// What was said before the end and not read yet: it decides what state the board is in.
    fn rest(&mut self, output: &Receiver<Vec<u8>>) {
        while let Ok(bytes) = output.recv_timeout(REST) {
            self.take(&bytes);
        }
        self.end();
    }
}
