//! What is known about each chip: one table, an entry per chip, all of the same shape.
//!
//! Sources, unless a field says otherwise: esptool 5.6.0 `targets/*.py` for register addresses, eFuse
//! bits, watchdogs and image ids; ESP-IDF `esp_app_format.h` and `esp_rom` for image ids and boot
//! loader offsets. The behaviour of the ESP32, C3 and S3 ROMs was seen in recordings of the genuine
//! code (`tests/recordings`).

use super::{
    ChipFacts, DataLengths, Deflate, MacWords, RevisionBits, SecurityBits, SpiRegisters,
    SuperWatchdog, WATCHDOG_KEY, Watchdog,
};

const SPI_ESP32: SpiRegisters = SpiRegisters {
    usr: 0x1C,
    usr1: 0x20,
    usr2: 0x24,
    dlen: Some(DataLengths {
        mosi: 0x28,
        miso: 0x2C,
    }),
    w0: 0x80,
};
const SPI: SpiRegisters = SpiRegisters {
    usr: 0x18,
    usr1: 0x1C,
    usr2: 0x20,
    dlen: Some(DataLengths {
        mosi: 0x24,
        miso: 0x28,
    }),
    w0: 0x58,
};

pub(super) const fn mac(low: u32) -> MacWords {
    MacWords { low, high: low + 4 }
}

const fn security(crypt: (u32, u32), disabled: (u32, u32), boot: (u32, u32)) -> SecurityBits {
    SecurityBits {
        crypt_count: crypt,
        encrypted_download_disabled: disabled,
        secure_boot: boot,
    }
}

pub(super) const MHZ_40: &[(u8, u32)] = &[(0xF, 80), (0, 40), (1, 26), (2, 20)];
const MHZ_C2: &[(u8, u32)] = &[(0xF, 60), (0, 30), (1, 20), (2, 15)];
const MHZ_NO_26: &[(u8, u32)] = &[(0xF, 80), (0, 40), (2, 20)];
const MHZ_C6: &[(u8, u32)] = &[(0, 80), (0, 40), (2, 20)];
const MHZ_H2: &[(u8, u32)] = &[(0xF, 48), (0, 24), (1, 16), (2, 12)];
/// Named as ESP-IDF names them; esptool 5.6.0 says that the clocks are 64 and 32 MHz.
const MHZ_H4: &[(u8, u32)] = &[(0xF, 48), (0, 24)];

/// The second configuration register of a watchdog follows the first one.
const fn watchdog(
    config0: u32,
    write_protect: u32,
    super_watchdog: Option<SuperWatchdog>,
) -> Watchdog {
    Watchdog {
        config0,
        config1: config0 + 4,
        write_protect,
        super_watchdog,
    }
}

/// Its write protection follows its configuration.
const fn super_watchdog(config: u32) -> SuperWatchdog {
    SuperWatchdog {
        config,
        write_protect: config + 4,
        key: WATCHDOG_KEY,
        auto_feed: 1 << 18,
    }
}

/// As the S3 and the C3 have it.
const fn old_super_watchdog(config: u32) -> SuperWatchdog {
    SuperWatchdog {
        config,
        write_protect: config + 4,
        key: 0x8F1D_312A,
        auto_feed: 1 << 31,
    }
}

const WATCHDOG_C6: Watchdog = watchdog(0x600B_1C00, 0x600B_1C18, Some(super_watchdog(0x600B_1C1C)));

/// What most chips after the ESP32 have in common. What is empty or 0 here is every chip's own.
const USUAL: ChipFacts = ChipFacts {
    image_id: None,
    magics: &[],
    bootloader_offset: 0,
    spi_base: 0,
    spi: SPI,
    mac: mac(0),
    security: None,
    security_info_len: Some(20),
    rom_deflate: Deflate::Exact,
    begin_has_encrypt_word: true,
    watchdog: None,
    watchdog_reset: true,
    force_download: None,
    flash_mhz: MHZ_40,
    usb_otg_pid: None,
    crystal_mhz: &[40],
    revision: RevisionBits {
        major: &[],
        minor: &[],
    },
    stub_beyond_16_mib: false,
};

pub(super) static ESP32: ChipFacts = ChipFacts {
    image_id: Some(0),
    magics: &[0x00F0_1D83],
    bootloader_offset: 0x1000,
    spi_base: 0x3FF4_2000,
    spi: SPI_ESP32,
    mac: mac(0x3FF5_A004),
    security: Some(security(
        (0x3FF5_A000, 0x7F << 20),
        (0x3FF5_A018, 1 << 7),
        (0x3FF5_A018, 0b11 << 4),
    )),
    security_info_len: None,
    rom_deflate: Deflate::SpillsWindow,
    begin_has_encrypt_word: false,
    watchdog: None,
    watchdog_reset: false,
    force_download: None,
    flash_mhz: MHZ_40,
    usb_otg_pid: None,
    crystal_mhz: &[40, 26],
    revision: RevisionBits {
        major: &[
            (0x3FF6_607C, 31, 1),
            (0x3FF5_A014, 20, 1),
            (0x3FF5_A00C, 15, 1),
        ],
        minor: &[(0x3FF5_A014, 24, 2)],
    },
    stub_beyond_16_mib: false,
};

pub(super) static ESP32S2: ChipFacts = ChipFacts {
    image_id: Some(2),
    magics: &[0x0000_07C6],
    bootloader_offset: 0x1000,
    spi_base: 0x3F40_2000,
    mac: mac(0x3F41_A044),
    security: Some(security(
        (0x3F41_A034, 7 << 18),
        (0x3F41_A030, 1 << 19),
        (0x3F41_A038, 1 << 20),
    )),
    security_info_len: Some(12),
    watchdog: Some(watchdog(0x3F40_8094, 0x3F40_80AC, None)),
    force_download: Some((0x3F40_8128, 1 << 0)),
    usb_otg_pid: Some(0x0002),
    revision: RevisionBits {
        major: &[(0x3F41_A050, 18, 2)],
        minor: &[(0x3F41_A050, 20, 1), (0x3F41_A054, 4, 3)],
    },
    ..USUAL
};

pub(super) static ESP32S3: ChipFacts = ChipFacts {
    image_id: Some(9),
    magics: &[9],
    spi_base: 0x6000_2000,
    mac: mac(0x6000_7044),
    security: Some(security(
        (0x6000_7034, 7 << 18),
        (0x6000_7030, 1 << 20),
        (0x6000_7038, 1 << 20),
    )),
    watchdog: Some(watchdog(
        0x6000_8098,
        0x6000_80B0,
        Some(old_super_watchdog(0x6000_80B4)),
    )),
    force_download: Some((0x6000_812C, 1 << 0)),
    usb_otg_pid: Some(0x0009),
    revision: RevisionBits {
        major: &[(0x6000_7058, 24, 2)],
        minor: &[(0x6000_7058, 23, 1), (0x6000_7050, 18, 3)],
    },
    stub_beyond_16_mib: true,
    ..USUAL
};

pub(super) static ESP32C2: ChipFacts = ChipFacts {
    image_id: Some(12),
    magics: &[0x6F51_306F, 0x7C41_A06F, 0x0C21_E06F],
    spi_base: 0x6000_2000,
    mac: mac(0x6000_8840),
    security: Some(security(
        (0x6000_8830, 7 << 7),
        (0x6000_8830, 1 << 6),
        (0x6000_8830, 1 << 21),
    )),
    watchdog: Some(watchdog(0x6000_8084, 0x6000_809C, None)),
    flash_mhz: MHZ_C2,
    crystal_mhz: &[26, 40],
    revision: RevisionBits {
        major: &[(0x6000_8844, 20, 2)],
        minor: &[(0x6000_8844, 16, 4)],
    },
    ..USUAL
};

pub(super) static ESP32C3: ChipFacts = ChipFacts {
    image_id: Some(5),
    magics: &[0x6921_506F, 0x1B31_506F, 0x4881_606F, 0x4361_606F],
    spi_base: 0x6000_2000,
    mac: mac(0x6000_8844),
    security: Some(security(
        (0x6000_8834, 7 << 18),
        (0x6000_8830, 1 << 20),
        (0x6000_8838, 1 << 20),
    )),
    watchdog: Some(watchdog(
        0x6000_8090,
        0x6000_80A8,
        Some(old_super_watchdog(0x6000_80AC)),
    )),
    revision: RevisionBits {
        major: &[(0x6000_8858, 24, 2)],
        minor: &[(0x6000_8858, 23, 1), (0x6000_8850, 18, 3)],
    },
    ..USUAL
};

pub(super) static ESP32C5: ChipFacts = ChipFacts {
    image_id: Some(23),
    magics: &[0x1101_406F],
    bootloader_offset: 0x2000,
    spi_base: 0x6000_3000,
    mac: mac(0x600B_4844),
    security: Some(security(
        (0x600B_4834, 7 << 16),
        (0x600B_4830, 1 << 20),
        (0x600B_4838, 1 << 25),
    )),
    watchdog: Some(WATCHDOG_C6),
    flash_mhz: MHZ_NO_26,
    crystal_mhz: &[48, 40],
    revision: RevisionBits {
        major: &[(0x600B_484C, 4, 2)],
        minor: &[(0x600B_484C, 0, 4)],
    },
    stub_beyond_16_mib: true,
    ..USUAL
};

pub(super) static ESP32C6: ChipFacts = ChipFacts {
    image_id: Some(13),
    magics: &[0x2CE0_806F],
    spi_base: 0x6000_3000,
    mac: mac(0x600B_0844),
    security: Some(security(
        (0x600B_0834, 7 << 18),
        (0x600B_0830, 1 << 20),
        (0x600B_0838, 1 << 20),
    )),
    watchdog: Some(WATCHDOG_C6),
    watchdog_reset: false,
    flash_mhz: MHZ_C6,
    revision: RevisionBits {
        major: &[(0x600B_0850, 22, 2)],
        minor: &[(0x600B_0850, 18, 4)],
    },
    ..USUAL
};

pub(super) static ESP32C61: ChipFacts = ChipFacts {
    image_id: Some(20),
    magics: &[0x33F0_206F, 0x2421_606F],
    spi_base: 0x6000_3000,
    mac: mac(0x600B_4844),
    security: Some(security(
        (0x600B_4830, 7 << 23),
        (0x600B_4830, 1 << 14),
        (0x600B_4834, 1 << 26),
    )),
    watchdog: Some(WATCHDOG_C6),
    flash_mhz: MHZ_NO_26,
    revision: RevisionBits {
        major: &[(0x600B_484C, 4, 2)],
        minor: &[(0x600B_484C, 0, 4)],
    },
    stub_beyond_16_mib: true,
    ..USUAL
};

pub(super) static ESP32H2: ChipFacts = ChipFacts {
    image_id: Some(16),
    magics: &[0xD7B7_3E80],
    spi_base: 0x6000_3000,
    mac: mac(0x600B_0844),
    security: Some(security(
        (0x600B_0834, 7 << 18),
        (0x600B_0830, 1 << 20),
        (0x600B_0838, 1 << 20),
    )),
    watchdog: Some(watchdog(
        0x600B_1C00,
        0x600B_1C1C,
        Some(super_watchdog(0x600B_1C20)),
    )),
    watchdog_reset: false,
    flash_mhz: MHZ_H2,
    crystal_mhz: &[32],
    revision: RevisionBits {
        major: &[(0x600B_0850, 21, 2)],
        minor: &[(0x600B_0850, 18, 3)],
    },
    ..USUAL
};

pub(super) static ESP32H4: ChipFacts = ChipFacts {
    image_id: Some(28),
    bootloader_offset: 0x2000,
    spi_base: 0x6009_9000,
    mac: mac(0x600B_1844),
    security: Some(security(
        (0x600B_1830, 7 << 23),
        (0x600B_1830, 1 << 14),
        (0x600B_1838, 1 << 5),
    )),
    watchdog: Some(watchdog(
        0x6009_0048,
        0x6009_0064,
        Some(super_watchdog(0x600B_5420)),
    )),
    watchdog_reset: false,
    flash_mhz: MHZ_H4,
    crystal_mhz: &[32],
    revision: RevisionBits {
        major: &[(0x600B_1850, 22, 2)],
        minor: &[(0x600B_1850, 18, 4)],
    },
    stub_beyond_16_mib: true,
    ..USUAL
};

pub(super) static ESP32P4: ChipFacts = ChipFacts {
    image_id: Some(18),
    bootloader_offset: 0x2000,
    spi_base: 0x5008_D000,
    mac: mac(0x5012_D044),
    security: Some(security(
        (0x5012_D034, 7 << 18),
        (0x5012_D030, 1 << 20),
        (0x5012_D038, 1 << 20),
    )),
    watchdog: Some(watchdog(
        0x5011_6000,
        0x5011_6018,
        Some(super_watchdog(0x5011_601C)),
    )),
    force_download: Some((0x5011_0008, 1 << 2)),
    usb_otg_pid: Some(0x0012),
    revision: RevisionBits {
        major: &[(0x5012_D04C, 23, 1), (0x5012_D04C, 4, 2)],
        minor: &[(0x5012_D04C, 0, 4)],
    },
    stub_beyond_16_mib: true,
    ..USUAL
};

pub(super) static ESP32S31: ChipFacts = ChipFacts {
    image_id: Some(32),
    bootloader_offset: 0x2000,
    spi_base: 0x2050_1000,
    mac: mac(0x2071_5050),
    security: Some(security(
        (0x2071_5034, 7 << 21),
        (0x2071_5030, 1 << 20),
        (0x2071_503C, 1 << 2),
    )),
    watchdog: Some(watchdog(
        0x2080_1000,
        0x2080_1018,
        Some(super_watchdog(0x2080_101C)),
    )),
    flash_mhz: MHZ_NO_26,
    // It has one; by which product id its ROM answers there is not known.
    usb_otg_pid: None,
    revision: RevisionBits {
        major: &[(0x2071_505C, 22, 2)],
        minor: &[(0x2071_505C, 18, 4)],
    },
    stub_beyond_16_mib: true,
    ..USUAL
};
