//! What both versions of the protocol have in common: a link, a deadline, a reset.

use std::io;
use std::time::Duration;

use fbuild_chip::avr::AvrBoard;
use fbuild_link::Link;

use crate::cancel::CancelToken;
use crate::error::LoaderError;
use crate::reset::{self, Before};

/// How often a wait looks at the cancellation token.
const CANCEL_POLL: Duration = Duration::from_millis(50);
/// From a reset to a boot loader that hears: the part's own start takes 65 ms by its fuses. Some boards have
/// a large capacitor, and some boot loaders are slow to start.
const START_PAUSES_MS: [u64; 8] = [100, 200, 80, 400, 120, 250, 100, 500];
/// A boot loader that blinks first answers what came meanwhile after that: the slowest one that was
/// tried, ATmegaBOOT for the Arduino NG, after 650 ms.
const SYNC_TIMEOUT: Duration = Duration::from_millis(800);

/// What a link has before a deploy and after it, so that whoever listens next finds it as it was.
const USUAL_BAUD: u32 = 115_200;

/// A link to a boot loader, which has its rate until it is dropped.
pub(super) struct Wire {
    pub(super) link: Box<dyn Link>,
    cancel: CancelToken,
    pub(super) board: AvrBoard,
}

impl Wire {
    pub(super) fn new(
        mut link: Box<dyn Link>,
        board: AvrBoard,
        cancel: CancelToken,
    ) -> Result<Self, LoaderError> {
        let baud = board.baud;
        if let Err(source) = link.set_baud(baud) {
            let port = link.name().to_owned();
            return Err(LoaderError::BaudRate { port, baud, source });
        }
        Ok(Self {
            link,
            cancel,
            board,
        })
    }

    /// Resets the board until its boot loader answers `request` with `expected`.
    pub(super) fn begin(
        &mut self,
        before: Before,
        request: &[u8],
        expected: &[u8],
    ) -> Result<(), LoaderError> {
        for pause_ms in START_PAUSES_MS {
            // Where no line reaches the board, opening the port may have reset it.
            if before == Before::Reset {
                self.with_link(reset::start_avr_loader)?;
                self.pause(Duration::from_millis(pause_ms))?;
            }
            // What the program printed before.
            self.with_link(|link| link.discard_input())?;
            self.send(request)?;
            match self.receive(expected.len(), SYNC_TIMEOUT, "sync") {
                Ok(answer) if answer == expected => return Ok(()),
                Ok(_) | Err(LoaderError::Timeout { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Err(LoaderError::NoAvrLoader {
            port: self.link.name().to_owned(),
            attempts: START_PAUSES_MS.len() as u32,
            baud: self.board.baud,
            protocol: self.board.protocol,
        })
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), LoaderError> {
        self.check_cancelled()?;
        self.with_link(|link| link.write(bytes))
    }

    /// Exactly so many bytes.
    pub(super) fn receive(
        &mut self,
        len_bytes: usize,
        timeout: Duration,
        command: &'static str,
    ) -> Result<Vec<u8>, LoaderError> {
        let deadline = self.link.now() + timeout;
        let mut bytes = vec![0; len_bytes];
        let mut filled = 0;
        while filled < len_bytes {
            self.check_cancelled()?;
            let left = deadline.saturating_sub(self.link.now());
            if left.is_zero() {
                let waited = timeout;
                return Err(LoaderError::Timeout { command, waited });
            }
            let buffer = &mut bytes[filled..];
            let read = self.link.read(buffer, left.min(CANCEL_POLL));
            filled += read.map_err(|source| self.lost(source))?;
        }
        Ok(bytes)
    }

    fn pause(&mut self, duration: Duration) -> Result<(), LoaderError> {
        let until = self.link.now() + duration;
        loop {
            self.check_cancelled()?;
            let left = until.saturating_sub(self.link.now());
            if left.is_zero() {
                return Ok(());
            }
            self.link.pause(left.min(CANCEL_POLL));
        }
    }

    fn check_cancelled(&self) -> Result<(), LoaderError> {
        if self.cancel.is_cancelled() {
            return Err(LoaderError::Cancelled);
        }
        Ok(())
    }

    fn with_link<T>(
        &mut self,
        f: impl FnOnce(&mut dyn Link) -> io::Result<T>,
    ) -> Result<T, LoaderError> {
        f(&mut *self.link).map_err(|source| self.lost(source))
    }

    fn lost(&self, source: io::Error) -> LoaderError {
        LoaderError::Link {
            port: self.link.name().to_owned(),
            source,
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.board.baud != USUAL_BAUD
            && let Err(error) = self.link.set_baud(USUAL_BAUD)
        {
            tracing::debug!(%error, "what the program prints may not be readable");
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::{Arc, Mutex};

    use fbuild_link::Lines;
    use fbuild_link::lent::Slot;
    use fbuild_link::memory::{Device, MemoryLink, Time, Transmission};

    use super::*;

    /// The rates at which a device that never answers was spoken to.
    pub(crate) struct Mute(pub(crate) Vec<u32>);

    impl Device for Mute {
        fn receive(&mut self, _: Duration, _: &[u8], host_baud: u32) {
            self.0.push(host_baud);
        }

        fn set_lines(&mut self, _: Duration, _: Lines) {}

        fn transmit(&mut self, _: u32, _: Duration) -> Option<Transmission> {
            None
        }
    }

    #[test]
    fn who_listens_next_finds_the_usual_rate_also_after_an_error() {
        let device = Arc::new(Mutex::new(Mute(Vec::new())));
        let link = MemoryLink::new("board", Arc::clone(&device), Time::Accounted);
        let slot = Slot::default();
        let board = AvrBoard::named("nanoatmega328").unwrap();
        let link = slot.lend(Box::new(link));
        let mut wire = Wire::new(link, board, CancelToken::new()).unwrap();
        wire.begin(Before::Reset, b"0 ", b"ok").unwrap_err();
        drop(wire);
        slot.take().unwrap().write(b"hello").unwrap();
        let rates = std::mem::take(&mut device.lock().unwrap().0);
        let (last, before) = rates.split_last().unwrap();
        assert_eq!(*last, 115_200);
        assert!(before.iter().all(|baud| *baud == 57_600), "{before:?}");
    }
}
