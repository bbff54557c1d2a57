//! Ending a session: the firmware starts, or the loader is left running.

use std::time::Duration;

use fbuild_chip::WATCHDOG_KEY;
use fbuild_link::LinesReach;

use super::{ANSWER_TIMEOUT, LoaderKind, Session};
use crate::error::LoaderError;
use crate::packet::{self, op};
use crate::reset;

/// What a ROM takes the flash's end to be before it was told (recordings: everything beyond 2 MiB is
/// refused).
const ROM_FLASH_END: u32 = 2 << 20;

/// Every ROM prints its boot log at this rate.
const BOOT_LOG_BAUD: u32 = 115_200;

/// How the board was left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// It was reset and starts its firmware.
    Started,
    /// There was no way to reset it: somebody has to press its reset button.
    StillInLoader,
}

impl Session {
    /// Resets the board into its firmware and gives the link back to the operating system.
    ///
    /// The lines reset most boards. Over native USB (OTG), and where no lines reach the board, the
    /// chip's watchdog does it if the chip has one that can; an ESP32's ROM can be told to reboot.
    ///
    /// # Errors
    /// The firmware may not have started; the board's reset button starts it. The port is closed.
    pub fn leave(mut self) -> Result<Left, LoaderError> {
        let (over_otg, over_jtag) = (self.over_otg(), self.over_serial_jtag());
        if over_otg || over_jtag {
            self.clear_forced_download()?;
        }
        if self.lines == LinesReach::Board && !over_otg {
            return self.start_by_lines(over_jtag);
        }
        if self.chip.facts().watchdog_reset && !self.secure_download {
            self.reset_by_watchdog()?;
            return Ok(Left::Started);
        }
        if self.kind == LoaderKind::Rom && !self.secure_download {
            return self.reboot_from_rom();
        }
        // Also where they were not used to get here.
        self.start_by_lines(over_otg || over_jtag)
    }

    fn start_by_lines(&mut self, over_own_usb: bool) -> Result<Left, LoaderError> {
        self.listen_to_boot();
        match reset::start_firmware(&mut *self.link) {
            Ok(LinesReach::Board) => Ok(Left::Started),
            Ok(LinesReach::Nothing) => Ok(Left::StillInLoader),
            Err(error) if over_own_usb => {
                // A firmware that uses USB itself takes the port along.
                tracing::debug!(%error, "the port disappeared with the reset");
                Ok(Left::Started)
            }
            error => self.link_result(error.map(|_| Left::Started)),
        }
    }

    /// Gets the link ready for what the ROM prints when it starts: whoever takes the link over reads it
    /// from its first byte.
    fn listen_to_boot(&mut self) {
        self.take_boot_rate();
        // The firmware is started all the same.
        if let Err(error) = self.link.discard_input() {
            tracing::debug!(%error, "what was sent before may come before the boot log");
        }
    }

    /// A link that still has the rate of the boot log is left alone: nothing may be clocked on it.
    fn take_boot_rate(&mut self) {
        if self.baud == BOOT_LOG_BAUD {
            return;
        }
        match self.link.set_baud(BOOT_LOG_BAUD) {
            Ok(()) => self.baud = BOOT_LOG_BAUD,
            Err(error) => tracing::debug!(%error, "the boot log will not be readable"),
        }
    }

    /// Resets by the lines alone, whatever state the loader is in. For use after an error.
    pub fn abandon(mut self) {
        self.take_boot_rate();
        if self.lines == LinesReach::Board {
            // Nothing can be done about a failure here: the error that led here is what is reported.
            let _ = reset::start_firmware(&mut *self.link);
        }
    }

    /// A chip that was told to stay in download mode would stay there across a reset.
    fn clear_forced_download(&mut self) -> Result<(), LoaderError> {
        match self.chip.facts().force_download {
            Some((register, bit)) if !self.secure_download => {
                self.write_registers(&[(register, 0, bit)])
            }
            _ => Ok(()),
        }
    }

    /// Lets the RTC watchdog reset the whole chip, boot straps included. Values: esptool 5.6.0
    /// `watchdog_reset`.
    fn reset_by_watchdog(&mut self) -> Result<(), LoaderError> {
        const TIMEOUT_TICKS: u32 = 2000;
        const ENABLE: u32 = 1 << 31;
        const STAGE0_RESET_SYSTEM_AND_RTC: u32 = 5 << 28;
        const CHIP_RESET_ENABLE: u32 = 1 << 8;
        const CHIP_RESET_WIDTH: u32 = 2;
        // 2000 ticks of the slow clock (about 136 kHz) are 15 ms.
        const BITE: Duration = Duration::from_millis(20);
        const LAST_ANSWER: Duration = Duration::from_millis(100);
        let Some(watchdog) = &self.chip.facts().watchdog else {
            return Ok(());
        };
        let config = ENABLE | STAGE0_RESET_SYSTEM_AND_RTC | CHIP_RESET_ENABLE | CHIP_RESET_WIDTH;
        let all_bits = u32::MAX;
        self.write_registers(&[
            (watchdog.write_protect, WATCHDOG_KEY, all_bits),
            (watchdog.config1, TIMEOUT_TICKS, all_bits),
        ])?;
        // The reset may overtake the answer to what causes it, and take the port along. The write
        // protection comes back with the reset.
        let bite = packet::words(&[watchdog.config0, config, all_bits, 0]);
        match self.call(op::WRITE_REG, &bite, 0, LAST_ANSWER) {
            Ok(_) | Err(LoaderError::Timeout { .. } | LoaderError::Link { .. }) => {}
            Err(error) => return Err(error),
        }
        self.listen_to_boot();
        self.link.pause(BITE);
        Ok(())
    }

    /// FLASH_END with 0 makes a ROM reset the chip, whatever it answers. It wants a FLASH_BEGIN
    /// before. An empty one erases nothing, and this one is named at the flash's end: a ROM refuses
    /// any other size there (seen on genuine ROMs of ESP32 and C3), so that a bit that flips on the
    /// way erases nothing either.
    fn reboot_from_rom(&mut self) -> Result<Left, LoaderError> {
        const REBOOT: u32 = 0;
        let end = self.flash_end.unwrap_or(ROM_FLASH_END);
        self.bound_flash(end)?;
        let mut begin = vec![0, 0, super::flash::ROM_BLOCK_LEN, end];
        if self.chip.facts().begin_has_encrypt_word {
            begin.push(0);
        }
        for _ in 0..2 {
            match self.call(op::FLASH_BEGIN, &packet::words(&begin), 0, ANSWER_TIMEOUT) {
                Ok(_) => return self.end_rom(REBOOT),
                // It was damaged on the way, and can be sent again: it does nothing.
                Err(LoaderError::Refused { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Left::StillInLoader)
    }

    fn end_rom(&mut self, what: u32) -> Result<Left, LoaderError> {
        match self.call(op::FLASH_END, &packet::words(&[what]), 0, ANSWER_TIMEOUT) {
            Ok(_) | Err(LoaderError::Refused { .. } | LoaderError::Timeout { .. }) => {
                self.take_boot_rate();
                Ok(Left::Started)
            }
            Err(error) => Err(error),
        }
    }
}
