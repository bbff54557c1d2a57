//! What `monitor` and `deploy --monitor` are told.

use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use fbuild_monitor::filter::Filter;
use fbuild_project::target::{Console, Target};
use regex::Regex;

use super::view::{Form, View};
use crate::cli::terminal::Terminal;
use crate::monitor::clock::WallClock;
use crate::monitor::elfs::Elfs;
use crate::monitor::end::Ends;
use crate::monitor::keys::Eol;
use crate::monitor::log_file::{append_to, new_log};
use crate::monitor::rate::is_rate;
use crate::monitor::screen::Screen;

/// What is shown, what is sent, and what ends it.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Show only these tags, down to these levels: "wifi:W *:I" (N nothing, E, W, I, D, V everything)
    #[arg(long, value_name = "TAG:LEVEL ...", value_parser = parse_filter)]
    filter: Option<Filter>,

    /// Begin each line with the time of its first byte, in UTC
    #[arg(long)]
    timestamps: bool,

    /// An ELF file that the board may run; may be repeated. Left out: those of the project's targets
    #[arg(long = "elf", value_name = "FILE")]
    elfs: Vec<PathBuf>,

    /// Append every byte that the board prints to this file
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,

    /// End with success at a line that matches
    #[arg(long, value_name = "REGEX", value_parser = parse_pattern)]
    until: Option<Regex>,

    /// End with exit code 3 at a line that matches
    #[arg(long, value_name = "REGEX", value_parser = parse_pattern)]
    fail: Option<Regex>,

    /// End after this time; with exit code 4 if --until was given and has not matched
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<Duration>,

    /// Pass the board's bytes on as they are: no places, no filter, no time stamps
    #[arg(long, conflicts_with_all = ["filter", "timestamps", "json"])]
    raw: bool,

    /// What Enter, or the end of a line of standard input, sends to the board
    #[arg(long, value_enum, default_value_t = Eol::Cr)]
    eol: Eol,
}

/// A baud rate.
pub(crate) fn parse_rate(text: &str) -> Result<u32, String> {
    let rate = text.parse().ok().filter(|rate| is_rate(*rate));
    rate.ok_or_else(|| "expected a number from 300 to 5000000".to_owned())
}

fn parse_filter(words: &str) -> Result<Filter, String> {
    Filter::parse(words).map_err(|error| error.to_string())
}

fn parse_pattern(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|error| error.to_string())
}

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().ok();
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| "expected seconds, as in 30 or 0.5".to_owned())
}

impl Options {
    /// Whether any of them was given.
    pub(crate) fn is_given(&self) -> bool {
        self.filter.is_some()
            || self.timestamps
            || !self.elfs.is_empty()
            || self.save.is_some()
            || self.until.is_some()
            || self.fail.is_some()
            || self.timeout.is_some()
            || self.raw
            || self.eol != Eol::Cr
    }

    /// The files that name places: those that were given, else those of the project.
    pub(super) fn elfs(
        &self,
        project: &Path,
        target: Option<&Target>,
        state_dir: Option<&Path>,
    ) -> Result<Elfs, String> {
        if self.elfs.is_empty() {
            return Ok(Elfs::of_targets(project, target, state_dir));
        }
        let named = Elfs::named(&self.elfs);
        named.map_err(|(path, error)| format!("{} {error}", path.display()))
    }

    pub(super) fn ends(&self) -> Ends {
        Ends::new(self.until.clone(), self.fail.clone(), self.timeout)
    }

    pub(super) fn line_end(&self) -> Eol {
        self.eol
    }

    /// What shows the output, and the file that takes a copy of it. The project's own monitor may have both.
    pub(super) fn view(
        self,
        terminal: Terminal,
        is_json: bool,
        clock: WallClock,
        console: Option<&Console>,
    ) -> Result<(View, Option<File>), String> {
        let form = match (self.raw, is_json) {
            (true, _) => Form::Raw,
            (false, true) => Form::Json,
            (false, false) => Form::Lines,
        };
        let has = |filter| console.is_some_and(|console| console.has_filter(filter));
        let log = match &self.save {
            Some(path) => Some(append_to(path)?),
            None if has("log2file") => {
                // The project wants it; a directory that cannot be written is no reason not to listen.
                let (said, file) = match new_log(Path::new("")) {
                    Ok((path, file)) => (format!("logging into {}", path.display()), Some(file)),
                    Err(why) => (why, None),
                };
                terminal.note(format!("--- {said} (monitor_filters)"));
                file
            }
            None => None,
        };
        let mut screen = Screen::new(self.filter.unwrap_or_default(), clock);
        screen.has_timestamps = self.timestamps || has("time");
        screen.has_colours = io::stdout().is_terminal() && terminal.is_colourful();
        Ok((View::new(terminal, form, screen), log))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_as_people_write_them() {
        assert_eq!(parse_seconds("30"), Ok(Duration::from_secs(30)));
        assert_eq!(parse_seconds("0.5"), Ok(Duration::from_millis(500)));
        for wrong in ["", "-1", "30s", "inf", "nan", "1e99"] {
            assert!(parse_seconds(wrong).is_err(), "{wrong}");
        }
    }
}
