//! A board on a pseudo terminal: what a program opens looks like a serial port, with a baud rate
//! (any, custom ones included) but without control lines.
//!
//! Since nothing can reset such a board, it is put into download mode when its last user closes the
//! pty, as if somebody had held the boot button; [`PtyOptions::reset_on_close`] turns that off.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{ControlModes, LocalModes, OptionalActions, tcgetattr, tcsetattr};

use super::pump::{self, Clock, End, Endpoint};
use super::{Served, Server, Stopper, with_board};

/// How often a pty without a user is looked at.
const IDLE_INTERVAL: Duration = Duration::from_millis(2);
/// How long output waits for a user who does not read before it is lost.
const WRITE_PATIENCE: Duration = Duration::from_millis(20);

/// How a pty is served.
#[derive(Debug, Clone, Copy)]
pub struct PtyOptions {
    /// Puts the board into download mode when the last user closes the pty. Without it the next user
    /// finds the board as the last one left it.
    pub reset_on_close: bool,
}

impl Default for PtyOptions {
    fn default() -> Self {
        Self {
            reset_on_close: true,
        }
    }
}

/// Serves a board on a new pty; [`Server::address`] is its path.
///
/// # Errors
/// The system gives no pty; TCP works everywhere.
pub fn serve<B: Served>(board: B, options: PtyOptions) -> io::Result<Server<B>> {
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let path = ptsname(&master, Vec::new())?;
    let path = path.to_string_lossy().into_owned();
    // Who would share the pty sees by it that closing does something to the board.
    if options.reset_on_close
        && let Ok(mut settings) = tcgetattr(&master)
    {
        settings.control_modes.insert(ControlModes::HUPCL);
        let _ = tcsetattr(&master, OptionalActions::Now, &settings);
    }
    fcntl_setfl(&master, fcntl_getfl(&master)? | OFlags::NONBLOCK)?;
    Server::start(path, board, move |board, stopper| {
        serve_users(Master { fd: master }, &board, options, &stopper)
    })
}

fn serve_users<B: Served>(
    mut master: Master,
    board: &Mutex<B>,
    options: PtyOptions,
    stopper: &Stopper,
) -> io::Result<()> {
    let clock = Clock::start();
    while !stopper.is_stopped() {
        if !master.has_user()? {
            std::thread::sleep(IDLE_INTERVAL);
            continue;
        }
        master.make_raw()?;
        if B::RESETS_WHEN_OPENED {
            with_board(board, |board| board.make_ready(clock.now()));
        }
        if pump::run(board, &mut master, clock, stopper)? == End::Stopped {
            break;
        }
        if options.reset_on_close && !B::RESETS_WHEN_OPENED {
            with_board(board, |board| board.make_ready(clock.now()));
        }
    }
    Ok(())
}

struct Master {
    fd: OwnedFd,
}

impl Master {
    fn wait(&self, events: PollFlags, timeout: Duration) -> io::Result<PollFlags> {
        let timeout = Timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        let mut fds = [PollFd::new(&self.fd, events)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(_) => Ok(fds[0].revents()),
            Err(Errno::INTR) => Ok(PollFlags::empty()),
            Err(error) => Err(error.into()),
        }
    }

    fn has_user(&self) -> io::Result<bool> {
        let ready = self.wait(PollFlags::IN, Duration::ZERO)?;
        Ok(!ready.contains(PollFlags::HUP))
    }

    /// A new terminal echoes and edits lines until its user says otherwise; the board's output must
    /// not come back to it.
    fn make_raw(&self) -> io::Result<()> {
        let mut settings = tcgetattr(&self.fd)?;
        if settings
            .local_modes
            .intersects(LocalModes::ECHO | LocalModes::ICANON)
        {
            settings.make_raw();
            tcsetattr(&self.fd, OptionalActions::Now, &settings)?;
        }
        Ok(())
    }
}

impl Endpoint for Master {
    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        let ready = self.wait(PollFlags::IN, timeout)?;
        if !ready.contains(PollFlags::IN) {
            return Ok(0);
        }
        match rustix::io::read(&self.fd, buffer) {
            Ok(n) => Ok(n),
            // EIO: nobody has the other end open.
            Err(Errno::AGAIN | Errno::INTR | Errno::IO) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.fd, bytes) {
                Ok(n) => bytes = &bytes[n..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => {
                    let ready = self.wait(PollFlags::OUT, WRITE_PATIENCE)?;
                    if !ready.contains(PollFlags::OUT) {
                        tracing::debug!(lost = bytes.len(), "the pty's user does not read");
                        return Ok(());
                    }
                }
                Err(Errno::IO) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn host_baud(&mut self) -> Option<u32> {
        // The master's settings are the user's.
        tcgetattr(&self.fd)
            .ok()
            .map(|settings| settings.output_speed())
            .filter(|baud| *baud > 0)
    }

    fn hung_up(&mut self) -> bool {
        !self.has_user().unwrap_or(false)
    }
}
