//! `monitor` before a person, and before a port that does what ports do.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::{LONG, builds, fbuild_lsp, project};

mod hand_over;

/// A terminal, and the path of its other end.
fn terminal() -> (File, PathBuf) {
    // A child that had it, too, would never see its other end close.
    let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
    let master: OwnedFd = openpt(flags).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let path = ptsname(&master, Vec::new()).unwrap();
    (
        File::from(master),
        PathBuf::from(path.into_string().unwrap()),
    )
}

/// A port: what is written to it before it is opened is not echoed.
fn pty() -> (File, PathBuf) {
    let (master, path) = terminal();
    let mut settings = tcgetattr(&master).unwrap();
    settings.make_raw();
    tcsetattr(&master, OptionalActions::Now, &settings).unwrap();
    (master, path)
}

/// Whether all is tried that takes minutes.
fn is_full() -> bool {
    std::env::var("FBUILD_MATRIX").is_ok_and(|value| value == "full")
}

/// A monitor of a port that is a pty, with its output in a pipe.
struct Piped {
    child: Child,
    lines: Box<dyn BufRead + Send>,
}

impl Piped {
    fn start(directory: &Path, port: &Path, more: &[&str]) -> Self {
        let monitor = ["monitor", "--port", port.to_str().unwrap()];
        Self::run(directory, &[&monitor, more].concat())
    }

    fn run(directory: &Path, args: &[&str]) -> Self {
        let mut child = fbuild_lsp(directory)
            .current_dir(directory)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Box::new(BufReader::new(child.stdout.take().unwrap()));
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let digits = line.unwrap().trim().trim_end_matches(" kB");
        digits.parse().unwrap()
    }

    /// What it has used of processors, in hundredths of a second.
    fn cpu_centiseconds(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name before may have spaces in it. Then come the state and 10 numbers; a tick is 10 ms.
        let numbers = stat.rsplit_once(')').unwrap().1.split_whitespace();
        let used = numbers.skip(11).take(2);
        used.map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    }

    fn ended(&mut self) -> (Option<i32>, String) {
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().unwrap();
        pipe.read_to_string(&mut stderr).unwrap();
        (self.child.wait().unwrap().code(), stderr)
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        // It would wait for its port, whose name another test may get.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn every_line_of_a_flood_comes_and_memory_stays() {
    // At 3 Mbaud, a minute, or ten seconds.
    let n_lines = if is_full() { 400_000 } else { 60_000 };
    let directory = tempfile::tempdir().unwrap();
    let (mut board, port) = pty();
    let more = ["--until", "^last$", "--filter", "*:V"];
    let mut monitor = Piped::start(directory.path(), &port, &more);
    let (measured, is_measured) = channel();
    let writer = std::thread::spawn(move || {
        for n in 0..n_lines {
            let line =
                format!("I ({n}) flood: {n:08} \u{1b}[32mgr\u{fc}n\u{1b}[0m and no end to it\r\n");
            board.write_all(line.as_bytes()).unwrap();
        }
        is_measured.recv().unwrap();
        board.write_all(b"last\r\n").unwrap();
        board
    });
    let mut early = 0;
    let mut n_bytes = 0;
    let begun = Instant::now();
    for n in 0..n_lines {
        let line = monitor.line();
        // With the colours, and the carriage return.
        n_bytes += line.len() + "\u{1b}[32m\u{1b}[0m\r".len();
        assert_eq!(
            line,
            format!("I ({n}) flood: {n:08} gr\u{fc}n and no end to it\n")
        );
        if n == n_lines / 10 {
            early = monitor.resident_kib();
        }
    }
    let late = monitor.resident_kib();
    assert!(late < early + 4096, "{early} KiB, then {late} KiB");
    let cpu = monitor.cpu_centiseconds() as f64 / 100.0;
    let wire = n_bytes as f64 / 300_000.0;
    let percent = 100.0 * cpu / wire;
    eprintln!(
        "a flood of {n_bytes} bytes, {wire:.1} s at 3 Mbaud: {cpu:.2} s of CPU, {percent:.0} % of a core"
    );
    if is_full() {
        // However slow the machine is: it has waited as long as it has computed.
        let wall = begun.elapsed().as_secs_f64();
        assert!(cpu < wall, "{cpu:.2} s of CPU in {wall:.2} s");
    }
    measured.send(()).unwrap();
    assert_eq!(monitor.line(), "last\n");
    drop(writer.join().unwrap());
    let (code, stderr) = monitor.ended();
    assert_eq!(code, Some(0), "{stderr}");
}

#[test]
fn a_port_that_vanishes_is_waited_for() {
    let directory = tempfile::tempdir().unwrap();
    let port = directory.path().join("port");
    let plug = |port: &Path| {
        let (board, path) = pty();
        std::os::unix::fs::symlink(path, port).unwrap();
        board
    };
    let mut board = plug(&port);
    let mut monitor = Piped::start(directory.path(), &port, &["--until", "again"]);
    board.write_all(b"once\n").unwrap();
    assert_eq!(monitor.line(), "once\n");
    // The name goes first: another test may get it.
    std::fs::remove_file(&port).unwrap();
    drop(board);
    let mut board = plug(&port);
    // Written before the monitor is back: a pty keeps it.
    board.write_all(b"and again\n").unwrap();
    assert_eq!(monitor.line(), "and again\n");
    let (code, stderr) = monitor.ended();
    assert_eq!(code, Some(0), "{stderr}");
    let gone = stderr.find("port is gone").unwrap();
    assert!(gone < stderr.find("port is back").unwrap(), "{stderr}");
}

/// pySerial's monitors take no lock: nothing fails, and half of what the board says is missing.
#[test]
#[cfg(target_os = "linux")]
fn who_has_the_port_open_too_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let (_board, port) = pty();
    let other = File::options().read(true).write(true).open(&port).unwrap();
    let mut other = Command::new("sleep")
        .arg("600")
        .stdin(other)
        .spawn()
        .unwrap();
    let names = format!("is also open in sleep (pid {})", other.id());
    let mut monitor = Piped::start(directory.path(), &port, &["--timeout", "0"]);
    let (code, stderr) = monitor.ended();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains(&names), "{stderr}");
    let port = port.to_str().unwrap();
    let mut deploy = Piped::run(directory.path(), &["board", "--port", port]);
    let (code, stderr) = deploy.ended();
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(code, Some(1), "{stderr}");
    assert!(stderr.contains("no loader answered"), "{stderr}");
    assert!(stderr.contains(&names), "{stderr}");
    assert!(stderr.contains("close sleep, and try again"), "{stderr}");
}

#[test]
fn what_comes_from_a_pipe_goes_to_the_board() {
    let directory = tempfile::tempdir().unwrap();
    let (mut board, port) = pty();
    let mut monitor = Piped::start(
        directory.path(),
        &port,
        &["--until", "pong", "--eol", "crlf"],
    );
    board.write_all(b"ready\n").unwrap();
    assert_eq!(monitor.line(), "ready\n");
    monitor
        .child
        .stdin
        .take()
        .unwrap()
        .write_all(b"ping\n")
        .unwrap();
    let mut heard = [0; 6];
    board.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"ping\r\n");
    board.write_all(b"po").unwrap();
    board.write_all(b"ng\n").unwrap();
    assert_eq!(monitor.ended().0, Some(0));
}

/// A monitor in a terminal, and who sits before it.
struct Person {
    child: Child,
    keyboard: File,
    terminal: File,
    shown: String,
    coming: Receiver<String>,
}

impl Person {
    fn start(mut command: Command) -> Self {
        let (master, path) = terminal();
        let terminal = File::options().read(true).write(true).open(path).unwrap();
        let child = command
            .stdin(terminal.try_clone().unwrap())
            .stdout(terminal.try_clone().unwrap())
            .stderr(terminal.try_clone().unwrap())
            .spawn()
            .unwrap();
        drop(command);
        let (sender, coming) = channel();
        let mut screen = master.try_clone().unwrap();
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(n) = screen.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..n]).into_owned();
                if n == 0 || sender.send(text).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            keyboard: master,
            terminal,
            shown: String::new(),
            coming,
        }
    }

    fn sees(&mut self, text: &str, times: usize) {
        let begun = Instant::now();
        while self.shown.matches(text).count() < times {
            assert!(begun.elapsed() < LONG, "no '{text}' in: {}", self.shown);
            if let Ok(more) = self.coming.recv_timeout(Duration::from_millis(100)) {
                self.shown += &more;
            }
        }
    }

    fn types(&mut self, keys: &[u8]) {
        self.keyboard.write_all(keys).unwrap();
    }

    fn is_cooked(&self) -> bool {
        let settings = tcgetattr(&self.terminal).unwrap();
        settings
            .local_modes
            .contains(LocalModes::ICANON | LocalModes::ECHO)
    }
}

#[test]
fn keys_deploy_reset_and_quit() {
    let directory = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/example");
    let mut command = fbuild_lsp(directory.path());
    command
        .current_dir(directory.path())
        .env("TERM", "xterm")
        .arg("monitor")
        .arg(example)
        .args(["--port", "sim:b.bin"]);
    let mut person = Person::start(command);
    person.sees("Ctrl+] quits", 1);
    assert!(!person.is_cooked());
    person.types(b"\x14\x04");
    person.sees("deploy succeeded (full flash)", 1);
    person.sees("example: Hello, world!", 1);
    assert_eq!(person.shown.matches("rst:").count(), 1, "{}", person.shown);
    person.types(b"\x14r");
    person.sees("example: Hello, world!", 2);
    person.types(b"\x14i");
    person.sees("time stamps are on", 1);
    person.types(b"\x14/wifi:x\r");
    person.sees("wifi:x\" has no level", 1);
    person.types(b"\x14h");
    person.sees("reset the board, F or A: build and deploy", 1);
    person.types(b"\x1d");
    assert_eq!(person.child.wait().unwrap().code(), Some(0));
    assert!(person.is_cooked(), "the terminal is as it was");
}

#[test]
fn keys_build_and_deploy() {
    let home = builds::home();
    let project = home.path().join("blink");
    let main = project.join("main/main.c");
    std::fs::write(&main, "new.bin").unwrap();
    let mut command = fbuild_lsp(home.path());
    command
        .current_dir(project.join("main"))
        .env_remove("IDF_PATH")
        .env("PATH", "/usr/bin:/bin")
        .args(["monitor", "--port"])
        .arg(format!("sim:{}", project.join("board.bin").display()));
    let mut person = Person::start(command);
    person.sees("Ctrl+] quits", 1);
    person.types(b"\x14\x06");
    person.sees("building espidf:build: idf.py build", 1);
    person.sees("Executing action: all", 1);
    person.sees("deploy succeeded (full flash)", 1);
    person.sees("rst:", 1);
    let flash = std::fs::read(project.join("board.bin")).unwrap();
    let new = std::fs::read(project.join("new.bin")).unwrap();
    assert_eq!(flash[project::APP_OFFSET..][..new.len()], new);
    std::fs::write(&main, "broken").unwrap();
    person.types(b"\x14A");
    person.sees("the build failed", 1);
    person.types(b"\x14r");
    person.sees("rst:", 2);
    person.types(b"\x1d");
    assert_eq!(person.child.wait().unwrap().code(), Some(0));
}
