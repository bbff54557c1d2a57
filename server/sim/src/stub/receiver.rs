//! How the stub finds frames: a strict toggle. A delimiter opens a frame or closes it, and one too
//! many turns every later frame inside out. While a finished frame waits for the main loop, and until
//! the bytes that came with it in one interrupt are through, nothing is received at all (recordings
//! `*-q01-*`, `*-q15-*`, `*-q16-*`).

use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_loader::slip;

use crate::hardware::Hardware;

/// Longest decoded frame: header, 16 KiB and 255 bytes (esp-flasher-stub, `MAX_COMMAND_SIZE`).
const LIMIT: usize = 8 + 0x4000 + 0xFF;
/// Bytes in the FIFO that raise an interrupt (esp-flasher-stub, UART set-up).
const FIFO_THRESHOLD: usize = 32;
/// The same for USB-Serial/JTAG: its packet.
const USB_PACKET_LEN: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    NoFrame,
    InFrame,
    Escaped,
}

#[derive(Debug)]
pub(super) struct Receiver {
    state: State,
    frame: Vec<u8>,
    /// Bytes since the last interrupt.
    in_fifo: usize,
    last_byte: Duration,
    /// The rest of this interrupt's bytes is thrown away.
    deaf_in_batch: bool,
    /// Until then the main loop has not taken the last frame.
    deaf_until: Duration,
    batch_len: usize,
    /// Silence after which the UART raises its interrupt for fewer bytes, in bit times.
    idle_bits: u32,
}

impl Receiver {
    pub(super) fn new(hw: &Hardware) -> Self {
        let uart = hw.wire.has_baud();
        Self {
            state: State::NoFrame,
            frame: Vec::new(),
            in_fifo: 0,
            last_byte: Duration::ZERO,
            deaf_in_batch: false,
            deaf_until: Duration::ZERO,
            batch_len: if uart { FIFO_THRESHOLD } else { USB_PACKET_LEN },
            // The stub sets a timeout of 10: units of a byte (8 bits) on the ESP32, of a bit on the
            // others (technical reference manuals, UART_RX_TOUT_THRHD).
            idle_bits: match (uart, hw.chip) {
                (false, _) => 0,
                (true, Chip::Esp32) => 80,
                (true, _) => 10,
            },
        }
    }

    /// Takes the byte that was complete at `at`; gives the frame that it completed and the time of
    /// the interrupt that brings it.
    pub(super) fn push(
        &mut self,
        at: Duration,
        byte: u8,
        hw: &Hardware,
    ) -> Option<(Duration, Vec<u8>)> {
        let idle = Duration::from_nanos(
            u64::from(self.idle_bits) * 1_000_000_000 / u64::from(hw.wire.baud().max(1)),
        );
        let byte_time = hw.timing.link.byte_time(hw.wire.baud());
        if self.in_fifo == self.batch_len || at > self.last_byte + byte_time + idle {
            self.in_fifo = 0;
            self.deaf_in_batch = false;
        }
        self.in_fifo += 1;
        self.last_byte = at;
        if self.deaf_in_batch || at < self.deaf_until {
            return None;
        }
        let interrupt = if self.in_fifo == self.batch_len {
            at
        } else {
            at + idle
        };
        match (self.state, byte) {
            (State::NoFrame, slip::END) => {
                self.frame.clear();
                self.state = State::InFrame;
            }
            (State::NoFrame, _) => {}
            (State::InFrame, slip::END) => {
                self.state = State::NoFrame;
                if !self.frame.is_empty() {
                    self.deaf_in_batch = true;
                    self.deaf_until = interrupt.max(hw.now);
                    return Some((interrupt, std::mem::take(&mut self.frame)));
                }
            }
            (State::InFrame, slip::ESC) => self.state = State::Escaped,
            (State::InFrame, byte) => self.put(byte),
            (State::Escaped, slip::ESC_END) => {
                self.state = State::InFrame;
                self.put(slip::END);
            }
            (State::Escaped, slip::ESC_ESC) => {
                self.state = State::InFrame;
                self.put(slip::ESC);
            }
            (State::Escaped, _) => self.drop_frame(),
        }
        None
    }

    fn put(&mut self, byte: u8) {
        if self.frame.len() < LIMIT {
            self.frame.push(byte);
        } else {
            self.drop_frame();
        }
    }

    /// A frame that cannot be used; the main loop hands the buffer back as soon as it looks.
    fn drop_frame(&mut self) {
        self.frame.clear();
        self.state = State::NoFrame;
        self.deaf_in_batch = true;
    }
}
