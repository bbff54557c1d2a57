//! Where the time of one run went, told from the outside and alike for every contestant.
//!
//! The simulated board says, through `tracing`, when a command reached it and when its answer was
//! with the host. The time from one command to the next belongs to the first one's phase; what lies
//! between an answer and the next command is the contestant's own, and is summed up besides.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Seconds of one run by what was done in them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Phases {
    /// From the process' start to its first byte on the link; of every process, if there are more.
    pub(crate) start: f64,
    /// Finding the loader, identifying it, changing the baud rate and trying it out.
    pub(crate) connect: f64,
    /// Uploading the stub.
    pub(crate) upload: f64,
    /// Hashing flash before the first write.
    pub(crate) compare: f64,
    /// Erasing and writing, or waiting for it.
    pub(crate) write: f64,
    /// Hashing flash after a write.
    pub(crate) prove: f64,
    /// Starting the firmware, or the last output.
    pub(crate) leave: f64,
    /// From the last answer to the end of the process.
    pub(crate) end: f64,
    /// In all of the above, from an answer to the next request: the contestant's own doing.
    pub(crate) own: f64,
}

impl Phases {
    /// The phases with their names, in the order in which they come.
    pub(crate) fn named(&self) -> [(&'static str, f64); 8] {
        [
            ("start", self.start),
            ("connect", self.connect),
            ("upload", self.upload),
            ("compare", self.compare),
            ("write", self.write),
            ("prove", self.prove),
            ("leave", self.leave),
            ("end", self.end),
        ]
    }
}

/// One command as the board saw it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Command {
    pub(crate) op: String,
    /// Length of the request, decoded.
    pub(crate) len: u64,
    /// When it reached the board.
    pub(crate) at: Instant,
    /// When its answer was with the host, on the board's clock.
    pub(crate) answered: Option<Duration>,
}

static COMMANDS: Mutex<Vec<Command>> = Mutex::new(Vec::new());

/// Listens from now on. One board at a time.
pub(crate) fn listen() {
    // Fails only if something listens already, which can only be this.
    let _ = tracing::subscriber::set_global_default(Listener);
}

/// Everything since the last call.
pub(crate) fn take() -> Vec<Command> {
    std::mem::take(&mut COMMANDS.lock().unwrap_or_else(PoisonError::into_inner))
}

struct Listener;

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "fbuild_sim::board" && metadata.is_event()
    }

    fn event(&self, event: &Event<'_>) {
        let at = Instant::now();
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut commands = COMMANDS.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(op) = fields.op {
            commands.push(Command {
                op,
                len: fields.len,
                at,
                answered: None,
            });
        } else if let (Some(ns), Some(last)) = (fields.at_ns, commands.last_mut()) {
            last.answered = Some(Duration::from_nanos(ns));
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Fields {
    op: Option<String>,
    len: u64,
    at_ns: Option<u64>,
}

impl Visit for Fields {
    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "len" => self.len = value,
            "at_ns" => self.at_ns = Some(value),
            _ => {}
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "op" {
            self.op = Some(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}

/// Sorts the time of a run into phases. `board_start` is zero on the board's clock.
pub(crate) fn phases(
    commands: &[Command],
    began: Instant,
    ended: Instant,
    board_start: Instant,
) -> Phases {
    let mut phases = Phases::default();
    let Some(first) = commands.first() else {
        phases.start = seconds(began, ended);
        return phases;
    };
    phases.start = seconds(began, first.at);
    let last_work = commands
        .iter()
        .rposition(|c| is_data(&c.op) || c.op == "SPI_FLASH_MD5");
    let (mut has_begun, mut wrote) = (false, false);
    for (n, command) in commands.iter().enumerate() {
        let next = commands.get(n + 1);
        let until = next.map_or(ended, |next| next.at);
        let answered = command
            .answered
            .map_or(command.at, |at| board_start + at)
            .clamp(command.at, until);
        let begins_anew = next.is_some_and(|next| next.op == "SYNC" && command.op != "SYNC");
        has_begun |= matches!(
            command.op.as_str(),
            "FLASH_BEGIN" | "FLASH_DEFL_BEGIN" | "PLUGIN"
        );
        wrote |= has_begun && is_data(&command.op);
        let left = last_work.is_some_and(|last| n > last);
        let phase = match command.op.as_str() {
            op if op.starts_with("MEM_") => &mut phases.upload,
            "SPI_FLASH_MD5" if wrote => &mut phases.prove,
            "SPI_FLASH_MD5" => &mut phases.compare,
            // Blocks that belong to no write, and reads, are checks of the link.
            "FLASH_DATA" | "READ_FLASH" if !has_begun => &mut phases.connect,
            // Differences, that the board makes into the new build.
            "PLUGIN" => &mut phases.write,
            "FLASH_END" | "FLASH_DEFL_END" if wrote => &mut phases.write,
            _ if left => &mut phases.leave,
            op if op.starts_with("FLASH_") || op.starts_with("ERASE_") => &mut phases.write,
            _ => &mut phases.connect,
        };
        if next.is_none() || begins_anew {
            *phase += seconds(command.at, answered);
            let rest = seconds(answered, until);
            *(if next.is_none() {
                &mut phases.end
            } else {
                &mut phases.start
            }) += rest;
        } else {
            *phase += seconds(command.at, until);
            phases.own += seconds(answered, until);
        }
    }
    phases
}

fn is_data(op: &str) -> bool {
    matches!(op, "FLASH_DATA" | "FLASH_DEFL_DATA" | "PLUGIN")
}

fn seconds(from: Instant, to: Instant) -> f64 {
    to.saturating_duration_since(from).as_secs_f64()
}

/// The timeline of a run as text, one command a line, for somebody who looks for lost time.
pub(crate) fn listing(commands: &[Command], began: Instant, board_start: Instant) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("   at ms  answer ms  own ms  len  op\n");
    for (n, command) in commands.iter().enumerate() {
        let answered = command.answered.map_or(command.at, |at| board_start + at);
        let own = commands.get(n + 1).map_or(0.0, |next| {
            seconds(answered, next.at) - seconds(next.at, answered)
        });
        // Writing to a String does not fail.
        let _ = writeln!(
            text,
            "{:8.1} {:9.2} {:8.2} {:6} {}",
            1e3 * seconds(began, command.at),
            1e3 * seconds(command.at, answered),
            1e3 * own,
            command.len,
            command.op,
        );
    }
    text
}

#[cfg(test)]
#[allow(clippy::float_cmp)] // rounded to whole milliseconds
mod tests {
    use super::*;

    #[test]
    fn each_phase_gets_its_time() {
        let zero = Instant::now();
        let ms = |ms| zero + Duration::from_millis(ms);
        let command = |op: &str, at, answered| Command {
            op: op.to_owned(),
            len: 0,
            at: ms(at),
            answered: Some(Duration::from_millis(answered)),
        };
        let commands = [
            command("SYNC", 10, 12),
            command("READ_REG", 13, 15),
            command("MEM_DATA", 15, 40),
            command("SPI_FLASH_MD5", 40, 140),
            command("FLASH_DEFL_BEGIN", 140, 150),
            command("FLASH_DEFL_DATA", 150, 200),
            command("SPI_FLASH_MD5", 200, 300),
            command("FLASH_BEGIN", 300, 310),
        ];
        let phases = phases(&commands, zero, ms(330), zero);
        let ms: Vec<_> = phases
            .named()
            .iter()
            .map(|(_, s)| (s * 1e3).round())
            .collect();
        assert_eq!(ms, [10.0, 5.0, 25.0, 100.0, 60.0, 100.0, 10.0, 20.0]);
        assert_eq!((phases.own * 1e3).round(), 1.0);
    }

    #[test]
    fn a_second_process_starts_anew() {
        let zero = Instant::now();
        let command = |op: &str, at| Command {
            op: op.to_owned(),
            len: 0,
            at: zero + Duration::from_millis(at),
            answered: Some(Duration::from_millis(at + 1)),
        };
        let commands = [
            command("SYNC", 5),
            command("SPI_FLASH_MD5", 6),
            command("SYNC", 90),
        ];
        let phases = phases(&commands, zero, zero + Duration::from_millis(91), zero);
        assert_eq!((phases.start * 1e3).round(), 5.0 + 83.0);
    }
}
