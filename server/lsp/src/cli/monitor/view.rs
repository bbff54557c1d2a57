//! What of a board's output is shown, and how: lines for people, objects for programs, or bytes.

use std::time::Duration;

use fbuild_monitor::boot::BootFact;
use fbuild_monitor::crash::Crash;
use fbuild_monitor::filter::Filter;
use fbuild_monitor::line::{Line, LineEnd};
use fbuild_monitor::trace::Trace;

use super::super::terminal::Terminal;
use super::end::End;
use crate::json::MonitorEvent;
use crate::monitor::clock::{WallClock, iso, time_of_day};
use crate::monitor::told::told;
use crate::plain::Line as PlainLine;

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
    pub(super) filter: Filter,
    pub(super) has_timestamps: bool,
    pub(super) has_colours: bool,
    pub(super) clock: WallClock,
    /// What is on the screen of a line that has not ended.
    begun: String,
    /// Not written yet.
    waiting: Vec<u8>,
}

impl View {
    pub(super) fn new(terminal: Terminal, form: Form, filter: Filter, clock: WallClock) -> Self {
        Self {
            terminal,
            form,
            filter,
            has_timestamps: false,
            has_colours: false,
            clock,
            begun: String::new(),
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
            Form::Lines => {
                if self.begun.is_empty() && !self.filter.shows(&line.text) {
                    return;
                }
                let shown = self.shown(line.at, &line.text);
                let begun = std::mem::take(&mut self.begun);
                match shown.strip_prefix(&begun) {
                    Some(rest) => self.put(rest),
                    None => self.put(&format!("\n{shown}")),
                }
                self.put("\n");
            }
        }
    }

    /// The beginning of a line whose end is late: a prompt.
    pub(super) fn pending(&mut self, at: Duration, text: &str) {
        // What a line is cannot be told before it ends, nor may its last character be there yet.
        if self.form != Form::Lines || self.filter != Filter::default() {
            return;
        }
        let shown = self.shown(at, text.trim_end_matches('\u{fffd}'));
        let shown = shown.strip_suffix("\x1b[0m").unwrap_or(&shown);
        if let Some(rest) = shown.strip_prefix(&self.begun).map(str::to_owned) {
            self.put(&rest);
            shown.clone_into(&mut self.begun);
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
            Form::Lines => {
                self.end_line();
                for line in told(crash, trace) {
                    let line = PlainLine::from(format!("--- {line}")).to_string();
                    self.put(&line);
                    self.put("\n");
                }
            }
        }
    }

    /// The port went or came back.
    pub(super) fn port(&mut self, is_there: bool) {
        if self.form == Form::Json {
            self.event(&MonitorEvent::port(is_there));
        }
    }

    pub(super) fn end(&mut self, end: &End) {
        self.end_line();
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
        self.end_line();
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
        if !self.waiting.is_empty() {
            self.terminal.bytes(&std::mem::take(&mut self.waiting));
        }
    }

    fn end_line(&mut self) {
        if !std::mem::take(&mut self.begun).is_empty() {
            self.put("\n");
        }
    }

    fn event(&mut self, event: &MonitorEvent) {
        if let Ok(text) = serde_json::to_string(event) {
            self.put(&text);
            self.put("\n");
        }
    }

    fn time(&self, at: Duration) -> String {
        iso(self.clock.time_of(at))
    }

    fn shown(&self, at: Duration, text: &str) -> String {
        let line = PlainLine::of_log(text, self.has_colours);
        if self.has_timestamps {
            let time = time_of_day(self.clock.time_of(at));
            format!("[{time}] {line}")
        } else {
            line.to_string()
        }
    }

    fn put(&mut self, text: &str) {
        self.waiting.extend_from_slice(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> View {
        View::new(
            Terminal::of_this_process(),
            Form::Lines,
            Filter::default(),
            WallClock::at(Duration::ZERO),
        )
    }

    fn line(text: &str) -> Line {
        Line {
            at: Duration::ZERO,
            text: text.to_owned(),
            end: LineEnd::Feed,
        }
    }

    fn shown(view: &mut View) -> String {
        String::from_utf8(std::mem::take(&mut view.waiting)).unwrap()
    }

    #[test]
    fn a_prompt_is_shown_once_and_goes_on() {
        let mut view = view();
        view.pending(Duration::ZERO, ">>> \u{fffd}");
        view.pending(Duration::ZERO, ">>> ä");
        view.line(&line(">>> äh"));
        view.line(&line("next"));
        assert_eq!(shown(&mut view), ">>> äh\nnext\n");
        view.has_colours = true;
        view.pending(Duration::ZERO, "\x1b[31mre");
        view.line(&line("\x1b[31mred\x1b[0m"));
        assert_eq!(shown(&mut view), "\x1b[31mred\x1b[0m\x1b[0m\n");
    }

    #[test]
    fn what_the_filter_hides_is_not_begun() {
        let mut view = view();
        view.filter = Filter::parse("wifi:W").unwrap();
        view.pending(Duration::ZERO, "I (1) wifi");
        view.line(&line("I (1) wifi: up"));
        view.line(&line("E (1) wifi: down"));
        assert_eq!(shown(&mut view), "E (1) wifi: down\n");
    }
}
