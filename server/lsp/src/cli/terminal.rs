//! What a person sees: results on standard output, the rest on standard error, colours only where
//! somebody looks.

use std::io::{self, IsTerminal as _, Write as _};

use fbuild_deploy::outcome::Failure;
use serde::Serialize;

use crate::explain;

/// Where messages go.
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

    /// A line of the result. Whoever closed the pipe has read enough: errors are not.
    pub(crate) fn result(self, text: &str) {
        let _ = writeln!(io::stdout(), "{text}");
        let _ = io::stdout().flush();
    }

    /// The result as one JSON object.
    pub(crate) fn json(self, object: &impl Serialize) {
        match serde_json::to_string(object) {
            Ok(text) => self.result(&text),
            Err(error) => self.note(&format!("error: {error}")),
        }
    }

    /// A line that is not the result.
    pub(crate) fn note(self, text: &str) {
        let _ = writeln!(io::stderr(), "{text}");
    }

    pub(crate) fn warning_line(self, text: &str) -> String {
        format!("{} {text}", self.paint("33", "warning:"))
    }

    /// What happened, what state the board is in, what to do.
    pub(crate) fn failure(self, failure: &Failure) {
        let mut lines = explain::failure_lines(failure);
        if let Some(what) = lines.next() {
            self.note(&format!("{} {what}", self.paint("1;31", "error:")));
        }
        for line in lines {
            self.note(&format!("  {line}"));
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
