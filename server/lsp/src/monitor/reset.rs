//! Resetting a board by the lines of its port.

use fbuild_chip::Device;
use fbuild_deploy::outcome::Failure;
use fbuild_link::{ESPRESSIF_VID, LinesReach, Link};
use fbuild_loader::reset;

/// Resets the board at the other end, which then runs its firmware.
pub(crate) fn reset_board(link: &mut dyn Link, device: Option<Device>) -> Result<(), Failure> {
    let name = link.name().to_owned();
    // Another board than the project's may be at the port that was named.
    let is_another = |device: &Device| {
        let usb = link.usb_id();
        usb.is_some_and(|usb| match device {
            Device::Avr(_) => usb.vid == ESPRESSIF_VID,
            // These are on USB themselves, without an adapter between.
            Device::Teensy(_) | Device::Rp2(_) => usb.vid == ESPRESSIF_VID || usb.is_adapter(),
            Device::Esp(_) => false,
        })
    };
    let done = match device.filter(|device| !is_another(device)) {
        // Its boot loader starts the program.
        Some(Device::Avr(_)) => reset::start_avr_loader(link),
        Some(Device::Esp(_)) | None => reset::start_firmware(link),
        // Their serial port is one of the program's.
        Some(Device::Teensy(_) | Device::Rp2(_)) => Ok(LinesReach::Nothing),
    };
    match done {
        Ok(LinesReach::Board) => Ok(()),
        Ok(LinesReach::Nothing) => Err(not_reset(
            format!("{name} has no control lines that could reset the board"),
            "press its reset button",
        )),
        Err(error) => Err(not_reset(
            format!("{name} stopped working: {error}"),
            "check cable and connector, then press the board's reset button",
        )),
    }
}

pub(crate) fn not_reset(what: String, remedy: &str) -> Failure {
    Failure {
        code: "not-reset",
        is_input: false,
        what,
        board_state: "the board keeps running".to_owned(),
        remedy: remedy.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use fbuild_chip::avr::AvrBoard as Facts;
    use fbuild_link::UsbId;
    use fbuild_link::memory::{MemoryLink, Time};
    use fbuild_sim::Timing;
    use fbuild_sim::avr::AvrBoard;

    use super::*;

    #[test]
    fn a_board_is_reset_by_the_line_that_it_hears() {
        let facts = Facts::named("uno").unwrap();
        let board = AvrBoard::new(facts, None, Timing::instant()).unwrap();
        let board = Arc::new(Mutex::new(board));
        let mut link = MemoryLink::new("uno", Arc::clone(&board), Time::Accounted);
        for (device, resets) in [(None, 0), (Some(Device::Avr(facts.part)), 1)] {
            reset_board(&mut link, device).unwrap();
            assert_eq!(board.lock().unwrap().stats().resets, resets);
        }
        // The project's board is another one.
        let usb = UsbId {
            vid: ESPRESSIF_VID,
            ..UsbId::default()
        };
        let mut link = link.with_usb_id(usb);
        for device in [
            Device::Avr(facts.part),
            Device::Teensy(fbuild_chip::usb::Teensy::named("teensy41").unwrap()),
        ] {
            reset_board(&mut link, Some(device)).unwrap();
            assert_eq!(board.lock().unwrap().stats().resets, 1);
        }
        // No board that is on USB itself has an adapter's id.
        let teensy = Device::Teensy(fbuild_chip::usb::Teensy::named("teensy41").unwrap());
        for (vid, is_reset) in [(0x10C4, true), (0x16C0, false)] {
            let usb = UsbId {
                vid,
                ..UsbId::default()
            };
            link = link.with_usb_id(usb);
            let done = reset_board(&mut link, Some(teensy));
            assert_eq!(done.is_ok(), is_reset, "{vid:#x}");
        }
    }
}
