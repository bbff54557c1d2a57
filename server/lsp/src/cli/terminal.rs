//! What a person sees: results on standard output, the rest on standard error, colours only where
//! somebody looks.

use std::io::{self, ErrorKind, IsTerminal as _, Write as _};
use std::sync::OnceLock;

use fbuild_deploy::outcome::Failure;
use serde::Serialize;

use super::{FAILED, PIPE_CLOSED, SUCCESS};
use crate::explain;
use crate::plain::Line;

/// Why the first part of the result that was not written was not.
static NOT_WRITTEN: OnceLock<ErrorKind> = OnceLock::new();

/// Where messages go. What is shown is a [`Line`], in which names do nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terminal {
    is_colourful: bool,
    is_interactive: bool,
}

/// Whether standard error is a terminal whose user has not asked for no colours (no-color.org).
pub(crate) fn is_colourful_stderr() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_drawable_stderr() && !refused
}

/// Whether standard error is a terminal that can do more than show lines: Emacs' shell cannot.
fn is_drawable_stderr() -> bool {
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    io::stderr().is_terminal() && !is_dumb
}

#[allow(clippy::unused_self)] // one object is the way to both streams
impl Terminal {
    pub(crate) fn of_this_process() -> Self {
        Self {
            is_colourful: is_colourful_stderr(),
            is_interactive: is_drawable_stderr(),
        }
    }

    /// Whether bars can be drawn.
    pub(crate) fn is_interactive(self) -> bool {
        self.is_interactive
    }

    pub(crate) fn is_colourful(self) -> bool {
        self.is_colourful
    }

    /// A line of the result.
    pub(crate) fn result(self, line: impl Into<Line>) {
        self.write(&line.into().to_string());
    }

    /// The result as one JSON object, which escapes in its own way and keeps names as they are.
    pub(crate) fn json(self, object: &impl Serialize) {
        match serde_json::to_string(object) {
            Ok(text) => self.write(&text),
            Err(error) => self.note(format!("error: {error}")),
        }
    }

    fn write(self, text: &str) {
        self.bytes(format!("{text}\n").as_bytes());
    }

    /// A part of the result that was made fit to be shown, or that is wanted as it is.
    pub(crate) fn bytes(self, bytes: &[u8]) {
        let mut stdout = io::stdout();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        let Err(error) = written else { return };
        let is_first = NOT_WRITTEN.set(error.kind()).is_ok();
        // A reader that closed a pipe has read enough, and need not be told.
        if is_first && error.kind() != ErrorKind::BrokenPipe {
            self.note(format!(
                "error: the result cannot be written to standard output: {error}"
            ));
        }
    }

    /// The exit code of a command that ended with `code`: a success that nobody can read is none.
    pub(crate) fn exit_code(self, code: u8) -> u8 {
        match NOT_WRITTEN.get() {
            Some(ErrorKind::BrokenPipe) if code == SUCCESS => PIPE_CLOSED,
            Some(_) if code == SUCCESS => FAILED,
            _ => code,
        }
    }

    /// A line that is not the result.
    pub(crate) fn note(self, line: impl Into<Line>) {
        let _ = writeln!(io::stderr(), "{}", line.into());
    }

    /// What somebody has just typed, letter by letter; nothing else.
    pub(crate) fn echo(self, text: &str) {
        let _ = write!(io::stderr(), "{text}");
    }

    pub(crate) fn warning_line(self, text: &str) -> Line {
        Line::labelled(&self.paint("33", "warning:"), text)
    }

    /// What happened, what state the board is in, what to do.
    pub(crate) fn failure(self, failure: &Failure) {
        let mut lines = explain::failure_lines(failure, explain::Front::CommandLine);
        if let Some(what) = lines.next() {
            self.note(Line::labelled(&self.paint("1;31", "error:"), &what));
        }
        for line in lines {
            self.note(format!("  {line}"));
        }
    }

    fn paint(self, code: &str, text: &str) -> String {
        if self.is_colourful {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }
}
