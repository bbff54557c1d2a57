//! Where each chip has what its boot ROM and its stub use. Source: ESP-IDF, `soc/reg_base.h`, `soc/soc.h` and the headers
//! of the peripherals; the technical reference manuals, "System and Memory" and "Interrupt Matrix".

use super::soc::{Facts, Interrupts, Kind};
use super::{spi, uart};

pub(super) static ESP32C3: Facts = Facts {
    memory: &[
        (0x4000_0000..0x4006_0000, 0, Kind::Rom),
        (0x3FF0_0000..0x3FF2_0000, 0x4_0000, Kind::Rom),
        (0x4037_C000..0x4038_0000, 0x6_0000, Kind::Ram),
        (0x4038_0000..0x403E_0000, 0x6_4000, Kind::Ram),
        (0x3FC8_0000..0x3FCE_0000, 0x6_4000, Kind::Ram),
    ],
    peripherals: &[0x6000_0000..0x600C_0000, 0x600C_0000..0x600D_1000],
    uart: (0x6000_0000, uart::OLDER),
    spi: (0x6000_2000, spi::SPI_MEM),
    interrupts: Interrupts::Lines {
        uart: 0x600C_2054,
        enabled: 0x600C_2104,
        priorities: 0x600C_2114,
        threshold: 0x600C_2194,
    },
    // GPIO9 is low, GPIO8 high.
    strapping: (0x6000_4038, 0x4),
    registers: &[
        // The reason of the reset: power on.
        (0x6000_8038, 1),
        // A crystal of 40 MHz, divided by two.
        (0x600C_0058, 40 << 12 | 1 << 19 | 1),
    ],
    // The USB-Serial/JTAG takes what it is given; nobody is at its other end.
    ready: &[(0x6004_3004, 2)],
    clock_hz: 20_000_000,
};

/// The USB-Serial/JTAG, and UART0's clock.
const USB: (u32, u32) = (0x6000_F004, 2);
const UART: (u32, u32) = (0x6009_6000, 4);

pub(super) static ESP32C6: Facts = Facts {
    memory: &[
        (0x4000_0000..0x4005_0000, 0, Kind::Rom),
        (0x4080_0000..0x4088_0000, 0x5_0000, Kind::Ram),
        (0x5000_0000..0x5000_4000, 0xD_0000, Kind::Ram),
    ],
    peripherals: &[0x2000_0000..0x2000_2000, 0x6000_0000..0x600D_0000],
    uart: (0x6000_0000, uart::newer(40_000_000)),
    spi: (0x6000_3000, spi::SPI_MEM),
    interrupts: Interrupts::Lines {
        uart: 0x6001_00AC,
        enabled: 0x2000_1000,
        priorities: 0x2000_1010,
        threshold: 0x2000_1090,
    },
    strapping: (0x6009_1038, 0x4),
    registers: &[(0x600B_0410, 1), (0x6009_6110, 40 << 24)],
    // And the clock of the flash.
    ready: &[USB, UART, (0x6000_2170, 1 << 31)],
    clock_hz: 40_000_000,
};

pub(super) static ESP32H2: Facts = Facts {
    memory: &[
        (0x4000_0000..0x4002_0000, 0, Kind::Rom),
        (0x4080_0000..0x4085_0000, 0x2_0000, Kind::Ram),
        (0x5000_0000..0x5000_1000, 0x7_0000, Kind::Ram),
    ],
    peripherals: &[0x2000_0000..0x2000_2000, 0x6000_0000..0x600D_0000],
    uart: (0x6000_0000, uart::newer(32_000_000)),
    spi: (0x6000_3000, spi::SPI_MEM),
    interrupts: Interrupts::Lines {
        uart: 0x6001_0084,
        enabled: 0x2000_1000,
        priorities: 0x2000_1010,
        threshold: 0x2000_1090,
    },
    strapping: (0x6009_1038, 0x4),
    registers: &[(0x600B_0410, 1), (0x6009_610C, 32 << 24)],
    // And the clock of the flash.
    ready: &[USB, UART, (0x6000_2170, 1 << 31), (0x6009_6018, 0x20)],
    clock_hz: 32_000_000,
};

pub(super) static ESP32C5: Facts = Facts {
    memory: &[
        (0x4000_0000..0x4005_0000, 0, Kind::Rom),
        (0x4080_0000..0x4086_0000, 0x5_0000, Kind::Ram),
        (0x5000_0000..0x5000_4000, 0xB_0000, Kind::Ram),
    ],
    peripherals: &[0x2080_0000..0x2080_2000, 0x6000_0000..0x600D_0000],
    uart: (0x6000_0000, uart::newer(48_000_000)),
    spi: (0x6000_3000, spi::SPI_MEM),
    interrupts: Interrupts::Levels {
        uart: 0x6001_00BC,
        lines: 0x2080_1000,
    },
    strapping: (0x6009_1000, 0x8),
    registers: &[(0x600B_0410, 1), (0x6009_6110, 48 << 24)],
    // And the clock of the flash.
    ready: &[USB, UART, (0x6000_2178, 1 << 31), (0x6009_6018, 8)],
    clock_hz: 48_000_000,
};

pub(super) static ESP32C61: Facts = Facts {
    memory: &[
        (0x4000_0000..0x4004_0000, 0, Kind::Rom),
        (0x4080_0000..0x4085_0000, 0x4_0000, Kind::Ram),
    ],
    peripherals: &[0x2080_0000..0x2080_2000, 0x6000_0000..0x600D_0000],
    uart: (0x6000_0000, uart::newer(40_000_000)),
    spi: (0x6000_3000, spi::SPI_MEM),
    interrupts: Interrupts::Levels {
        uart: 0x6001_00A0,
        lines: 0x2080_1000,
    },
    strapping: (0x6009_1000, 0x4),
    registers: &[(0x600B_0410, 1), (0x6009_6110, 40 << 24)],
    // And the clock of the flash.
    ready: &[USB, UART, (0x6000_2178, 1 << 31), (0x6009_6024, 8)],
    clock_hz: 40_000_000,
};
