//! The dances on the control lines that put a board into download mode, or start its firmware.
//!
//! A line that is asserted is low at the pin. With the usual two-transistor circuit, DTR alone pulls
//! the boot pin low, RTS alone pulls EN low, and both together do neither. Sequences and times:
//! esptool's documentation "Boot Mode Selection" and esptool 5.6.0 `reset.py`; order on the wire
//! confirmed by the `lines` records in the recordings. The Silicon Labs CP2102C wants sequences of its
//! own (esp-pylib 1.2 `serial_reset.py`, not tried on one): it moves RTS when bytes come in, and only an
//! asserted DTR keeps that from EN.

use std::io;
use std::time::Duration;

use fbuild_link::{ESPRESSIF_VID, Lines, LinesReach, Link};

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
pub fn strategies(link: &dyn Link) -> &'static [Strategy] {
    strategies_on(cfg!(windows), link)
}

/// Windows' drivers cannot set both lines in one request.
fn strategies_on(is_windows: bool, link: &dyn Link) -> &'static [Strategy] {
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
        .is_some_and(fbuild_link::UsbId::is_serial_jtag)
    {
        &[Strategy::UsbSerialJtag]
    } else if is_windows || link.lines_are_apart() {
        CLASSIC
    } else {
        UNIX
    }
}

/// Puts the board into download mode.
///
/// # Errors
/// The port stopped working: close it, and have its cable checked.
pub fn enter_download_mode(link: &mut dyn Link, strategy: Strategy) -> io::Result<LinesReach> {
    let (into_reset, hold_ms): (&[Step], u64) = match strategy {
        Strategy::Classic { hold_ms } => (
            &[Dtr(false), Rts(true), Wait(100), Dtr(true), Rts(false)],
            hold_ms,
        ),
        Strategy::Tight { hold_ms } => (
            &[
                Both(false, false),
                Both(true, true),
                Both(false, true),
                Wait(100),
                Both(true, false),
            ],
            hold_ms,
        ),
        Strategy::UsbSerialJtag => {
            let steps = [
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
            ];
            return run(link, &steps);
        }
    };
    if run(link, into_reset)? == LinesReach::Nothing {
        return Ok(LinesReach::Nothing);
    }
    link.pause(Duration::from_millis(hold_ms));
    if has_fixed_flow_control(link) {
        return run(link, &[Both(true, false)]);
    }
    // Once more, since some adapters lose the last change.
    run(link, &[Both(false, false), Dtr(false)])
}

/// Resets the board with the boot pin high: the firmware starts.
///
/// # Errors
/// The port stopped working. The firmware may not have started; the board's reset button starts it.
pub fn start_firmware(link: &mut dyn Link) -> io::Result<LinesReach> {
    if has_fixed_flow_control(link) {
        let steps = [
            Both(false, true),
            Wait(100),
            Both(true, true),
            Wait(100),
            Both(true, false),
        ];
        run(link, &steps)?;
        // DTR stays, and the port's closing does not move it, where that can be asked for.
        return run(link, &[Both(cfg!(unix), false)]);
    }
    let native = link.usb_id().is_some_and(|usb| usb.vid == ESPRESSIF_VID);
    let hold_ms = if native { 200 } else { 100 };
    // The chip's USB-Serial/JTAG takes both lines released for "not into download mode".
    let steps = [
        Both(false, false),
        Both(false, true),
        Wait(hold_ms),
        Both(false, false),
    ];
    run(link, &steps)
}

/// Resets an AVR board, whose boot loader then waits for a second or so.
///
/// A capacitor makes a pulse of the edge with which a line is asserted: DTR on most boards, RTS on some. It
/// has to be released before for long enough that the capacitor is empty. Times: avrdude 7.1.
///
/// # Errors
/// The port stopped working: close it, and have its cable checked.
pub fn start_avr_loader(link: &mut dyn Link) -> io::Result<LinesReach> {
    run(link, &[Both(false, false), Wait(100), Both(true, true)])
}

fn has_fixed_flow_control(link: &dyn Link) -> bool {
    link.usb_id()
        .is_some_and(fbuild_link::UsbId::has_fixed_flow_control)
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

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;
    use fbuild_link::memory::{Device, MemoryLink, Time, Transmission};
    use fbuild_link::{USB_SERIAL_JTAG_PID, UsbId};

    /// Remembers what the lines were set to, and when, in milliseconds.
    #[derive(Default)]
    struct Lamps(Vec<(u128, u8, u8)>);

    impl Device for Lamps {
        fn receive(&mut self, _: Duration, _: &[u8], _: u32) {}

        fn set_lines(&mut self, now: Duration, lines: Lines) {
            let change = (now.as_millis(), lines.dtr.into(), lines.rts.into());
            self.0.push(change);
        }

        fn transmit(&mut self, _: u32, _: Duration) -> Option<Transmission> {
            None
        }
    }

    fn changes(
        vid: u16,
        pid: u16,
        reset: impl FnOnce(&mut dyn Link) -> io::Result<LinesReach>,
    ) -> Vec<(u128, u8, u8)> {
        let lamps = Arc::new(Mutex::new(Lamps::default()));
        let usb_id = UsbId {
            vid,
            pid,
            ..UsbId::default()
        };
        let mut link = MemoryLink::new("", Arc::clone(&lamps), Time::Accounted).with_usb_id(usb_id);
        assert_eq!(reset(&mut link).unwrap(), LinesReach::Board);
        let mut changes = std::mem::take(&mut lamps.lock().unwrap().0);
        changes.dedup_by_key(|(_, dtr, rts)| (*dtr, *rts));
        changes
    }

    #[test]
    fn both_lines_at_once_are_tried_first_where_the_system_can_set_them() {
        let first = |is_windows, vid, pid| {
            let usb_id = UsbId {
                vid,
                pid,
                ..UsbId::default()
            };
            let device = Arc::new(Mutex::new(Lamps::default()));
            let link = MemoryLink::new("", device, Time::Accounted).with_usb_id(usb_id);
            strategies_on(is_windows, &link)[0]
        };
        assert!(matches!(
            first(false, 0x10C4, 0xEA60),
            Strategy::Tight { .. }
        ));
        assert!(matches!(
            first(true, 0x10C4, 0xEA60),
            Strategy::Classic { .. }
        ));
        for is_windows in [true, false] {
            let own_usb = first(is_windows, ESPRESSIF_VID, USB_SERIAL_JTAG_PID);
            assert!(matches!(own_usb, Strategy::UsbSerialJtag));
        }
    }

    #[test]
    fn the_firmware_is_started_by_one_pulse_of_rts() {
        let bridge = changes(0x10C4, 0xEA60, start_firmware);
        assert_eq!(bridge, [(0, 0, 0), (0, 0, 1), (100, 0, 0)]);
        let own_usb = changes(ESPRESSIF_VID, USB_SERIAL_JTAG_PID, start_firmware);
        assert_eq!(own_usb, [(0, 0, 0), (0, 0, 1), (200, 0, 0)]);
    }

    #[test]
    fn a_bridge_with_fixed_flow_control_keeps_dtr() {
        let enter = |strategy| {
            let changes = changes(0x10C4, 0xEA64, |link| enter_download_mode(link, strategy));
            (changes.last().map(|&(_, dtr, rts)| (dtr, rts)), changes)
        };
        for strategy in [
            Strategy::Classic { hold_ms: 50 },
            Strategy::Tight { hold_ms: 50 },
        ] {
            let (last, changes) = enter(strategy);
            assert_eq!(last, Some((1, 0)), "{changes:?}");
        }
        let started = changes(0x10C4, 0xEA64, start_firmware);
        let expected = [(0, 0, 1), (100, 1, 1), (200, 1, 0)];
        assert_eq!(started[..3], expected);
        assert_eq!(started.len() == 3, cfg!(unix));
    }
}
