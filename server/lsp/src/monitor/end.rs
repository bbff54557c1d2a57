//! What ends a monitor.

use std::time::{Duration, Instant};

use fbuild_monitor::crash::{Crash, Severity};
use fbuild_monitor::text::without_colours;
use regex::Regex;

/// Why a monitor ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// What was waited for is in this line.
    Matched(String),
    /// What must not come is in this line.
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
    has_crashed: bool,
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
            has_crashed: false,
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
        self.has_crashed = true;
        let is_waited_for = self.until.is_some() || self.fail.is_some();
        is_waited_for.then(|| End::Crashed(headline.to_owned()))
    }

    pub(crate) fn by_time(&self) -> Option<End> {
        let is_over = self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline);
        is_over.then_some(End::TimedOut)
    }

    /// Whether something is waited for.
    pub(crate) fn waits(&self) -> bool {
        self.until.is_some()
    }

    /// Whether the board has crashed.
    pub(crate) fn has_crashed(&self) -> bool {
        self.has_crashed
    }
}
