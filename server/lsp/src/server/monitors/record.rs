//! What a monitor has heard: the last of it, for who asks, and what is new on its screen, for who follows.
//! Both are bounded; what had to go is counted.

use std::collections::VecDeque;

use serde::Serialize;

use crate::json::MonitorEvent;

/// What is kept for who asks.
const KEPT_BYTES: usize = 4 << 20;
/// What waits for a client that follows.
const WAITING_BYTES: usize = 256 << 10;
/// What an entry takes beside its text.
const ENTRY_BYTES: usize = 160;

/// Where a monitor's port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum State {
    /// Its bytes are read.
    #[default]
    Open,
    /// A job of this server has it.
    Lent,
    /// A job of another process has it.
    Given,
    /// It is not plugged in.
    Gone,
    /// The monitor has ended.
    Ended,
}

/// One thing that happened, and its number.
#[derive(Debug, Serialize)]
pub(crate) struct Entry {
    pub(crate) number: u64,
    #[serde(flatten)]
    pub(crate) event: MonitorEvent,
    #[serde(skip)]
    len_bytes: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Record {
    pub(crate) state: State,
    /// The job that has the port, or had it last.
    pub(crate) job: Option<u64>,
    /// The beginning of a line that has not ended, without colours.
    pub(crate) begun: String,
    entries: VecDeque<Entry>,
    len_bytes: usize,
    /// The number of the next entry.
    next: u64,
    screen: Screen,
}

/// Text that waits for a client that follows.
#[derive(Debug, Default)]
struct Screen {
    is_wanted: bool,
    text: String,
    dropped_lines: u64,
    is_new: bool,
}

/// What a client that follows is told.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct News {
    pub(crate) state: State,
    /// The job that has the port, or had it last.
    pub(crate) job: Option<u64>,
    pub(crate) text: String,
    pub(crate) dropped_lines: u64,
}

impl Record {
    /// `is_followed`: somebody takes the [`News`].
    pub(crate) fn new(is_followed: bool) -> Self {
        let mut record = Self::default();
        record.screen.is_wanted = is_followed;
        record.screen.is_new = true;
        record
    }

    pub(crate) fn add(&mut self, event: MonitorEvent) {
        let len_bytes = ENTRY_BYTES + event.len_bytes();
        self.entries.push_back(Entry {
            number: self.next,
            event,
            len_bytes,
        });
        self.next += 1;
        self.len_bytes += len_bytes;
        while self.len_bytes > KEPT_BYTES
            && let Some(oldest) = self.entries.pop_front()
        {
            self.len_bytes -= oldest.len_bytes;
        }
    }

    /// The number of the next entry.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    /// The number of the oldest entry that is kept.
    pub(crate) fn oldest(&self) -> u64 {
        self.entries.front().map_or(self.next, |entry| entry.number)
    }

    /// Entries from this number on.
    pub(crate) fn since(&self, number: u64) -> impl Iterator<Item = &Entry> {
        let skipped = number.saturating_sub(self.oldest());
        let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
        self.entries.iter().skip(skipped)
    }

    /// New text on the screen.
    pub(crate) fn show(&mut self, text: &str) {
        let screen = &mut self.screen;
        if !screen.is_wanted || text.is_empty() {
            return;
        }
        screen.is_new = true;
        screen.text += text;
        let surplus = screen.text.len().saturating_sub(WAITING_BYTES);
        if surplus == 0 {
            return;
        }
        // Whole lines go, the oldest first.
        let rest = screen.text.as_bytes();
        let end = rest[surplus..].iter().position(|byte| *byte == b'\n');
        let end = end.map_or(rest.len(), |end| surplus + end + 1);
        let lines = screen.text[..end].matches('\n').count();
        screen.dropped_lines += lines as u64;
        screen.text.drain(..end);
    }

    pub(crate) fn enter(&mut self, state: State) {
        if self.state != State::Ended && std::mem::replace(&mut self.state, state) != state {
            self.screen.is_new = true;
        }
    }

    /// What a client that follows has not been told yet.
    pub(crate) fn news(&mut self) -> Option<News> {
        if !std::mem::take(&mut self.screen.is_new) {
            return None;
        }
        let dropped_lines = std::mem::take(&mut self.screen.dropped_lines);
        let text = std::mem::take(&mut self.screen.text);
        let text = match dropped_lines {
            0 => text,
            n => format!(
                "--- {n} lines were not shown: they came faster than they were read\n{text}"
            ),
        };
        Some(News {
            state: self.state,
            job: self.job,
            text,
            dropped_lines,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> MonitorEvent {
        MonitorEvent::line("now".to_owned(), text, true)
    }

    #[test]
    fn memory_is_bounded_and_numbers_go_on() {
        let mut record = Record::new(false);
        let text = "x".repeat(1000);
        for _ in 0..10_000 {
            record.add(line(&text));
        }
        assert!(record.len_bytes <= KEPT_BYTES);
        assert_eq!(record.next(), 10_000);
        let oldest = record.oldest();
        assert!((5000..9000).contains(&oldest), "{oldest}");
        let numbers: Vec<u64> = record.since(9998).map(|entry| entry.number).collect();
        assert_eq!(numbers, [9998, 9999]);
        assert_eq!(
            record.since(0).next().map(|entry| entry.number),
            Some(oldest)
        );
        assert_eq!(record.since(20_000).count(), 0);
        record.show("nobody follows\n");
        assert_eq!(record.news().map(|news| news.text), Some(String::new()));
        assert_eq!(record.news(), None);
    }

    #[test]
    fn a_slow_client_is_told_what_it_misses() {
        let mut record = Record::new(true);
        for n in 0..100_000 {
            record.show(&format!("line {n}\n"));
        }
        let news = record.news().unwrap();
        assert!(news.text.len() <= WAITING_BYTES + 100);
        let (said, lines) = news.text.split_once('\n').unwrap();
        assert_eq!(
            said,
            format!(
                "--- {} lines were not shown: they came faster than they were read",
                news.dropped_lines
            )
        );
        assert_eq!(lines.lines().count() as u64 + news.dropped_lines, 100_000);
        assert!(lines.starts_with(&format!("line {}\n", news.dropped_lines)));
        record.enter(State::Lent);
        let news = record.news().unwrap();
        assert_eq!((news.state, news.text.as_str()), (State::Lent, ""));
    }
}
