//! The two modem lines that reset a board, and what else serialport does not offer.

use std::io;

use super::super::{Lines, LinesReach};
use super::Native;

/// Sets both lines in one system call, so that no state between the two exists: the reset circuit of
/// many boards reacts to the one in between (esptool's "tight" sequence exists for this).
#[cfg(unix)]
pub(super) fn set(port: &mut Native, lines: Lines) -> io::Result<LinesReach> {
    match unix::set(port, lines) {
        Ok(()) => Ok(LinesReach::Board),
        // A pty, or an adapter without modem lines. Not an error: the board is then in download mode
        // already, or somebody presses its buttons.
        Err(rustix::io::Errno::NOTTY | rustix::io::Errno::INVAL) => Ok(LinesReach::Nothing),
        Err(error) => Err(error.into()),
    }
}

/// Has writes take what there is room for at once, instead of waiting for the device.
#[cfg(unix)]
pub(super) fn do_not_block(port: &Native) -> io::Result<()> {
    Ok(rustix::io::ioctl_fionbio(unix::descriptor(port), true)?)
}

/// Whether a name leads to something, and that is not a terminal: a file, a directory, `/dev/null`.
#[cfg(unix)]
pub(super) fn is_something_else(name: &str) -> bool {
    use rustix::fs::{FileType, Mode, OFlags, open, stat};
    let Ok(it) = stat(name) else { return false };
    if FileType::from_raw_mode(it.st_mode) != FileType::CharacterDevice {
        return true;
    }
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::NONBLOCK;
    open(name, flags, Mode::empty()).is_ok_and(|device| !rustix::termios::isatty(device))
}

/// Has the lines stay as they are when the port is closed.
#[cfg(unix)]
pub(super) fn keep_when_closed(port: &Native) -> io::Result<()> {
    use rustix::termios::{ControlModes, OptionalActions, tcgetattr, tcsetattr};
    let fd = unix::descriptor(port);
    let mut settings = tcgetattr(fd)?;
    settings.control_modes.remove(ControlModes::HUPCL);
    Ok(tcsetattr(fd, OptionalActions::Now, &settings)?)
}

/// Lets others open the port, too; pyserial wants the lock for itself. `None`: a pty whose board is reset when it is
/// closed, as a simulated one's says by its settings, is closed.
#[cfg(unix)]
pub(super) fn share(port: Native) -> Option<std::os::fd::OwnedFd> {
    use rustix::termios::{ControlModes, tcgetattr};
    use serialport::SerialPort as _;
    let mut port = port;
    let has_lines = port.read_clear_to_send().is_ok();
    let fd = unix::into_descriptor(port);
    let settings = tcgetattr(&fd).ok()?;
    if !has_lines && settings.control_modes.contains(ControlModes::HUPCL) {
        return None;
    }
    rustix::fs::flock(&fd, rustix::fs::FlockOperation::Unlock).ok()?;
    rustix::termios::ioctl_tiocnxcl(&fd).ok()?;
    Some(fd)
}

/// Takes a port's lock, if no other has it.
#[cfg(unix)]
pub(super) fn lock(port: &std::os::fd::OwnedFd) -> io::Result<()> {
    let exclusive = rustix::fs::FlockOperation::NonBlockingLockExclusive;
    Ok(rustix::fs::flock(port, exclusive)?)
}

#[cfg(unix)]
pub(super) use unix::{adopt, descriptor};

#[cfg(unix)]
mod unix {
    use std::os::fd::{AsRawFd as _, BorrowedFd, FromRawFd as _, IntoRawFd as _, OwnedFd};

    use rustix::io::Errno;
    use rustix::ioctl::{Getter, Opcode, Setter, ioctl};

    use super::{Lines, Native};

    #[cfg(any(target_os = "linux", target_os = "android"))]
    mod request {
        use super::Opcode;
        // asm-generic/ioctls.h and asm-generic/termios.h, the same on every architecture that
        // fbuild-lsp is built for (x86, arm, riscv).
        pub(super) const TIOCMGET: Opcode = 0x5415;
        pub(super) const TIOCMSET: Opcode = 0x5418;
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    mod request {
        use super::Opcode;
        // sys/ttycom.h of macOS and the BSDs.
        pub(super) const TIOCMGET: Opcode = 0x4004_746A;
        pub(super) const TIOCMSET: Opcode = 0x8004_746D;
    }
    const TIOCM_DTR: u32 = 0x002;
    const TIOCM_RTS: u32 = 0x004;

    // The exceptions to "no unsafe code": serialport hands out and takes its descriptor as a number only, and
    // neither it nor rustix offers TIOCMSET; setting the lines one after the other resets some boards
    // into the wrong mode.
    #[allow(unsafe_code)]
    pub(in super::super) fn descriptor(port: &Native) -> BorrowedFd<'_> {
        // SAFETY: `port` owns the descriptor and outlives what is returned.
        unsafe { BorrowedFd::borrow_raw(port.as_raw_fd()) }
    }

    #[allow(unsafe_code)]
    pub(super) fn into_descriptor(port: Native) -> OwnedFd {
        // SAFETY: the descriptor is open, and `port` has given it up.
        unsafe { OwnedFd::from_raw_fd(port.into_raw_fd()) }
    }

    /// A port out of its descriptor, for this process alone if nobody else has it, if it is a terminal's.
    #[allow(unsafe_code)]
    pub(in super::super) fn adopt(descriptor: OwnedFd) -> Option<Native> {
        let is_port = rustix::termios::isatty(&descriptor);
        // SAFETY: the descriptor is open, and belongs to nobody else from here on.
        is_port.then(|| unsafe { Native::from_raw_fd(descriptor.into_raw_fd()) })
    }

    #[allow(unsafe_code)]
    pub(super) fn set(port: &Native, lines: Lines) -> Result<(), Errno> {
        let fd = descriptor(port);
        // SAFETY: TIOCMGET writes and TIOCMSET reads exactly one C int, which is what the type
        // parameters say.
        unsafe {
            let mut bits: u32 = ioctl(fd, Getter::<{ request::TIOCMGET }, u32>::new())?;
            for (line, on) in [(TIOCM_DTR, lines.dtr), (TIOCM_RTS, lines.rts)] {
                bits = if on { bits | line } else { bits & !line };
            }
            ioctl(fd, Setter::<{ request::TIOCMSET }, u32>::new(bits))
        }
    }
}

/// Windows has no call for both. RTS goes first and DTR is written after it, since usbser.sys sends a
/// changed RTS only together with a written DTR (esptool does the same).
#[cfg(windows)]
pub(super) fn set(port: &mut Native, lines: Lines) -> io::Result<LinesReach> {
    use serialport::SerialPort as _;
    port.write_request_to_send(lines.rts)?;
    port.write_data_terminal_ready(lines.dtr)?;
    Ok(LinesReach::Board)
}
