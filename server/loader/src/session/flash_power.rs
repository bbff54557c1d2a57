//! Switching on the flash of chips that start their download mode without it.
//!
//! An ESP32-P4 of revision v3.1 or v3.2 leaves the supply of its flash off, lest it give 3.3 V to a
//! flash chip of 1.8 V. Registers and order: esptool 5.6.0 `targets/esp32p4.py`, `power_on_flash`.

use std::time::Duration;

use fbuild_chip::Chip;

use super::Session;
use crate::error::LoaderError;

const REVISIONS_WITHOUT_POWER: [u16; 2] = [301, 302];
/// From this revision on an eFuse can have the ROM switch the flash on.
const FIRST_REVISION_WITH_EFUSE: u16 = 302;

/// eFuse word and bit: the ROM switches the flash on by itself.
const DOWNLOAD_MODE_XPD_ON: (u32, u32) = (0x5012_D034, 1 << 16);
/// Supplies the group of pads that the flash is at.
const PAD_GROUP: u32 = 0x5011_010C;
/// The flash's voltage regulator: whether it limits its current, and whether it passes its input on.
const REGULATOR_LIMITS: (u32, u32) = (0x5011_51BC, 1 << 27);
const REGULATOR_PASSES: (u32, u32) = (0x5011_51B8, 1 << 7);
const FLASH_FORCED_ON: (u32, u32) = (0x5011_53FC, 0b11);

/// Time for the pads' supply to settle.
const PADS_SETTLE: Duration = Duration::from_millis(10);

impl Session {
    /// Gives the flash its supply, where the chip has not done so.
    pub(super) fn power_flash(&mut self) -> Result<(), LoaderError> {
        if self.chip != Chip::Esp32P4 || self.secure_download {
            return Ok(());
        }
        let revision = self.revision()?;
        if !REVISIONS_WITHOUT_POWER.contains(&revision) {
            return Ok(());
        }
        let on = |(register, bits): (u32, u32)| (register, bits, bits);
        let off = |(register, bits): (u32, u32)| (register, 0, bits);
        let (efuse, powered_by_rom) = DOWNLOAD_MODE_XPD_ON;
        if revision >= FIRST_REVISION_WITH_EFUSE && self.read_register(efuse)? & powered_by_rom != 0
        {
            // This ROM fails to attach a flash that it finds forced on, by an earlier session.
            return self.write_registers(&[off(FLASH_FORCED_ON)]);
        }
        self.write_registers(&[(PAD_GROUP, 1, u32::MAX)])?;
        self.link.pause(PADS_SETTLE);
        // The regulator would take the flash's first gulp for a short circuit; a round trip is
        // longer than that lasts (50 us).
        self.write_registers(&[
            on(REGULATOR_LIMITS),
            on(REGULATOR_PASSES),
            on(FLASH_FORCED_ON),
            off(REGULATOR_LIMITS),
        ])
    }
}
