//! The facts about a chip, and what each of them means. [`mod@table`] has them, and `esp8266`.

mod esp8266;
mod table;

use super::Chip;

/// Everything that differs between chips and that the host must know.
#[derive(Debug)]
pub struct ChipFacts {
    /// Chip id in image headers and in GET_SECURITY_INFO. An ESP8266 has none of them.
    pub image_id: Option<u16>,
    /// Values of register 0x40001000 that identify the chip (all revisions). Only the ESP32's, the
    /// S2's and the ESP8266's are relied on; the others confirm what GET_SECURITY_INFO said.
    pub magics: &'static [u32],
    /// Where the ROM looks for the second-stage boot loader in flash, or for whatever else it starts.
    pub bootloader_offset: u32,
    /// Base address of the SPI controller that drives the flash.
    pub spi_base: u32,
    /// Layout of that controller's registers.
    pub spi: SpiRegisters,
    /// eFuse words with the factory MAC address.
    pub mac: MacWords,
    /// eFuse bits that decide whether plain writes and read-back are possible; `None`: nothing secures
    /// the chip.
    pub security: Option<SecurityBits>,
    /// Length of GET_SECURITY_INFO's answer without status; `None`: the ROM does not know it.
    pub security_info_len: Option<usize>,
    /// How far the ROM's FLASH_DEFL_DATA can be trusted.
    pub rom_deflate: Deflate,
    /// Whether the ROM's FLASH_BEGIN wants the fifth word (encrypt). The ESP32's refuses it; the
    /// C3's refuses the request *without* it and then programs a stray address (recordings
    /// `*-p12-*`).
    pub begin_has_encrypt_word: bool,
    /// Watchdogs that survive a USB-Serial/JTAG reset, or that can reset the chip.
    pub watchdog: Option<Watchdog>,
    /// Whether a watchdog reset is possible and useful to leave download mode.
    pub watchdog_reset: bool,
    /// Register and bit that keep the chip in download mode across resets.
    pub force_download: Option<(u32, u32)>,
    /// Flash frequency in MHz for each low nibble of header byte 3.
    pub flash_mhz: &'static [(u8, u32)],
    /// USB product id (vendor 303A) of the chip's native USB-OTG.
    pub usb_otg_pid: Option<u16>,
    /// Crystal frequencies in MHz that boards carry, the usual one first.
    pub crystal_mhz: &'static [u32],
    /// eFuse bits of the chip's revision; none where it has no revisions.
    pub revision: RevisionBits,
    /// Whether the stub can address flash beyond 16 MiB.
    pub stub_beyond_16_mib: bool,
}

/// Offsets of SPI controller registers from its base.
#[derive(Debug)]
#[allow(missing_docs)] // the names of the technical reference manuals
pub struct SpiRegisters {
    pub usr: u32,
    pub usr1: u32,
    pub usr2: u32,
    /// `None`: both lengths are in USR1, that of what is read from bit 8 on.
    pub dlen: Option<DataLengths>,
    pub w0: u32,
}

/// Offsets of the registers with the lengths of what is sent and received, in bits less one.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct DataLengths {
    pub mosi: u32,
    pub miso: u32,
}

/// Addresses of the two MAC words: the first holds the low four bytes, the second's low half the
/// high two. On an ESP8266 the first has one byte and the second two; `Session::mac` knows the rest.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct MacWords {
    pub low: u32,
    pub high: u32,
}

/// eFuse locations, as (register, mask).
#[derive(Debug)]
pub struct SecurityBits {
    /// Flash encryption counter: encryption is on when the number of set bits is odd.
    pub crypt_count: (u32, u32),
    /// Set when the download mode may no longer encrypt (release mode).
    pub encrypted_download_disabled: (u32, u32),
    /// Secure boot on.
    pub secure_boot: (u32, u32),
}

/// Where the revision is: parts as (register, shift, width), most significant part first.
#[derive(Debug)]
pub struct RevisionBits {
    /// Parts of the major number. On the ESP32 the major number is the *count* of set bits.
    pub major: &'static [(u32, u32, u32)],
    /// Parts of the minor number.
    pub minor: &'static [(u32, u32, u32)],
}

/// What a ROM does with compressed writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deflate {
    /// Does not know them.
    None,
    /// Writes what the stream holds and stops there.
    Exact,
    /// Writes whole 32 KiB windows and spills stale bytes over the neighbours (ESP32, recordings
    /// `esp32-p16-*`): must never be used.
    SpillsWindow,
}

/// RTC watchdog registers, for disabling it and for using it to reset the chip.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct Watchdog {
    pub config0: u32,
    pub config1: u32,
    pub write_protect: u32,
    pub super_watchdog: Option<SuperWatchdog>,
}

/// The super watchdog, which only wants to be told to feed itself.
#[derive(Debug)]
#[allow(missing_docs)]
pub struct SuperWatchdog {
    pub config: u32,
    pub write_protect: u32,
    pub key: u32,
    /// Bit of `config` that makes it feed itself.
    pub auto_feed: u32,
}

/// Unlocks the RTC watchdog's registers on every chip.
pub const WATCHDOG_KEY: u32 = 0x50D8_3AA1;
impl Chip {
    /// What is known about this chip.
    pub fn facts(self) -> &'static ChipFacts {
        match self {
            Self::Esp32 => &table::ESP32,
            Self::Esp32S2 => &table::ESP32S2,
            Self::Esp32S3 => &table::ESP32S3,
            Self::Esp32C2 => &table::ESP32C2,
            Self::Esp32C3 => &table::ESP32C3,
            Self::Esp32C5 => &table::ESP32C5,
            Self::Esp32C6 => &table::ESP32C6,
            Self::Esp32C61 => &table::ESP32C61,
            Self::Esp32H2 => &table::ESP32H2,
            Self::Esp32H4 => &table::ESP32H4,
            Self::Esp32P4 => &table::ESP32P4,
            Self::Esp32S31 => &table::ESP32S31,
            Self::Esp8266 => &esp8266::ESP8266,
        }
    }
}
