//! Running a program that writes to a board: as a process group of its own, in a folder of its own, with a
//! person who may cancel. The only place of the backends that starts one.
//!
//! The folder matters: Python takes modules, and esptool its settings, from where it is started, and
//! that must never be a stranger's project.

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use fbuild_loader::cancel::CancelToken;
use fbuild_project::discover::Environment;

use crate::process_group::Group;

/// How often the cancel token is looked at.
const POLL: Duration = Duration::from_millis(20);
/// Once the process has ended, how long its output is read.
const REST: Duration = Duration::from_millis(300);
/// Chunks of output under way.
const CHUNKS: usize = 64;

/// One way to start a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The program.
    pub program: PathBuf,
    /// What comes before its own arguments: `-m esptool`, or a script's path.
    pub before: Vec<OsString>,
}

impl Candidate {
    pub(crate) fn program(path: PathBuf) -> Self {
        Self {
            program: path,
            before: Vec::new(),
        }
    }
}

/// As a person would type it.
impl std::fmt::Display for Candidate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.program.display())?;
        for word in &self.before {
            write!(f, " {}", word.display())?;
        }
        Ok(())
    }
}

/// Where programs of these names would be on PATH.
pub(crate) fn on_path(names: &[&str], environment: &Environment) -> Vec<Candidate> {
    let path = environment.get("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(path)
        // "." and empty entries mean the current directory: maybe a stranger's project.
        .filter(|folder| folder.is_absolute())
        .collect();
    let all = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    all.map(Candidate::program).collect()
}

/// Why a run did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RunError {
    #[error("cancelled")]
    Cancelled,
    /// It could not be started.
    #[error("{0}")]
    NotStarted(String),
    /// It said nothing for so long that it was ended.
    #[error("nothing printed for {} s", .0.as_secs())]
    Silent(Duration),
    /// What it said was the reason to end it.
    #[error("stopped")]
    Stopped,
    /// How it ended is not known.
    #[error("how it ended is not known: {0}")]
    Lost(io::Error),
}

/// Runs it to its end, unless it says nothing for as long as `silence`; `hear` gets what it says as soon as
/// it is there, and whether to go on is its answer.
pub(crate) fn run(
    candidate: &Candidate,
    arguments: &[String],
    folder: &Path,
    cancel: &CancelToken,
    silence: Duration,
    hear: &mut dyn FnMut(&[u8]) -> bool,
) -> Result<ExitStatus, RunError> {
    tracing::debug!(%candidate, ?arguments, "a program is run");
    let (mut group, output) = start(candidate, arguments, folder)
        .map_err(|error| RunError::NotStarted(not_started(candidate, &error)))?;
    let mut heard = Instant::now();
    let mut ended: Option<Instant> = None;
    loop {
        match output.recv_timeout(POLL) {
            Ok(bytes) => {
                heard = Instant::now();
                if !hear(&bytes) {
                    group.end();
                    return Err(RunError::Stopped);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if cancel.is_cancelled() {
            group.end();
            // What was said before the end and not read yet: it decides what state the board is in.
            while let Ok(bytes) = output.recv_timeout(REST) {
                hear(&bytes);
            }
            return Err(RunError::Cancelled);
        }
        if heard.elapsed() > silence {
            group.end();
            return Err(RunError::Silent(silence));
        }
        // A grandchild may keep the pipe.
        if ended.is_none() && !matches!(group.child.try_wait(), Ok(None)) {
            ended = Some(Instant::now());
        }
        if ended.is_some_and(|ended| ended.elapsed() > REST) {
            break;
        }
    }
    wait(&mut group, cancel, silence)
}

/// Waits for a process that has closed its output, which need not be its end.
fn wait(
    group: &mut Group,
    cancel: &CancelToken,
    silence: Duration,
) -> Result<ExitStatus, RunError> {
    let since = Instant::now();
    loop {
        match group.child.try_wait() {
            Ok(None) => {}
            Ok(Some(status)) => return Ok(status),
            Err(error) => return Err(RunError::Lost(error)),
        }
        if cancel.is_cancelled() {
            group.end();
            return Err(RunError::Cancelled);
        }
        if since.elapsed() > silence {
            group.end();
            return Err(RunError::Silent(silence));
        }
        std::thread::sleep(POLL);
    }
}

/// `exit code 2`.
pub(crate) fn how(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
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
        .name("output of a program".to_owned())
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
