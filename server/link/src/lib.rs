//! A link: a byte pipe to a board with two control lines, a baud rate and a clock.
//! It knows how to open a port by its name ([`open`]), which ports there are ([`serial::list`]), and who
//! holds one ([`holder`]). What the bytes mean it never hears of: no protocol, no chip, no project.

pub mod error;
pub mod holder;
pub mod lent;
pub mod memory;
pub mod port_name;
pub mod rfc2217;
pub mod serial;
pub mod tcp;
pub mod telnet;

use std::io;
use std::time::Duration;

use crate::error::OpenError;
use crate::port_name::PortName;

/// Opens a port by its name: a device path, `COM5`, `socket://host:port` or `rfc2217://host:port`.
///
/// # Errors
/// [`OpenError`] names the port and whether to choose another, close its holder, or get permission.
pub fn open(port: &str) -> Result<Box<dyn Link>, OpenError> {
    let why = match PortName::of(port) {
        PortName::Device(device) => return Ok(Box::new(serial::SerialLink::open(device)?)),
        PortName::Socket(address) => return Ok(Box::new(tcp::TcpLink::open(port, address)?)),
        PortName::Rfc2217(rest) => return Ok(Box::new(rfc2217::Rfc2217Link::open(port, rest)?)),
        PortName::Espota(_) => "it takes firmware over the air, and nothing can be read from it",
        PortName::UsbLoader => {
            "it stands for a Teensy, RP2040 or RP2350 in its boot loader, and for no serial port"
        }
        PortName::Sim { .. } => "a simulated board is no port of this machine",
        PortName::Described(_) => "the list of ports has to tell first which one that is",
        PortName::Unknown(name) => PortName::why_unknown(name),
    };
    Err(OpenError::BadName {
        port: port.to_owned(),
        why: why.to_owned(),
    })
}

/// The two control lines, as the host asserts them (asserted means the pin is low).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Lines {
    pub dtr: bool,
    pub rts: bool,
}

/// Whether the control lines reach the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinesReach {
    /// The lines were set.
    Board,
    /// This link has no lines (a pty, a TCP socket): somebody else put the board into download mode.
    Nothing,
}

/// USB identity of the adapter behind a port.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct UsbId {
    pub vid: u16,
    pub pid: u16,
    pub serial_number: Option<String>,
    pub product: Option<String>,
}

/// USB vendor id of Espressif.
pub const ESPRESSIF_VID: u16 = 0x303A;
/// Product id of the USB-Serial/JTAG peripheral, the same in every chip that has one.
pub const USB_SERIAL_JTAG_PID: u16 = 0x1001;

impl UsbId {
    /// The chip's own USB-Serial/JTAG peripheral, which wants its own reset sequence.
    pub fn is_serial_jtag(&self) -> bool {
        self.vid == ESPRESSIF_VID && self.pid == USB_SERIAL_JTAG_PID
    }

    /// An adapter between USB and a UART, which stays when the board behind it resets: Silicon Labs, WCH, FTDI,
    /// Prolific. Source: the USB ID repository (usb.ids).
    pub fn is_adapter(&self) -> bool {
        [0x10C4, 0x1A86, 0x0403, 0x067B].contains(&self.vid)
    }

    /// A Silicon Labs CP2102C, whose hardware flow control is always on. Source: esp-pylib,
    /// `HARDWARE_FLOW_CONTROL_VID_PIDS`.
    pub fn has_fixed_flow_control(&self) -> bool {
        (self.vid, self.pid) == (0x10C4, 0xEA64)
    }
}

/// A byte pipe to one board. Blocking; one thread owns it.
pub trait Link: Send {
    /// What a person would call this port: `/dev/ttyUSB0`, `COM5`, `socket://…`.
    fn name(&self) -> &str;

    /// Reads what is there, waiting up to `timeout` for the first byte. `Ok(0)`: nothing came.
    ///
    /// # Errors
    /// The port is gone: close it.
    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize>;

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// The port is gone, or takes nothing; how much of `bytes` was sent is not known.
    fn write(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Throws away what was received but not read.
    ///
    /// # Errors
    /// The port is gone: close it.
    fn discard_input(&mut self) -> io::Result<()>;

    /// Changes the host's side of the baud rate. A link without one does nothing.
    ///
    /// # Errors
    /// The adapter or its driver refuses the rate; the old one goes on.
    fn set_baud(&mut self, baud: u32) -> io::Result<()>;

    /// Sets both control lines.
    ///
    /// # Errors
    /// The port is gone: close it. A port without control lines is not an error, see [`LinesReach`].
    fn set_lines(&mut self, lines: Lines) -> io::Result<LinesReach>;

    /// Whether the lines change one after the other, with time in between.
    fn lines_are_apart(&self) -> bool {
        false
    }

    /// Who the adapter is, where that is known.
    fn usb_id(&self) -> Option<&UsbId> {
        None
    }

    /// Lets time pass. Links to a simulated board with accounted time do not really wait.
    fn pause(&mut self, duration: Duration);

    /// Time on the link's clock, whose origin means nothing. Deadlines are kept by this clock.
    fn now(&self) -> Duration;

    /// Closes and opens the port again, for adapters that vanish while the chip resets.
    ///
    /// # Errors
    /// The port did not come back, or another program took it.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Closes the port for good, also where somebody has lent it: who gets it back has to open it again.
    fn close(&mut self) {}

    /// What another process needs to go on with this link without closing it, where there is such a thing.
    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        None
    }

    /// Lets another program open the port for a while, beside this link, which is not to be used meanwhile: what the
    /// board prints when that program is done is not lost. `false`: it cannot be shared, and is to be closed.
    fn share(&mut self) -> bool {
        false
    }

    /// Whether a shared port is still there. Close one that is not: as long as somebody holds it, its device comes
    /// back under another name.
    fn is_there(&self) -> bool {
        true
    }

    /// Takes a shared port back for this link alone, at its own rate.
    ///
    /// # Errors
    /// The other program still has it, or the port is gone: close it.
    fn own(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Lets time pass as it does outside from now on, for somebody who watches: that of a simulated
    /// board may have run ahead.
    fn keep_real_time(&mut self) {}
}
