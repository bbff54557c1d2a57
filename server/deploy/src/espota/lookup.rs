//! The addresses of a device by its name.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use fbuild_loader::cancel::CancelToken;

/// How long a cancel goes unheard.
const POLL: Duration = Duration::from_millis(50);

/// What the system finds; it may look for long.
pub(super) fn addresses(
    host: String,
    port: u16,
    cancel: &CancelToken,
) -> io::Result<Vec<SocketAddr>> {
    let look = move || Ok((host, port).to_socket_addrs()?.collect());
    unless_cancelled(cancel, look)
}

/// Nothing can end a look-up: after a cancel it goes on in its thread, and nobody hears what it finds.
fn unless_cancelled<T: Send + 'static>(
    cancel: &CancelToken,
    look: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let (sender, found) = channel();
    thread::Builder::new().spawn(move || sender.send(look()))?;
    while !cancel.is_cancelled() {
        match found.recv_timeout(POLL) {
            Ok(found) => return found,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Err(io::ErrorKind::Interrupted.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_without_a_name_server() {
        let found = addresses("127.0.0.1".to_owned(), 3232, &CancelToken::new());
        assert_eq!(found.unwrap(), [([127, 0, 0, 1], 3232).into()]);
    }

    #[test]
    fn a_look_up_that_does_not_end_is_left_when_somebody_cancels() {
        let cancel = CancelToken::new();
        let canceller = cancel.clone();
        let (never, ends) = channel::<()>();
        let found = unless_cancelled(&cancel, move || {
            canceller.cancel();
            ends.recv().map_err(io::Error::other)
        });
        assert_eq!(found.unwrap_err().kind(), io::ErrorKind::Interrupted);
        drop(never);
    }
}
