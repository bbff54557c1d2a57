//! Who has a port open that could not be opened: the program to close.
//!
//! It saves a person a look around, and decides nothing. Of processes that belong to others, and on
//! systems other than Linux and macOS, nothing is known.

use std::fmt;
use std::path::Path;

/// A program that has a port open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Name of the program, or of the script that it runs.
    pub program: String,
    /// Process id.
    pub pid: u32,
    /// What it is doing, where it said so.
    pub doing: Option<String>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (pid {})", self.program, self.pid)?;
        match &self.doing {
            Some(doing) => write!(f, ", {doing}"),
            None => Ok(()),
        }
    }
}

/// The holders of a port in a sentence that begins with the port.
pub(crate) fn sentence(holders: &[Holder]) -> String {
    if holders.is_empty() {
        return "is in use by another program".to_owned();
    }
    format!("is held by {}", names(holders))
}

/// The first of them, and how many more there are.
pub fn names(holders: &[Holder]) -> String {
    const SHOWN: usize = 3;
    let names: Vec<String> = holders
        .iter()
        .take(SHOWN)
        .map(ToString::to_string)
        .collect();
    let more = holders.len().saturating_sub(SHOWN);
    let and_more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{and_more}", names.join(" and "))
}

/// The process that started another one, where that can be seen.
pub fn started_by(pid: u32) -> Option<Holder> {
    linux::parent(Path::new("/proc"), pid)
}

/// A running process by its number, where that can be seen.
pub fn process(pid: u32) -> Option<Holder> {
    linux::process(Path::new("/proc"), pid)
}

/// The programs that have a port open, as far as this user may see them.
pub fn holders(port: &str) -> Vec<Holder> {
    #[cfg(target_os = "linux")]
    let found = linux::holders(Path::new("/proc"), port);
    #[cfg(target_os = "macos")]
    let found = macos::holders(port);
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    let found = {
        let _ = port;
        Vec::new()
    };
    found
}

/// What a person would call a process: its program, of an interpreter its script.
#[cfg(any(target_os = "linux", test))]
fn program(words: &[&str]) -> Option<String> {
    let name = |path: &str| {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        printable(name)
    };
    let first = name(words.first()?);
    let is_interpreter = ["python", "node", "ruby", "perl"]
        .iter()
        .any(|interpreter| first.starts_with(interpreter));
    let script = match words.get(1..)? {
        ["-m", module, ..] => Some(printable(module)),
        [script, ..] if !script.starts_with('-') => Some(name(script)),
        _ => None,
    };
    let shown = script.filter(|_| is_interpreter).unwrap_or(first);
    Some(shown).filter(|name| !name.is_empty())
}

/// A process names itself as it likes.
#[cfg(any(target_os = "linux", target_os = "macos", test))]
fn printable(name: &str) -> String {
    const LEN_MAX: usize = 64;
    let plain = |c: &char| c.is_ascii_graphic() || *c == ' ';
    name.chars().filter(plain).take(LEN_MAX).collect()
}

/// Elsewhere nothing is known of a process.
#[cfg(not(target_os = "linux"))]
mod linux {
    use super::{Holder, Path};

    pub(super) fn process(_: &Path, _: u32) -> Option<Holder> {
        None
    }

    pub(super) use process as parent;
}

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::{self, Metadata};
    use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

    use super::{Holder, Path, printable, program};

    pub(super) fn holders(proc: &Path, port: &str) -> Vec<Holder> {
        let Ok(port) = fs::metadata(port) else {
            return Vec::new();
        };
        let processes = fs::read_dir(proc).into_iter().flatten().flatten();
        let mut found: Vec<Holder> = processes
            .filter_map(|process| {
                let pid = process.file_name().to_str()?.parse().ok()?;
                let process = process.path();
                // Of another user's process this is not allowed.
                let mut files = fs::read_dir(process.join("fd")).ok()?.flatten();
                let holds = files.any(|file| {
                    // Looks at what is open; opens nothing.
                    fs::metadata(file.path()).is_ok_and(|file| is_same(&file, &port))
                });
                holds.then(|| Holder {
                    program: name(&process).unwrap_or_else(|| "a program".to_owned()),
                    pid,
                    doing: None,
                })
            })
            .collect();
        found.sort_by_key(|holder| holder.pid);
        found
    }

    pub(super) fn process(proc: &Path, pid: u32) -> Option<Holder> {
        Some(Holder {
            program: name(&proc.join(pid.to_string()))?,
            pid,
            doing: None,
        })
    }

    #[allow(clippy::disallowed_methods)] // what Linux makes of a process, and of no workspace
    pub(super) fn parent(proc: &Path, pid: u32) -> Option<Holder> {
        let status = fs::read_to_string(proc.join(pid.to_string()).join("status")).ok()?;
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"))?;
        process(proc, parent.trim().parse().ok()?)
    }

    #[allow(clippy::disallowed_methods)] // what Linux makes of a process, and of no workspace
    fn name(process: &Path) -> Option<String> {
        let line = fs::read(process.join("cmdline")).ok()?;
        let line = String::from_utf8_lossy(&line);
        let words: Vec<&str> = line.trim_end_matches('\0').split('\0').collect();
        program(&words).or_else(|| {
            let comm = fs::read_to_string(process.join("comm")).ok()?;
            Some(printable(&comm)).filter(|name| !name.is_empty())
        })
    }

    fn is_same(file: &Metadata, port: &Metadata) -> bool {
        // Each container has ptys of its own, with the same numbers.
        const PTY_MAJORS: std::ops::RangeInclusive<u32> = 136..=143;
        if !port.file_type().is_char_device() {
            return (file.dev(), file.ino()) == (port.dev(), port.ino());
        }
        let is_pty = PTY_MAJORS.contains(&rustix::fs::major(port.rdev()));
        file.file_type().is_char_device()
            && file.rdev() == port.rdev()
            && (!is_pty || file.dev() == port.dev())
    }
}

/// What `lsof -F pc` says: a line with the process id after a `p`, then one with the name of the
/// program after a `c`.
#[cfg(any(target_os = "macos", test))]
fn from_lsof(text: &str) -> Vec<Holder> {
    let mut found: Vec<Holder> = Vec::new();
    let mut pid = None;
    for line in text.lines() {
        if let Some(number) = line.strip_prefix('p') {
            pid = number.parse().ok();
        } else if let (Some(name), Some(pid)) = (line.strip_prefix('c'), pid) {
            found.push(Holder {
                program: printable(name),
                pid,
                doing: None,
            });
        }
    }
    found
}

#[cfg(target_os = "macos")]
mod macos {
    use std::io::Read as _;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use super::{Holder, from_lsof};

    /// Where macOS has it; no other is taken.
    const LSOF: &str = "/usr/sbin/lsof";
    /// It can hang where a network file system does.
    const PATIENCE: Duration = Duration::from_secs(2);

    pub(super) fn holders(port: &str) -> Vec<Holder> {
        // A port has two names, and either may be open.
        let twin = port.replace("/dev/cu.", "/dev/tty.");
        let call_out = port.replace("/dev/tty.", "/dev/cu.");
        let started = Command::new(LSOF)
            .args(["-nPw", "-F", "pc", "--", &twin, &call_out])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let Ok(mut lsof) = started else {
            return Vec::new();
        };
        let begun = Instant::now();
        while let Ok(None) = lsof.try_wait() {
            if begun.elapsed() > PATIENCE {
                let _ = lsof.kill();
                let _ = lsof.wait();
                return Vec::new();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let mut text = String::new();
        let read = lsof
            .stdout
            .take()
            .map(|mut pipe| pipe.read_to_string(&mut text));
        read.map_or_else(Vec::new, |_| from_lsof(&text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_called_by_its_own_name() {
        for (words, expected) in [
            (&["picocom", "-b", "115200"][..], Some("picocom")),
            (&["/usr/bin/minicom"], Some("minicom")),
            (
                &["python3", "-m", "serial.tools.miniterm"],
                Some("serial.tools.miniterm"),
            ),
            (
                &["/usr/bin/python3", "/opt/esp/idf_monitor.py", "-p"],
                Some("idf_monitor.py"),
            ),
            (&["python3", "-c", "import serial"], Some("python3")),
            (&["pico\u{1b}[31mcom\n"], Some("pico[31mcom")),
            (&["sh", "script.sh"], Some("sh")),
            (&[""], None),
            (&[], None),
        ] {
            assert_eq!(program(words).as_deref(), expected, "{words:?}");
        }
    }

    #[test]
    fn a_sentence_names_three() {
        let holder = |pid| Holder {
            program: "picocom".to_owned(),
            pid,
            doing: None,
        };
        assert_eq!(sentence(&[]), "is in use by another program");
        assert_eq!(sentence(&[holder(7)]), "is held by picocom (pid 7)");
        assert_eq!(
            sentence(&[1, 2, 3, 4].map(holder)),
            "is held by picocom (pid 1) and picocom (pid 2) and picocom (pid 3) and 1 more"
        );
        let ours = Holder {
            doing: Some("deploying /home/me/blink".to_owned()),
            ..holder(7)
        };
        assert_eq!(
            sentence(&[ours]),
            "is held by picocom (pid 7), deploying /home/me/blink"
        );
    }

    #[test]
    fn what_lsof_says() {
        let found = from_lsof("p4242\ncpicocom\nf3\np77\ncCode Helper\nf12\nnonsense\n");
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        assert_eq!(found, ["picocom (pid 4242)", "Code Helper (pid 77)"]);
        assert_eq!(from_lsof(""), []);
        assert_eq!(from_lsof("cno process\npx\ncnone"), []);
    }
}
