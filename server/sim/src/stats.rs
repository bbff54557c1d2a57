//! What a board counted since it was built. Read by tests and by the benchmark.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::flash::FlashCounters;

/// Counters of a board.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes that came from the host, framing included.
    pub bytes_received: u64,
    /// Bytes that went to the host, framing and boot log included.
    pub bytes_sent: u64,
    /// Frames that the host sent and the loader understood as requests. One is one round trip.
    pub commands: u32,
    /// The same by operation code.
    pub commands_by_op: BTreeMap<u8, u32>,
    /// Frames that the board sent (answers, greetings, read data), boot log excluded.
    pub frames_sent: u32,
    /// Time during which a byte was on the wire towards the board.
    pub receiving: Duration,
    /// Time during which a byte was on the wire towards the host.
    pub sending: Duration,
    /// When the host's first byte was written, on the link's clock.
    pub first_byte: Option<Duration>,
    /// When the last byte so far arrived, in either direction.
    pub last_byte: Duration,
    /// Time that the CPU spent hashing flash.
    pub hashing: Duration,
    /// Bytes hashed.
    pub bytes_hashed: u64,
    /// Time that the flash chip was busy erasing or programming.
    pub flash_busy: Duration,
    /// Resets, power-on included.
    pub resets: u32,
    /// Bytes received at another baud rate than the chip's.
    pub garbled_bytes: u64,
    /// What was done to the flash.
    pub flash: FlashCounters,
}

impl Stats {
    /// From the host's first byte to the last byte in either direction: the seconds on the link.
    pub fn link_time(&self) -> Duration {
        self.first_byte
            .map_or(Duration::ZERO, |first| self.last_byte.saturating_sub(first))
    }
}
