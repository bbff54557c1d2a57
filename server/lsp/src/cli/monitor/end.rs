//! What ends a monitor, and what it then is worth.

use std::time::{Duration, Instant};

use fbuild_monitor::crash::{Crash, Severity};
use fbuild_monitor::text::without_colours;
use regex::Regex;

use super::super::{CANCELLED, SUCCESS};

/// `--fail` has matched.
const FAIL_MATCHED: u8 = 3;
/// The time is up, and `--until` has not matched.
const TIMED_OUT: u8 = 4;
/// The board has crashed.
const CRASHED: u8 = 5;

/// Why a monitor ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// `--until` has matched this line.
    Matched(String),
    /// `--fail` has matched this line.
    Failed(String),
    /// The time is up.
    TimedOut,
    /// The board has crashed.
    Crashed(String),
    /// A person has quit.
    Quit,
    /// A signal.
    Cancelled,
    /// Nobody reads the result, or it cannot be written.
    NotWritten,
}

impl End {
    /// Its word in JSON.
    pub(crate) fn word(&self) -> &'static str {
        match self {
            Self::Matched(_) => "matched",
            Self::Failed(_) => "failed",
            Self::TimedOut => "timeout",
            Self::Crashed(_) => "crashed",
            Self::Quit => "quit",
            Self::Cancelled => "cancelled",
            Self::NotWritten => "notWritten",
        }
    }
}

/// What ends a monitor before a person does.
#[derive(Debug, Default)]
pub(crate) struct Ends {
    until: Option<Regex>,
    fail: Option<Regex>,
    deadline: Option<Instant>,
    has_crashed: Option<String>,
}

impl Ends {
    pub(crate) fn new(
        until: Option<Regex>,
        fail: Option<Regex>,
        timeout: Option<Duration>,
    ) -> Self {
        Self {
            until,
            fail,
            deadline: timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
            has_crashed: None,
        }
    }

    /// Whether a line, or the beginning of one that has not ended, ends it.
    pub(crate) fn by_text(&self, text: &str) -> Option<End> {
        let text = without_colours(text);
        let matches =
            |pattern: &Option<Regex>| pattern.as_ref().is_some_and(|it| it.is_match(&text));
        if matches(&self.fail) {
            return Some(End::Failed(text.into_owned()));
        }
        matches(&self.until).then(|| End::Matched(text.into_owned()))
    }

    /// Whether a crash ends it: where somebody waits for something, it will not come.
    pub(crate) fn by_crash(&mut self, crash: &Crash, headline: &str) -> Option<End> {
        if !matches!(crash.severity, Severity::Fatal | Severity::BootFailure) {
            return None;
        }
        self.has_crashed = Some(headline.to_owned());
        let is_waited_for = self.until.is_some() || self.fail.is_some();
        is_waited_for.then(|| End::Crashed(headline.to_owned()))
    }

    pub(crate) fn by_time(&self) -> Option<End> {
        let is_over = self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        is_over.then_some(End::TimedOut)
    }

    /// Whether `--until` was given.
    pub(crate) fn waits(&self) -> bool {
        self.until.is_some()
    }

    /// The exit code of an end.
    pub(crate) fn exit_code(&self, end: &End) -> u8 {
        match end {
            End::Failed(_) => FAIL_MATCHED,
            End::TimedOut if self.until.is_some() => TIMED_OUT,
            End::TimedOut if self.has_crashed.is_some() => CRASHED,
            // Why the result was not written the terminal knows.
            End::Matched(_) | End::Quit | End::TimedOut | End::NotWritten => SUCCESS,
            End::Crashed(_) => CRASHED,
            End::Cancelled => CANCELLED,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::reader::{Item, Reader};

    fn ends(until: Option<&str>, fail: Option<&str>) -> Ends {
        let pattern = |text: &str| Regex::new(text).unwrap();
        Ends::new(until.map(pattern), fail.map(pattern), None)
    }

    fn crash(severity: Severity) -> Crash {
        let mut reader = Reader::default();
        reader.feed(
            b"abort() was called at PC 0x400d0316 on core 0\n",
            Duration::ZERO,
        );
        let mut items = reader.finish().into_iter();
        let crash = items.find_map(|item| match item {
            Item::Crash(crash) => Some(*crash),
            _ => None,
        });
        Crash {
            severity,
            ..crash.unwrap()
        }
    }

    #[test]
    fn patterns_see_a_line_without_its_colours_and_failing_counts_first() {
        let ends = ends(Some("^I .* ready$"), Some("not ready"));
        let ready = "\x1b[0;32mI (1) app: ready\x1b[0m";
        assert_eq!(ends.by_text(ready).map(|end| ends.exit_code(&end)), Some(0));
        let failed = ends.by_text("I (1) app: not ready");
        assert_eq!(failed.map(|end| ends.exit_code(&end)), Some(3));
        assert_eq!(ends.by_text("I (1) app: steady"), None);
    }

    #[test]
    fn a_crash_ends_it_where_something_is_waited_for() {
        let mut waiting = ends(Some("ready"), None);
        let end = waiting.by_crash(&crash(Severity::Fatal), "x").unwrap();
        assert_eq!(waiting.exit_code(&end), 5);
        assert_eq!(waiting.by_crash(&crash(Severity::Error), "x"), None);

        let mut watching = ends(None, None);
        assert_eq!(watching.exit_code(&End::TimedOut), 0);
        assert_eq!(watching.by_crash(&crash(Severity::Fatal), "x"), None);
        assert_eq!(watching.exit_code(&End::TimedOut), 5);
        assert_eq!(watching.exit_code(&End::Quit), 0);
        assert_eq!(waiting.exit_code(&End::TimedOut), 4);
    }
}
