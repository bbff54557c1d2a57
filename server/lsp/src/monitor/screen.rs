//! A board's output as the text of a terminal: lines, prompts, and what this program says between them.

use std::time::Duration;

use fbuild_monitor::crash::Crash;
use fbuild_monitor::filter::Filter;
use fbuild_monitor::line::Line;
use fbuild_monitor::trace::Trace;

use super::clock::{WallClock, time_of_day};
use super::told::told;
use crate::plain::Line as PlainLine;

/// Makes the text. Each line ends with a line feed.
#[derive(Debug)]
pub(crate) struct Screen {
    pub(crate) filter: Filter,
    pub(crate) has_timestamps: bool,
    pub(crate) has_colours: bool,
    pub(crate) clock: WallClock,
    /// What is on the screen of a line that has not ended.
    begun: String,
    /// Not taken yet.
    text: String,
}

impl Screen {
    pub(crate) fn new(filter: Filter, clock: WallClock) -> Self {
        Self {
            filter,
            has_timestamps: false,
            has_colours: false,
            clock,
            begun: String::new(),
            text: String::new(),
        }
    }

    /// What is new on the screen.
    pub(crate) fn take(&mut self) -> String {
        std::mem::take(&mut self.text)
    }

    pub(crate) fn line(&mut self, line: &Line) {
        if self.begun.is_empty() && !self.filter.shows(&line.text) {
            return;
        }
        let shown = self.shown(line.at, &line.text);
        let begun = std::mem::take(&mut self.begun);
        let rest = shown.strip_prefix(&begun);
        if rest.is_none() {
            self.text.push('\n');
        }
        self.text += rest.unwrap_or(&shown);
        self.text.push('\n');
    }

    /// The beginning of a line whose end is late: a prompt.
    pub(crate) fn pending(&mut self, at: Duration, text: &str) {
        // What a line is cannot be told before it ends, nor may its last character be there yet.
        if self.filter != Filter::default() {
            return;
        }
        let shown = self.shown(at, text.trim_end_matches('\u{fffd}'));
        let shown = shown.strip_suffix("\x1b[0m").unwrap_or(&shown);
        if let Some(rest) = shown.strip_prefix(&self.begun) {
            self.text += rest;
            shown.clone_into(&mut self.begun);
        }
    }

    pub(crate) fn crash(&mut self, crash: &Crash, trace: &Trace) {
        for line in told(crash, trace) {
            self.note(&line);
        }
    }

    /// Something that the board has not said.
    pub(crate) fn note(&mut self, text: &str) {
        self.end_line();
        self.text += &PlainLine::from(format!("--- {text}")).to_string();
        self.text.push('\n');
    }

    /// What a person types into a prompt of this program.
    pub(crate) fn echo(&mut self, text: &str) {
        self.end_line();
        self.text += text;
    }

    pub(crate) fn end_line(&mut self) {
        if !std::mem::take(&mut self.begun).is_empty() {
            self.text.push('\n');
        }
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
}

#[cfg(test)]
mod tests {
    use fbuild_monitor::line::LineEnd;

    use super::*;

    fn screen() -> Screen {
        Screen::new(Filter::default(), WallClock::at(Duration::ZERO))
    }

    fn line(text: &str) -> Line {
        Line {
            at: Duration::ZERO,
            text: text.to_owned(),
            end: LineEnd::Feed,
        }
    }

    #[test]
    fn a_prompt_is_shown_once_and_goes_on() {
        let mut screen = screen();
        screen.pending(Duration::ZERO, ">>> \u{fffd}");
        screen.pending(Duration::ZERO, ">>> ä");
        screen.line(&line(">>> äh"));
        screen.line(&line("next"));
        assert_eq!(screen.take(), ">>> äh\nnext\n");
        screen.has_colours = true;
        screen.pending(Duration::ZERO, "\x1b[31mre");
        screen.line(&line("\x1b[31mred\x1b[0m"));
        assert_eq!(screen.take(), "\x1b[31mred\x1b[0m\x1b[0m\n");
    }

    #[test]
    fn a_note_ends_a_prompt() {
        let mut screen = screen();
        screen.pending(Duration::ZERO, ">>> ");
        screen.note("the port is gone");
        assert_eq!(screen.take(), ">>> \n--- the port is gone\n");
    }

    #[test]
    fn what_the_filter_hides_is_not_begun() {
        let mut screen = screen();
        screen.filter = Filter::parse("wifi:W").unwrap();
        screen.pending(Duration::ZERO, "I (1) wifi");
        screen.line(&line("I (1) wifi: up"));
        screen.line(&line("E (1) wifi: down"));
        assert_eq!(screen.take(), "E (1) wifi: down\n");
    }
}
