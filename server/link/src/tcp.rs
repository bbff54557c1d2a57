//! A raw TCP socket (`socket://host:port`): a simulated board, or a serial port behind a bridge such
//! as ser2net in raw mode. No control lines and no baud rate travel over it.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use super::{Lines, LinesReach, Link};
use crate::error::OpenError;

/// How long to wait for the other side to accept.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time that the other side may take nothing; as with a serial port.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// An open connection.
#[derive(Debug)]
pub struct TcpLink {
    name: String,
    stream: TcpStream,
    opened: Instant,
}

impl TcpLink {
    /// Connects to `host:port`; `name` is what to call it.
    ///
    /// # Errors
    /// [`OpenError::BadName`] if this is not `host:port`; else the far end cannot be reached: check that it
    /// serves the port.
    pub fn open(name: &str, host_port: &str) -> Result<Self, OpenError> {
        let other = |source| OpenError::Other {
            port: name.to_owned(),
            source,
        };
        let addresses = host_port
            .to_socket_addrs()
            .map_err(|error| match error.kind() {
                io::ErrorKind::InvalidInput => OpenError::BadName {
                    port: name.to_owned(),
                    why: "expected socket://HOST:PORT".to_owned(),
                },
                _ => other(error),
            })?;
        let stream = connect(addresses).map_err(other)?;
        // Every request waits for its answer: Nagle's delay would be added to each of them.
        stream.set_nodelay(true).map_err(other)?;
        let patience = Some(WRITE_TIMEOUT);
        stream.set_write_timeout(patience).map_err(other)?;
        Ok(Self {
            name: name.to_owned(),
            stream,
            opened: Instant::now(),
        })
    }
}

/// Connects to the first address that accepts: `localhost` often is ::1 first, and the board listens
/// on 127.0.0.1.
fn connect(addresses: impl Iterator<Item = SocketAddr>) -> io::Result<TcpStream> {
    let mut result = Err(io::ErrorKind::NotFound.into());
    for address in addresses {
        result = TcpStream::connect_timeout(&address, CONNECT_TIMEOUT);
        if result.is_ok() {
            break;
        }
    }
    result
}

impl TcpLink {
    /// Reads what is there, without waiting. `Ok(0)`: nothing is.
    pub(crate) fn read_now(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.set_nonblocking(true)?;
        let result = self.stream.read(buffer);
        self.stream.set_nonblocking(false)?;
        received(result)
    }
}

/// The end of the stream is the end of the port; that nothing came is none.
fn received(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Ok(0) => Err(io::Error::new(
            io::ErrorKind::BrokenPipe,
            "the connection was closed",
        )),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            ) =>
        {
            Ok(0)
        }
        result => result,
    }
}

impl Link for TcpLink {
    fn name(&self) -> &str {
        &self.name
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        // A zero timeout means "for ever" to the socket.
        self.stream
            .set_read_timeout(Some(timeout.max(Duration::from_millis(1))))?;
        received(self.stream.read(buffer))
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    fn discard_input(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while self.read_now(&mut buffer)? > 0 {}
        Ok(())
    }

    fn set_baud(&mut self, _baud: u32) -> io::Result<()> {
        Ok(())
    }

    fn set_lines(&mut self, _lines: Lines) -> io::Result<LinesReach> {
        Ok(LinesReach::Nothing)
    }

    fn pause(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn now(&self) -> Duration {
        self.opened.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn every_address_of_a_host_is_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = listener.local_addr().unwrap();
        // Nobody can listen there.
        let nowhere = SocketAddr::from(([127, 0, 0, 1], 0));
        let stream = connect([nowhere, there].into_iter()).unwrap();
        assert_eq!(stream.peer_addr().unwrap(), there);
        assert!(connect([nowhere].into_iter()).is_err());
    }
}
