//! A link that outlives its borrower: a deploy takes the link of a monitor and gives it back, and nothing
//! of what the board prints when it starts is lost between the two.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{Lines, LinesReach, Link, UsbId};

/// Where a link comes back to.
#[derive(Clone, Default)]
pub struct Slot(Arc<Mutex<Option<Box<dyn Link>>>>);

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slot")
    }
}

impl Slot {
    /// Lends a link: when it is dropped, it is here.
    pub fn lend(&self, link: Box<dyn Link>) -> Box<dyn Link> {
        Box::new(Lent {
            link: Some(link),
            slot: self.clone(),
        })
    }

    /// Puts a link here.
    pub fn put(&self, link: Box<dyn Link>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
    }

    /// The link that is here.
    pub fn take(&self) -> Option<Box<dyn Link>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

struct Lent {
    /// There until it is dropped.
    link: Option<Box<dyn Link>>,
    slot: Slot,
}

impl Lent {
    fn link(&mut self) -> io::Result<&mut dyn Link> {
        match &mut self.link {
            Some(link) => Ok(&mut **link),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            self.slot.put(link);
        }
    }
}

impl Link for Lent {
    fn name(&self) -> &str {
        self.link.as_ref().map_or("", |link| link.name())
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        self.link()?.read(buffer, timeout)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.link()?.write(bytes)
    }

    fn discard_input(&mut self) -> io::Result<()> {
        self.link()?.discard_input()
    }

    fn set_baud(&mut self, baud: u32) -> io::Result<()> {
        self.link()?.set_baud(baud)
    }

    fn set_lines(&mut self, lines: Lines) -> io::Result<LinesReach> {
        self.link()?.set_lines(lines)
    }

    fn lines_are_apart(&self) -> bool {
        self.link
            .as_ref()
            .is_some_and(|link| link.lines_are_apart())
    }

    fn usb_id(&self) -> Option<&UsbId> {
        self.link.as_ref().and_then(|link| link.usb_id())
    }

    fn pause(&mut self, duration: Duration) {
        if let Some(link) = &mut self.link {
            link.pause(duration);
        }
    }

    fn now(&self) -> Duration {
        self.link.as_ref().map_or(Duration::ZERO, |link| link.now())
    }

    fn reopen(&mut self) -> io::Result<()> {
        self.link()?.reopen()
    }

    fn close(&mut self) {
        if let Some(link) = &mut self.link {
            link.close();
        }
    }

    #[cfg(unix)]
    fn descriptor(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.link.as_ref().and_then(|link| link.descriptor())
    }

    fn share(&mut self) -> bool {
        self.link.as_mut().is_some_and(|link| link.share())
    }

    fn is_there(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.is_there())
    }

    fn own(&mut self) -> io::Result<()> {
        self.link()?.own()
    }

    fn keep_real_time(&mut self) {
        if let Some(link) = &mut self.link {
            link.keep_real_time();
        }
    }
}
