//! The dances on the control lines that put a board into download mode, or start its firmware.
//!
//! A line that is asserted is low at the pin. With the usual two-transistor circuit, DTR alone pulls
//! the boot pin low, RTS alone pulls EN low, and both together do neither. Sequences and times:
//! esptool's documentation "Boot Mode Selection" and esptool 5.6.0 `reset.py`; order on the wire
//! confirmed by the `lines` records in the recordings.

use std::io;
use std::time::Duration;

use crate::link::{ESPRESSIF_VID, Lines, LinesReach, Link};

/// How to get a board into download mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Before {
    /// Reset by the lines, choosing the sequence by the adapter.
    #[default]
    Reset,
    /// The board is in download mode already.
    NoReset,
}

/// What to do with the board at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum After {
    /// Start the firmware.
    #[default]
    Reset,
    /// Leave the loader running.
    NoReset,
}

/// One step of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Both lines at once.
    Both(bool, bool),
    /// DTR alone.
    Dtr(bool),
    /// RTS alone.
    Rts(bool),
    /// Milliseconds.
    Wait(u64),
}
use Step::{Both, Dtr, Rts, Wait};

/// A way into download mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// Lines one after the other; for circuits with a capacitor on EN.
    Classic {
        /// How long the boot pin is held after EN rises.
        hold_ms: u64,
    },
    /// Both lines at once, where the operating system can.
    Tight {
        /// How long the boot pin is held after EN rises.
        hold_ms: u64,
    },
    /// The chip's own USB-Serial/JTAG peripheral, which reads the lines as commands.
    UsbSerialJtag,
}

/// How long EN must stay low, and how long the boot pin is held: short, and long for boards with a
/// large capacitor on EN.
const SHORT_MS: u64 = 50;
const LONG_MS: u64 = 550;

/// The strategies to cycle through for the adapter behind `link`.
#[must_use]
pub fn strategies(link: &dyn Link) -> &'static [Strategy] {
    const CLASSIC: &[Strategy] = &[
        Strategy::Classic { hold_ms: SHORT_MS },
        Strategy::Classic { hold_ms: LONG_MS },
    ];
    const UNIX: &[Strategy] = &[
        Strategy::Tight { hold_ms: SHORT_MS },
        Strategy::Tight { hold_ms: LONG_MS },
        Strategy::Classic { hold_ms: SHORT_MS },
        Strategy::Classic { hold_ms: LONG_MS },
    ];
    if link
        .usb_id()
        .is_some_and(crate::link::UsbId::is_serial_jtag)
    {
        &[Strategy::UsbSerialJtag]
    } else if cfg!(windows) {
        CLASSIC
    } else {
        UNIX
    }
}

/// Puts the board into download mode.
pub fn enter_download_mode(link: &mut dyn Link, strategy: Strategy) -> io::Result<LinesReach> {
    match strategy {
        Strategy::Classic { hold_ms } => run(
            link,
            &[
                Dtr(false),
                Rts(true),
                Wait(100),
                Dtr(true),
                Rts(false),
                Wait(hold_ms),
                Dtr(false),
            ],
        ),
        Strategy::Tight { hold_ms } => run(
            link,
            &[
                Both(false, false),
                Both(true, true),
                Both(false, true),
                Wait(100),
                Both(true, false),
                Wait(hold_ms),
                Both(false, false),
                Dtr(false),
            ],
        ),
        Strategy::UsbSerialJtag => run(
            link,
            &[
                Rts(false),
                Dtr(false),
                Wait(100),
                Dtr(true),
                Rts(false),
                Wait(100),
                Rts(true),
                Dtr(false),
                // Windows sends DTR only together with a change of RTS.
                Rts(true),
                Wait(100),
                Dtr(false),
                Rts(false),
            ],
        ),
    }
}

/// Resets the board with the boot pin high: the firmware starts.
pub fn start_firmware(link: &mut dyn Link) -> io::Result<LinesReach> {
    let usb = link.usb_id();
    if usb.is_some_and(crate::link::UsbId::is_serial_jtag) {
        run(
            link,
            &[
                Dtr(false),
                Wait(100),
                Rts(true),
                Dtr(false),
                Rts(true),
                Wait(100),
                Rts(false),
            ],
        )
    } else if usb.is_some_and(|usb| usb.vid == ESPRESSIF_VID) {
        run(
            link,
            &[Dtr(false), Rts(true), Wait(200), Rts(false), Wait(200)],
        )
    } else {
        run(link, &[Both(false, true), Wait(100), Both(false, false)])
    }
}

fn run(link: &mut dyn Link, steps: &[Step]) -> io::Result<LinesReach> {
    // Opening a port asserts both lines on most systems; the first step of every sequence sets both
    // or the one that matters.
    let mut lines = Lines {
        dtr: true,
        rts: true,
    };
    for step in steps {
        match *step {
            Both(dtr, rts) => lines = Lines { dtr, rts },
            Dtr(dtr) => lines.dtr = dtr,
            Rts(rts) => lines.rts = rts,
            Wait(ms) => {
                link.pause(Duration::from_millis(ms));
                continue;
            }
        }
        if link.set_lines(lines)? == LinesReach::Nothing {
            return Ok(LinesReach::Nothing);
        }
    }
    Ok(LinesReach::Board)
}
