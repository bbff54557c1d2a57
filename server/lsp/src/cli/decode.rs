//! `decode`.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use fbuild_monitor::crash::{Crash, Kind};
use fbuild_monitor::elf::{Elf, choose};
use fbuild_monitor::line::{Line, Lines};
use fbuild_monitor::trace::{Build, Frame, Trace, trace};
use fbuild_monitor::watch::{Event, Watch};
use fbuild_project::discover::{Environment, discover};
use fbuild_project::file::{self, ELF_LIMIT};

use super::terminal::Terminal;
use super::{SUCCESS, USAGE};
use crate::json::CrashList;
use crate::plain::Line as PlainLine;

/// The largest log that is read from a file; from standard input it has no end.
const LOG_LIMIT: u64 = 128 << 20;
/// Most crashes that `--json` lists: the first ones.
const MAX_CRASHES: usize = 1000;

/// Arguments of `decode`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The log; standard input if left out or -
    #[arg(value_name = "LOG", default_value = "-")]
    input: PathBuf,

    /// An ELF file that the board may run; may be repeated. Left out: those of the targets in this directory
    #[arg(long = "elf", value_name = "FILE")]
    elfs: Vec<PathBuf>,

    /// Print the crashes as one JSON object, and nothing else of the log
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Runs `decode`. A log without a crash is not a failure.
    #[allow(clippy::needless_pass_by_value)] // consumed, as every subcommand is
    pub(crate) fn run(self, terminal: Terminal) -> u8 {
        let mut elfs = Vec::new();
        for path in &self.elfs {
            match file::read(path, ELF_LIMIT) {
                Ok(bytes) => elfs.push(Elf::new(path.display().to_string(), bytes)),
                Err(error) => return unreadable(terminal, path, &error),
            }
        }
        if self.elfs.is_empty() {
            elfs = elfs_of_targets();
        }
        let mut decoder = Decoder {
            elfs,
            watch: Watch::default(),
            found: Vec::new(),
            is_json: self.json,
            terminal,
            has_colours: io::stdout().is_terminal() && terminal.is_colourful(),
        };
        let mut lines = Lines::default();
        if self.input == Path::new("-") {
            let mut piece = vec![0; 64 * 1024];
            // A log without end is read for as long as somebody reads the output.
            while terminal.exit_code(SUCCESS) == SUCCESS {
                match io::stdin().read(&mut piece) {
                    Ok(0) => break,
                    Ok(count) => decoder.lines(lines.feed(&piece[..count], Duration::ZERO)),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        terminal.note(format!("error: standard input cannot be read: {error}"));
                        return USAGE;
                    }
                }
            }
        } else {
            match file::read(&self.input, LOG_LIMIT) {
                Ok(bytes) => decoder.lines(lines.feed(&bytes, Duration::ZERO)),
                Err(error) => return unreadable(terminal, &self.input, &error),
            }
        }
        decoder.lines(lines.finish().into_iter().collect());
        decoder.finish();
        SUCCESS
    }
}

fn unreadable(terminal: Terminal, path: &Path, error: &file::ReadError) -> u8 {
    terminal.note(format!("error: {} {error}", path.display()));
    terminal.note(format!("  {}", error.remedy()));
    USAGE
}

/// ELF files beside what the targets of this directory flash: every build tool leaves them there. The one that a
/// deploy would take comes first.
fn elfs_of_targets() -> Vec<Elf> {
    let directory = std::path::absolute(".").unwrap_or_default();
    let discovery = discover(&directory, &Environment::from_process());
    let default = discovery.default_target().ok();
    let mut paths: Vec<PathBuf> = Vec::new();
    for target in default.into_iter().chain(&discovery.targets) {
        for region in &target.regions {
            let path = region.source.path().with_extension("elf");
            // A cargo build's file has no ending.
            for path in [path, region.source.path().to_owned()] {
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
    }
    let is_elf = |path: &PathBuf| file::read_start(path, 4).is_ok_and(|start| start == b"\x7fELF");
    let elfs = paths.into_iter().filter(is_elf).filter_map(|path| {
        let bytes = file::read(&path, ELF_LIMIT).ok()?;
        Some(Elf::new(path.display().to_string(), bytes))
    });
    elfs.collect()
}

struct Decoder {
    elfs: Vec<Elf>,
    watch: Watch,
    /// For JSON.
    found: Vec<(Crash, Trace)>,
    is_json: bool,
    terminal: Terminal,
    has_colours: bool,
}

impl Decoder {
    fn lines(&mut self, lines: Vec<Line>) {
        for line in lines {
            // What has just ended comes before the line that shows that it has.
            let events = self.watch.feed(&line);
            let (ends_before, ends_with) = events.into_iter().partition(|_| is_boot(&line.text));
            self.events(ends_before);
            if !self.is_json {
                let line = PlainLine::of_log(&line.text, self.has_colours);
                self.terminal.result(line);
            }
            self.events(ends_with);
        }
    }

    fn finish(mut self) {
        let events = self.watch.finish();
        self.events(events);
        if self.is_json {
            let found = self.found.iter().map(|(crash, trace)| (crash, trace));
            self.terminal.json(&CrashList::new(found));
        }
    }

    fn events(&mut self, events: Vec<Event>) {
        for event in events {
            let Event::Crash(crash) = event else {
                continue;
            };
            let trace = trace(&crash, &choose(&crash, &self.elfs));
            if !self.is_json {
                for line in told(&crash, &trace) {
                    self.terminal.result(format!("--- {line}"));
                }
                continue;
            }
            let same = |(other, _): &(Crash, Trace)| crash.replaces(other);
            if let Some(index) = self.found.iter().rposition(same) {
                self.found[index] = (*crash, trace);
            } else if self.found.len() < MAX_CRASHES {
                self.found.push((*crash, trace));
            }
        }
    }
}

/// The first line of a boot.
fn is_boot(text: &str) -> bool {
    let text = text.trim_start();
    ["ets ", "ESP-ROM:", "rst:"]
        .iter()
        .any(|start| text.starts_with(start))
}

fn told(crash: &Crash, trace: &Trace) -> Vec<String> {
    let mut lines = vec![headline(crash)];
    if let Some(message) = &crash.message {
        lines.push(format!("  {message}"));
    }
    if let Some(source) = &crash.source {
        lines.push(format!("  at {}:{}", source.file, source.line));
    }
    if crash.repeats > 1 && crash.kind != Kind::BootLoop {
        lines.push(format!(
            "  seen {} times in a row, at the same place",
            crash.repeats
        ));
        return lines;
    }
    if crash.addresses().is_empty() && trace.frames.is_empty() && trace.unknown_top.is_none() {
        return lines;
    }
    match &trace.build {
        Build::Named(elf) => lines.push(format!(
            "  addresses by {elf}, the build that the board names"
        )),
        Build::Unverified(elf) => lines.push(format!(
            "  addresses by {elf}; the board does not say whether it runs this build"
        )),
        Build::Other => {
            let sha = crash.elf_sha256.as_deref().unwrap_or_default();
            lines.push(format!(
                "  the board runs another build (ELF file SHA256 {sha}) than every ELF file at hand: no \
                 address is resolved"
            ));
            return lines;
        }
        Build::Unknown(error) => {
            let why = error.as_deref().unwrap_or(
                "no ELF file: name it with --elf FILE, or run this in the project's directory",
            );
            lines.push(format!("  {why}"));
            return lines;
        }
    }
    if let Some(pc) = trace.unknown_top {
        lines.push(format!("  {pc:#010x}  no code of the program"));
    }
    frames(&trace.frames, &mut lines);
    lines.push(format!("  ({})", trace.stop));
    if !trace.candidates.is_empty() {
        lines.push("  perhaps called by:".to_owned());
        frames(&trace.candidates, &mut lines);
    }
    for (dump, other) in crash.other_cores.iter().zip(&trace.other_cores) {
        lines.push(match dump.core {
            Some(core) => format!("  core {core}:"),
            None => "  another core:".to_owned(),
        });
        frames(other, &mut lines);
    }
    lines
}

fn headline(crash: &Crash) -> String {
    let address = crash
        .fault_address
        .map(|address| format!(" at {address:#010x}"));
    let task = crash.task.as_ref().map(|task| format!(", task {task}"));
    let core = crash.core.map(|core| format!(", core {core}"));
    let times = (crash.kind == Kind::BootLoop).then(|| format!(", {} times", crash.repeats));
    let mut line = format!("{}: {}", crash.kind.word(), crash.cause);
    line.extend([address, task, core, times].into_iter().flatten());
    line
}

/// A line each; endless recursion is shown once.
fn frames(frames: &[Frame], lines: &mut Vec<String>) {
    let mut before = String::new();
    let mut same = 0;
    let mut shown = Vec::new();
    for frame in frames {
        let line = shown_frame(frame);
        if line == before {
            same += 1;
            continue;
        }
        flush(&mut same, &mut shown);
        shown.push(line.clone());
        before = line;
    }
    flush(&mut same, &mut shown);
    lines.append(&mut shown);
}

fn flush(same: &mut u32, shown: &mut Vec<String>) {
    if *same > 0 {
        shown.push(format!("  {:10}  the same {same} more times", ""));
    }
    *same = 0;
}

fn shown_frame(frame: &Frame) -> String {
    let function = frame.function.as_deref().unwrap_or("??");
    let inlined = if frame.is_inlined { " (inlined)" } else { "" };
    let place = match &frame.place {
        Some(place) => match place.line {
            Some(line) => format!(" at {}:{line}", place.file),
            None => format!(" in {}, no line", place.file),
        },
        None if frame.is_rom => " in the chip's ROM".to_owned(),
        None => String::new(),
    };
    format!("  {:#010x}  {function}{inlined}{place}", frame.address)
}
