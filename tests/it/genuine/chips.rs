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
    uart: (
        0x6000_0000,
        uart::Layout {
            clock_hz: 40_000_000,
            low_pulse: 0x28,
            high_pulse: 0x2C,
            edges: 0x30,
            measures: (0x20, 1 << 27),
            state: (0x6C, 0x10),
            count: 0x3FF,
        },
    ),
    spi: (0x6000_2000, spi::SPI_MEM),
    interrupts: Interrupts::Lines {
        uart: 0x600C_2054,
        enabled: 0x600C_2104,
        priorities: 0x600C_2114,
        threshold: 0x600C_2194,
    },
    // GPIO9 is low, GPIO8 high.
    strapping: (0x6000_4038, 0x5),
    registers: &[
        // The reason of the reset: power on.
        (0x6000_8038, 1),
        // A crystal of 40 MHz, divided by two.
        (0x600C_0058, 40 << 12 | 1 << 19 | 1),
        // The USB-Serial/JTAG takes what it is given; nobody is at its other end.
        (0x6004_3004, 2),
    ],
    clock_hz: 20_000_000,
};
