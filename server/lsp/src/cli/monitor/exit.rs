//! What the end of a monitor is worth to a script.

use super::super::{CANCELLED, SUCCESS};
use crate::monitor::end::{End, Ends};

/// `--fail` has matched.
const FAIL_MATCHED: u8 = 3;
/// The time is up, and `--until` has not matched.
const TIMED_OUT: u8 = 4;
/// The board has crashed.
const CRASHED: u8 = 5;

/// The exit code of an end.
pub(super) fn exit_code(ends: &Ends, end: &End) -> u8 {
    match end {
        End::Failed(_) => FAIL_MATCHED,
        End::TimedOut if ends.waits() => TIMED_OUT,
        End::TimedOut if ends.has_crashed() => CRASHED,
        // Why the result was not written the terminal knows.
        End::Matched(_) | End::Quit | End::TimedOut | End::NotWritten => SUCCESS,
        End::Crashed(_) => CRASHED,
        End::Cancelled => CANCELLED,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use fbuild_monitor::crash::{Crash, Severity};
    use regex::Regex;

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
        assert_eq!(
            ends.by_text(ready).map(|end| exit_code(&ends, &end)),
            Some(0)
        );
        let failed = ends.by_text("I (1) app: not ready");
        assert_eq!(failed.map(|end| exit_code(&ends, &end)), Some(3));
        assert_eq!(ends.by_text("I (1) app: steady"), None);
    }

    #[test]
    fn a_crash_ends_it_where_something_is_waited_for() {
        let mut waiting = ends(Some("ready"), None);
        let end = waiting.by_crash(&crash(Severity::Fatal), "x").unwrap();
        assert_eq!(exit_code(&waiting, &end), 5);
        assert_eq!(waiting.by_crash(&crash(Severity::Error), "x"), None);

        let mut watching = ends(None, None);
        assert_eq!(exit_code(&watching, &End::TimedOut), 0);
        assert_eq!(watching.by_crash(&crash(Severity::Fatal), "x"), None);
        assert_eq!(exit_code(&watching, &End::TimedOut), 5);
        assert_eq!(exit_code(&watching, &End::Quit), 0);
        assert_eq!(exit_code(&waiting, &End::TimedOut), 4);
    }
}
