//! `monitor` before a person, and before a port that does what ports do.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::{LONG, builds, fbuild_lsp, project};

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
    for n in 0..n_lines {
        let line = monitor.line();
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

/// Writes to a port that may be closed, and that may never be opened again.
fn say(board: &mut File, mut bytes: &[u8]) {
    let begun = Instant::now();
    while !bytes.is_empty() {
        match rustix::io::write(&*board, bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(rustix::io::Errno::AGAIN) => {
                assert!(begun.elapsed() < LONG, "nobody listens any more");
                std::thread::sleep(Duration::from_millis(1));
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// The board talks up to each hand-over, and again once it is heard. Nothing of that is missing or comes twice.
#[test]
fn hand_overs_under_load_lose_nothing() {
    let times = if is_full() { 500 } else { 25 };
    let directory = tempfile::tempdir().unwrap();
    let app = project::app_image(&project::body(4096, 3));
    project::write(directory.path(), &app);
    let (board, port) = pty();
    fcntl_setfl(&board, fcntl_getfl(&board).unwrap() | OFlags::NONBLOCK).unwrap();
    let saved = directory.path().join("board.log");
    let more = ["--until", "^end$", "--save", saved.to_str().unwrap()];
    let mut monitor = Piped::start(directory.path(), &port, &more);
    let mut notes = monitor.child.stderr.take().unwrap();
    let notes = std::thread::spawn(move || {
        let mut text = String::new();
        notes.read_to_string(&mut text).map(|_| text)
    });
    // Who has the lock keeps the board silent. It says how many lines the board has said.
    let board = Arc::new(Mutex::new((board, 0)));
    let talking = board.clone();
    let talker = std::thread::spawn(move || {
        while let Ok(mut board) = talking.lock() {
            if board.1 == usize::MAX {
                return;
            }
            let line = format!("line {:08} of a board that has much to say\n", board.1);
            say(&mut board.0, line.as_bytes());
            board.1 += 1;
            drop(board);
            std::thread::yield_now();
        }
    });
    assert!(monitor.line().starts_with("line 00000000"));
    let (heard_again, is_heard) = channel();
    let heard = std::thread::spawn({
        let mut lines = std::mem::replace(&mut monitor.lines, Box::new(std::io::empty()));
        move || {
            let (mut n, mut wrong) = (1, None);
            loop {
                let mut line = String::new();
                if lines.read_line(&mut line).unwrap() == 0 || line == "end\n" {
                    return (n, wrong);
                }
                if let Some(hand_over) = line.strip_prefix("again ") {
                    heard_again.send(hand_over.trim().to_owned()).unwrap();
                    continue;
                }
                // Who stops reading would stop everything.
                if !line.starts_with(&format!("line {n:08} of")) {
                    wrong.get_or_insert(format!("in place of {n}: {line}"));
                }
                n += 1;
            }
        }
    });
    let waits = project::body(2 * times, 7);
    for (n, wait) in waits.chunks_exact(2).enumerate() {
        std::thread::sleep(Duration::from_millis(u64::from(wait[0] % 16)));
        let mut silent = board.lock().unwrap();
        let port = port.to_str().unwrap();
        let mut command = fbuild_lsp(directory.path());
        if n % 2 == 0 {
            let reset = command.args(["reset", "--port", port]).output().unwrap();
            let said = String::from_utf8(reset.stderr).unwrap();
            assert!(said.contains("has no control lines"), "{n}: {said}");
        } else {
            command
                .args(["deploy", "--port", port])
                .stderr(Stdio::null());
            let mut deploy = command.current_dir(directory.path()).spawn().unwrap();
            std::thread::sleep(Duration::from_millis(u64::from(wait[1]) / 2));
            deploy.kill().unwrap();
            deploy.wait().unwrap();
        }
        let begun = Instant::now();
        loop {
            say(&mut silent.0, format!("again {n}\n").as_bytes());
            let heard = is_heard.recv_timeout(Duration::from_millis(50));
            if heard.is_ok_and(|hand_over| hand_over == n.to_string()) {
                break;
            }
            assert!(begun.elapsed() < LONG, "{n}: the port does not come back");
        }
    }
    let mut last = board.lock().unwrap();
    say(&mut last.0, b"end\n");
    let said = std::mem::replace(&mut last.1, usize::MAX);
    drop(last);
    talker.join().unwrap();
    assert_eq!(heard.join().unwrap(), (said, None));
    assert_eq!(monitor.child.wait().unwrap().code(), Some(0));
    let notes = notes.join().unwrap().unwrap();
    let given = notes.matches("(resetting the board)").count();
    assert_eq!(given, times.div_ceil(2), "{notes}");
    assert!(notes.contains("(deploying "), "{notes}");
    let saved = std::fs::read_to_string(saved).unwrap();
    assert_eq!(saved.matches("line ").count(), said);
    assert!(saved.ends_with("\nend\n"));
}

/// Another process gets the port, and it comes back when that is done, or dead.
#[test]
fn a_job_of_another_process_takes_the_port_and_gives_it_back() {
    let directory = tempfile::tempdir().unwrap();
    project::write(
        directory.path(),
        &project::app_image(&project::body(4096, 3)),
    );
    let (mut board, port) = pty();
    let mut monitor = Piped::start(directory.path(), &port, &["--until", "three"]);
    board.write_all(b"one\n").unwrap();
    assert_eq!(monitor.line(), "one\n");

    // It opens the port, and finds that a pty has no control lines.
    let reset = fbuild_lsp(directory.path())
        .args(["reset", "--port", port.to_str().unwrap()])
        .output()
        .unwrap();
    let said = String::from_utf8(reset.stderr).unwrap();
    assert!(said.contains("has no control lines"), "{said}");
    board.write_all(b"two\n").unwrap();
    assert_eq!(monitor.line(), "two\n");

    let mut deploy = fbuild_lsp(directory.path())
        .current_dir(directory.path())
        .args(["deploy", "--port", port.to_str().unwrap()])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The first byte that it sends; reading fails as long as nobody has the port open.
    let mut sync = [0; 1];
    let begun = Instant::now();
    while board.read(&mut sync).is_err() {
        assert!(begun.elapsed() < LONG, "the deploy does not open the port");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(sync, [0xC0]);
    deploy.kill().unwrap();
    deploy.wait().unwrap();
    board.write_all(b"three\n").unwrap();
    assert_eq!(monitor.line(), "three\n");
    let (code, stderr) = monitor.ended();
    assert_eq!(code, Some(0), "{stderr}");
    let given = "is given to another fbuild-lsp (resetting the board)";
    assert!(stderr.contains(given), "{stderr}");
    assert!(stderr.contains("fbuild-lsp (deploying "), "{stderr}");
}

#[test]
fn a_monitor_shows_how_far_another_process_s_deploy_is() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    project::write(directory, &project::app_image(&project::body(4096, 3)));
    let sim = ["sim", "--flash", "board.bin", "--time", "accounted"];
    let mut sim = Piped::run(directory, &sim);
    let port = sim.line();
    let port = port.trim();
    let mut monitor = Piped::start(directory, Path::new(port), &[]);
    // From then on it can be asked for its port.
    let is_socket =
        |entry: std::fs::DirEntry| entry.path().extension().is_some_and(|it| it == "sock");
    let state_dir = directory.join("fbuild-lsp");
    let begun = Instant::now();
    while !std::fs::read_dir(&state_dir).is_ok_and(|files| files.flatten().any(is_socket)) {
        assert!(begun.elapsed() < LONG, "the monitor does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut command = fbuild_lsp(directory);
    command
        .current_dir(directory)
        .args(["deploy", "--port", port]);
    let deployed = command.output().unwrap();
    let said = String::from_utf8(deployed.stderr).unwrap();
    assert_eq!(deployed.status.code(), Some(0), "{said}");

    let lines = BufReader::new(monitor.child.stderr.take().unwrap()).lines();
    let (tell, told) = std::sync::mpsc::channel();
    // It ends with the monitor.
    std::thread::spawn(move || {
        lines
            .map_while(Result::ok)
            .try_for_each(|line| tell.send(line))
    });
    let notes: Vec<String> = std::iter::from_fn(|| {
        let note = told
            .recv_timeout(LONG)
            .expect("the port does not come back");
        (!note.ends_with("is back")).then_some(note)
    })
    .collect();
    assert!(notes[0].contains("fbuild-lsp (deploying "), "{notes:?}");
    assert!(
        notes
            .iter()
            .any(|note| note.starts_with("--- firmware: writing "))
    );
    assert_eq!(notes.last().unwrap(), "--- deploy succeeded (full flash)");
}
