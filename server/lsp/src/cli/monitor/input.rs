//! The terminal that a person sits before, and what is typed there.

use std::io::{self, IsTerminal as _, Read as _};
use std::sync::mpsc::{Receiver, sync_channel};

/// Standard input, read beside the board's output.
pub(super) struct Input {
    coming: Receiver<Vec<u8>>,
}

impl Input {
    /// Starts to read. The thread ends with the process: a read of a terminal cannot be called off.
    pub(super) fn start() -> Self {
        const WAITING_MAX: usize = 16;
        let (sender, coming) = sync_channel(WAITING_MAX);
        let read = move || {
            let mut bytes = [0; 1024];
            loop {
                match io::stdin().read(&mut bytes) {
                    Ok(0) => return,
                    Ok(n) if sender.send(bytes[..n].to_vec()).is_ok() => {}
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Ok(_) | Err(_) => return,
                }
            }
        };
        if let Err(error) = std::thread::Builder::new()
            .name("standard input".to_owned())
            .spawn(read)
        {
            tracing::warn!(%error, "what is typed is not read");
        }
        Self { coming }
    }

    /// What has been typed.
    pub(super) fn take(&self) -> Option<Vec<u8>> {
        self.coming.try_recv().ok()
    }
}

/// Whether somebody sits before it.
pub(super) fn is_a_person() -> bool {
    cfg!(unix)
        && io::stdin().is_terminal()
        && io::stdout().is_terminal()
        && io::stderr().is_terminal()
}

/// A terminal that hands over every key at once, until this is dropped.
pub(super) struct KeyByKey {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl KeyByKey {
    #[cfg(unix)]
    pub(super) fn start() -> Self {
        use rustix::termios::{OptionalActions, OutputModes, tcgetattr, tcsetattr};
        let stdin = rustix::stdio::stdin();
        let before = tcgetattr(stdin).ok();
        if let Some(mut settings) = before.clone() {
            settings.make_raw();
            // Our own lines end with a line feed alone.
            settings.output_modes |= OutputModes::OPOST;
            if let Err(error) = tcsetattr(stdin, OptionalActions::Now, &settings) {
                tracing::warn!(%error, "keys take effect with Enter");
            }
        }
        Self { before }
    }

    #[cfg(not(unix))]
    pub(super) fn start() -> Self {
        Self {}
    }
}

#[cfg(unix)]
impl Drop for KeyByKey {
    fn drop(&mut self) {
        use rustix::termios::{OptionalActions, tcsetattr};
        if let Some(before) = &self.before {
            let _ = tcsetattr(rustix::stdio::stdin(), OptionalActions::Now, before);
        }
    }
}
