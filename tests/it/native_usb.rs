//! Ports of a chip's own USB, which come and go with the chip's resets.

use std::io;
use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_link::{Lines, LinesReach, Link, UsbId};
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::error::LoaderError;
use fbuild_loader::session::{ConnectOptions, Left, Session};
use fbuild_sim::Board;

use crate::bench::Bench;

/// A port that is gone from some change of the lines on, until it is opened again.
struct Vanishing {
    inner: Box<dyn Link>,
    /// Changes of the lines that it takes.
    lines_left: u32,
    comes_back: bool,
    is_gone: bool,
}

impl Vanishing {
    fn open(bench: &Bench, lines_left: u32, comes_back: bool) -> Box<dyn Link> {
        Box::new(Self {
            inner: bench.link(),
            lines_left,
            comes_back,
            is_gone: false,
        })
    }

    fn present(&self) -> io::Result<()> {
        if self.is_gone {
            return Err(io::ErrorKind::NotConnected.into());
        }
        Ok(())
    }
}

impl Link for Vanishing {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        self.present()?;
        self.inner.read(buffer, timeout)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.present()?;
        self.inner.write(bytes)
    }

    fn discard_input(&mut self) -> io::Result<()> {
        self.present()?;
        self.inner.discard_input()
    }

    fn set_baud(&mut self, baud: u32) -> io::Result<()> {
        self.inner.set_baud(baud)
    }

    fn set_lines(&mut self, lines: Lines) -> io::Result<LinesReach> {
        self.present()?;
        let reach = self.inner.set_lines(lines)?;
        self.lines_left = self.lines_left.saturating_sub(1);
        self.is_gone = self.lines_left == 0;
        Ok(reach)
    }

    fn usb_id(&self) -> Option<&UsbId> {
        self.inner.usb_id()
    }

    fn pause(&mut self, duration: Duration) {
        self.inner.pause(duration);
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }

    fn reopen(&mut self) -> io::Result<()> {
        if !self.comes_back {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.is_gone = false;
        self.lines_left = u32::MAX;
        Ok(())
    }
}

/// Between any two steps of the reset, and right after it.
#[test]
fn a_port_that_comes_back_after_the_reset_is_used_again() {
    for lines_left in 1..=9 {
        let bench = Bench::over_usb(Board::builder(Chip::Esp32S3));
        let options = ConnectOptions::default();
        let link = Vanishing::open(&bench, lines_left, true);
        let session = Session::connect(link, options, &CancelToken::new());
        assert!(session.is_ok(), "{lines_left}: {:?}", session.err());
        let link = Vanishing::open(&bench, lines_left, false);
        let session = Session::connect(link, options, &CancelToken::new());
        let error = session.err();
        assert!(
            matches!(error, Some(LoaderError::Link { .. })),
            "{lines_left}: {error:?}"
        );
    }
}

/// The chip's reset may take its USB along: then the firmware starts all the same.
#[test]
fn a_port_that_goes_when_the_firmware_starts_is_no_failure() {
    const CHANGES_TO_CONNECT: u32 = 9;
    for more in 1..=2 {
        let bench = Bench::over_usb(Board::builder(Chip::Esp32S3));
        let link = Vanishing::open(&bench, CHANGES_TO_CONNECT + more, false);
        let options = ConnectOptions::default();
        let session = Session::connect(link, options, &CancelToken::new()).unwrap();
        assert_eq!(session.leave().unwrap(), Left::Started, "{more}");
    }
}
