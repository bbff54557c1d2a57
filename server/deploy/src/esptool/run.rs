//! Running esptool, and what it said.

use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use fbuild_loader::cancel::CancelToken;
use fbuild_loader::error::LoaderError;

use super::error::EsptoolError;
use super::output::Lines;
use crate::failure::DeployError;
use crate::program::{self, Candidate, RunError};

/// Longest silence. esptool waits up to 8 s for a hash of each megabyte, and up to 250 s for the
/// erase of a large chip (4.8.1 and 5.6.0, `loader.py`).
const SILENCE: Duration = Duration::from_mins(5);
/// Lines that are kept, for verdicts and to explain an error.
const KEPT_LINES: usize = 1000;

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
        program::how(self.status)
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
    let mut listener = Listener {
        lines: Lines::default(),
        kept: Vec::new(),
        hear,
    };
    let mut take = |bytes: &[u8]| {
        listener.take(bytes);
        true
    };
    let ended = program::run(candidate, arguments, folder, cancel, SILENCE, &mut take);
    listener.end();
    let status = ended.map_err(|error| why(error, candidate))?;
    Ok(Ran {
        status,
        lines: listener.kept,
    })
}

fn why(error: RunError, candidate: &Candidate) -> DeployError {
    let error = match error {
        RunError::Cancelled => return LoaderError::Cancelled.into(),
        RunError::NotStarted(why) => EsptoolError::Unusable {
            program: candidate.to_string(),
            why,
        },
        RunError::Silent(silence) => EsptoolError::Silent {
            seconds: silence.as_secs(),
        },
        RunError::Stopped | RunError::Lost(_) => EsptoolError::Failed {
            how: "it did not come to its end".to_owned(),
            why: error.to_string(),
        },
    };
    error.into()
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
}
