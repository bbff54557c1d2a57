//! `decode`.

use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use fbuild_monitor::crash::Crash;
use fbuild_project::file;

use super::terminal::Terminal;
use super::{SUCCESS, USAGE};
use crate::monitor::crashes::Crashes;
use crate::monitor::elfs::Elfs;
use crate::monitor::reader::{Item, Reader};
use crate::monitor::told::told;
use crate::plain::Line as PlainLine;
use crate::state_dir;

/// The largest log that is read from a file; from standard input it has no end.
const LOG_LIMIT: u64 = 128 << 20;

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
        let elfs = if self.elfs.is_empty() {
            let here = std::path::absolute(".").unwrap_or_default();
            Elfs::of_targets(&here, None, state_dir::of_this_process().as_deref())
        } else {
            match Elfs::named(&self.elfs) {
                Ok(elfs) => elfs,
                Err((path, error)) => return unreadable(terminal, &path, &error),
            }
        };
        let mut decoder = Decoder {
            elfs,
            found: Crashes::default(),
            is_json: self.json,
            terminal,
            has_colours: io::stdout().is_terminal() && terminal.is_colourful(),
        };
        let mut reader = Reader::default();
        if self.input == Path::new("-") {
            let mut piece = vec![0; 64 * 1024];
            // A log without end is read for as long as somebody reads the output.
            while terminal.exit_code(SUCCESS) == SUCCESS {
                match io::stdin().read(&mut piece) {
                    Ok(0) => break,
                    Ok(count) => decoder.hear(reader.feed(&piece[..count], Duration::ZERO)),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => {
                        terminal.note(format!("error: standard input cannot be read: {error}"));
                        return USAGE;
                    }
                }
            }
        } else {
            match file::read(&self.input, LOG_LIMIT) {
                Ok(bytes) => decoder.hear(reader.feed(&bytes, Duration::ZERO)),
                Err(error) => return unreadable(terminal, &self.input, &error),
            }
        }
        decoder.hear(reader.finish());
        decoder.finish();
        SUCCESS
    }
}

fn unreadable(terminal: Terminal, path: &Path, error: &file::ReadError) -> u8 {
    terminal.note(format!("error: {} {error}", path.display()));
    terminal.note(format!("  {}", error.remedy()));
    USAGE
}

struct Decoder {
    elfs: Elfs,
    /// For JSON.
    found: Crashes,
    is_json: bool,
    terminal: Terminal,
    has_colours: bool,
}

impl Decoder {
    fn hear(&mut self, items: Vec<Item>) {
        for item in items {
            match item {
                Item::Crash(crash) => self.crash(*crash),
                Item::Line(line) if !self.is_json => {
                    let line = PlainLine::of_log(&line.text, self.has_colours);
                    self.terminal.result(line);
                }
                Item::Line(_) | Item::Boot(_) => {}
            }
        }
    }

    fn crash(&mut self, crash: Crash) {
        if self.is_json {
            self.found.add(crash, &mut self.elfs);
            return;
        }
        let trace = self.elfs.trace(&crash);
        for line in told(&crash, &trace) {
            self.terminal.result(format!("--- {line}"));
        }
    }

    fn finish(self) {
        if self.is_json {
            self.terminal.json(&self.found.list());
        }
    }
}
