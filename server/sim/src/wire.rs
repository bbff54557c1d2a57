//! The serial line: when bytes are where, at which rate, and what a wrong rate makes of them.

use std::collections::VecDeque;
use std::time::Duration;

use fbuild_link::memory::Transmission;
use fbuild_loader::slip;

use crate::stats::Stats;
use crate::timing::LinkTiming;

/// Rate at which every ROM of the ESP32 family prints its boot log.
pub(crate) const BOOT_LOG_BAUD: u32 = 115_200;
/// Depth of the UART's transmit FIFO: the CPU waits for the rest. Source: technical reference manuals.
const TX_FIFO_LEN: usize = 128;

#[derive(Debug)]
struct Outgoing {
    /// When the first bit leaves the chip.
    departs: Duration,
    arrives: Duration,
    baud: u32,
    bytes: Vec<u8>,
}

/// Both directions of the line, seen from the chip.
#[derive(Debug)]
pub(crate) struct Wire {
    timing: LinkTiming,
    /// The chip's own rate; `None` while its ROM still measures the host's.
    baud: Option<u32>,
    /// What it measured last.
    measured: u32,
    rx_free: Duration,
    tx_free: Duration,
    outgoing: VecDeque<Outgoing>,
}

impl Wire {
    pub(crate) fn new(timing: LinkTiming) -> Self {
        Self {
            timing,
            baud: None,
            measured: BOOT_LOG_BAUD,
            rx_free: Duration::ZERO,
            tx_free: Duration::ZERO,
            outgoing: VecDeque::new(),
        }
    }

    /// The rate that answers are sent at.
    pub(crate) fn baud(&self) -> u32 {
        self.baud.unwrap_or(self.measured)
    }

    /// The ROM knows the host's rate from now on.
    pub(crate) fn keep_measured_baud(&mut self) {
        self.baud.get_or_insert(self.measured);
    }

    pub(crate) fn set_baud(&mut self, baud: Option<u32>) {
        self.baud = baud;
    }

    pub(crate) fn has_baud(&self) -> bool {
        self.timing.fixed_rate.is_none()
    }

    /// Puts the host's bytes on the line; gives each with the time it is complete at the chip's pin.
    pub(crate) fn receive<'a>(
        &mut self,
        now: Duration,
        bytes: &'a [u8],
        host_baud: u32,
        stats: &mut Stats,
    ) -> impl Iterator<Item = (Duration, u8)> + use<'a> {
        let start = (now + self.timing.to_board).max(self.rx_free);
        let total = self.timing.bytes_time(bytes.len(), host_baud);
        self.rx_free = start + total;
        stats.bytes_received += bytes.len() as u64;
        stats.receiving += total;
        stats.first_byte.get_or_insert(now);
        stats.last_byte = stats.last_byte.max(self.rx_free);
        if self.baud.is_none() {
            self.measured = host_baud;
        }
        let garbled = self.has_baud()
            && self
                .baud
                .is_some_and(|chip_baud| !rates_agree(chip_baud, host_baud));
        if garbled {
            stats.garbled_bytes += bytes.len() as u64;
        }
        let byte_time = self.timing.byte_time(host_baud);
        bytes.iter().enumerate().map(move |(index, byte)| {
            let arrives = start + byte_time * (index as u32 + 1);
            (arrives, if garbled { garble(*byte) } else { *byte })
        })
    }

    /// Sends a frame from `now` on; gives the time at which the CPU has handed over the last byte.
    pub(crate) fn send_frame(
        &mut self,
        now: Duration,
        payload: &[u8],
        stats: &mut Stats,
    ) -> Duration {
        let mut bytes = Vec::new();
        slip::encode(payload, &mut bytes);
        stats.frames_sent += 1;
        self.send_raw(now, bytes, self.baud(), stats)
    }

    /// Sends bytes as they are.
    pub(crate) fn send_raw(
        &mut self,
        now: Duration,
        bytes: Vec<u8>,
        baud: u32,
        stats: &mut Stats,
    ) -> Duration {
        let departs = now.max(self.tx_free);
        let total = self.timing.bytes_time(bytes.len(), baud);
        self.tx_free = departs + total;
        stats.bytes_sent += bytes.len() as u64;
        stats.sending += total;
        let arrives = self.tx_free + self.timing.to_host;
        stats.last_byte = stats.last_byte.max(arrives);
        let in_fifo = self.timing.bytes_time(bytes.len().min(TX_FIFO_LEN), baud);
        self.outgoing.push_back(Outgoing {
            departs,
            arrives,
            baud,
            bytes,
        });
        now.max(self.tx_free.saturating_sub(in_fifo))
    }

    /// When the last byte sent so far has left the chip.
    pub(crate) fn tx_free(&self) -> Duration {
        self.tx_free
    }

    /// What has to be handed to the host next, if that is due by `until`.
    pub(crate) fn next_transmission(
        &mut self,
        host_baud: u32,
        until: Duration,
    ) -> Option<Transmission> {
        self.outgoing.front().filter(|it| it.arrives <= until)?;
        let Outgoing {
            arrives,
            baud,
            mut bytes,
            ..
        } = self.outgoing.pop_front()?;
        if self.has_baud() && !rates_agree(baud, host_baud) {
            for byte in &mut bytes {
                *byte = garble(*byte);
            }
        }
        Some(Transmission { arrives, bytes })
    }

    /// The rate that the next piece was sent at.
    pub(crate) fn sending_baud(&self) -> u32 {
        let next = self.outgoing.front();
        next.map_or_else(|| self.baud(), |piece| piece.baud)
    }

    /// How many pieces wait to be handed over.
    pub(crate) fn waiting(&self) -> usize {
        self.outgoing.len()
    }

    /// Forgets the pieces after the first `keep`: their answer is lost.
    pub(crate) fn drop_after(&mut self, keep: usize) {
        self.outgoing.truncate(keep);
    }

    /// Turns a bit of the `index`-th byte of what waits after the first `keep` pieces.
    pub(crate) fn corrupt_after(&mut self, keep: usize, index: usize) {
        let mut index = index;
        for piece in self.outgoing.iter_mut().skip(keep) {
            if let Some(byte) = piece.bytes.get_mut(index) {
                *byte ^= 0x04;
                return;
            }
            index -= piece.bytes.len();
        }
    }

    /// The chip was reset: what had not left yet never will.
    pub(crate) fn reset(&mut self, now: Duration) {
        self.outgoing.retain(|piece| piece.departs <= now);
        self.tx_free = self.tx_free.min(now);
    }
}

/// A UART receives as long as the sampling point of the last bit is inside that bit: about 3 %.
fn rates_agree(a: u32, b: u32) -> bool {
    u64::from(a.abs_diff(b)) * 100 <= u64::from(a.min(b)) * 3
}

/// What a byte looks like at a wrong rate: something else, never a frame delimiter (neither direction
/// would find one reliably), and always the same.
fn garble(byte: u8) -> u8 {
    match byte.rotate_left(3) | 0x80 {
        slip::END => 0xE0,
        slip::ESC => 0xFB,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::timing::Timing;

    #[test]
    fn the_directions_do_not_wait_for_each_other() {
        let mut stats = Stats::default();
        let mut wire = Wire::new(Timing::cp2102n().link);
        wire.set_baud(Some(1_000_000));
        let at: Vec<_> = wire
            .receive(Duration::ZERO, &[1, 2], 1_000_000, &mut stats)
            .collect();
        let us = Duration::from_micros;
        assert_eq!(at, [(us(1010), 1), (us(1020), 2)]);
        let next: Vec<_> = wire.receive(us(5), &[3], 1_000_000, &mut stats).collect();
        assert_eq!(next, [(us(1030), 3)], "behind the first two");
        wire.send_raw(us(1000), vec![9; 10], 1_000_000, &mut stats);
        let out = wire.next_transmission(1_000_000, Duration::MAX).unwrap();
        assert_eq!(
            (out.arrives, out.bytes),
            (us(1000 + 100 + 1000), vec![9; 10])
        );
    }

    #[test]
    fn a_wrong_rate_makes_garbage_both_ways() {
        let mut stats = Stats::default();
        let mut wire = Wire::new(Timing::cp2102n().link);
        wire.set_baud(Some(921_600));
        let heard: Vec<u8> = wire
            .receive(Duration::ZERO, &[0xC0, 0x08], 115_200, &mut stats)
            .map(|(_, byte)| byte)
            .collect();
        assert!(!heard.contains(&0xC0));
        assert_eq!(stats.garbled_bytes, 2);
        wire.send_raw(Duration::ZERO, vec![0xC0, 1], 921_600, &mut stats);
        assert!(
            !wire
                .next_transmission(115_200, Duration::MAX)
                .unwrap()
                .bytes
                .contains(&0xC0)
        );
        let close: Vec<u8> = wire
            .receive(Duration::ZERO, &[0xC0], 921_600 / 100 * 102, &mut stats)
            .map(|(_, byte)| byte)
            .collect();
        assert_eq!(close, [0xC0], "two percent off is heard");
    }

    #[test]
    fn a_reset_cuts_off_what_had_not_left() {
        let mut stats = Stats::default();
        let mut wire = Wire::new(Timing::cp2102n().link);
        wire.send_raw(Duration::ZERO, vec![1], 115_200, &mut stats);
        wire.send_raw(Duration::from_secs(1), vec![2], 115_200, &mut stats);
        wire.reset(Duration::from_millis(500));
        let mut next = || wire.next_transmission(115_200, Duration::MAX);
        assert_eq!(next().unwrap().bytes, [1]);
        assert_eq!(next(), None);
    }
}
