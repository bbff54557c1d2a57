//! Which chip, which revision, which MAC, how secured, how much flash.

use fbuild_chip::security::BoardSecurity;
use fbuild_chip::{Chip, WATCHDOG_KEY};

use super::flash::{ERASE_PER_MB, STUB_BLOCK_LEN};
use super::{ANSWER_TIMEOUT, LoaderKind, Session, usual};
use crate::error::LoaderError;
use crate::packet::{self, op, word_at};
use fbuild_chip::flash::{BLOCK_LEN, SECTOR_LEN};

/// Register whose value tells an ESP32, an S2 and an ESP8266 from everything else.
pub(super) const MAGIC_REGISTER: u32 = 0x4000_1000;

/// Bits of GET_SECURITY_INFO's flags. Source: esptool 5.6.0 `loader.py`.
const FLAG_SECURE_BOOT: u32 = 1 << 0;
const FLAG_SECURE_DOWNLOAD: u32 = 1 << 2;

/// ABS_DONE_0 in the ESP32's word of secure boot. Source: esptool 5.6.0 `targets/esp32.py`.
const SECURE_BOOT_V1: u32 = 1 << 4;

/// What eFuses allow.
#[allow(clippy::struct_excessive_bools)] // eFuse bits, independent of each other
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Security {
    /// Only writing works: no registers, no stub, no MD5, no reading.
    pub secure_download: bool,
    /// What is in flash is ciphertext.
    pub flash_encryption: bool,
    /// The chip can no longer encrypt what is written (release mode). `None`: not readable.
    pub encrypted_download_disabled: Option<bool>,
    /// The chip boots signed images only.
    pub secure_boot: bool,
    /// By the first version of secure boot, which only an ESP32 has: the key of the boot loader lies
    /// in the chip, and no other boot loader can be put there.
    pub secure_boot_v1: bool,
}

impl From<Security> for BoardSecurity {
    fn from(security: Security) -> Self {
        Self {
            flash_encryption: security.flash_encryption,
            // Not readable in Secure Download Mode, which is reason enough to refuse.
            encrypted_download_disabled: security.encrypted_download_disabled.unwrap_or(false),
            secure_boot: security.secure_boot,
            secure_boot_v1: security.secure_boot_v1,
            secure_download: security.secure_download,
        }
    }
}

impl Security {
    /// Of a chip that cannot be secured.
    const NONE: Self = Self {
        secure_download: false,
        flash_encryption: false,
        encrypted_download_disabled: Some(false),
        secure_boot: false,
        secure_boot_v1: false,
    };

    /// From eFuse registers that somebody has read. They do not tell Secure Download Mode, in which
    /// nobody can read them. `None` if `read` does not know one of them.
    pub fn from_registers(chip: Chip, read: impl Fn(u32) -> Option<u32>) -> Option<Self> {
        let Some(bits) = &chip.facts().security else {
            return Some(Self::NONE);
        };
        let of = |(register, mask): (u32, u32)| Some(read(register)? & mask);
        let v1 = (bits.secure_boot.0, SECURE_BOOT_V1);
        Some(Self {
            secure_download: false,
            flash_encryption: of(bits.crypt_count)?.count_ones() % 2 == 1,
            encrypted_download_disabled: Some(of(bits.encrypted_download_disabled)? != 0),
            secure_boot: of(bits.secure_boot)? != 0,
            secure_boot_v1: chip == Chip::Esp32 && of(v1)? != 0,
        })
    }
}

/// What the flash chip says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlashId {
    /// JEDEC id as one number: vendor, type, size (`0xc84016`).
    pub jedec: u32,
    /// Size in bytes, if the id's size byte is known.
    pub len_bytes: Option<u32>,
}

impl FlashId {
    /// From the register that it came in, lowest byte first. The wire order is vendor, type, size.
    fn from_wire(raw: [u8; 4]) -> Option<Self> {
        let jedec = Self::jedec(raw);
        let is_silence = matches!(jedec, 0 | 0xFF_FFFF | 0x3F_FFFF | 0xFF_FF3F);
        (!is_silence).then(|| Self {
            jedec,
            len_bytes: flash_len(raw),
        })
    }

    fn jedec(raw: [u8; 4]) -> u32 {
        u32::from_be_bytes([0, raw[0], raw[1], raw[2]])
    }
}

/// Answer to GET_SECURITY_INFO.
#[derive(Debug, Clone, Copy)]
pub(super) struct SecurityInfo {
    flags: u32,
    crypt_count: u8,
    /// Missing in the S2's 12-byte answer.
    chip_id: Option<u32>,
}

impl Session {
    /// Finds out the chip. The magic register comes first: a classic ESP32 does not know
    /// GET_SECURITY_INFO and answers it eight times with another command's op.
    pub(super) fn detect_chip(&mut self) -> Result<(), LoaderError> {
        let magic = match self.read_register(MAGIC_REGISTER) {
            Ok(magic) => Some(magic),
            Err(LoaderError::Refused { .. }) => None,
            Err(error) => return Err(error),
        };
        self.magic = magic;
        if let Some(chip @ (Chip::Esp32 | Chip::Esp32S2 | Chip::Esp8266)) =
            magic.and_then(Chip::from_magic)
        {
            self.chip = chip;
            return Ok(());
        }
        let info = match self.get_security_info() {
            Ok(info) => info,
            // Neither id nor info: at least the magic may say something.
            Err(LoaderError::Refused { .. } | LoaderError::BadReply { .. }) => {
                let id = magic.map_or("no register access".to_owned(), |m| format!("{m:#010x}"));
                self.chip = magic
                    .and_then(Chip::from_magic)
                    .ok_or(LoaderError::UnknownChip {
                        id: format!("magic value {id}"),
                    })?;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.secure_download = magic.is_none() || info.flags & FLAG_SECURE_DOWNLOAD != 0;
        self.chip = match info.chip_id {
            // Only the S2 leaves its id out.
            None => Chip::Esp32S2,
            Some(id) => u16::try_from(id).ok().and_then(Chip::from_image_id).ok_or(
                LoaderError::UnknownChip {
                    id: format!("chip id {id}"),
                },
            )?,
        };
        self.security_info = Some(info);
        Ok(())
    }

    fn get_security_info(&mut self) -> Result<SecurityInfo, LoaderError> {
        let (_, data) = self.exchange(op::GET_SECURITY_INFO, &[], 0, ANSWER_TIMEOUT)?;
        let refused = |bytes: &[u8]| super::refusal("GET_SECURITY_INFO", bytes[0], bytes[1]);
        // 20 bytes and status, or on the S2 12 and status; status is 4 bytes on a ROM, 2 on a stub.
        let (info_len, has_chip_id) = match data.len() {
            22..=24 => (20, true),
            14..=16 => (12, false),
            2..=4 => return Err(refused(&data)),
            n => {
                let what = format!("{n} bytes");
                return Err(LoaderError::BadReply {
                    command: "GET_SECURITY_INFO",
                    what,
                });
            }
        };
        if data[info_len] != 0 {
            return Err(refused(&data[info_len..]));
        }
        Ok(SecurityInfo {
            flags: word_at(&data, 0).unwrap_or(0),
            crypt_count: data[4],
            chip_id: word_at(&data, 3).filter(|_| has_chip_id),
        })
    }

    /// What the eFuses allow. Nothing is asked of an ESP8266; two register reads on an ESP32; one GET_SECURITY_INFO on an S2; nothing
    /// more than was asked already on the others, unless flash encryption is on.
    ///
    /// # Errors
    /// No usable answer. Do not write: what the board allows is not known.
    pub fn security(&mut self) -> Result<Security, LoaderError> {
        let facts = self.chip.facts();
        let Some(bits) = &facts.security else {
            return Ok(Security::NONE);
        };
        if facts.security_info_len.is_none() {
            let crypt = self.read_register(bits.crypt_count.0)?;
            // The other two are one register on the ESP32.
            let boot = self.read_register(bits.secure_boot.0)?;
            let words = [(bits.crypt_count.0, crypt), (bits.secure_boot.0, boot)];
            let known = |register| words.iter().find(|(n, _)| *n == register).map(|(_, w)| *w);
            if let Some(security) = Security::from_registers(self.chip, known) {
                return Ok(security);
            }
        }
        let info = match self.security_info {
            Some(info) => info,
            None => self.get_security_info()?,
        };
        self.security_info = Some(info);
        let flash_encryption = info.crypt_count.count_ones() % 2 == 1;
        let encrypted_download_disabled = if !flash_encryption {
            Some(false)
        } else if self.secure_download {
            None
        } else {
            let (register, mask) = bits.encrypted_download_disabled;
            Some(self.read_register(register)? & mask != 0)
        };
        Ok(Security {
            secure_download: self.secure_download || info.flags & FLAG_SECURE_DOWNLOAD != 0,
            flash_encryption,
            encrypted_download_disabled,
            secure_boot: info.flags & FLAG_SECURE_BOOT != 0,
            secure_boot_v1: false,
        })
    }

    /// Chip revision, major * 100 + minor; 0 on a chip that has no revisions.
    ///
    /// # Errors
    /// No usable answer: restart the session, or abandon it.
    pub fn revision(&mut self) -> Result<u16, LoaderError> {
        let bits = &self.chip.facts().revision;
        let mut major = self.read_bits(bits.major)?;
        if self.chip == Chip::Esp32 {
            major = major.count_ones();
        }
        let minor = self.read_bits(bits.minor)?;
        if self.chip == Chip::Esp32S3 && minor.is_multiple_of(8) && self.is_first_s3()? {
            return Ok(0);
        }
        Ok((major * 100 + minor) as u16)
    }

    /// ESP32-S3 v0.0, whose eFuses (block version 1.1) hold something else where later ones have the
    /// major number. Source: esptool 5.6.0 `targets/esp32s3.py`, `is_eco0`.
    fn is_first_s3(&mut self) -> Result<bool, LoaderError> {
        const BLOCK_VERSION: [(u32, u32, u32); 2] = [(0x6000_706C, 0, 2), (0x6000_7050, 24, 3)];
        Ok(self.read_bits(&BLOCK_VERSION)? == 0b01_001)
    }

    fn read_bits(&mut self, parts: &[(u32, u32, u32)]) -> Result<u32, LoaderError> {
        let mut value = 0;
        for &(register, shift, width) in parts {
            let bits = (self.read_register(register)? >> shift) & ((1 << width) - 1);
            value = value << width | bits;
        }
        Ok(value)
    }

    /// Connects the SPI controller to the flash chip. The ROM needs it before anything that touches
    /// flash; the stub has done it itself. An ESP8266's does it at FLASH_BEGIN (esptool 5.6.0
    /// `targets/esp8266.py`); an empty one erases nothing.
    ///
    /// # Errors
    /// Nothing that touches flash will work: restart the session, or abandon it.
    pub fn attach_flash(&mut self) -> Result<(), LoaderError> {
        if self.kind == LoaderKind::Stub {
            return Ok(());
        }
        if self.chip == Chip::Esp8266 {
            return self.erase_region(0, 0);
        }
        let pins = if self.chip == Chip::Esp32 {
            self.esp32_flash_pins()?
        } else {
            0
        };
        self.call(
            op::SPI_ATTACH,
            &packet::words(&[pins, 0]),
            0,
            ANSWER_TIMEOUT,
        )?;
        Ok(())
    }

    /// ESP32 packages with the flash on other pins say so in eFuses. Zero: the usual pins.
    fn esp32_flash_pins(&mut self) -> Result<u32, LoaderError> {
        const RDATA5: u32 = 0x3FF5_A014;
        const RDATA3: u32 = 0x3FF5_A00C;
        let word = self.read_register(RDATA5)?;
        let pin = |shift: u32| (word >> shift) & 0x1F;
        let (clk, q, d, cs) = (pin(0), pin(5), pin(10), pin(15));
        if (clk, q, d, cs) == (0, 0, 0, 0) {
            return Ok(0);
        }
        let hd = (self.read_register(RDATA3)? >> 4) & 0x1F;
        Ok(hd << 24 | cs << 18 | d << 12 | q << 6 | clk)
    }

    /// Identifies the flash chip (RDID, 9Fh), through the SPI controller.
    ///
    /// # Errors
    /// [`LoaderError::NoFlash`] if the flash chip does not answer, which is a matter of wiring and supply.
    pub fn flash_id(&mut self) -> Result<FlashId, LoaderError> {
        match self.flash_id_by_controller() {
            Ok(Some(id)) => Ok(id),
            // Refused, or nothing: a loader that takes one register at a time.
            Ok(None) | Err(LoaderError::Refused { .. }) => self.flash_id_by_user_command(),
            Err(error) => Err(error),
        }
    }

    /// The controller's own "read JEDEC id", with which stubs and ROMs find out the size themselves
    /// (esp-stub-lib, `stub_target_flash_get_flash_id`; ESP-IDF `esp_rom_spi_flash_update_id` and
    /// `spi_reg.h`). It needs nothing to be set up and put back. `None`: no id that means something.
    fn flash_id_by_controller(&mut self) -> Result<Option<FlashId>, LoaderError> {
        const FLASH_RDID: u32 = 1 << 28;
        let base = self.chip.facts().spi_base;
        let w0 = base + self.chip.facts().spi.w0;
        // W0 first, so that nothing stale is taken for an answer.
        self.write_registers_at_once(&[(w0, 0, u32::MAX), (base, FLASH_RDID, u32::MAX)])?;
        // The 32 clocks of the command are over long before the next request arrives; if they were
        // not, the size, which comes last, would be missing.
        let raw = self.read_register(w0)?.to_le_bytes();
        Ok(FlashId::from_wire(raw).filter(|id| id.len_bytes.is_some()))
    }

    /// RDID as a command of the host's own making, which is what esptool does.
    fn flash_id_by_user_command(&mut self) -> Result<FlashId, LoaderError> {
        const READ_JEDEC_ID: u32 = 0x9F;
        const ID_BITS: u32 = 24;
        const USR_COMMAND: u32 = 1 << 31;
        const USR_MISO: u32 = 1 << 28;
        const CMD_USR: u32 = 1 << 18;
        const USR1_MISO_LEN: u32 = 8;
        const TRIES: u32 = 10;
        let spi = &self.chip.facts().spi;
        let base = self.chip.facts().spi_base;
        let register = |offset: u32| base + offset;
        let (len_at, len_bits) = match &spi.dlen {
            Some(dlen) => (dlen.miso, ID_BITS - 1),
            None => (spi.usr1, (ID_BITS - 1) << USR1_MISO_LEN),
        };
        let old_usr = self.read_register(register(spi.usr))?;
        let old_usr2 = self.read_register(register(spi.usr2))?;
        self.write_registers(&[
            (register(spi.w0), 0, u32::MAX),
            (register(len_at), len_bits, u32::MAX),
            (register(spi.usr), USR_COMMAND | USR_MISO, u32::MAX),
            (register(spi.usr2), 7 << 28 | READ_JEDEC_ID, u32::MAX),
            (base, CMD_USR, u32::MAX),
        ])?;
        let mut tries = 0;
        while self.read_register(base)? & CMD_USR != 0 {
            tries += 1;
            if tries == TRIES {
                return Err(LoaderError::NoFlash { id: 0 });
            }
        }
        let raw = self.read_register(register(spi.w0))?.to_le_bytes();
        self.write_registers(&[
            (register(spi.usr), old_usr, u32::MAX),
            (register(spi.usr2), old_usr2, u32::MAX),
        ])?;
        FlashId::from_wire(raw).ok_or(LoaderError::NoFlash {
            id: FlashId::jedec(raw),
        })
    }

    /// Tells the loader the flash size. A ROM assumes 2 MiB until then and refuses what follows.
    ///
    /// # Errors
    /// The loader may still assume another size: write nothing before this has passed.
    pub fn set_flash_size(&mut self, len_bytes: u32) -> Result<(), LoaderError> {
        self.flash_len = Some(len_bytes);
        self.tell_flash_end(len_bytes)
    }

    /// Tells the loader that the flash ends at `end`, so that no request erases anything after it, a
    /// damaged one included. Seen on genuine loaders of ESP32 and C3: the ROM refuses to erase across
    /// it, the stub stops there. It holds until something after it is hashed.
    ///
    /// # Errors
    /// The bound may not hold: write nothing before this has passed.
    pub fn bound_flash(&mut self, end: u32) -> Result<(), LoaderError> {
        if self.flash_end == Some(end) {
            return Ok(());
        }
        self.tell_flash_end(end)
    }

    /// Takes back a bound before something after it is looked at.
    pub(super) fn reach(&mut self, offset: u32, len_bytes: u32) -> Result<(), LoaderError> {
        let end = u64::from(offset) + u64::from(len_bytes);
        match (self.flash_end, self.flash_len) {
            (Some(bound), Some(len)) if bound != len && end > u64::from(bound) => {
                self.tell_flash_end(len)
            }
            _ => Ok(()),
        }
    }

    fn tell_flash_end(&mut self, end: u32) -> Result<(), LoaderError> {
        const ID: u32 = 0;
        const PAGE_LEN: u32 = 0x100;
        const STATUS_MASK: u32 = 0xFFFF;
        let words = [ID, end, BLOCK_LEN, SECTOR_LEN, PAGE_LEN, STATUS_MASK];
        // The stub may still be busy with the run before.
        let patience = usual(ERASE_PER_MB, u64::from(STUB_BLOCK_LEN + 4 * BLOCK_LEN));
        self.call(op::SPI_SET_PARAMS, &packet::words(&words), 0, patience)?;
        self.flash_end = Some(end);
        Ok(())
    }

    /// Over USB-Serial/JTAG a reset leaves the watchdogs running; they would reset the chip in the
    /// middle of a write.
    pub(super) fn calm_watchdogs(&mut self) -> Result<(), LoaderError> {
        let Some(watchdog) = &self.chip.facts().watchdog else {
            return Ok(());
        };
        if self.secure_download || !self.over_serial_jtag() {
            return Ok(());
        }
        let mut writes = vec![
            (watchdog.write_protect, WATCHDOG_KEY, u32::MAX),
            (watchdog.config0, 0, u32::MAX),
            (watchdog.write_protect, 0, u32::MAX),
        ];
        if let Some(swd) = &watchdog.super_watchdog {
            writes.extend([
                (swd.write_protect, swd.key, u32::MAX),
                (swd.config, swd.auto_feed, swd.auto_feed),
                (swd.write_protect, 0, u32::MAX),
            ]);
        }
        self.write_registers(&writes)
    }
}

/// Flash size from the bytes of a JEDEC id. Source: esptool 5.6.0 `DETECTED_FLASH_SIZES`.
fn flash_len(raw: [u8; 4]) -> Option<u32> {
    const ADESTO: u8 = 0x1F;
    let exponent = if raw[0] == ADESTO {
        // Low five bits of the second byte: 4 is 512 KiB.
        u32::from(raw[1] & 0x1F) + 15
    } else {
        match raw[2] {
            code @ 0x12..=0x1C => u32::from(code),
            code @ 0x20..=0x22 => u32::from(code) - 0x20 + 26,
            code @ 0x32..=0x3A => u32::from(code) - 0x20,
            _ => return None,
        }
    };
    1u32.checked_shl(exponent)
}

#[cfg(test)]
mod tests {
    use super::flash_len;

    #[test]
    fn flash_sizes_from_jedec_ids() {
        const MIB: u32 = 1 << 20;
        assert_eq!(flash_len([0xC8, 0x40, 0x16, 0]), Some(4 * MIB)); // GigaDevice, recorded
        assert_eq!(flash_len([0xEF, 0x40, 0x18, 0]), Some(16 * MIB));
        assert_eq!(flash_len([0xEF, 0x40, 0x20, 0]), Some(64 * MIB));
        assert_eq!(flash_len([0xEF, 0x40, 0x39, 0]), Some(32 * MIB));
        assert_eq!(flash_len([0x1F, 0x04, 0x01, 0]), Some(512 * 1024)); // Adesto
        assert_eq!(flash_len([0xC8, 0x40, 0x99, 0]), None);
    }
}
