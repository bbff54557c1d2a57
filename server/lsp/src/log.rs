//! Where this program's own log goes: standard error, a file if one was named, and the client of
//! the language server.
//!
//! Never standard output, which belongs to results and to the protocol.

use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use fbuild_project::{file, plain};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::field::MakeExt as _;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::debug_fn;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::locked::Locked;

/// Lines that wait for the client, and for the reader of standard error; more are dropped.
const WAITING_MAX: usize = 256;
/// At the end of a server, how long the reader of standard error may take for the last lines.
const LAST_LINES: Duration = Duration::from_millis(200);
/// Lines about the way to the client are not sent on that way: each would make the next one.
const WAY_TO_CLIENT: &str = "fbuild_lsp::server::editor";

/// A line on its way to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) text: String,
}

/// The client's part of the log. Clones are one and the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tap {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// 0 is off, 1 errors, up to 5, everything.
    level: AtomicU8,
    sender: Locked<Option<Sender<Line>>>,
    /// Lines on their way to standard error.
    n_unwritten: AtomicUsize,
}

impl Tap {
    /// What of the log goes to the client.
    pub(crate) fn set_level(&self, level: LevelFilter) {
        let number = level.into_level().map_or(0, number);
        self.shared.level.store(number, Ordering::Release);
    }

    /// Lines from now on.
    pub(crate) fn open(&self) -> Receiver<Line> {
        let (sender, receiver) = channel(WAITING_MAX);
        *self.shared.sender.lock() = Some(sender);
        receiver
    }

    /// Gives the last lines a moment to be written; the process ends next.
    pub(crate) fn finish(&self) {
        let begun = Instant::now();
        let is_written = || self.shared.n_unwritten.load(Ordering::Acquire) == 0;
        while !is_written() && begun.elapsed() < LAST_LINES {
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Whether somebody takes lines.
    #[cfg(test)]
    pub(crate) fn is_open(&self) -> bool {
        self.shared.sender.lock().is_some()
    }

    fn offer(&self, line: Line) {
        if let Some(sender) = &*self.shared.sender.lock() {
            // Full: the client does not keep up, and the log must hold up nothing.
            let _ = sender.try_send(line);
        }
    }
}

fn number(level: Level) -> u8 {
    match level {
        Level::ERROR => 1,
        Level::WARN => 2,
        Level::INFO => 3,
        Level::DEBUG => 4,
        Level::TRACE => 5,
    }
}

impl<S: Subscriber> Layer<S> for Tap {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let about = event.metadata();
        let is_ours = about.target().starts_with("fbuild") && about.target() != WAY_TO_CLIENT;
        if !is_ours || number(*about.level()) > self.shared.level.load(Ordering::Acquire) {
            return;
        }
        let mut words = Words::default();
        event.record(&mut words);
        self.offer(Line {
            level: *about.level(),
            text: plain::line(&(words.message + &words.fields)).into_owned(),
        });
    }
}

/// An event's message and fields as one line.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        use std::fmt::Write as _;
        // Writing to a string does not fail.
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.fields, " {}={value:?}", field.name())
        };
    }
}

/// Messages and fields with names in them, as lines that can be printed.
fn fields() -> impl for<'w> FormatFields<'w> + Send + Sync + 'static {
    debug_fn(|writer, field, value| {
        let value = format!("{value:?}");
        let value = plain::line(&value);
        match field.name() {
            "message" => write!(writer, "{value}"),
            name => write!(writer, "{name}={value}"),
        }
    })
    .delimited(" ")
}

/// Standard error on a thread of its own. A client that starts a server need not read what it says
/// there, and once its pipe is full a write to it never returns.
#[derive(Clone)]
struct UnreadStderr {
    sender: SyncSender<Vec<u8>>,
    shared: Arc<Shared>,
}

impl UnreadStderr {
    fn start(shared: Arc<Shared>) -> Self {
        let written = shared.clone();
        let (sender, lines) = mpsc::sync_channel::<Vec<u8>>(WAITING_MAX);
        // Without a thread every line is dropped, as if nobody read them.
        let _ = std::thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                for line in lines {
                    let _ = io::stderr().write_all(&line);
                    written.n_unwritten.fetch_sub(1, Ordering::AcqRel);
                }
            });
        Self { sender, shared }
    }
}

impl Write for UnreadStderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.shared.n_unwritten.fetch_add(1, Ordering::AcqRel);
        if self.sender.try_send(line.to_vec()).is_err() {
            self.shared.n_unwritten.fetch_sub(1, Ordering::AcqRel);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Starts logging to standard error and, if named, to a file; the way to the client is returned.
/// `is_server`: it must never wait for the reader of standard error.
pub(crate) fn start(
    level: LevelFilter,
    is_server: bool,
    is_colourful: bool,
    file: Option<&Path>,
) -> io::Result<Tap> {
    let tap = Tap::default();
    let writer = if is_server {
        let stderr = UnreadStderr::start(tap.shared.clone());
        BoxMakeWriter::new(move || stderr.clone())
    } else {
        BoxMakeWriter::new(io::stderr)
    };
    let stderr = tracing_subscriber::fmt::layer()
        .with_writer(writer)
        .with_ansi(is_colourful)
        .fmt_fields(fields())
        .with_filter(level);
    let file = match file {
        None => None,
        Some(path) => {
            let file = file::append(path)?;
            // A named file is there to read what happened.
            let level = level.max(LevelFilter::DEBUG);
            let layer = tracing_subscriber::fmt::layer()
                .with_writer(Mutex::new(file))
                .with_ansi(false)
                .fmt_fields(fields())
                .with_filter(level);
            Some(layer)
        }
    };
    tracing_subscriber::registry()
        .with(stderr)
        .with(file)
        .with(tap.clone())
        .init();
    // The log is where the reason of an internal error is looked for.
    std::panic::set_hook(Box::new(|panic| {
        // Place and reason, which are on two lines.
        tracing::error!("{}", panic.to_string().replace('\n', " "));
    }));
    Ok(tap)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(level: LevelFilter) -> Vec<String> {
        let tap = Tap::default();
        tap.set_level(level);
        let mut lines = tap.open();
        let subscriber = tracing_subscriber::registry().with(tap);
        tracing::subscriber::with_default(subscriber, || {
            tracing::error!(target: "fbuild_lsp::job", port = "COM5", "it broke");
            tracing::info!(target: "fbuild_deploy", baud = 7, "raised");
            tracing::error!(target: WAY_TO_CLIENT, "the client does not read");
            tracing::error!(target: "tower_lsp", "not ours");
        });
        let mut said = Vec::new();
        while let Ok(line) = lines.try_recv() {
            said.push(format!("{} {}", line.level, line.text));
        }
        said
    }

    #[test]
    fn lines_go_to_the_client_by_their_level() {
        assert_eq!(said(LevelFilter::WARN), ["ERROR it broke port=\"COM5\""]);
        assert_eq!(said(LevelFilter::TRACE).len(), 2);
        assert_eq!(said(LevelFilter::TRACE)[1], "INFO raised baud=7");
        assert!(said(LevelFilter::OFF).is_empty());
    }

    #[test]
    fn a_client_that_does_not_read_holds_up_nothing() {
        let tap = Tap::default();
        let lines = tap.open();
        for n in 0..10 * WAITING_MAX {
            let text = n.to_string();
            tap.offer(Line {
                level: Level::ERROR,
                text,
            });
        }
        assert_eq!(lines.len(), WAITING_MAX);
    }
}
