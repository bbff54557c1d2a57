//! The texts, and what is expected of them.

use std::io::Write as _; // straight to stderr: the test runner hides what passing tests print
use std::path::PathBuf;
use std::time::Duration;

use fbuild_monitor::boot::BootFact;
use fbuild_monitor::crash::Crash;
use fbuild_monitor::line::Lines;
use fbuild_monitor::watch::{Event, Watch};
use serde_json::Value;

pub(crate) fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/panics")
}

pub(crate) fn json(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(folder().join(name)).unwrap()).unwrap()
}

/// Crashes, repetitions folded, and resets as printed.
pub(crate) struct Seen {
    pub(crate) crashes: Vec<Crash>,
    pub(crate) resets: Vec<String>,
}

/// Watches a text that comes in pieces of `piece` bytes.
pub(crate) fn watch(bytes: &[u8], piece: usize) -> Seen {
    let mut lines = Lines::default();
    let mut watch = Watch::default();
    let mut seen = Seen {
        crashes: Vec::new(),
        resets: Vec::new(),
    };
    let mut events = Vec::new();
    for piece in bytes.chunks(piece) {
        for line in lines.feed(piece, Duration::ZERO) {
            events.extend(watch.feed(&line));
        }
    }
    if let Some(line) = lines.finish() {
        events.extend(watch.feed(&line));
    }
    events.extend(watch.finish());
    for event in events {
        match event {
            Event::Boot(BootFact::Reset(reset)) => seen.resets.push(reset.to_string()),
            Event::Boot(_) => {}
            Event::Crash(crash) => match seen
                .crashes
                .iter_mut()
                .rev()
                .find(|other| crash.replaces(other))
            {
                Some(other) => *other = *crash,
                None => seen.crashes.push(*crash),
            },
        }
    }
    seen
}

pub(crate) fn number(value: &Value) -> Option<u32> {
    let text = value.as_str()?;
    Some(u32::from_str_radix(text.strip_prefix("0x").unwrap(), 16).unwrap())
}

/// A file of the shared fixtures: firmware that others made is not in this repository. Without `../shared` (or
/// `FBUILD_SHARED`) `None`, and a line that says what is skipped; with `CI=true` that is a failure.
pub(crate) fn shared(file: &str) -> Option<PathBuf> {
    let repository = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = std::env::var_os("FBUILD_SHARED")
        .map_or_else(|| repository.join("../shared"), PathBuf::from);
    let path = root.join("fixtures").join(file);
    if path.is_file() {
        return Some(path);
    }
    assert_ne!(
        std::env::var("CI").as_deref(),
        Ok("true"),
        "no {}, in CI",
        path.display()
    );
    let _ = writeln!(
        std::io::stderr(),
        "skipped: crashes of {file} (no ../shared)"
    );
    None
}
