//! How long things take: one table of parameters, each with its source.
//!
//! There are three kinds of values here, and their comments say which is which: facts of the UART and of
//! data sheets, ordinary figures of USB bridges, and *estimates* for what nobody has published (how
//! fast a boot ROM hashes, for instance). A benchmark that depends on an estimate has to show how its
//! result moves with it; [`Timing::with_hash_rates_scaled`] is there for that.

use std::time::Duration;

/// Everything that takes time on a simulated board.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Timing {
    /// The way between host and chip.
    pub link: LinkTiming,
    /// The flash chip.
    pub flash: FlashTiming,
    /// The boot ROM's loader.
    pub rom: LoaderTiming,
    /// The flasher stub.
    pub stub: LoaderTiming,
    /// From the release of EN until the ROM in download mode listens. Estimate: esptool's reset
    /// sequence waits 50 ms and then syncs at once.
    pub boot_to_download: Duration,
    /// From the release of EN until the firmware's first instruction, second stage included.
    /// Estimate: boot logs of ESP-IDF show the application starting some 250 ms after reset.
    pub boot_to_firmware: Duration,
    /// From the ROM's last answer until the stub greets. Estimate: clearing its memory, raising the
    /// clock and reading the flash id.
    pub stub_start: Duration,
    /// How long after the lines let go of EN it is really high: the capacitor at the pin (10 kOhm
    /// and 0.1 to 1 uF on development boards). esptool's documentation, "Boot Mode Selection",
    /// explains why it must be there.
    pub en_capacitor: Duration,
}

/// The way between host and chip.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LinkTiming {
    /// From the host's write until the first bit is on the chip's pin.
    pub to_board: Duration,
    /// From the last bit on the chip's pin until the host can read the byte.
    pub to_host: Duration,
    /// For links without a baud rate: bytes a second in each direction.
    pub fixed_rate: Option<u32>,
}

/// The flash chip. Source of the defaults: Winbond W25Q32JV data sheet, AC characteristics, typical
/// values; the parts that boards carry are of that class.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlashTiming {
    /// Programming one page of 256 bytes (a part of a page takes as long).
    pub page_program: Duration,
    /// Erasing one sector of 4 KiB.
    pub sector_erase: Duration,
    /// Erasing one block of 64 KiB.
    pub block_erase: Duration,
    /// Erasing the whole chip, per MiB (10 s for 4 MiB).
    pub chip_erase_per_mib: Duration,
    /// Sequential reads over the SPI bus, bytes a second. Estimate: 40 MHz, two data lines, and the
    /// controller's 64-byte buffer emptied by the CPU between two transfers.
    pub read_rate: u32,
}

/// What a loader does with its CPU.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LoaderTiming {
    /// Hashing flash contents, reading included, bytes a second. ESTIMATE for both ROM and stub: no
    /// figure is published, and an emulator's time means nothing. esptool allows 8 s per MB.
    pub md5_rate: u32,
    /// Inflating, bytes of output a second. Estimate.
    pub inflate_rate: u32,
    /// Copying bytes in RAM one at a time, bytes a second. Estimate: ten cycles a byte at the 40 MHz of
    /// a boot ROM, at which the stub of most chips stays on a UART (esp-flasher-stub 1.1, `main.c`).
    pub copy_rate: u32,
    /// Taking a request apart and starting its answer. Estimate.
    pub command_overhead: Duration,
}

impl Timing {
    /// Everything is over at once.
    pub fn instant() -> Self {
        let loader = LoaderTiming {
            md5_rate: u32::MAX,
            inflate_rate: u32::MAX,
            copy_rate: u32::MAX,
            command_overhead: Duration::ZERO,
        };
        Self {
            link: LinkTiming {
                to_board: Duration::ZERO,
                to_host: Duration::ZERO,
                fixed_rate: Some(u32::MAX),
            },
            flash: FlashTiming {
                page_program: Duration::ZERO,
                sector_erase: Duration::ZERO,
                block_erase: Duration::ZERO,
                chip_erase_per_mib: Duration::ZERO,
                read_rate: u32::MAX,
            },
            rom: loader,
            stub: loader,
            boot_to_download: Duration::ZERO,
            boot_to_firmware: Duration::ZERO,
            stub_start: Duration::ZERO,
            en_capacitor: Duration::ZERO,
        }
    }

    /// A CP2102N-class bridge: full-speed USB, about 1 ms each way (one USB frame).
    pub fn cp2102n() -> Self {
        Self {
            link: LinkTiming {
                to_board: Duration::from_millis(1),
                to_host: Duration::from_millis(1),
                fixed_rate: None,
            },
            ..Self::base()
        }
    }

    /// The chip's own USB-Serial/JTAG peripheral: no baud rate; 64-byte packets, several a USB frame.
    pub fn serial_jtag() -> Self {
        Self {
            link: LinkTiming {
                to_board: Duration::from_micros(250),
                to_host: Duration::from_micros(250),
                // Estimate: full speed carries 19 bulk packets of 64 bytes a millisecond at most; the
                // peripheral's FIFO of 64 bytes lets about half of that through.
                fixed_rate: Some(600_000),
            },
            ..Self::base()
        }
    }

    /// An FTDI bridge with its default latency timer of 16 ms (FTDI AN232B-04).
    pub fn ftdi() -> Self {
        Self {
            link: LinkTiming {
                to_board: Duration::from_millis(1),
                to_host: Duration::from_millis(16),
                fixed_rate: None,
            },
            ..Self::base()
        }
    }

    /// The same with the hash rates of ROM and stub multiplied by `factor`, for a sensitivity table.
    #[must_use]
    #[allow(
        clippy::cast_sign_loss,
        reason = "a positive factor times a positive rate"
    )]
    pub fn with_hash_rates_scaled(mut self, factor: f64) -> Self {
        for rate in [&mut self.rom.md5_rate, &mut self.stub.md5_rate] {
            *rate = ((f64::from(*rate) * factor) as u32).max(1);
        }
        self
    }

    fn base() -> Self {
        Self {
            link: LinkTiming {
                to_board: Duration::ZERO,
                to_host: Duration::ZERO,
                fixed_rate: None,
            },
            flash: FlashTiming {
                page_program: Duration::from_micros(400),
                sector_erase: Duration::from_millis(45),
                block_erase: Duration::from_millis(150),
                chip_erase_per_mib: Duration::from_millis(2500),
                read_rate: 4_000_000,
            },
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
            boot_to_download: Duration::from_millis(30),
            boot_to_firmware: Duration::from_millis(250),
            stub_start: Duration::from_millis(5),
            en_capacitor: Duration::from_millis(2),
        }
    }
}

impl LinkTiming {
    /// Time of one byte on the wire: start bit, eight data bits, stop bit.
    pub fn byte_time(&self, baud: u32) -> Duration {
        match self.fixed_rate {
            Some(rate) => at_rate(1, rate),
            None => Duration::from_nanos(10_000_000_000 / u64::from(baud.max(1))),
        }
    }

    /// Time of `len` bytes on the wire.
    pub fn bytes_time(&self, len: usize, baud: u32) -> Duration {
        match self.fixed_rate {
            Some(rate) => at_rate(len as u64, rate),
            None => Duration::from_nanos(len as u64 * 10_000_000_000 / u64::from(baud.max(1))),
        }
    }
}

/// How long `bytes` take at `rate` bytes a second.
pub fn at_rate(bytes: u64, rate: u32) -> Duration {
    Duration::from_nanos(bytes.saturating_mul(1_000_000_000) / u64::from(rate.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_is_ten_bits() {
        let link = Timing::cp2102n().link;
        assert_eq!(link.byte_time(115_200), Duration::from_nanos(86_805));
        assert_eq!(
            link.bytes_time(16408, 2_000_000),
            Duration::from_micros(82_040)
        );
        assert_eq!(
            Timing::serial_jtag().link.bytes_time(600, 115_200),
            Duration::from_millis(1)
        );
    }

    #[test]
    fn scaling_touches_the_hash_rates_only() {
        let plain = Timing::cp2102n();
        let quarter = plain.with_hash_rates_scaled(0.25);
        assert_eq!(quarter.stub.md5_rate, plain.stub.md5_rate / 4);
        assert_eq!(quarter.rom.md5_rate, plain.rom.md5_rate / 4);
        assert_eq!(quarter.flash, plain.flash);
    }
}
