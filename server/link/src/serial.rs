//! Serial ports, through the `serialport` crate.

mod lines;

use std::io::{self, Read as _, Write as _};
use std::time::{Duration, Instant};

use serialport::{ClearBuffer, SerialPort, SerialPortType};

use super::holder::holders;
use super::{Lines, LinesReach, Link, UsbId};
use crate::error::OpenError;

#[cfg(unix)]
type Native = serialport::TTYPort;
#[cfg(windows)]
type Native = serialport::COMPort;

#[cfg(unix)]
type Shared = std::os::fd::OwnedFd;
#[cfg(windows)]
type Shared = std::convert::Infallible;

/// The rate that every boot ROM starts with.
const USUAL_BAUD: u32 = 115_200;
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
pub fn list() -> Vec<PortInfo> {
    // Without it (WSL 1, a sandbox) serialport 4.10 panics, `posix/enumerate.rs`.
    if cfg!(target_os = "linux") && !std::path::Path::new("/sys/class/tty").is_dir() {
        return Vec::new();
    }
    let mut ports: Vec<PortInfo> = serialport::available_ports()
        .unwrap_or_default()
        .into_iter()
        .filter(|port| !blocks_on_open(&port.port_name))
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
    /// `None` while it is looked for again, or shared.
    port: Option<Native>,
    baud: u32,
    usb_id: Option<UsbId>,
    opened: Instant,
    /// The port while another program may use it. Closed as it is: serialport would make the other's free for all.
    #[cfg_attr(windows, allow(dead_code))]
    shared: Option<Shared>,
}

impl SerialLink {
    /// Opens a port at 115200 baud, the rate that every boot ROM starts with.
    ///
    /// # Errors
    /// As [`crate::open`]; [`OpenError::Busy`] names the programs that hold the port, where that can be seen.
    pub fn open(name: &str) -> Result<Self, OpenError> {
        let baud = USUAL_BAUD;
        let usb_id = usb_id(name);
        let port = open_native(name, baud)?;
        #[cfg(unix)]
        if usb_id.as_ref().is_some_and(UsbId::has_fixed_flow_control)
            && let Err(error) = lines::keep_when_closed(&port)
        {
            tracing::warn!(name, %error, "closing the port may reset the board");
        }
        Ok(Self {
            name: name.to_owned(),
            port: Some(port),
            baud,
            usb_id,
            opened: Instant::now(),
            shared: None,
        })
    }

    /// Goes on with the port that another process has opened, as its [`Link::descriptor`], and has closed.
    /// `None`: it is no serial port, or does not take the rate.
    #[cfg(unix)]
    pub fn adopt(name: &str, descriptor: std::os::fd::OwnedFd, baud: u32) -> Option<Self> {
        let mut link = Self {
            name: name.to_owned(),
            port: Some(lines::adopt(descriptor)?),
            baud,
            usb_id: usb_id(name),
            opened: Instant::now(),
            shared: None,
        };
        link.set_baud(baud).ok().map(|()| link)
    }

    fn port(&mut self) -> io::Result<&mut Native> {
        self.port
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Sends all of `bytes`, as long as some of them are taken every `patience`.
    fn write_within(&mut self, mut bytes: &[u8], patience: Duration) -> io::Result<()> {
        let port = self.port()?;
        port.set_timeout(patience)?;
        while !bytes.is_empty() {
            match port.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => bytes = &bytes[n..],
                Err(error) if is_nothing_yet(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Drop for SerialLink {
    fn drop(&mut self) {
        if let Some(port) = &self.port {
            // What a stuck device has not taken, Linux would wait for up to 30 s (closing_wait).
            let _ = port.clear(ClearBuffer::Output);
        }
    }
}

/// macOS lists each port twice; the tty.* twin blocks on open until a carrier comes.
fn blocks_on_open(name: &str) -> bool {
    name.starts_with("/dev/tty.")
}

/// A name for the port that is the same for every way of writing it: `/dev/serial/by-id/…` and the
/// like are links to the listed name, macOS has two names for each port, and Windows takes `com5` and
/// `\\.\COM5` for `COM5`.
pub fn identity(port: &str) -> String {
    identity_on(cfg!(windows), port)
}

fn identity_on(is_windows: bool, port: &str) -> String {
    if is_windows {
        return port.trim_start_matches(r"\\.\").to_ascii_uppercase();
    }
    let canonical = std::fs::canonicalize(port).ok();
    let path = canonical.as_deref().and_then(std::path::Path::to_str);
    let path = path.unwrap_or(port);
    match path.strip_prefix("/dev/tty.") {
        Some(name) => format!("/dev/cu.{name}"),
        None => path.to_owned(),
    }
}

fn same_port(listed: &str, asked: &str) -> bool {
    listed == asked || identity(listed) == identity(asked)
}

/// Where an adapter is now: one that vanished may come back under another name.
fn name_now<'n>(known: &'n str, usb_id: Option<&UsbId>, listed: &'n [PortInfo]) -> &'n str {
    let is_it = |port: &&PortInfo| {
        port.usb.as_ref().zip(usb_id).is_some_and(|(usb, known)| {
            (usb.vid, usb.pid) == (known.vid, known.pid)
                && known.serial_number.is_some()
                && usb.serial_number == known.serial_number
        })
    };
    let mut it = listed.iter().filter(is_it);
    match (it.next(), it.next()) {
        (Some(port), None) => &port.name,
        // Gone, or boards that all have the same number.
        _ => known,
    }
}

fn usb_id(name: &str) -> Option<UsbId> {
    let mut listed = list().into_iter();
    listed.find(|port| same_port(&port.name, name))?.usb
}

fn open_native(name: &str, baud: u32) -> Result<Native, OpenError> {
    let port = serialport::new(name, baud)
        .timeout(WRITE_TIMEOUT)
        .open_native()
        .map_err(|error| open_error(name, &error))?;
    // Otherwise a device that takes nothing any more holds up a write for ever.
    #[cfg(unix)]
    lines::do_not_block(&port).map_err(|error| OpenError::Other {
        port: name.to_owned(),
        source: error,
    })?;
    Ok(port)
}

fn open_error(name: &str, error: &serialport::Error) -> OpenError {
    let port = name.to_owned();
    let text = error.to_string();
    match error.kind() {
        serialport::ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
            OpenError::Permission { port }
        }
        serialport::ErrorKind::NoDevice if is_held(cfg!(windows), || is_listed(name)) => {
            let holders = holders(name);
            OpenError::Busy { port, holders }
        }
        serialport::ErrorKind::NoDevice | serialport::ErrorKind::Io(io::ErrorKind::NotFound) => {
            OpenError::NotFound { port }
        }
        serialport::ErrorKind::InvalidInput => OpenError::BadName { port, why: text },
        #[cfg(unix)]
        _ if lines::is_something_else(name) => OpenError::BadName {
            port,
            why: "what is there is not a serial port".to_owned(),
        },
        kind => OpenError::Other {
            port,
            source: match kind {
                serialport::ErrorKind::Io(kind) => io::Error::new(kind, text),
                _ => io::Error::other(text),
            },
        },
    }
}

/// What "no device" means. serialport 4.10 says it on Unix of a port that is locked, on Windows of one
/// that is not there and of one that another program holds ("access denied", in the system's language).
fn is_held(is_windows: bool, is_listed: impl FnOnce() -> bool) -> bool {
    !is_windows || is_listed()
}

fn is_listed(name: &str) -> bool {
    list().iter().any(|port| same_port(&port.name, name))
}

/// Nothing went wrong; there is just nothing to read, or no room.
fn is_nothing_yet(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

impl Link for SerialLink {
    fn name(&self) -> &str {
        &self.name
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        let port = self.port()?;
        port.set_timeout(timeout)?;
        match port.read(buffer) {
            // A tty whose device is gone reads as end of file.
            Ok(0) => Err(io::Error::new(
                io::ErrorKind::BrokenPipe,
                "the device is gone",
            )),
            Ok(n) => Ok(n),
            Err(e) if e.kind() == io::ErrorKind::TimedOut || is_nothing_yet(&e) => Ok(0),
            Err(e) => Err(e),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_within(bytes, WRITE_TIMEOUT)
    }

    fn discard_input(&mut self) -> io::Result<()> {
        Ok(self.port()?.clear(ClearBuffer::Input)?)
    }

    fn set_baud(&mut self, baud: u32) -> io::Result<()> {
        self.port()?.set_baud_rate(baud)?;
        self.baud = baud;
        Ok(())
    }

    fn set_lines(&mut self, lines: Lines) -> io::Result<LinesReach> {
        lines::set(self.port()?, lines)
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

    fn close(&mut self) {
        self.port = None;
        self.shared = None;
        self.baud = USUAL_BAUD;
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.port.as_ref().map(lines::descriptor)
    }

    #[cfg(unix)]
    fn share(&mut self) -> bool {
        // A board's own USB vanishes in a reset, and gets another name as long as somebody holds the old one.
        if self.usb_id.as_ref().is_none_or(UsbId::is_adapter) {
            self.shared = self.port.take().and_then(lines::share);
        }
        self.shared.is_some()
    }

    #[cfg(unix)]
    fn is_there(&self) -> bool {
        let shared = self.shared.as_ref();
        shared.is_none_or(|shared| rustix::io::ioctl_fionread(shared).is_ok())
    }

    #[cfg(unix)]
    fn own(&mut self) -> io::Result<()> {
        let Some(shared) = &self.shared else {
            return Ok(());
        };
        lines::lock(shared)?;
        self.port = self.shared.take().and_then(lines::adopt);
        self.set_baud(self.baud)
    }

    fn reopen(&mut self) -> io::Result<()> {
        // Closed first: Windows and the lock of Unix keep a second handle out, and Linux gives the
        // device another name as long as somebody holds the old one.
        self.port = None;
        let mut tries = 0;
        loop {
            self.pause(REOPEN_PAUSE);
            tries += 1;
            let listed = list();
            let name = name_now(&self.name, self.usb_id.as_ref(), &listed);
            match open_native(name, self.baud) {
                Ok(port) => {
                    let it = listed.iter().find(|port| same_port(&port.name, name));
                    // In download mode it may be another device.
                    if let Some(usb_id) = it.and_then(|port| port.usb.clone()) {
                        self.usb_id = Some(usb_id);
                    }
                    self.port = Some(port);
                    self.name = name.to_owned();
                    return Ok(());
                }
                Err(error) if tries == REOPEN_TRIES => return Err(io::Error::other(error)),
                Err(_) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests;
