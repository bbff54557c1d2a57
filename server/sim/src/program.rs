//! What the program on a board prints. The chip runs no code: the text is made from what is in flash, or
//! read from a file, or ends in a crash, as asked.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::boot::Description;

/// The largest log that is played.
const LARGEST: u64 = 64 << 20;

/// The program's text after the crash of `tests/panics/elf/clock-o0.elf` in its first lines; made by
/// `tests/panics/text-elf/clock-o0-01.txt`.
const LOAD_PROHIBITED: &str = include_str!("program/loadprohibited.txt");
/// How long that program runs before.
const RUNS_BEFORE_CRASH: Duration = Duration::from_millis(1500);
/// From the end of a crash's text to the first text of the next boot.
const RESTART: Duration = Duration::from_millis(20);

/// What the program does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Program {
    /// It says who it is, as a program of ESP-IDF does, and our example its greeting.
    #[default]
    OfFlash,
    /// It prints this file.
    Log(PathBuf),
    /// It reads through a null pointer (`LoadProhibited`), crashes, and starts again.
    LoadProhibited,
}

/// The same, ready to be played.
#[derive(Debug, Clone)]
pub(crate) enum Script {
    OfFlash,
    Log(Vec<u8>),
    LoadProhibited,
}

impl Program {
    pub(crate) fn load(&self) -> io::Result<Script> {
        Ok(match self {
            Self::OfFlash => Script::OfFlash,
            Self::Log(path) => Script::Log(read(path)?),
            Self::LoadProhibited => Script::LoadProhibited,
        })
    }
}

impl Script {
    /// Whether it begins with what a boot ROM says, which the board need not say then.
    pub(crate) fn begins_with_boot(&self) -> bool {
        let Self::Log(text) = self else { return false };
        let text = text.trim_ascii_start();
        let starts: [&[u8]; 3] = [b"ets ", b"ESP-ROM:", b"rst:"];
        starts.iter().any(|start| text.starts_with(start))
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let refuse = |why: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, why));
    if !path.metadata()?.is_file() {
        return refuse("not a regular file");
    }
    #[allow(clippy::disallowed_methods)] // a regular file, and up to a limit
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST {
        return refuse("larger than 64 MiB");
    }
    Ok(bytes)
}

/// A program that runs: what it has still to print, each line with its time since the reset.
#[derive(Debug)]
pub(crate) struct Running {
    started: Duration,
    lines: VecDeque<(Duration, Vec<u8>)>,
    crashes: bool,
}

/// What a program does next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// It prints.
    Print(Duration, Vec<u8>),
    /// Its crash resets the chip.
    Restart(Duration),
}

impl Running {
    pub(crate) fn start(script: &Script, app: Option<&Description>, started: Duration) -> Self {
        let text = match script {
            Script::OfFlash => app.map(said).unwrap_or_default().into_bytes(),
            Script::Log(bytes) => bytes.clone(),
            Script::LoadProhibited => crash().into_bytes(),
        };
        Self {
            started,
            lines: timed(&text),
            crashes: matches!(script, Script::LoadProhibited),
        }
    }

    /// What it does by `until`, the line being busy until `free`.
    pub(crate) fn next(&mut self, free: Duration, until: Duration) -> Option<Act> {
        let Some((after, _)) = self.lines.front() else {
            let at = free + RESTART;
            return (self.crashes && at <= until).then_some(Act::Restart(at));
        };
        let at = self.started + *after;
        if at > until {
            return None;
        }
        let (_, line) = self.lines.pop_front()?;
        Some(Act::Print(at, line))
    }
}

/// A line that begins with a time of ESP-IDF's log, `I (312) tag: …`, comes then, any other with the one
/// before it. Where the stamps begin anew, another boot does.
fn timed(text: &[u8]) -> VecDeque<(Duration, Vec<u8>)> {
    let (mut boot, mut last, mut now) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    text.split_inclusive(|&byte| byte == b'\n')
        .map(|line| {
            if let Some(stamp) = stamp(line) {
                if stamp < last {
                    boot = now;
                }
                last = stamp;
                now = now.max(boot + stamp);
            }
            (now, line.to_vec())
        })
        .collect()
}

fn stamp(line: &[u8]) -> Option<Duration> {
    let colour = |line: &[u8]| {
        let end = line.iter().position(|&byte| byte == b'm')?;
        line.starts_with(b"\x1b[").then_some(end + 1)
    };
    let line = &line[colour(line).unwrap_or(0)..];
    let [b'E' | b'W' | b'I' | b'D' | b'V', b' ', b'(', rest @ ..] = line else {
        return None;
    };
    let end = rest.iter().position(|&byte| byte == b')')?;
    let digits = str::from_utf8(&rest[..end]).ok()?;
    digits.parse().ok().map(Duration::from_millis)
}

/// What ESP-IDF's start code says of an app, by its description in flash.
fn said(app: &Description) -> String {
    let last = match &app.greeting {
        Some(greeting) => format!("example: {greeting}"),
        None => "sim: this board runs no code; sim:?log=FILE plays a log".to_owned(),
    };
    format!(
        "I (241) app_init: Application information:\r\n\
         I (245) app_init: Project name:     {}\r\n\
         I (250) app_init: App version:      {}\r\n\
         I (254) app_init: Compile time:     {} {}\r\n\
         I (260) app_init: ELF file SHA256:  {}...\r\n\
         I (265) app_init: ESP-IDF:          {}\r\n\
         I (311) main_task: Calling app_main()\r\n\
         I (321) {last}\r\n",
        app.project, app.version, app.date, app.time, app.elf_sha256, app.idf,
    )
}

fn crash() -> String {
    let crash = LOAD_PROHIBITED.replace('\n', "\r\n");
    let after = RUNS_BEFORE_CRASH.as_millis();
    format!(
        "I (260) app_init: ELF file SHA256:  6d80bbfd2...\r\n\
         I (301) main_task: Calling app_main()\r\n\
         I ({after}) clock: the next digit\r\n\
         {crash}\r\n\
         Rebooting...\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_when_their_stamps_say() {
        let log = b"boot\r\n\x1b[0;32mI (312) a: b\x1b[0m\r\nc\r\nE (5) d: e\r\nI (9x) f\n";
        let times: Vec<u128> = timed(log).iter().map(|(at, _)| at.as_millis()).collect();
        assert_eq!(times, [0, 312, 312, 317, 317]);
        let text: Vec<u8> = timed(log).into_iter().flat_map(|(_, line)| line).collect();
        assert_eq!(text, log);
    }

    #[test]
    fn a_program_prints_what_is_due_and_starts_again_after_a_crash() {
        let second = Duration::from_secs(1);
        let mut running = Running::start(&Script::LoadProhibited, None, second);
        let mut printed = Vec::new();
        while let Some(act) = running.next(second, second * 2) {
            let Act::Print(_, line) = act else {
                panic!("{act:?} before the crash");
            };
            printed.extend(line);
        }
        assert!(!String::from_utf8(printed).unwrap().contains("Guru"));
        let mut last = None;
        while let Some(act) = running.next(second * 3, second * 9) {
            let is_end = matches!(act, Act::Restart(_));
            last = Some(act);
            if is_end {
                break;
            }
        }
        assert_eq!(last, Some(Act::Restart(second * 3 + RESTART)));
    }
}
