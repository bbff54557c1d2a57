//! Serving a board in real time to programs that know nothing of it: on a pty, or on a TCP port, with
//! or without control lines.
//!
//! One thread per board. It sleeps in the operating system until bytes come or the board has bytes
//! due, measured against absolute deadlines, so that errors do not add up.

#[cfg(unix)]
mod pty;
mod pump;
mod rfc2217;
mod tcp;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crate::board::Board;
pub use crate::served::Served;

#[cfg(unix)]
pub use pty::{PtyOptions, serve as pty};
pub use rfc2217::serve as rfc2217;
pub use tcp::serve as tcp;

/// A board that is being served. Dropping it stops the service.
#[derive(Debug)]
pub struct Server<B = Board> {
    address: String,
    board: Arc<Mutex<B>>,
    stopper: Stopper,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// Stops a [`Server`] from anywhere.
#[derive(Debug, Clone, Default)]
pub struct Stopper(Arc<AtomicBool>);

impl Stopper {
    /// Asks the server to stop; it does within a tenth of a second.
    pub fn stop(&self) {
        self.0.store(true, Ordering::Release);
    }

    fn is_stopped(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

impl<B: Send + 'static> Server<B> {
    fn start(
        address: String,
        board: B,
        run: impl FnOnce(Arc<Mutex<B>>, Stopper) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let board = Arc::new(Mutex::new(board));
        let stopper = Stopper::default();
        let thread = std::thread::Builder::new()
            .name("simulated board".to_owned())
            .spawn({
                let (board, stopper) = (Arc::clone(&board), stopper.clone());
                move || run(board, stopper)
            })?;
        Ok(Self {
            address,
            board,
            stopper,
            thread: Some(thread),
        })
    }
}

impl<B> Server<B> {
    /// What a client opens: the path of the pty, or `address:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The board, to look at.
    pub fn board(&self) -> Arc<Mutex<B>> {
        Arc::clone(&self.board)
    }

    /// Something that stops this server from another thread or a signal handler.
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Waits until somebody stops it or it fails.
    ///
    /// # Errors
    /// Its address stopped working, or the flash file cannot be written.
    pub fn wait(mut self) -> io::Result<()> {
        self.join()
    }

    /// Stops it and waits for its end.
    ///
    /// # Errors
    /// As [`Self::wait`].
    pub fn stop(mut self) -> io::Result<()> {
        self.stopper.stop();
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        match self.thread.take() {
            None => Ok(()),
            Some(thread) => thread
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the board's thread panicked"))),
        }
    }
}

impl<B> Drop for Server<B> {
    fn drop(&mut self) {
        self.stopper.stop();
        let _ = self.join();
    }
}

fn with_board<B, T>(board: &Mutex<B>, f: impl FnOnce(&mut B) -> T) -> T {
    // A panic while the lock was held cannot make the board worse than what the test that panicked
    // did to it.
    f(&mut board.lock().unwrap_or_else(PoisonError::into_inner))
}
