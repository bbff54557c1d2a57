//! Serial ports, through the `serialport` crate.

mod lines;

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use serialport::{ClearBuffer, SerialPort, SerialPortType};

use super::{Lines, LinesReach, Link, UsbId};
use crate::error::OpenError;

#[cfg(unix)]
type Native = serialport::TTYPort;
#[cfg(windows)]
type Native = serialport::COMPort;

/// Longest time that the operating system may take to accept bytes; esptool's figure.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// A port that vanishes while the chip resets is looked for this often, this far apart; esptool's
/// figures.
const REOPEN_TRIES: u32 = 3;
const REOPEN_PAUSE: Duration = Duration::from_millis(500);

/// A port that the operating system lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortInfo {
    /// What to pass to [`super::open`].
    pub name: String,
    /// USB identity, if it is a USB adapter.
    pub usb: Option<UsbId>,
}

/// The ports of this machine, USB ones first, each group by name.
#[must_use]
pub fn list() -> Vec<PortInfo> {
    let mut ports: Vec<PortInfo> = serialport::available_ports()
        .unwrap_or_default()
        .into_iter()
        // macOS lists each port twice; the tty.* twin blocks on open until a carrier comes.
        .filter(|port| !port.port_name.starts_with("/dev/tty."))
        .map(|port| PortInfo {
            name: port.port_name,
            usb: match port.port_type {
                SerialPortType::UsbPort(usb) => Some(UsbId {
                    vid: usb.vid,
                    pid: usb.pid,
                    serial_number: usb.serial_number,
                    product: usb.product,
                }),
                _ => None,
            },
        })
        .collect();
    ports.sort_by(|a, b| (a.usb.is_none(), &a.name).cmp(&(b.usb.is_none(), &b.name)));
    ports
}

/// An open serial port: 8N1, no flow control, exclusive to this process.
#[derive(Debug)]
pub struct SerialLink {
    name: String,
    port: Native,
    baud: u32,
    usb_id: Option<UsbId>,
    opened: Instant,
}

impl SerialLink {
    /// Opens a port at 115200 baud, the rate that every boot ROM starts with.
    pub fn open(name: &str) -> Result<Self, OpenError> {
        let baud = 115_200;
        let usb_id = list()
            .into_iter()
            .find(|port| same_port(&port.name, name))
            .and_then(|p| p.usb);
        Ok(Self {
            name: name.to_owned(),
            port: open_native(name, baud)?,
            baud,
            usb_id,
            opened: Instant::now(),
        })
    }
}

/// `/dev/serial/by-id/…` and the like are links to the listed name.
fn same_port(listed: &str, asked: &str) -> bool {
    listed == asked
        || std::fs::canonicalize(asked)
            .is_ok_and(|path| path.as_os_str() == std::ffi::OsStr::new(listed))
}

fn open_native(name: &str, baud: u32) -> Result<Native, OpenError> {
    serialport::new(name, baud)
        .timeout(WRITE_TIMEOUT)
        .open_native()
        .map_err(|error| open_error(name, &error))
}

fn open_error(name: &str, error: &serialport::Error) -> OpenError {
    let port = name.to_owned();
    let text = error.to_string();
    let lower = text.to_ascii_lowercase();
    match error.kind() {
        serialport::ErrorKind::Io(io::ErrorKind::NotFound) => OpenError::NotFound { port },
        serialport::ErrorKind::Io(io::ErrorKind::PermissionDenied) if cfg!(windows) => {
            // Windows answers "access denied" for a port that another program holds.
            OpenError::Busy { port }
        }
        serialport::ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
            OpenError::Permission { port }
        }
        serialport::ErrorKind::Io(io::ErrorKind::ResourceBusy | io::ErrorKind::WouldBlock) => {
            OpenError::Busy { port }
        }
        _ if lower.contains("busy") || lower.contains("lock") => OpenError::Busy { port },
        serialport::ErrorKind::NoDevice if !std::path::Path::new(name).exists() => {
            OpenError::NotFound { port }
        }
        serialport::ErrorKind::NoDevice | serialport::ErrorKind::InvalidInput => {
            OpenError::BadName { port, why: text }
        }
        kind => OpenError::Other {
            port,
            source: match kind {
                serialport::ErrorKind::Io(kind) => io::Error::new(kind, text),
                _ => io::Error::other(text),
            },
        },
    }
}

fn io_error(error: serialport::Error) -> io::Error {
    error.into()
}

impl Link for SerialLink {
    fn name(&self) -> &str {
        &self.name
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        self.port.set_timeout(timeout).map_err(io_error)?;
        match self.port.read(buffer) {
            // A tty whose device is gone reads as end of file.
            Ok(0) => Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the device is gone",
            )),
            Ok(n) => Ok(n),
            Err(e)
                if matches!(
                    e.kind(),
                    io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(0)
            }
            Err(e) => Err(e),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.port.set_timeout(WRITE_TIMEOUT).map_err(io_error)?;
        self.port.write_all(bytes)
    }

    fn discard_input(&mut self) -> io::Result<()> {
        self.port.clear(ClearBuffer::Input).map_err(io_error)
    }

    fn set_baud(&mut self, baud: u32) -> io::Result<()> {
        self.port.set_baud_rate(baud).map_err(io_error)?;
        self.baud = baud;
        Ok(())
    }

    fn set_lines(&mut self, lines: Lines) -> io::Result<LinesReach> {
        lines::set(&mut self.port, lines)
    }

    fn usb_id(&self) -> Option<&UsbId> {
        self.usb_id.as_ref()
    }

    fn pause(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn now(&self) -> Duration {
        self.opened.elapsed()
    }

    fn reopen(&mut self) -> io::Result<()> {
        let mut tries = 0;
        loop {
            match open_native(&self.name, self.baud) {
                Ok(port) => {
                    self.port = port;
                    return Ok(());
                }
                Err(_) if tries + 1 < REOPEN_TRIES => {
                    tries += 1;
                    self.pause(REOPEN_PAUSE);
                }
                Err(error) => return Err(io::Error::other(error)),
            }
        }
    }
}
