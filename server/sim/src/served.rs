//! What a board has to be for [`crate::serve`].

use std::time::Duration;

use fbuild_link::memory::{Device, Transmission};

/// A board that can be served.
pub trait Served: Device + 'static {
    /// Whether a board on a pty is made ready each time the pty is opened, rather than after it was closed.
    const RESETS_WHEN_OPENED: bool;

    /// [`Device::transmit`] to a host without a baud rate: bytes arrive as they were sent.
    fn transmit_as_sent(&mut self, until: Duration) -> Option<Transmission>;

    /// The rate that it sends at.
    fn baud(&self) -> u32;

    /// Does what control lines would, where none reach it: its loader is started.
    fn make_ready(&mut self, now: Duration);
}
