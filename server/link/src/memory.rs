//! A link whose far end is a device in the same process: tests and `sim:` ports.
//!
//! The device is a state machine that is told the time with everything it hears and says when each
//! of its answers has arrived. So the same device runs in real time (the link sleeps) and in
//! accounted time (the link's clock jumps), with one thread and no luck involved.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Lines, LinesReach, Link, UsbId};

/// A board as it looks from the wire.
pub trait Device: Send {
    /// The host put `bytes` on the wire at `now`, at its own baud rate.
    fn receive(&mut self, now: Duration, bytes: &[u8], host_baud: u32);

    /// The host changed its control lines at `now`.
    fn set_lines(&mut self, now: Duration, lines: Lines);

    /// What of the device's is with the host next, at `until` at the latest; `None` if nothing is. The
    /// piece is handed over once; pieces come in order of time. What comes later is not decided yet:
    /// the host may reset the device before.
    fn transmit(&mut self, host_baud: u32, until: Duration) -> Option<Transmission>;

    /// How far the device's time has come: a new link to it begins there, not before.
    fn time(&self) -> Duration {
        Duration::ZERO
    }

    /// Whether control lines reach the device.
    fn has_lines(&self) -> bool {
        true
    }

    /// `Err` once the device is gone (a cable pulled out).
    ///
    /// # Errors
    /// The device is gone, as a port whose cable was pulled.
    fn presence(&self) -> io::Result<()> {
        Ok(())
    }
}

/// Bytes from a device, and when the last of them is at the host.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Transmission {
    pub arrives: Duration,
    pub bytes: Vec<u8>,
}

/// How a [`MemoryLink`] lets time pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// Waits take as long as they say.
    Real,
    /// Waits cost nothing; the clock is advanced by what they would have taken.
    Accounted,
}

#[derive(Debug)]
enum Clock {
    /// When it was started, and what it showed then.
    Real(Instant, Duration),
    Accounted(Duration),
}

impl Clock {
    fn now(&self) -> Duration {
        match self {
            Self::Real(start, origin) => *origin + start.elapsed(),
            Self::Accounted(now) => *now,
        }
    }

    fn wait_until(&mut self, until: Duration) {
        match self {
            Self::Real(..) => {
                if let Some(rest) = until.checked_sub(self.now()) {
                    std::thread::sleep(rest);
                }
            }
            Self::Accounted(now) => *now = (*now).max(until),
        }
    }
}

/// The host's end of an in-memory link.
pub struct MemoryLink<D> {
    name: String,
    device: Arc<Mutex<D>>,
    clock: Clock,
    baud: u32,
    usb_id: Option<UsbId>,
    /// The rest of a piece that was larger than its reader's buffer.
    rest: Option<Transmission>,
}

impl<D: Device> MemoryLink<D> {
    /// A link to `device`. The device is shared, so that a test can look at it afterwards.
    pub fn new(name: impl Into<String>, device: Arc<Mutex<D>>, time: Time) -> Self {
        let origin = device.lock().unwrap_or_else(PoisonError::into_inner).time();
        let clock = match time {
            Time::Real => Clock::Real(Instant::now(), origin),
            Time::Accounted => Clock::Accounted(origin),
        };
        Self {
            name: name.into(),
            device,
            clock,
            baud: 115_200,
            usb_id: None,
            rest: None,
        }
    }

    /// Pretends that the adapter has this USB identity.
    #[must_use]
    pub fn with_usb_id(mut self, usb_id: UsbId) -> Self {
        self.usb_id = Some(usb_id);
        self
    }

    /// Opens the link at this moment of the device's time, though the device is still busy with what
    /// an earlier link asked of it: its host was killed and another one comes at once.
    #[must_use]
    pub fn opened_at(mut self, moment: Duration) -> Self {
        self.clock = match self.clock {
            Clock::Real(start, _) => Clock::Real(start, moment),
            Clock::Accounted(_) => Clock::Accounted(moment),
        };
        self
    }

    fn with_device<T>(&self, f: impl FnOnce(&mut D) -> T) -> T {
        // A panic in another holder cannot leave the device half updated in a way that matters here:
        // it is test equipment, and its state is looked at, not relied on.
        f(&mut self.device.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl<D: Device> Link for MemoryLink<D> {
    fn name(&self) -> &str {
        &self.name
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        self.with_device(|device| device.presence())?;
        let deadline = self.clock.now() + timeout;
        let coming = match self.rest.take() {
            Some(rest) => Some(rest),
            None => self.with_device(|device| device.transmit(self.baud, deadline)),
        };
        let Some(mut coming) = coming else {
            self.clock.wait_until(deadline);
            return Ok(0);
        };
        self.clock.wait_until(coming.arrives);
        let n = coming.bytes.len().min(buffer.len());
        buffer[..n].copy_from_slice(&coming.bytes[..n]);
        if n < coming.bytes.len() {
            coming.bytes.drain(..n);
            self.rest = Some(coming);
        }
        Ok(n)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.with_device(|device| device.presence())?;
        let now = self.clock.now();
        self.with_device(|device| device.receive(now, bytes, self.baud));
        Ok(())
    }

    fn discard_input(&mut self) -> io::Result<()> {
        let mut buffer = [0; 4096];
        while self.read(&mut buffer, Duration::ZERO)? > 0 {}
        Ok(())
    }

    fn set_baud(&mut self, baud: u32) -> io::Result<()> {
        self.baud = baud;
        Ok(())
    }

    fn set_lines(&mut self, lines: Lines) -> io::Result<LinesReach> {
        let now = self.clock.now();
        self.with_device(|device| {
            device.presence()?;
            if !device.has_lines() {
                return Ok(LinesReach::Nothing);
            }
            device.set_lines(now, lines);
            Ok(LinesReach::Board)
        })
    }

    fn usb_id(&self) -> Option<&UsbId> {
        self.usb_id.as_ref()
    }

    fn pause(&mut self, duration: Duration) {
        let until = self.clock.now() + duration;
        self.clock.wait_until(until);
    }

    fn now(&self) -> Duration {
        self.clock.now()
    }

    fn keep_real_time(&mut self) {
        self.clock = Clock::Real(Instant::now(), self.clock.now());
    }
}
