//! What is known of the ESP8266, which is older than the family: no eFuses that secure it, no chip id, and
//! a ROM that can neither hash nor inflate. Sources: as in the other table.

use super::table::{MHZ_40, mac};
use super::{ChipFacts, Deflate, RevisionBits, SpiRegisters};

pub(super) static ESP8266: ChipFacts = ChipFacts {
    image_id: None,
    magics: &[0xFFF0_C101],
    bootloader_offset: 0,
    spi_base: 0x6000_0200,
    spi: SpiRegisters {
        usr: 0x1C,
        usr1: 0x20,
        usr2: 0x24,
        dlen: None,
        w0: 0x40,
    },
    mac: mac(0x3FF0_0050),
    security: None,
    security_info_len: None,
    rom_deflate: Deflate::None,
    begin_has_encrypt_word: false,
    watchdog: None,
    watchdog_reset: false,
    force_download: None,
    flash_mhz: MHZ_40,
    usb_otg_pid: None,
    crystal_mhz: &[26, 40],
    revision: RevisionBits {
        major: &[],
        minor: &[],
    },
    stub_beyond_16_mib: false,
};
