//! The SPI controller that drives the flash, as far as hosts use it: the answer to a command is found
//! in W0. A "user command" (CMD bit 18) is whatever was written into the registers before; the
//! controller makes "read JEDEC id" (CMD bit 28) itself (ESP-IDF, `spi_reg.h` and `spi_mem_reg.h`).

use fbuild_chip::{Chip, DataLengths, SpiRegisters};

use crate::flash::Nor;

/// CMD: run the user command.
const CMD_USR: u32 = 1 << 18;
/// CMD: read the flash chip's JEDEC id.
const CMD_FLASH_RDID: u32 = 1 << 28;
/// USR: has an input phase.
const USR_MISO: u32 = 1 << 28;

#[derive(Debug)]
pub(crate) struct SpiController {
    base: u32,
    layout: &'static SpiRegisters,
    address: u32,
    usr: u32,
    usr1: u32,
    usr2: u32,
    lengths: DataLengths,
    w0: u32,
}

impl SpiController {
    pub(super) fn new(chip: Chip) -> Self {
        let facts = chip.facts();
        let (usr, usr2) = match chip {
            // Reset values in recordings esp32-a2, esp32c3-a2, esp32s3-a2; the other chips have the
            // newer controller.
            Chip::Esp32 => (0x8000_0000, 0x4000_0000),
            _ => (0x8000_00C0, 0x7000_0000),
        };
        Self {
            base: facts.spi_base,
            layout: &facts.spi,
            address: 0,
            usr,
            usr1: 0,
            usr2,
            lengths: DataLengths { mosi: 0, miso: 0 },
            w0: 0,
        }
    }

    pub(super) fn read(&self, address: u32) -> Option<u32> {
        let offset = address.checked_sub(self.base)?;
        Some(match offset {
            // Every command is over before the next request arrives.
            0x00 => 0,
            0x04 => self.address,
            _ if offset == self.layout.usr => self.usr,
            _ if offset == self.layout.usr1 => self.usr1,
            _ if offset == self.layout.usr2 => self.usr2,
            _ if offset == self.layout.w0 => self.w0,
            _ => match &self.layout.dlen {
                Some(at) if offset == at.mosi => self.lengths.mosi,
                Some(at) if offset == at.miso => self.lengths.miso,
                _ => return None,
            },
        })
    }

    /// Whether the address is one of the controller's.
    /// Without `flash`, nothing answers on its pins.
    pub(super) fn write(
        &mut self,
        address: u32,
        value: u32,
        mask: u32,
        flash: Option<&Nor>,
    ) -> bool {
        let Some(offset) = address.checked_sub(self.base) else {
            return false;
        };
        let cell = match offset {
            0x00 => {
                if value & mask & CMD_USR != 0 {
                    self.run(flash);
                }
                if value & mask & CMD_FLASH_RDID != 0 {
                    self.w0 = flash.map_or(u32::MAX, Nor::jedec_id);
                }
                return true;
            }
            0x04 => &mut self.address,
            _ if offset == self.layout.usr => &mut self.usr,
            _ if offset == self.layout.usr1 => &mut self.usr1,
            _ if offset == self.layout.usr2 => &mut self.usr2,
            _ if offset == self.layout.w0 => &mut self.w0,
            _ => match &self.layout.dlen {
                Some(at) if offset == at.mosi => &mut self.lengths.mosi,
                Some(at) if offset == at.miso => &mut self.lengths.miso,
                _ => return false,
            },
        };
        *cell = (*cell & !mask) | (value & mask);
        true
    }

    fn run(&mut self, flash: Option<&Nor>) {
        let answer = match self.usr2 & 0xFF {
            // RDID.
            0x9F => flash.map_or(u32::MAX, Nor::jedec_id),
            // Everything else that hosts send (SFDP, status registers, reset enable and reset) reads
            // 0, as in the recordings. Erasing and programming this way is not modelled.
            _ => 0,
        };
        if self.usr & USR_MISO != 0 {
            let bits = match self.layout.dlen {
                Some(_) => (self.lengths.miso & 0x3FF) + 1,
                // Source: esptool 5.6.0 `loader.py`, `run_spiflash_command`.
                None => (self.usr1 >> 8 & 0x1FF) + 1,
            };
            self.w0 = if bits >= 32 {
                answer
            } else {
                answer & ((1 << bits) - 1)
            };
        }
    }
}
