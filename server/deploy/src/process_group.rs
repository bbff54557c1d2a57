//! A child and everything that it starts, to be ended together.

use std::io;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

/// How long a group is given to end by itself before it is killed; well below the time that the
/// server takes to shut down.
const GRACE: Duration = Duration::from_millis(500);

/// A child that leads a process group. Ended when dropped, however that comes about.
#[derive(Debug)]
pub struct Group {
    /// The leader.
    pub child: Child,
}

impl Group {
    /// Starts it.
    ///
    /// # Errors
    /// The program could not be started; the system's error says why.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        #[cfg(unix)]
        {
            use std::os::unix::process::CommandExt as _;
            command.process_group(0);
        }
        let child = command.spawn()?;
        Ok(Self { child })
    }

    /// Ends the group: first asks, then kills what is left of it.
    pub fn end(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        self.signal(false);
        let asked = Instant::now();
        while asked.elapsed() < GRACE && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(5));
        }
        // The leader may be gone and others not, who ignored the first signal.
        self.signal(true);
        let _ = self.child.wait();
    }

    #[cfg(unix)]
    fn signal(&self, is_final: bool) {
        use rustix::process::{Pid, Signal, kill_process_group};
        let signal = if is_final { Signal::KILL } else { Signal::TERM };
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // Fails where nothing is left of the group.
            let _ = kill_process_group(pid, signal);
        }
    }

    /// Windows has no such signal; the child's whole tree is ended.
    #[cfg(not(unix))]
    fn signal(&self, is_final: bool) {
        if is_final {
            let pid = self.child.id().to_string();
            let _ = Command::new("taskkill")
                .args(["/T", "/F", "/PID", &pid])
                .stdin(std::process::Stdio::null())
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .status();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}
