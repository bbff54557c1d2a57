//! A monitor's port goes to another process, and comes back.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use super::{Piped, is_full, pty};
use crate::{LONG, fbuild_lsp, project};

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
    let said_of_jobs = monitor.child.stderr.take().unwrap();
    let notes = Arc::new(Mutex::new(String::new()));
    let noting = std::thread::spawn({
        let notes = notes.clone();
        move || {
            for line in BufReader::new(said_of_jobs).lines() {
                let mut notes = notes.lock().unwrap();
                notes.push_str(&line.unwrap());
                notes.push('\n');
            }
        }
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
            // On a slow machine none of the others may have come so far.
            let end = Instant::now() + LONG;
            let is_given = || notes.lock().unwrap().contains("(deploying ");
            while n + 2 >= times && !is_given() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(5));
            }
            deploy.kill().unwrap();
            deploy.wait().unwrap();
        }
        // The port was not closed: what is said at once is heard.
        say(&mut silent.0, format!("again {n}\n").as_bytes());
        let heard = is_heard.recv_timeout(LONG);
        assert_eq!(heard.as_deref(), Ok(n.to_string().as_str()));
    }
    let mut last = board.lock().unwrap();
    say(&mut last.0, b"end\n");
    let said = std::mem::replace(&mut last.1, usize::MAX);
    drop(last);
    talker.join().unwrap();
    assert_eq!(heard.join().unwrap(), (said, None));
    assert_eq!(monitor.child.wait().unwrap().code(), Some(0));
    noting.join().unwrap();
    let notes = notes.lock().unwrap();
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

/// An esptool that finds an empty ESP32, and wants the port for itself as the genuine one does. What becomes of its
/// write is in a file beside it.
const ESPTOOL: &str = r#"#!/bin/sh
for word; do
    [ "$before" = --port ] && port=$word
    before=$word
done
case " $* " in
*" version "*) echo "esptool v5.6.0"; exit ;;
esac
flock -n -x "$port" true || exit 2
case " $* " in
*" flash-id "*)
    echo "Detecting chip type... ESP32"
    echo "MAC:                24:0a:c4:00:01:10"
    echo "Detected flash size: 4MB" ;;
*" dump-mem "*) head -c 28 /dev/zero > efuses.bin ;;
*" verify-flash "*)
    if [ -e "$0.written" ]; then
        for word; do
            if [ "$at" ]; then
                size=$(wc -c < "$word")
                printf 'Verifying 0x%x (%d) bytes at 0x%08x in flash against %s...\n' $size $size $at "'$word'"
                echo "Verification successful (digest matched)."
            fi
            case "$word" in 0x*) at=$word ;; *) at= ;; esac
        done
        exit
    fi
    echo "ERROR: A fatal error occurred: Verification failed."
    exit 2 ;;
*" write-flash "*)
    touch "$0.writes"
    . "$0.end" ;;
esac
"#;

fn deploy_by_esptool(directory: &Path, esptool: &Path, port: &Path) -> Command {
    let mut deploy = fbuild_lsp(directory);
    deploy
        .current_dir(directory)
        .args(["deploy", "--backend", "esptool", "--esptool"])
        .arg(esptool)
        .arg("--port")
        .arg(port)
        .stderr(Stdio::piped());
    deploy
}

/// However a job of another process ends that esptool does, the port comes back and was never closed.
#[test]
fn what_a_board_prints_when_a_job_of_esptool_ends_is_not_lost() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    project::write(directory, &project::app_image(&project::body(4096, 3)));
    let esptool = directory.join("esptool");
    std::fs::write(&esptool, ESPTOOL).unwrap();
    std::fs::set_permissions(&esptool, PermissionsExt::from_mode(0o755)).unwrap();
    let (mut board, port) = pty();
    fcntl_setfl(&board, fcntl_getfl(&board).unwrap() | OFlags::NONBLOCK).unwrap();
    let mut monitor = Piped::start(directory, &port, &["--until", "^end$"]);
    say(&mut board, b"begin\n");
    assert_eq!(monitor.line(), "begin\n");
    // What needs no board is checked before the monitor is asked for the port.
    let app = directory.join("build/app.bin");
    let aside = directory.join("app.aside");
    std::fs::rename(&app, &aside).unwrap();
    let refused = deploy_by_esptool(directory, &esptool, &port)
        .spawn()
        .unwrap();
    let refused = refused.wait_with_output().unwrap();
    assert!(!refused.status.success());
    std::fs::rename(&aside, &app).unwrap();
    let ends = [
        ("touch \"$0.written\"", 0),
        ("echo 'A fatal error occurred: no'; exit 2", 1),
        ("exec sleep 20", 137),
    ];
    for (n, (end, code)) in ends.into_iter().enumerate() {
        std::fs::write(directory.join("esptool.end"), end).unwrap();
        for made in ["writes", "written"] {
            let _ = std::fs::remove_file(directory.join("esptool").with_extension(made));
        }
        let mut deploy = deploy_by_esptool(directory, &esptool, &port)
            .spawn()
            .unwrap();
        if code == 137 {
            let begun = Instant::now();
            while !directory.join("esptool.writes").exists() {
                assert!(begun.elapsed() < LONG, "it does not write");
                std::thread::sleep(Duration::from_millis(5));
            }
            deploy.kill().unwrap();
        }
        let ended = deploy.wait_with_output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code().unwrap_or(137), code, "{said}");
        // Before the monitor has had time to open anything.
        say(&mut board, format!("boot {n}\n").as_bytes());
        assert_eq!(monitor.line(), format!("boot {n}\n"), "{said}");
    }
    say(&mut board, b"end\n");
    assert_eq!(monitor.line(), "end\n");
    let (code, notes) = monitor.ended();
    assert_eq!(code, Some(0), "{notes}");
    assert_eq!(
        notes.matches("fbuild-lsp (deploying ").count(),
        3,
        "{notes}"
    );
    assert_eq!(notes.matches(" is back").count(), 3, "{notes}");
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

/// A board that another program serves under this name.
struct Served {
    child: Child,
    port: String,
}

impl Served {
    fn start(directory: &Path, listen: &str) -> Self {
        let mut child = fbuild_lsp(directory)
            .current_dir(directory)
            .args(["sim", "--flash", "b.bin", "--listen", listen])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut said = BufReader::new(child.stdout.take().unwrap());
        said.read_line(&mut port).unwrap();
        let port = port.trim().to_owned();
        Self { child, port }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Nothing shows that a port of another machine is held, so that its monitor is asked first.
#[test]
fn a_port_on_the_network_is_given_and_comes_back() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/example");
    for listen in ["127.0.0.1:0", "rfc2217://127.0.0.1:0"] {
        let directory = tempfile::tempdir().unwrap();
        let board = Served::start(directory.path(), listen);
        let port = Path::new(&board.port);
        let mut monitor = Piped::start(directory.path(), port, &["--timeout", "600"]);
        let mut notes = BufReader::new(monitor.child.stderr.take().unwrap()).lines();
        let mut says = |text: &str| {
            let line = notes.find_map(|line| line.ok().filter(|line| line.contains(text)));
            assert!(line.is_some(), "never: {text}");
        };
        let run = |args: &[&str]| {
            let mut command = fbuild_lsp(directory.path());
            command.current_dir(directory.path()).args(args);
            let output = command.args(["--port", &board.port]).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            (output.status.code(), said)
        };
        // It can be asked a moment after its process has begun.
        let is_socket = |entry: std::io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path();
            path.extension()
                .is_some_and(|extension| extension == "sock")
        };
        let state = directory.path().join("fbuild-lsp");
        let begun = Instant::now();
        while !std::fs::read_dir(&state).is_ok_and(|mut entries| entries.any(is_socket)) {
            assert!(begun.elapsed() < LONG, "{listen}");
            std::thread::sleep(Duration::from_millis(5));
        }
        let second = run(&["monitor", "--timeout", "0"]);
        assert_eq!(second.0, Some(1), "{listen}: {}", second.1);
        let holder = format!("fbuild-lsp (pid {}), monitoring ", monitor.child.id());
        assert!(second.1.contains(&holder), "{listen}: {}", second.1);
        for _ in 0..2 {
            let (code, said) = run(&["deploy", example.to_str().unwrap()]);
            assert_eq!(code, Some(0), "{listen}: {said}");
            says("is given to another fbuild-lsp (deploying ");
            says(" is back");
        }
        // With nothing between them: the second one asks before the port is open again.
        for _ in 0..3 {
            let (code, said) = run(&["verify", example.to_str().unwrap()]);
            assert_eq!(code, Some(0), "{listen}: {said}");
        }
    }
}
