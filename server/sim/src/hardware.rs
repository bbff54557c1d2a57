//! What ROM and stub both run on: flash, registers, serial line, clock.
//!
//! Time here is the CPU's: [`Hardware::now`] is the moment that the running command has
//! reached, every operation moves it on. A command is computed at once when its last byte arrives,
//! and its answer is stamped with the time at which it would have been sent. Nothing therefore
//! interrupts a command: a reset that comes while one is running finds its work done. (Power that
//! fails in the middle of a write is a fault on demand.)

use std::io;
use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};
use md5::{Digest, Md5};

use crate::flash::{Done, Nor};
use crate::registers::{Effect, Registers};
use crate::security::{self, Security};
use crate::stats::Stats;
use crate::timing::{LoaderTiming, Timing, at_rate};
use crate::wire::{BOOT_LOG_BAUD, Wire};

#[derive(Debug)]
pub(crate) struct Hardware {
    pub(crate) chip: Chip,
    pub(crate) timing: Timing,
    pub(crate) security: Security,
    pub(crate) crystal_mhz: u32,
    pub(crate) wire: Wire,
    pub(crate) stats: Stats,
    pub(crate) now: Duration,
    pub(crate) power_lost: bool,
    /// When the watchdog resets the chip.
    pub(crate) watchdog: Option<Duration>,
    flash: Nor,
    flash_ready: Duration,
    registers: Registers,
    flash_file_error: Option<io::Error>,
    /// The divider that the UART's rate was set with, if not measured.
    set_divider: Option<u32>,
}

impl Hardware {
    pub(crate) fn new(
        chip: Chip,
        timing: Timing,
        security: Security,
        crystal_mhz: u32,
        flash: Nor,
        registers: Registers,
    ) -> Self {
        Self {
            chip,
            timing,
            security,
            crystal_mhz,
            wire: Wire::new(timing.link),
            stats: Stats::default(),
            now: Duration::ZERO,
            power_lost: false,
            watchdog: None,
            flash,
            flash_ready: Duration::ZERO,
            registers,
            flash_file_error: None,
            set_divider: None,
        }
    }

    pub(crate) fn reset(&mut self, now: Duration) {
        self.now = now;
        if std::mem::take(&mut self.power_lost) {
            self.flash.lose_power_after(None);
        }
        self.watchdog = None;
        self.wire.reset(now);
        self.wire.set_baud(None);
        self.set_divider = None;
        self.registers.reset(self.chip);
    }

    /// The CPU does something for `duration`.
    pub(crate) fn spend(&mut self, duration: Duration) {
        self.now += duration;
    }

    /// Sends a frame; the CPU goes on as soon as the rest of it fits into the FIFO.
    pub(crate) fn send(&mut self, payload: &[u8]) {
        self.now = self.wire.send_frame(self.now, payload, &mut self.stats);
    }

    /// The CPU waits until everything is sent, then the UART runs at `baud`.
    pub(crate) fn change_baud(&mut self, baud: u32, rom: bool) {
        self.now = self.now.max(self.wire.tx_free());
        if baud == 0 {
            return;
        }
        if self.chip == Chip::Esp8266 {
            // The stub takes whatever divider is there for that of 115200 baud (esp-stub-lib,
            // `esp8266/src/uart.c`).
            let divider =
                u64::from(self.uart_divider()) * u64::from(BOOT_LOG_BAUD) / u64::from(baud);
            let divider = divider.max(1) as u32;
            self.set_divider = Some(divider);
            self.wire.set_baud(Some(self.uart_clock_hz() / divider));
            return;
        }
        // The C2's ROM takes the crystal for one of 40 MHz and sets the divider for that; with 26
        // MHz on the board the rate comes out lower (esptool 5.6.0, `targets/esp32c2.py`).
        let believed_mhz = if rom && self.chip == Chip::Esp32C2 {
            40
        } else {
            self.crystal_mhz
        };
        let divider_16ths = (u64::from(believed_mhz) * 16_000_000 / u64::from(baud)) as u32;
        // Integer part in the low bits, sixteenths from bit 20 (recording esp32-p11: 00C00056 for
        // 460800 with a crystal of 40 MHz).
        self.set_divider = Some(divider_16ths >> 4 | (divider_16ths & 0xF) << 20);
        let actual = u64::from(baud) * u64::from(self.crystal_mhz) / u64::from(believed_mhz);
        self.wire.set_baud(Some(actual as u32));
    }

    pub(crate) fn read_register(&self, address: u32) -> u32 {
        self.registers.read(address, self.uart_divider())
    }

    fn uart_divider(&self) -> u32 {
        self.set_divider.unwrap_or_else(|| {
            // Measured from the SYNC pattern: one less than the quotient (recording esp32-a1: 15A for
            // 115200 with a crystal of 40 MHz).
            (self.uart_clock_hz() / self.wire.baud().max(1)).saturating_sub(1)
        })
    }

    /// What drives the UART: the crystal, and twice that on an ESP8266 (esptool 5.6.0,
    /// `XTAL_CLK_DIVIDER`).
    fn uart_clock_hz(&self) -> u32 {
        let factor = if self.chip == Chip::Esp8266 { 2 } else { 1 };
        factor * self.crystal_mhz * 1_000_000
    }

    /// Rate of the ROM's boot log. An ESP8266's takes every crystal for one of 40 MHz; with the usual 26
    /// that makes 74880 baud (ESP8266_RTOS_SDK, documentation of the console).
    pub(crate) fn boot_log_baud(&self) -> u32 {
        if self.chip == Chip::Esp8266 {
            BOOT_LOG_BAUD * self.crystal_mhz / 40
        } else {
            BOOT_LOG_BAUD
        }
    }

    pub(crate) fn write_register(&mut self, address: u32, value: u32, mask: u32) {
        match self.registers.write(address, value, mask, &self.flash) {
            Effect::None => {}
            Effect::WatchdogArmed(after) => self.watchdog = Some(self.now + after),
            Effect::WatchdogOff => self.watchdog = None,
        }
    }

    pub(crate) fn forces_download(&self) -> bool {
        self.registers.forces_download()
    }

    pub(crate) fn flash(&self) -> &Nor {
        &self.flash
    }

    pub(crate) fn flash_mut(&mut self) -> &mut Nor {
        &mut self.flash
    }

    pub(crate) fn reset_stats(&mut self) {
        self.stats = Stats::default();
        self.flash.reset_counters();
    }

    pub(crate) fn flash_file_error(&self) -> Option<&io::Error> {
        self.flash_file_error.as_ref()
    }

    /// The CPU waits until the flash chip is ready.
    pub(crate) fn wait_flash(&mut self) {
        self.now = self.now.max(self.flash_ready);
    }

    /// Starts erasing a sector (after waiting for what goes on) and does not wait for its end.
    pub(crate) fn start_sector_erase(&mut self, offset: u32) {
        self.wait_flash();
        let done = self.flash.erase_sector(offset);
        let took = self.timing.flash.sector_erase;
        self.start_flash_operation(took, done);
    }

    /// The same with a block of 64 KiB.
    pub(crate) fn start_block_erase(&mut self, offset: u32) {
        self.wait_flash();
        let done = self.flash.erase_block(offset);
        let took = self.timing.flash.block_erase;
        self.start_flash_operation(took, done);
    }

    /// Erases everything and waits.
    pub(crate) fn erase_chip(&mut self) {
        self.wait_flash();
        let mib = self.flash.size().div_ceil(1 << 20);
        let done = self.flash.erase_chip();
        let took = self.timing.flash.chip_erase_per_mib * mib;
        self.start_flash_operation(took, done);
        self.wait_flash();
    }

    /// Erases whole sectors and waits: blocks of 64 KiB where they fit if `with_blocks`.
    pub(crate) fn erase_range(&mut self, offset: u32, len: u32, with_blocks: bool) {
        let end = offset.saturating_add(len);
        let mut at = offset;
        while at < end && !self.power_lost {
            let block = with_blocks && at.is_multiple_of(BLOCK_LEN) && end - at >= BLOCK_LEN;
            if block {
                self.start_block_erase(at);
                at += BLOCK_LEN;
            } else {
                self.start_sector_erase(at);
                at = at.saturating_add(SECTOR_LEN);
            }
        }
        self.wait_flash();
    }

    /// Programs bytes and waits; with `encrypt` through the flash encryption unit.
    pub(crate) fn program(&mut self, offset: u32, bytes: &[u8], encrypt: bool) {
        self.wait_flash();
        if self.power_lost {
            return;
        }
        let result = if encrypt {
            let mut cipher = bytes.to_vec();
            security::crypt(offset, &mut cipher);
            self.flash.program(offset, &cipher)
        } else {
            self.flash.program(offset, bytes)
        };
        let (pages, done) = match result {
            Ok((pages, done)) => (pages, Ok(done)),
            Err(error) => (0, Err(error)),
        };
        let took = self.timing.flash.page_program * pages as u32;
        self.start_flash_operation(took, done);
        self.wait_flash();
    }

    /// Reads bytes at the flash's reading speed; `None` if they are not all there.
    pub(crate) fn read_flash(&mut self, offset: u32, len: u32) -> Option<Vec<u8>> {
        self.wait_flash();
        let bytes = self.flash.read(offset, len)?.to_vec();
        self.spend(at_rate(u64::from(len), self.timing.flash.read_rate));
        Some(bytes)
    }

    /// Whether a sector reads FF throughout; costs reading it.
    pub(crate) fn check_blank(&mut self, sector: u32) -> bool {
        self.wait_flash();
        self.spend(at_rate(u64::from(SECTOR_LEN), self.timing.flash.read_rate));
        self.flash.is_blank_sector(sector)
    }

    /// MD5 over flash as it is (ciphertext if it is encrypted); `None` if not all is there.
    pub(crate) fn hash(
        &mut self,
        offset: u32,
        len: u32,
        loader: &LoaderTiming,
    ) -> Option<[u8; 16]> {
        self.wait_flash();
        let digest = Md5::digest(self.flash.read(offset, len)?);
        let took = at_rate(u64::from(len), loader.md5_rate);
        self.spend(took);
        self.stats.hashing += took;
        self.stats.bytes_hashed += u64::from(len);
        Some(digest.into())
    }

    fn start_flash_operation(&mut self, took: Duration, done: io::Result<Done>) {
        self.flash_ready = self.now + took;
        self.stats.flash_busy += took;
        self.stats.flash = self.flash.counters();
        match done {
            Ok(Done::Whole) => {}
            Ok(Done::PowerLost) => self.power_lost = true,
            Err(error) => {
                tracing::warn!(%error, "the simulated board's flash file cannot be written");
                self.flash_file_error = Some(error);
                self.power_lost = true;
            }
        }
    }
}
