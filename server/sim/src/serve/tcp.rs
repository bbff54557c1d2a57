//! A board on a TCP port, as `socket://` ports (and `ser2net` in raw mode) are: bytes only, no control
//! lines, and whatever rate the chip has. One client at a time; the board is put into download mode
//! for each.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs};
use std::sync::Mutex;
use std::time::Duration;

use super::pump::{self, Clock, End, Endpoint};
use super::{Served, Server, Stopper, with_board};

/// How often a server without a client looks whether it shall stop.
const ACCEPT_INTERVAL: Duration = Duration::from_millis(20);

/// Serves a board on a TCP address; port 0 takes a free one (see [`Server::address`]). Since no
/// control line reaches the board, it is put into download mode for each client.
///
/// # Errors
/// The address is taken, or not this machine's.
pub fn serve<B: Served>(board: B, address: impl ToSocketAddrs) -> io::Result<Server<B>> {
    listen(board, address, |client, board, clock, stopper| {
        with_board(board, |board| board.make_ready(clock.now()));
        pump::run(board, client, clock, stopper)
    })
}

/// Serves one client to its end.
pub(super) trait Serve<B>:
    Fn(&mut Client, &Mutex<B>, Clock, &Stopper) -> io::Result<End>
{
}

impl<B, F: Fn(&mut Client, &Mutex<B>, Clock, &Stopper) -> io::Result<End>> Serve<B> for F {}

/// Serves one client after the other.
pub(super) fn listen<B: Served>(
    board: B,
    address: impl ToSocketAddrs,
    run: impl Serve<B> + Send + 'static,
) -> io::Result<Server<B>> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let name = listener.local_addr()?.to_string();
    Server::start(name, board, move |board, stopper| {
        accept(&listener, &board, &stopper, &run)
    })
}

fn accept<B>(
    listener: &TcpListener,
    board: &Mutex<B>,
    stopper: &Stopper,
    run: &impl Serve<B>,
) -> io::Result<()> {
    let clock = Clock::start();
    while !stopper.is_stopped() {
        match listener.accept() {
            Ok((stream, _)) => {
                stream.set_nonblocking(false)?;
                stream.set_nodelay(true)?;
                let mut client = Client {
                    stream,
                    gone: false,
                };
                match run(&mut client, board, clock, stopper) {
                    Ok(End::Stopped) => return Ok(()),
                    Ok(End::HungUp) => {}
                    Err(error) => tracing::debug!(%error, "client lost"),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                std::thread::sleep(ACCEPT_INTERVAL);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A connection.
pub(super) struct Client {
    stream: TcpStream,
    gone: bool,
}

impl Endpoint for Client {
    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        self.stream
            .set_read_timeout(Some(timeout.max(Duration::from_micros(1))))?;
        match self.stream.read(buffer) {
            Ok(0) => {
                self.gone = true;
                Ok(0)
            }
            Ok(n) => Ok(n),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock
                        | io::ErrorKind::TimedOut
                        | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(0)
            }
            Err(error) => Err(error),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    fn host_baud(&mut self) -> Option<u32> {
        None
    }

    fn hung_up(&mut self) -> bool {
        self.gone
    }
}
