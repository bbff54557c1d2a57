//! What a person sees on a terminal, as far as it is not what a pipe gets.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::{LONG, fbuild_lsp, project};

/// A program whose standard error is a terminal.
struct Session {
    child: Child,
    shown: String,
    coming: Receiver<String>,
}

impl Session {
    fn start(mut command: Command) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&master, size).unwrap();
        let path = ptsname(&master, Vec::new()).unwrap();
        let terminal = File::options()
            .read(true)
            .write(true)
            .open(path.to_str().unwrap())
            .unwrap();
        let child = command
            .stdout(Stdio::null())
            .stderr(terminal)
            .spawn()
            .unwrap();
        // The command holds the terminal open, and so its other end would not end.
        drop(command);
        let (sender, coming) = channel();
        let mut master = File::from(master);
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Linux: EIO when the last user of the terminal is gone.
            while let Ok(n) = master.read(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..n]).into_owned();
                if n == 0 || sender.send(text).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            shown: String::new(),
            coming,
        }
    }

    fn until(&mut self, text: &str) {
        let begun = Instant::now();
        while !self.shown.contains(text) {
            assert!(begun.elapsed() < LONG, "no '{text}' in: {}", self.shown);
            if let Ok(more) = self.coming.recv_timeout(Duration::from_millis(100)) {
                self.shown += &more;
            }
        }
    }

    fn interrupt(&self) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, Signal::INT).unwrap();
    }

    /// Everything that was shown, and the exit code.
    fn ended(mut self) -> (String, Option<i32>) {
        let status = self.child.wait().unwrap();
        self.shown.extend(self.coming.iter());
        (self.shown, status.code())
    }
}

/// A deploy that takes more than a minute: bytes that do not compress, at 115200 baud.
fn slow_deploy(directory: &Path) -> Command {
    let app = project::app_image(&project::body(1_000_000, 3));
    project::write(directory, &app);
    let mut command = fbuild_lsp(directory);
    command
        .current_dir(directory)
        .args(["deploy", "--port", "sim:b.bin?time=real"])
        .args(["--baud", "115200"]);
    command
}

#[test]
fn a_cancelled_bar_stays_where_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = slow_deploy(directory.path());
    command.env("TERM", "xterm");
    let mut session = Session::start(command);
    session.until("writing");
    session.interrupt();
    let (shown, code) = session.ended();
    assert_eq!(code, Some(130), "{shown}");
    let (drawn, _) = shown.rsplit_once("deploy cancelled").unwrap();
    let (_, bar) = drawn.rsplit_once("writing").unwrap();
    assert!(bar.contains('%') && !bar.contains("100 %"), "{shown}");
}

#[test]
fn a_terminal_that_cannot_draw_gets_lines() {
    let directory = tempfile::tempdir().unwrap();
    let mut command = slow_deploy(directory.path());
    command.env("TERM", "dumb");
    let mut session = Session::start(command);
    session.until("to write: ");
    session.interrupt();
    let (shown, code) = session.ended();
    assert_eq!(code, Some(130), "{shown}");
    assert!(!shown.contains('\x1b'), "{shown:?}");
}
