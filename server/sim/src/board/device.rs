//! The board as it looks from the wire.

use std::io;
use std::time::Duration;

use fbuild_link::Lines;
use fbuild_link::memory::{Device, Transmission};

use super::{Board, Contact, Loader, State};
use crate::boot::log::Cause;
use crate::reset_circuit::{Connection, Event};
use crate::served::Served;

impl Device for Board {
    fn time(&self) -> Duration {
        self.hw.now
    }

    fn receive(&mut self, now: Duration, bytes: &[u8], host_baud: u32) {
        self.settle(now);
        let arrivals = self
            .hw
            .wire
            .receive(now, bytes, host_baud, &mut self.hw.stats);
        for (at, byte) in arrivals {
            if self.contact != Contact::Fine {
                return;
            }
            self.settle(at);
            self.hear(at, byte);
        }
    }

    fn set_lines(&mut self, now: Duration, lines: Lines) {
        self.settle(now);
        match self.circuit.change(lines) {
            Event::None => {}
            Event::Hold => {
                self.hw.reset(now);
                self.loader = Loader::None;
                self.repetition = None;
                self.running = None;
                self.state = State::InReset;
                self.released = None;
            }
            Event::Start { download } => {
                let (cause, download) = match self.circuit.connection() {
                    Connection::Bridge => (Cause::PowerOn, download),
                    // Only the core is reset: the pins are not sampled again.
                    Connection::SerialJtag => {
                        (Cause::UsbSerialJtag, download || self.download_strapped)
                    }
                };
                self.released = Some((now, self.firmware_starts));
                self.start(now, download, cause, true);
            }
            Event::BootPin { held } => {
                // EN rises slowly: the pin is sampled a little after the lines let go.
                if let Some((released, starts)) = self.released
                    && now <= released + self.hw.timing.en_capacitor
                    && held != self.download_latched
                {
                    self.firmware_starts = starts;
                    self.hw.stats.resets -= 1;
                    self.start(now, held, Cause::PowerOn, true);
                }
            }
        }
    }

    fn transmit(&mut self, host_baud: u32, until: Duration) -> Option<Transmission> {
        self.proceed(until);
        self.hw.wire.next_transmission(host_baud, until)
    }

    fn has_lines(&self) -> bool {
        self.lines_reach
    }

    fn presence(&self) -> io::Result<()> {
        if let Some(error) = self.hw.flash_file_error() {
            return Err(io::Error::new(
                error.kind(),
                format!("the simulated board's flash file cannot be written: {error}"),
            ));
        }
        if self.contact == Contact::Gone {
            return Err(io::Error::new(
                io::ErrorKind::NotConnected,
                "the board is gone (its cable was pulled)",
            ));
        }
        Ok(())
    }
}

impl Served for Board {
    const RESETS_WHEN_OPENED: bool = false;

    fn transmit_as_sent(&mut self, until: Duration) -> Option<Transmission> {
        self.proceed(until);
        let baud = self.hw.wire.sending_baud();
        self.hw.wire.next_transmission(baud, until)
    }

    fn baud(&self) -> u32 {
        Self::baud(self)
    }

    fn make_ready(&mut self, now: Duration) {
        self.reset_into_download_mode(now);
    }
}

impl Board {
    /// Does what comes by itself, if nothing waits for the host.
    fn proceed(&mut self, until: Duration) {
        if self.hw.wire.waiting() == 0 {
            if let Some(repetition) = &mut self.repetition
                && repetition.left > 0
                && self.contact == Contact::Fine
            {
                repetition.left -= 1;
                let (at, line) = (repetition.at, repetition.line.clone());
                self.print(at, line);
            } else if self.hw.watchdog.is_some() {
                self.settle(until);
            } else if self.contact == Contact::Fine {
                self.run_program(until);
            }
        }
    }
}
