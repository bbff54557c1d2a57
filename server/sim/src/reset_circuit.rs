//! From control lines to reset and boot pin.

use fbuild_link::Lines;

/// How the board hangs on its cable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Connection {
    /// A USB-to-UART bridge with the usual circuit of two transistors between DTR, RTS, EN and IO0.
    #[default]
    Bridge,
    /// The chip's own USB-Serial/JTAG peripheral: no baud rate, and the lines are requests to the
    /// peripheral.
    SerialJtag,
}

/// What a change of the lines does to the chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// Nothing.
    None,
    /// It is held in reset.
    Hold,
    /// It starts, in download mode if the boot pin is held.
    Start { download: bool },
    /// It is running and the boot pin changed.
    BootPin { held: bool },
}

/// The circuit's memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ResetCircuit {
    connection: Connection,
    lines: Lines,
    /// USB-Serial/JTAG: the next reset goes into download mode.
    download_requested: bool,
}

impl ResetCircuit {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            lines: Lines::default(),
            download_requested: false,
        }
    }

    pub(crate) fn connection(self) -> Connection {
        self.connection
    }

    pub(crate) fn change(&mut self, new: Lines) -> Event {
        let old = std::mem::replace(&mut self.lines, new);
        match self.connection {
            Connection::Bridge => bridge(old, new),
            Connection::SerialJtag => self.serial_jtag(old, new),
        }
    }

    /// ESP32-C3 technical reference manual, "USB Serial/JTAG Controller", table of reset requests:
    /// RTS and DTR off clears the download flag, DTR alone sets it, RTS alone resets the chip, both
    /// do nothing.
    fn serial_jtag(&mut self, old: Lines, new: Lines) -> Event {
        match (new.dtr, new.rts) {
            (false, false) => self.download_requested = false,
            (true, false) => self.download_requested = true,
            (false, true) if old != new => {
                return Event::Start {
                    download: self.download_requested,
                };
            }
            (_, true) => {}
        }
        Event::None
    }
}

/// esptool's documentation, "Boot Mode Selection", truth table of the automatic boot loader circuit.
fn bridge(old: Lines, new: Lines) -> Event {
    let en_low = |lines: Lines| lines.rts && !lines.dtr;
    let io0_low = |lines: Lines| lines.dtr && !lines.rts;
    match (en_low(old), en_low(new)) {
        (false, true) => Event::Hold,
        (true, false) => Event::Start {
            download: io0_low(new),
        },
        (false, false) if io0_low(old) != io0_low(new) => Event::BootPin { held: io0_low(new) },
        _ => Event::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(dtr: u8, rts: u8) -> Lines {
        Lines {
            dtr: dtr == 1,
            rts: rts == 1,
        }
    }

    fn events(connection: Connection, sequence: &[(u8, u8)]) -> Vec<Event> {
        let mut circuit = ResetCircuit::new(connection);
        sequence
            .iter()
            .map(|&(dtr, rts)| circuit.change(lines(dtr, rts)))
            .filter(|event| *event != Event::None)
            .collect()
    }

    #[test]
    fn opening_a_port_asserts_both_lines_and_must_not_reset() {
        assert_eq!(events(Connection::Bridge, &[(1, 1), (0, 0)]), []);
        assert_eq!(
            events(Connection::Bridge, &[(1, 0), (1, 1), (0, 0)]),
            [
                Event::BootPin { held: true },
                Event::BootPin { held: false }
            ]
        );
    }

    /// The line changes of recording esp32-a1.
    #[test]
    fn the_tight_sequence_of_esptool() {
        let sequence = [(1, 0), (1, 1), (0, 0), (1, 1), (0, 1), (1, 0), (0, 0)];
        let got = events(Connection::Bridge, &sequence);
        let start = got
            .iter()
            .position(|event| *event == Event::Hold)
            .map(|hold| got[hold + 1]);
        assert_eq!(start, Some(Event::Start { download: true }));
    }

    /// The line changes of recording esp32c3-e3.
    #[test]
    fn the_sequence_for_serial_jtag() {
        let sequence = [
            (1, 1),
            (1, 0),
            (0, 0),
            (1, 0),
            (1, 1),
            (0, 1),
            (0, 1),
            (0, 0), // into download mode
            (0, 1),
            (0, 0), // and out
        ];
        assert_eq!(
            events(Connection::SerialJtag, &sequence),
            [
                Event::Start { download: true },
                Event::Start { download: false }
            ]
        );
    }
}
