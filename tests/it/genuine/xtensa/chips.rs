//! Where each chip has what its boot ROM and its stub use. Source: ESP-IDF, `soc/reg_base.h`, `soc/soc.h` and the headers
//! of the peripherals; the technical reference manuals, "System and Memory" and "Interrupt Matrix".

use super::super::soc::{Facts, Interrupts, Kind};
use super::super::{spi, uart};

pub(in super::super) static ESP32S3: Facts = Facts {
    memory: &[
        (0x4000_0000..0x4006_0000, 0, Kind::Rom),
        (0x3FF0_0000..0x3FF2_0000, 0x4_0000, Kind::Rom),
        (0x4037_0000..0x403E_0000, 0x6_0000, Kind::Ram),
        (0x3FC8_8000..0x3FCF_0000, 0x6_8000, Kind::Ram),
        (0x3FCF_0000..0x3FD0_0000, 0xD_0000, Kind::Ram),
        (0x600F_E000..0x6010_0000, 0xE_0000, Kind::Ram),
    ],
    peripherals: &[0x6000_0000..0x600C_0000, 0x600C_0000..0x600F_E000],
    uart: (0x6000_0000, uart::OLDER),
    spi: (0x6000_2000, spi::SPI_MEM),
    interrupts: Interrupts::Map { uart: 0x600C_206C },
    // GPIO0 is low, GPIO46, too.
    strapping: (0x6000_4038, 0x0),
    registers: &[
        // The reason of the reset: power on.
        (0x6000_8038, 1),
        // A crystal of 40 MHz, divided by two.
        (0x600C_0060, 40 << 12 | 1 << 19 | 1),
        // The PLL is calibrated.
        (0x6000_E040, 1 << 24),
    ],
    ready: &[],
    clock_hz: 20_000_000,
};
