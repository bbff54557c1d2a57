//! Everything that the benchmark assumes, with sources: the one place to look at and to argue with.
//!
//! Times that nobody publishes are marked as estimates. The result that depends on them most (the
//! loaders' hash rates) is therefore measured again at a quarter and at four times the estimate.

use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_sim::Connection;
use fbuild_sim::timing::{FlashTiming, LinkTiming, LoaderTiming, Timing};

use crate::scenario::Scenario;

/// A way between computer and board, and the rates that it is used at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Link {
    /// Name on the command line and in tables.
    pub(crate) name: &'static str,
    /// The same for a reader.
    pub(crate) about: &'static str,
    pub(crate) connection: Connection,
    pub(crate) rates: Rates,
    /// Runs of each contestant, if nobody says how many. The slower the wire, the less everything
    /// else shows, and the longer it takes: at 115200 baud an hour a round.
    pub(crate) runs: usize,
    /// Whether it is not measured with every chip: what bits do on a slow wire is the same for all.
    few_chips: bool,
    /// What is measured on it.
    carries: Carries,
    /// Whether a server serves it over the network (RFC 2217).
    pub(crate) is_remote: bool,
    timing: LinkTiming,
}

/// Which scenarios are measured on a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carries {
    All,
    /// It is so slow that only deploys by a program that remembers the last one are measured.
    Remembered,
    /// What is done all day: nothing changed, a string, a line of code.
    Daily,
}

/// Which baud rate the contestants are told to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rates {
    /// The same for everybody.
    Fixed(u32),
    /// Nobody is told anything: what each tool, or the build system that calls it, sets by itself.
    OutOfTheBox,
}

/// CP2102N: full-speed USB, so a transfer waits for the next frame of 1 ms in each direction (USB
/// 2.0, section 5.11: frames). Its data sheet (Silicon Labs, "CP2102N Data Sheet", table 3.8) gives
/// 3 Mbaud as the highest rate.
const CP2102N: LinkTiming = LinkTiming {
    to_board: Duration::from_millis(1),
    to_host: Duration::from_millis(1),
    fixed_rate: None,
};
/// Highest rate of that bridge.
pub(crate) const CP2102N_HIGHEST_BAUD: u32 = 3_000_000;

/// The chip's own USB-Serial/JTAG. ESTIMATE: full speed carries 19 bulk packets of 64 bytes a
/// millisecond at most (USB 2.0, table 5-9); the peripheral's FIFO of 64 bytes (technical reference
/// manuals, chapter "USB Serial/JTAG Controller") lets about half of that through.
const USB_SERIAL_JTAG: LinkTiming = LinkTiming {
    to_board: Duration::from_micros(250),
    to_host: Duration::from_micros(250),
    fixed_rate: Some(600_000),
};

/// A board behind a server (RFC 2217, or a socket) on a network of 65 kbit/s, 20 ms each way. ESTIMATE: a mobile
/// connection, or a radio that many share.
const NETWORK: LinkTiming = LinkTiming {
    to_board: Duration::from_millis(20),
    to_host: Duration::from_millis(20),
    fixed_rate: Some(65_000 / 8),
};

/// The links, the main one first.
pub(crate) const LINKS: [Link; 7] = [
    Link {
        name: "cp2102n-921600",
        about: "CP2102N-class bridge, everybody at 921600 baud",
        connection: Connection::Bridge,
        rates: Rates::Fixed(921_600),
        runs: 5,
        few_chips: false,
        carries: Carries::All,
        is_remote: false,
        timing: CP2102N,
    },
    Link {
        name: "cp2102n-auto",
        about: "CP2102N-class bridge, out of the box",
        connection: Connection::Bridge,
        rates: Rates::OutOfTheBox,
        runs: 5,
        few_chips: false,
        carries: Carries::All,
        is_remote: false,
        timing: CP2102N,
    },
    Link {
        name: "cp2102n-460800",
        about: "CP2102N-class bridge, everybody at 460800 baud",
        connection: Connection::Bridge,
        rates: Rates::Fixed(460_800),
        runs: 3,
        few_chips: true,
        carries: Carries::All,
        is_remote: false,
        timing: CP2102N,
    },
    Link {
        name: "cp2102n-115200",
        about: "CP2102N-class bridge, everybody at 115200 baud",
        connection: Connection::Bridge,
        rates: Rates::Fixed(115_200),
        runs: 1,
        few_chips: true,
        carries: Carries::All,
        is_remote: false,
        timing: CP2102N,
    },
    Link {
        name: "usb-serial-jtag",
        about: "the chip's own USB-Serial/JTAG, which has no baud rate",
        connection: Connection::SerialJtag,
        // No tool changes the rate from the one that a port is opened with.
        rates: Rates::Fixed(115_200),
        runs: 5,
        few_chips: false,
        carries: Carries::All,
        is_remote: false,
        timing: USB_SERIAL_JTAG,
    },
    Link {
        name: "network-65k",
        about: "a network of 65 kbit/s, 20 ms each way",
        connection: Connection::Bridge,
        // The server's, which it does not let anybody feel.
        rates: Rates::Fixed(115_200),
        runs: 1,
        few_chips: true,
        carries: Carries::Remembered,
        is_remote: false,
        timing: NETWORK,
    },
    Link {
        name: "rfc2217-460800",
        about: "CP2102N-class bridge of an RFC 2217 server on the same machine, everybody at 460800 baud",
        connection: Connection::Bridge,
        rates: Rates::Fixed(460_800),
        runs: 1,
        few_chips: true,
        carries: Carries::Daily,
        is_remote: true,
        timing: CP2102N,
    },
];

/// Chips. The S3 gets the same firmware with its chip's id in the headers, the C3 one for RISC-V alone; see
/// `scenario.rs`.
pub(crate) const CHIPS: [Chip; 3] = [Chip::Esp32, Chip::Esp32S3, Chip::Esp32C3];

/// Rates that tools are called with where nobody chose one.
pub(crate) mod out_of_the_box {
    /// ESP-IDF: default of `idf.py --baud` (`tools/idf_py_actions/serial_ext.py`, v4.4 to v6.1).
    /// PlatformIO: `upload.speed` of `boards/esp32dev.json` and most other boards (platform
    /// espressif32).
    pub(crate) const ESP_IDF_AND_PLATFORMIO: u32 = 460_800;
    /// Arduino: `esp32.upload.speed` and the first entry of the menu "Upload Speed" in `boards.txt`
    /// (arduino-esp32 2.x and 3.x).
    pub(crate) const ARDUINO: u32 = 921_600;
    /// espflash: `--baud` left out and nothing in its configuration file.
    pub(crate) const ESPFLASH: u32 = 115_200;
}

/// Factors on the hash rates of the sensitivity table.
pub(crate) const HASH_FACTORS: [f64; 2] = [0.25, 4.0];

/// What a measurement supposes that others do not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Conditions {
    /// Factor on both loaders' hash rates.
    pub(crate) hash_factor: f64,
    /// The flash chip takes as long as its data sheet allows, not as it usually does.
    pub(crate) slow_flash: bool,
}

impl Conditions {
    pub(crate) const USUAL: Self = Self {
        hash_factor: 1.0,
        slow_flash: false,
    };
    pub(crate) const SLOW_FLASH: Self = Self {
        slow_flash: true,
        ..Self::USUAL
    };
}

/// Source: as in [`Link::timing`], the values called "Max".
const SLOW_FLASH: FlashTiming = FlashTiming {
    page_program: Duration::from_millis(3),
    sector_erase: Duration::from_millis(400),
    block_erase: Duration::from_secs(2),
    chip_erase_per_mib: Duration::from_millis(12_500),
    read_rate: READ_RATE,
};
/// ESTIMATE: 40 MHz, two data lines, and the controller's 64-byte buffer emptied by the CPU between two transfers.
const READ_RATE: u32 = 4_000_000;

/// Size of the flash chip.
pub(crate) const FLASH_SIZE: u32 = 4 << 20;

impl Link {
    /// Every time that the simulated board knows.
    pub(crate) fn timing(&self, conditions: Conditions) -> Timing {
        let timing = Timing {
            link: self.timing,
            // Winbond W25Q32JV data sheet (revision G), table "AC Electrical Characteristics",
            // typical values. Parts on ESP32 modules are of that class.
            flash: FlashTiming {
                page_program: Duration::from_micros(400),
                sector_erase: Duration::from_millis(45),
                block_erase: Duration::from_millis(150),
                chip_erase_per_mib: Duration::from_millis(2500),
                read_rate: READ_RATE,
            },
            // ESTIMATES: nobody publishes these, and an emulator's time means nothing. The ROM runs
            // at the crystal's clock, or near it, and reads flash through 64-byte transfers; the
            // stub raises the clock. esptool's patience, 8 s per MB, is the only figure in print.
            rom: LoaderTiming {
                md5_rate: 700_000,
                inflate_rate: 400_000,
                copy_rate: 4_000_000,
                command_overhead: Duration::from_micros(60),
            },
            stub: LoaderTiming {
                md5_rate: 2_000_000,
                inflate_rate: 1_200_000,
                copy_rate: 4_000_000,
                command_overhead: Duration::from_micros(40),
            },
            // ESTIMATES. No contestant waits for the first three here: a board on a pty has no
            // control lines, so it is in download mode when each of them begins.
            boot_to_download: Duration::from_millis(30),
            boot_to_firmware: Duration::from_millis(250),
            en_capacitor: Duration::from_millis(2),
            // ESTIMATE: clearing memory, raising the clock, reading the flash chip's id.
            stub_start: Duration::from_millis(5),
        }
        .with_hash_rates_scaled(conditions.hash_factor);
        let flash = if conditions.slow_flash {
            SLOW_FLASH
        } else {
            timing.flash
        };
        Timing { flash, ..timing }
    }

    /// Highest rate that the link allows under these rules; `None` where there are no rates.
    pub(crate) fn best_baud(&self) -> Option<u32> {
        match (self.timing.fixed_rate, self.rates) {
            (Some(_), _) => None,
            (None, Rates::Fixed(baud)) => Some(baud),
            (None, Rates::OutOfTheBox) => Some(CP2102N_HIGHEST_BAUD),
        }
    }

    /// Whether boards with this chip can be connected like that.
    pub(crate) fn suits(&self, chip: Chip) -> bool {
        self.connection != Connection::SerialJtag || chip != Chip::Esp32
    }

    /// Whether a scenario is measured on it.
    pub(crate) fn carries(&self, scenario: Scenario) -> bool {
        match self.carries {
            Carries::All => true,
            Carries::Remembered => scenario.remembers(),
            Carries::Daily => matches!(
                scenario,
                Scenario::Same | Scenario::String | Scenario::Relink
            ),
        }
    }

    /// Whether it is measured with this chip if nobody names chips.
    pub(crate) fn is_usual_for(&self, chip: Chip) -> bool {
        self.suits(chip) && (!self.few_chips || chip != Chip::Esp32S3)
    }

    /// The link with this name.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        LINKS.iter().find(|link| link.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The simulator's own presets say the same. Where they part one day, this file is what counts.
    #[test]
    fn the_simulators_presets_agree() {
        let timing = |n: usize| LINKS[n].timing(Conditions::USUAL);
        assert_eq!(timing(0), Timing::cp2102n());
        assert_eq!(timing(4), Timing::serial_jtag());
    }

    #[test]
    fn an_esp32_has_no_usb() {
        let suited = |chip| LINKS.iter().filter(|link| link.suits(chip)).count();
        assert_eq!((suited(Chip::Esp32), suited(Chip::Esp32S3)), (6, 7));
    }
}
