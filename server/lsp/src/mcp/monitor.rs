//! Listening to a board for an agent, which neither waits for ever nor reads without end.

use std::time::{Duration, Instant};

use fbuild_monitor::boot::BootFact;
use fbuild_monitor::text::without_colours;
use regex::Regex;
use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::Call;
use crate::json::CrashList;
use crate::monitor::crashes::Crashes;
use crate::monitor::elfs::Elfs;
use crate::monitor::end::{End, Ends};
use crate::monitor::intake::QUIET;
use crate::monitor::listener::{Heard, Listener};
use crate::monitor::reader::{Item, Reader};
use crate::monitor::told::headline;

/// Where nothing was said.
const SECONDS: f64 = 10.0;
const BYTES: usize = 16 * 1024;
/// What an agent's client is thought to wait for, and its model to read.
const SECONDS_MAX: f64 = 600.0;
const BYTES_MAX: usize = 1 << 20;

/// Between two notes of progress.
const NOW_AND_THEN: Duration = Duration::from_millis(500);

/// What ends the listening.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Limits {
    /// End at a line that matches this regular expression
    #[serde(default, deserialize_with = "pattern")]
    #[schemars(with = "Option<String>")]
    pub(super) until: Option<Regex>,
    /// End at a line that matches this regular expression, as a failure
    #[serde(default, deserialize_with = "pattern")]
    #[schemars(with = "Option<String>")]
    pub(super) fail: Option<Regex>,
    /// End after this many seconds; 10 if left out, 600 at most
    pub(super) seconds: Option<f64>,
    /// End after this many bytes; 16384 if left out, 1048576 at most
    pub(super) bytes: Option<usize>,
}

/// What a board printed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Output {
    /// Its lines, without colours
    text: String,
    /// What ended the listening: `matched`, `failed`, `crashed`, `timeout`, `bytes`, `cancelled`, or
    /// `portGone`: the time is up, and the port is away
    end: &'static str,
    /// The line that matched
    line: Option<String>,
    bytes_read: usize,
    baud: u32,
    /// What of the project says so
    baud_from: Option<&'static str>,
    /// Why it is not the port that was asked for
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) warning: Option<String>,
    /// Why the board has reset, each time that it did
    resets: Vec<Reset>,
    /// The crashes among the lines, with their places in the sources
    #[serde(flatten)]
    crashes: CrashList,
}

#[derive(Debug, Serialize, JsonSchema)]
struct Reset {
    code: u32,
    name: Option<String>,
}

impl Output {
    /// Whether it is what nobody wants.
    pub(super) fn is_error(&self) -> bool {
        matches!(self.end, "failed" | "crashed" | "cancelled" | "portGone")
    }
}

impl Limits {
    fn time(&self) -> Duration {
        let seconds = self.seconds.unwrap_or(SECONDS).clamp(0.0, SECONDS_MAX);
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    }
}

/// A regular expression, in a program's arguments.
pub(super) fn pattern<'d, D: Deserializer<'d>>(deserializer: D) -> Result<Option<Regex>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| Regex::new(&text))
        .transpose()
        .map_err(D::Error::custom)
}

/// Listens until something ends it.
pub(super) fn listen(
    call: &Call<'_>,
    mut listener: Listener<'_>,
    limits: Limits,
    elfs: Elfs,
) -> Output {
    let started = Instant::now();
    let time = limits.time();
    let mut ear = Ear {
        reader: Reader::default(),
        elfs,
        ends: Ends::new(limits.until, limits.fail, Some(time)),
        ending: None,
        text: String::new(),
        resets: Vec::new(),
        crashes: Crashes::default(),
    };
    let mut buffer = vec![0; limits.bytes.unwrap_or(BYTES).clamp(1, BYTES_MAX)];
    let mut read_bytes = 0;
    let mut last_byte = started;
    let mut told = started;
    let mut is_there = true;
    let end = loop {
        if call.cancel.is_cancelled() {
            break ("cancelled", None);
        }
        match listener.read(&mut buffer[read_bytes..]) {
            Heard::Bytes(0) | Heard::Back(0) if last_byte.elapsed() >= QUIET => ear.quiet(),
            Heard::Bytes(n) | Heard::Back(n) => {
                is_there = true;
                if n > 0 {
                    last_byte = Instant::now();
                    ear.hear(&buffer[read_bytes..read_bytes + n], listener.now());
                    read_bytes += n;
                }
            }
            Heard::Gone(_) | Heard::Given(_) | Heard::Told(_) | Heard::Away => is_there = false,
        }
        if let Some(end) = ear.ended() {
            let word = end.word();
            let said = match end {
                End::Matched(said) | End::Failed(said) | End::Crashed(said) => Some(said),
                End::TimedOut if !is_there => break ("portGone", None),
                _ => None,
            };
            break (word, said);
        }
        if read_bytes == buffer.len() {
            break ("bytes", None);
        }
        if told.elapsed() >= NOW_AND_THEN {
            told = Instant::now();
            let share = started.elapsed().as_secs_f64() / time.as_secs_f64().max(0.001);
            let percent = (share.min(1.0) * 100.0).round();
            let last = ear.text.lines().last().unwrap_or("nothing yet");
            #[allow(clippy::cast_sign_loss)] // of a share
            (call.progress)(percent as u32, last);
        }
    };
    let mut output = ear.finish(end);
    let rate = listener.rate();
    (output.baud, output.baud_from) = (rate.baud, rate.from);
    output.bytes_read = read_bytes;
    output
}

struct Ear {
    reader: Reader,
    elfs: Elfs,
    ends: Ends,
    /// What ends it once the crash has been read that is coming.
    ending: Option<End>,
    text: String,
    resets: Vec<Reset>,
    crashes: Crashes,
}

impl Ear {
    fn hear(&mut self, bytes: &[u8], at: Duration) {
        let items = self.reader.feed(bytes, at);
        self.take(items);
    }

    /// Nothing has come for a while.
    fn quiet(&mut self) {
        if let Some((_, text)) = self.reader.pending() {
            self.look(&text);
        }
        let items = self.reader.quiet();
        self.take(items);
    }

    fn look(&mut self, text: &str) {
        if let Some(end) = self.ends.by_text(text) {
            self.ending.get_or_insert(end);
        }
    }

    fn take(&mut self, items: Vec<Item>) {
        for item in items {
            match item {
                Item::Line(line) => {
                    self.look(&line.text);
                    self.text.push_str(&without_colours(&line.text));
                    self.text.push('\n');
                }
                Item::Boot(BootFact::Reset(reset)) => self.resets.push(Reset {
                    code: reset.code,
                    name: reset.name,
                }),
                Item::Boot(_) => {}
                Item::Crash(crash) => {
                    if let Some(end) = self.ends.by_crash(&crash, &headline(&crash)) {
                        self.ending.get_or_insert(end);
                    }
                    self.crashes.add(*crash, &mut self.elfs);
                }
            }
        }
    }

    fn ended(&mut self) -> Option<End> {
        if self.ending.is_some() && !self.reader.is_in_crash() {
            return self.ending.take();
        }
        self.ends.by_time()
    }

    fn finish(mut self, (end, line): (&'static str, Option<String>)) -> Output {
        let items = self.reader.finish();
        self.take(items);
        Output {
            text: self.text,
            end,
            line,
            bytes_read: 0,
            baud: 0,
            baud_from: None,
            warning: None,
            resets: self.resets,
            crashes: self.crashes.list(),
        }
    }
}
