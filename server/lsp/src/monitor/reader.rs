//! Bytes of a board to what is shown, in the order in which it is shown.

use std::time::Duration;

use fbuild_monitor::boot::BootFact;
use fbuild_monitor::crash::Crash;
use fbuild_monitor::line::{Line, Lines};
use fbuild_monitor::watch::{Event, Watch};

/// One thing that was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// A line.
    Line(Line),
    /// The last line says this of a boot.
    Boot(BootFact),
    /// The lines before were a crash.
    Crash(Box<Crash>),
}

/// Reads one board's output.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    lines: Lines,
    watch: Watch,
}

impl Reader {
    /// Takes bytes that came at the time `at`.
    pub(crate) fn feed(&mut self, bytes: &[u8], at: Duration) -> Vec<Item> {
        let lines = self.lines.feed(bytes, at);
        lines.into_iter().flat_map(|line| self.line(line)).collect()
    }

    /// The beginning of a line whose end has not come.
    pub(crate) fn pending(&self) -> Option<(Duration, String)> {
        self.lines.pending()
    }

    /// A job has just left the board, see [`Watch::expect_reset`].
    pub(crate) fn expect_reset(&mut self, until: Duration) {
        self.watch.expect_reset(until);
    }

    /// Whether the lines of a crash are coming.
    pub(crate) fn is_in_crash(&self) -> bool {
        self.watch.is_in_crash()
    }

    /// Nothing has come for about a second.
    pub(crate) fn quiet(&mut self) -> Vec<Item> {
        items(self.watch.quiet()).collect()
    }

    /// Nothing will come.
    pub(crate) fn finish(&mut self) -> Vec<Item> {
        let last = self.lines.finish();
        let mut read: Vec<Item> = last.into_iter().flat_map(|line| self.line(line)).collect();
        read.extend(items(self.watch.finish()));
        read
    }

    fn line(&mut self, line: Line) -> Vec<Item> {
        // What has just ended comes before the line that shows that it has.
        let is_boot = is_boot(&line.text);
        let is_before = |event: &Event| is_boot && matches!(event, Event::Crash(_));
        let (before, after): (Vec<Event>, Vec<Event>) =
            self.watch.feed(&line).into_iter().partition(is_before);
        let line = std::iter::once(Item::Line(line));
        items(before).chain(line).chain(items(after)).collect()
    }
}

fn items(events: Vec<Event>) -> impl Iterator<Item = Item> {
    events.into_iter().map(|event| match event {
        Event::Boot(fact) => Item::Boot(fact),
        Event::Crash(crash) => Item::Crash(crash),
    })
}

/// The first line of a boot.
fn is_boot(text: &str) -> bool {
    let text = text.trim_start();
    ["ets ", "ESP-ROM:", "rst:"]
        .iter()
        .any(|start| text.starts_with(start))
}
