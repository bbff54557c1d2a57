//! A crash that a monitor has heard: onto the line that it leads to, into the status and the log.

use std::path::Path;
use std::sync::Arc;

use fbuild_monitor::crash::{Crash, Dump, Severity};
use fbuild_monitor::trace::{Frame, Trace};
use fbuild_project::plain;
use lsp_types::{DiagnosticRelatedInformation, Location, Position, Range, Registration};
use serde_json::{Value, json};

use super::Listening;
use crate::explain::{self, Text};
use crate::json::MonitorEvent;
use crate::monitor::clock::time_of_day;
use crate::monitor::told::{short, told};
use crate::server::crashes::place::{Scene, Spot};
use crate::server::crashes::{Crashes, Found};
use crate::server::documents::Documents;
use crate::server::editor::{Answer, Editor, custom};
use crate::server::monitors::named::{self, Named};
use crate::server::pages::Pages;
use crate::server::session::Session;
use crate::server::uri;

/// Lines before a crash that are kept with it, and what of them.
const LOG_LINES: u64 = 200;
const LOG_BYTES: usize = 64 << 10;
/// Frames that are linked.
const MAX_RELATED: usize = 64;
/// Registers on a line.
const REGISTERS: usize = 4;

/// Where crashes are told.
#[derive(Clone)]
pub(crate) struct Reporting {
    pub(crate) crashes: Arc<Crashes>,
    pub(crate) documents: Arc<Documents>,
    pub(crate) pages: Arc<Pages>,
    pub(crate) session: Arc<Session>,
    pub(crate) editor: Editor,
}

impl Reporting {
    /// Takes the crashes of a port's board away: it is to run another program.
    pub(crate) fn forget(&self, port: &str) {
        self.documents.recheck(self.crashes.forget(port));
    }

    /// Shows a crash; whether it is news.
    fn show(&self, port: &str, found: Found) -> bool {
        let (uri, path) = (found.uri.to_string(), uri::to_path(found.uri.as_str()));
        let is_news = self.crashes.add(port, found);
        self.documents.recheck([uri]);
        if let Some(path) = path.filter(|_| is_news) {
            self.register(&path);
        }
        is_news
    }

    /// Asks a client that sends only what the server helps with for a file with a crash, too: for edits and for
    /// questions about it.
    fn register(&self, path: &Path) {
        if !self.session.capabilities().registers_documents {
            return;
        }
        let pattern = glob(&path.display().to_string());
        let editor = self.editor.clone();
        self.editor.runtime.spawn(async move {
            let selector = json!([{"scheme": "file", "pattern": pattern}]);
            let registration = |method: &str, more: serde_json::Value| {
                let mut options = more;
                options["documentSelector"] = selector.clone();
                Registration {
                    id: format!("fbuild/crash/{method}/{pattern}"),
                    method: method.to_owned(),
                    register_options: Some(options),
                }
            };
            let incremental = json!({"syncKind": 2});
            let kinds = json!({"codeActionKinds": ["quickfix"]});
            let wanted = vec![
                registration("textDocument/didOpen", json!({})),
                registration("textDocument/didChange", incremental),
                registration("textDocument/didClose", json!({})),
                registration("textDocument/hover", json!({})),
                registration("textDocument/codeAction", kinds),
            ];
            editor.register(wanted).await;
        });
    }
}

impl Listening<'_> {
    /// Tells a crash. `is_loop`: the board comes to it again and again.
    pub(super) fn report(&self, crash: &Crash, trace: &Trace, is_loop: bool) {
        let port = &self.seat.monitor.port;
        if crash.severity == Severity::Info {
            return;
        }
        let scene = self.scene();
        let lines = lines(crash, trace);
        let spot = scene.first(trace);
        let name = spot.as_ref().map(|spot| {
            let name = spot.path.file_name().unwrap_or_default();
            format!("{}:{}", name.to_string_lossy(), spot.number() + 1)
        });
        let text = explain::crash(
            &short(crash),
            &crash.cause,
            name.as_deref(),
            port,
            is_loop,
            &lines,
        );
        let found = spot.and_then(|spot| {
            let mut found = self.found(&scene, &spot, crash, trace)?;
            (found.is_loop, found.lines) = (is_loop, lines);
            if is_loop {
                found.times = crash.repeats;
            }
            Some(found)
        });
        let is_shown = found.is_some();
        let is_news = match found {
            Some(found) => self.with.reporting.show(port, found),
            None => crash.repeats == 1,
        };
        self.say(text, is_news, is_shown);
    }

    /// Where these are, as far as the files are here.
    pub(super) fn places(&mut self, found: &[Named]) -> Vec<Value> {
        let scene = self.scene();
        named::places(&scene, found, |address| {
            self.elfs.at(address, self.elf_sha256.as_deref())
        })
    }

    fn scene(&self) -> Scene {
        let mut folders = vec![self.project.clone()];
        folders.extend(self.with.reporting.session.folders());
        Scene {
            folders,
            encoding: self.with.reporting.documents.encoding(),
        }
    }

    fn found(&self, scene: &Scene, spot: &Spot, crash: &Crash, trace: &Trace) -> Option<Found> {
        let time = time_of_day(self.clock.time_of(crash.at));
        let time = time.split('.').next().unwrap_or(&time);
        let related = trace.frames.iter().enumerate().take(MAX_RELATED);
        Some(Found {
            kind: crash.kind.word(),
            short: short(crash),
            is_loop: false,
            times: 1,
            is_fatal: crash.severity != Severity::Error,
            uri: uri::of(&spot.path)?,
            range: scene.range(spot),
            time: format!("{time} UTC"),
            related: related
                .filter_map(|(number, frame)| linked(scene, spot, number, frame))
                .collect(),
            lines: Vec::new(),
            log: self.log_before(),
        })
    }

    /// What the board has printed last.
    fn log_before(&self) -> String {
        let record = self.seat.monitor.record();
        let lines = record.since(record.next().saturating_sub(LOG_LINES));
        let lines = lines.filter_map(|entry| match &entry.event {
            MonitorEvent::Line { text, .. } => Some(text.as_str()),
            _ => None,
        });
        let mut log = lines.collect::<Vec<_>>().join("\n");
        if log.len() > LOG_BYTES {
            let from = log.len() - LOG_BYTES;
            let from = log[log.floor_char_boundary(from)..]
                .find('\n')
                .map_or(log.len(), |at| from + at);
            log.drain(..log.floor_char_boundary(from));
        }
        log
    }

    /// Sends it, without holding up the port. What is shown nowhere else pops up.
    fn say(&self, text: Text, is_news: bool, is_shown: bool) {
        let told = self.with.reporting.clone();
        let port = self.seat.monitor.port.clone();
        let number = self.with.jobs.number();
        let before = if is_shown {
            String::new()
        } else {
            self.log_before()
        };
        self.with.reporting.editor.runtime.spawn(async move {
            let capabilities = told.session.capabilities();
            let log = format!("{}\n{}", text.sentence, text.lines.join("\n"));
            let alert = (!is_shown && is_news).then(|| text.sentence.clone());
            if capabilities.wants.status {
                let status = json!({
                    "job": number, "kind": "monitor", "state": "failed", "target": null, "port": port,
                    "chip": null, "phase": null, "region": null, "percent": 100, "leftMs": null,
                    "outcome": "crashed", "summary": text.short, "detail": text.detail,
                    "durationMs": null, "token": null, "text": text,
                });
                told.editor.notify::<custom::Status>(status).await;
            }
            if is_news {
                told.editor.log(true, &log).await;
            }
            match alert {
                Some(alert) if capabilities.shows_documents => {
                    let show = ["Show the crash and the log before it".to_owned()];
                    if let Answer::Chosen(_) = told.editor.ask(true, &alert, &show).await {
                        told.pages.show_crash(format!("{log}\n\n{before}")).await;
                    }
                }
                Some(alert) => told.editor.alert(&alert).await,
                None => {}
            }
        });
    }
}

/// A pattern that only this path matches.
fn glob(path: &str) -> String {
    let escaped = path.chars().map(|c| match c {
        '[' | ']' | '{' | '}' | '*' | '?' => format!("[{c}]"),
        c => c.to_string(),
    });
    escaped.collect()
}

/// What it is and where, then registers.
fn lines(crash: &Crash, trace: &Trace) -> Vec<String> {
    // One that came again is told in full, too: it takes the place of the first.
    let first = Crash {
        repeats: 1,
        ..crash.clone()
    };
    let mut lines = told(&first, trace);
    let Dump { registers, .. } = &crash.dump;
    if !registers.is_empty() {
        lines.push("  registers:".to_owned());
    }
    for row in registers.chunks(REGISTERS) {
        let row = row
            .iter()
            .map(|(name, value)| format!("{name:<8} {value:#010x}"));
        lines.push(format!("  {}", row.collect::<Vec<_>>().join("  ")));
    }
    lines
}

/// A frame, unless it is the line itself.
fn linked(
    scene: &Scene,
    shown: &Spot,
    number: usize,
    frame: &Frame,
) -> Option<DiagnosticRelatedInformation> {
    let spot = scene.of(frame.place.as_ref()?);
    let spot = spot.filter(|spot| spot != shown)?;
    let start = Position::new(spot.number(), 0);
    let function = frame.function.as_deref().unwrap_or("??");
    Some(DiagnosticRelatedInformation {
        location: Location::new(uri::of(&spot.path)?, Range::new(start, start)),
        message: plain::line(&format!("#{number} {function}")).into_owned(),
    })
}
