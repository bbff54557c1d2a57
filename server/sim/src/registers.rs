//! Registers that hosts read and write: eFuses, identification, UART divider, strapping, the SPI
//! controller, the RTC watchdog. Any other address is plain memory that starts as 0.
//!
//! Sources: the addresses of `ChipFacts` (esptool 5.6.0), the values that the recordings show, and
//! esptool's `targets/*.py` for the places of the revision fields.

mod efuse;
mod spi;

use std::collections::HashMap;
use std::time::Duration;

use fbuild_chip::{Chip, ChipFacts};

use crate::flash::Nor;
use crate::security::Security;

pub(crate) use spi::SpiController;

/// Register that tells the chips apart.
const MAGIC: u32 = 0x4000_1000;
/// Frequency of the slow clock that drives the RTC watchdog, in kHz (about; it is an RC oscillator).
const RTC_SLOW_CLOCK_KHZ: u64 = 136;
/// Bit of the watchdog's CONFIG0 that enables it.
const WATCHDOG_ENABLE: u32 = 1 << 31;
const WATCHDOG_KEY: u32 = 0x50D8_3AA1;

/// What a register write sets in motion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    None,
    /// The watchdog will reset the chip this much later.
    WatchdogArmed(Duration),
    /// The watchdog was switched off.
    WatchdogOff,
}

/// The chip's address space, as far as a loader's host sees it.
#[derive(Debug)]
pub(crate) struct Registers {
    facts: &'static ChipFacts,
    /// Survive every reset: eFuses, identification.
    fixed: HashMap<u32, u32>,
    /// Back to 0 by a reset.
    volatile: HashMap<u32, u32>,
    spi: SpiController,
    uart_divider: u32,
    /// Register and bit that keep the chip in download mode.
    force_download: Option<(u32, u32)>,
    /// The flash has no supply before the host switches it on.
    flash_starts_unpowered: bool,
}

/// What identifies one chip among those of its kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Identity {
    pub(crate) mac: [u8; 6],
    pub(crate) revision: (u8, u8),
    pub(crate) crystal_mhz: u32,
    pub(crate) security: Security,
    pub(crate) strapping: u32,
}

impl Registers {
    pub(crate) fn new(chip: Chip, identity: &Identity) -> Self {
        let facts = chip.facts();
        let mut fixed = efuse::words(chip, identity);
        fixed.insert(MAGIC, magic(chip));
        // The word after the magic is ROM code or data as well; the recordings read it.
        if let Some(word) = match chip {
            Chip::Esp32 => Some(0x6500_4136),
            Chip::Esp32S3 => Some(0x4004_BBF0),
            Chip::Esp32C3 => Some(0x6091_706F),
            _ => None,
        } {
            fixed.insert(MAGIC + 4, word);
        }
        if let Some(register) = strapping_register(chip) {
            fixed.insert(register, identity.strapping);
        }
        if chip == Chip::Esp32 {
            // RTCCALICFG1: crystal cycles measured against the 8 MHz oscillator, from which esptool
            // works out what crystal the ROM believes in (15625 * 80 / 40 per unit).
            fixed.insert(
                0x3FF5_F06C,
                (identity.crystal_mhz * 1_000_000 / 31_250) << 7,
            );
        }
        if chip == Chip::Esp32C5 {
            // PCR_SYSCLK_CONF: the crystal that the ROM believes in.
            fixed.insert(0x6009_6110, identity.crystal_mhz << 24);
        }
        Self {
            facts,
            fixed,
            volatile: HashMap::new(),
            spi: SpiController::new(chip),
            uart_divider: uart_divider_register(chip),
            force_download: force_download(chip),
            flash_starts_unpowered: chip == Chip::Esp32P4
                && matches!(identity.revision, (3, 1 | 2)),
        }
    }

    /// A register whose value a test sets.
    pub(crate) fn set_fixed(&mut self, address: u32, value: u32) {
        self.fixed.insert(address, value);
    }

    pub(crate) fn reset(&mut self, chip: Chip) {
        // The watchdog and "force download" registers are in the always-on domain and survive a
        // core reset; EN clears them too, and so does this, except that nothing else sets them.
        self.volatile.clear();
        self.spi = SpiController::new(chip);
    }

    /// `uart_divider` is what the divider register holds at the moment.
    pub(crate) fn read(&self, address: u32, uart_divider: u32) -> u32 {
        if address == self.uart_divider {
            return uart_divider;
        }
        if let Some(value) = self.spi.read(address) {
            return value;
        }
        self.fixed
            .get(&address)
            .or_else(|| self.volatile.get(&address))
            .copied()
            .unwrap_or(0)
    }

    pub(crate) fn write(&mut self, address: u32, value: u32, mask: u32, flash: &Nor) -> Effect {
        let flash = Some(flash).filter(|_| self.flash_has_power());
        if self.spi.write(address, value, mask, flash) {
            return Effect::None;
        }
        let cell = self.volatile.entry(address).or_default();
        *cell = (*cell & !mask) | (value & mask);
        let value = *cell;
        match &self.facts.watchdog {
            Some(watchdog) if address == watchdog.config0 => {
                let unlocked = self.volatile.get(&watchdog.write_protect) == Some(&WATCHDOG_KEY);
                if !unlocked {
                    return Effect::None;
                }
                if value & WATCHDOG_ENABLE == 0 {
                    return Effect::WatchdogOff;
                }
                let cycles = self.volatile.get(&watchdog.config1).copied().unwrap_or(0);
                Effect::WatchdogArmed(Duration::from_micros(
                    u64::from(cycles) * 1000 / RTC_SLOW_CLOCK_KHZ,
                ))
            }
            _ => Effect::None,
        }
    }

    /// Pads, regulator and switch of the ESP32-P4's flash. Source: esptool 5.6.0 `power_on_flash`.
    fn flash_has_power(&self) -> bool {
        const EFUSE: (u32, u32) = (0x5012_D034, 1 << 16);
        const SUPPLY: [(u32, u32); 3] = [(0x5011_010C, 1), (0x5011_51B8, 1 << 7), (0x5011_53FC, 3)];
        let is_set = |(register, bits): (u32, u32)| self.read(register, 0) & bits == bits;
        !self.flash_starts_unpowered || is_set(EFUSE) || SUPPLY.into_iter().all(is_set)
    }

    /// Whether the bit that keeps the chip in download mode across resets is set.
    pub(crate) fn forces_download(&self) -> bool {
        self.force_download.is_some_and(|(register, bit)| {
            let value = self.volatile.get(&register);
            value.is_some_and(|value| value & bit != 0)
        })
    }
}

/// Source: esptool 5.6.0 `targets/*.py`, `RTC_CNTL_FORCE_DOWNLOAD_BOOT_MASK`.
fn force_download(chip: Chip) -> Option<(u32, u32)> {
    match chip {
        Chip::Esp32S2 => Some((0x3F40_8128, 0x1)),
        Chip::Esp32S3 => Some((0x6000_812C, 0x1)),
        Chip::Esp32P4 => Some((0x5011_0008, 0x4)),
        _ => None,
    }
}

fn magic(chip: Chip) -> u32 {
    match chip {
        // The revision that the recordings were made on (v0.3), not the first of the list.
        Chip::Esp32C3 => 0x1B31_506F,
        _ => chip.facts().magics.first().copied().unwrap_or(0),
    }
}

/// GPIO_STRAP. Source: esptool `targets/*.py`; the others are not read by any host.
fn strapping_register(chip: Chip) -> Option<u32> {
    Some(match chip {
        Chip::Esp32 => 0x3FF4_4038,
        Chip::Esp32S2 => 0x3F40_4038,
        Chip::Esp32S3 => 0x6000_4038,
        Chip::Esp32P4 => 0x500E_0038,
        _ => return None,
    })
}

/// UART0's clock divider.
fn uart_divider_register(chip: Chip) -> u32 {
    match chip {
        Chip::Esp32 => 0x3FF4_0014,
        Chip::Esp32S2 => 0x3F40_0014,
        Chip::Esp32P4 => 0x500C_A014,
        _ => 0x6000_0014,
    }
}

#[cfg(test)]
mod tests;
