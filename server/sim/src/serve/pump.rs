//! Moving bytes between a board and something readable and writable, in real time.

use std::io;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use fbuild_link::memory::Transmission;

use super::{Served, Stopper, with_board};

/// Longest sleep, so that a stopped server ends soon.
const LONGEST_WAIT: Duration = Duration::from_millis(50);
/// The operating system wakes a sleeper this much late; the rest is spun away.
const SPIN: Duration = Duration::from_micros(80);

/// The far end, as the pump needs it.
pub(super) trait Endpoint {
    /// Waits up to `timeout` for bytes from the host. `Ok(0)`: none came.
    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize>;

    /// Hands bytes to the host. What does not fit is lost, as in a UART.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// The host's baud rate; `None`: whatever the chip's is.
    fn host_baud(&mut self) -> Option<u32>;

    /// Whether the host went away since the last call.
    fn hung_up(&mut self) -> bool;
}

/// What the pump reports back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    Stopped,
    HungUp,
}

/// The board's clock: one for all clients, since flash and CPU go on between them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock(Instant);

impl Clock {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    pub(super) fn now(self) -> Duration {
        self.0.elapsed()
    }
}

/// Serves one client until it hangs up or the server is stopped.
pub(super) fn run(
    board: &Mutex<impl Served>,
    endpoint: &mut dyn Endpoint,
    clock: Clock,
    stopper: &Stopper,
) -> io::Result<End> {
    let mut buffer = vec![0; 0x1_0000];
    let mut due: Option<Transmission> = None;
    while !stopper.is_stopped() {
        if due.is_none() {
            let baud = endpoint.host_baud();
            let until = clock.now() + LONGEST_WAIT;
            due = with_board(board, |board| match baud {
                Some(baud) => board.transmit(baud, until),
                None => board.transmit_as_sent(until),
            });
        }
        let wait = due.as_ref().map_or(LONGEST_WAIT, |piece| {
            piece.arrives.saturating_sub(clock.now())
        });
        if wait.is_zero() || (due.is_some() && wait <= SPIN) {
            if let Some(piece) = due.take() {
                while clock.now() < piece.arrives {
                    std::hint::spin_loop();
                }
                // The host may have changed its rate while the bytes were under way, but then it
                // did not wait for them.
                endpoint.write(&piece.bytes)?;
            }
            continue;
        }
        let sleep = wait.saturating_sub(SPIN).min(LONGEST_WAIT);
        let n = endpoint.read(&mut buffer, sleep)?;
        if n > 0 {
            let baud = endpoint.host_baud();
            let now = clock.now();
            with_board(board, |board| {
                let baud = baud.unwrap_or_else(|| board.baud());
                board.receive(now, &buffer[..n], baud);
            });
        } else if endpoint.hung_up() {
            return Ok(End::HungUp);
        }
        with_board(board, |board| board.presence())?;
    }
    Ok(End::Stopped)
}
