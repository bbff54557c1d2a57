//! What of a board's output is shown, and how: lines for people, objects for programs, or bytes.

use std::time::Duration;

use fbuild_monitor::boot::BootFact;
use fbuild_monitor::crash::Crash;
use fbuild_monitor::line::{Line, LineEnd};
use fbuild_monitor::trace::Trace;

use super::super::terminal::Terminal;
use crate::json::MonitorEvent;
use crate::monitor::clock::iso;
use crate::monitor::end::End;
use crate::monitor::screen::Screen;

/// How it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Lines.
    Lines,
    /// A JSON object a line.
    Json,
    /// The board's bytes.
    Raw,
}

/// Shows one board's output.
pub(super) struct View {
    pub(super) terminal: Terminal,
    pub(super) form: Form,
    pub(super) screen: Screen,
    /// Bytes or objects that are not written yet.
    waiting: Vec<u8>,
}

impl View {
    pub(super) fn new(terminal: Terminal, form: Form, screen: Screen) -> Self {
        Self {
            terminal,
            form,
            screen,
            waiting: Vec::new(),
        }
    }

    /// The board's bytes, as they came.
    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        if self.form == Form::Raw {
            self.waiting.extend_from_slice(bytes);
        }
    }

    pub(super) fn line(&mut self, line: &Line) {
        match self.form {
            Form::Raw => {}
            Form::Json => {
                let time = self.time(line.at);
                self.event(&MonitorEvent::line(
                    time,
                    &line.text,
                    line.end != LineEnd::TooLong,
                ));
            }
            Form::Lines => self.screen.line(line),
        }
    }

    /// The beginning of a line whose end is late: a prompt.
    pub(super) fn pending(&mut self, at: Duration, text: &str) {
        if self.form == Form::Lines {
            self.screen.pending(at, text);
        }
    }

    pub(super) fn boot(&mut self, fact: &BootFact) {
        if let (Form::Json, BootFact::Reset(reset)) = (self.form, fact) {
            self.event(&MonitorEvent::reset(reset));
        }
    }

    pub(super) fn crash(&mut self, crash: &Crash, trace: &Trace) {
        match self.form {
            Form::Raw => {}
            Form::Json => {
                let time = self.time(crash.at);
                self.event(&MonitorEvent::crash(time, crash, trace));
            }
            Form::Lines => self.screen.crash(crash, trace),
        }
    }

    /// The port went or came back.
    pub(super) fn port(&mut self, is_there: bool) {
        if self.form == Form::Json {
            self.event(&MonitorEvent::port(is_there));
        }
    }

    pub(super) fn end(&mut self, end: &End) {
        self.screen.end_line();
        if self.form == Form::Json {
            let line = match end {
                End::Matched(line) | End::Failed(line) => Some(line.as_str()),
                _ => None,
            };
            self.event(&MonitorEvent::end(end.word(), line));
        }
        self.flush();
    }

    /// Something that the board has not said.
    pub(super) fn note(&mut self, text: &str) {
        self.screen.end_line();
        self.flush();
        self.terminal.note(format!("--- {text}"));
    }

    /// What a person types into a prompt of ours.
    pub(super) fn echo(&mut self, text: &str) {
        self.flush();
        self.terminal.echo(text);
    }

    /// Whether the result could not be written, or nobody reads it.
    pub(super) fn is_not_written(&self) -> bool {
        self.terminal.exit_code(super::super::SUCCESS) != super::super::SUCCESS
    }

    /// Writes what is waiting.
    pub(super) fn flush(&mut self) {
        self.waiting.extend(self.screen.take().into_bytes());
        if !self.waiting.is_empty() {
            self.terminal.bytes(&std::mem::take(&mut self.waiting));
        }
    }

    fn event(&mut self, event: &MonitorEvent) {
        if let Ok(text) = serde_json::to_string(event) {
            self.waiting.extend(text.into_bytes());
            self.waiting.push(b'\n');
        }
    }

    fn time(&self, at: Duration) -> String {
        iso(self.screen.clock.time_of(at))
    }
}
