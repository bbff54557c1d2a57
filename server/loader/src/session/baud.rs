//! Changing the baud rate.

use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_link::port_name::PortName;

use super::connect::FIRST_BAUD;
use super::identify::MAGIC_REGISTER;
use super::{ANSWER_TIMEOUT, LoaderKind, Session};
use crate::error::LoaderError;
use crate::packet::{self, Packet, op};

/// Time for the chip's UART to take the new rate after its answer has left. esptool waits 50 ms; the
/// check below finds out whether less was enough.
const SETTLE: Duration = Duration::from_millis(5);
/// At a rate worth having, a block and its answer take a fifth of this.
const CHECK_TIMEOUT: Duration = Duration::from_millis(800);

/// How often a loader answers a SYNC, and how many are enough to tell that its answers arrive.
const SYNC_ANSWERS: usize = 8;
const CHECK_SYNCS: usize = 4;

/// The least that a register read and its answer take on a wire: header, contents and delimiters.
const REGISTER_READ_BYTES: u32 = (8 + 4 + 2) + (8 + 2 + 2);
/// Start bit, eight bits, stop bit.
const BITS_PER_BYTE: u32 = 10;

impl Session {
    /// The rate at which bits are clocked on this link, if they are: not over the chip's own USB,
    /// and not where an answer was there sooner than its bits could have been at the rate that was
    /// set (a virtual machine, an adapter with an id of its own before the chip's USB).
    pub fn clocked_baud(&self) -> Option<u32> {
        let own_usb = self.over_serial_jtag() || self.over_otg();
        (!own_usb && !self.outran_its_bits).then_some(self.baud)
    }

    /// Whether there is a baud rate that can be changed. Raw TCP carries none: whatever serial port
    /// follows it stays at the rate at which the boot ROM answered.
    pub fn has_baud_rate(&self) -> bool {
        self.clocked_baud().is_some()
            && !matches!(PortName::of(self.link.name()), PortName::Socket(_))
    }

    /// Whether a register read took less time than its bits do. No time at all means that there is no
    /// clock.
    pub(super) fn outruns_its_bits(&self, took: Duration) -> bool {
        let bits = REGISTER_READ_BYTES * BITS_PER_BYTE;
        !took.is_zero() && took < Duration::from_secs(1) * bits / self.baud
    }

    /// How long this many bytes are under way at the current rate, at most (where no bits are clocked,
    /// it is less).
    pub(super) fn time_on_the_wire(&self, len: usize) -> Duration {
        let bits = len as u64 * u64::from(BITS_PER_BYTE);
        Duration::from_micros(bits * 1_000_000 / u64::from(self.baud.max(1)))
    }

    /// Whether this loader lets its baud rate be changed: not the C2's ROM in Secure Download Mode, and
    /// not an ESP8266's. Source: esptool 5.6.0 `targets/esp32c2.py` and `loader.py`.
    pub fn can_change_baud(&self) -> bool {
        match self.chip {
            Chip::Esp32C2 => !self.secure_download,
            Chip::Esp8266 => self.kind == LoaderKind::Stub && self.baud == FIRST_BAUD,
            _ => true,
        }
    }

    /// Whether it lets that be done more than once. An ESP8266's stub computes every new divider as if
    /// the old one stood for 115200 baud. Source: esp-stub-lib, `esp8266/src/uart.c`.
    pub fn can_climb(&self) -> bool {
        self.chip != Chip::Esp8266
    }

    /// Changes the baud rate on both sides and checks that the loader still understands.
    ///
    /// # Errors
    /// [`LoaderError::BaudRate`] if the adapter refuses the rate. The two sides may differ afterwards: restart the
    /// session at another rate.
    pub fn change_baud(&mut self, baud: u32) -> Result<(), LoaderError> {
        if baud == self.baud {
            return Ok(());
        }
        let (asked, prior) = match self.kind {
            LoaderKind::Rom => (self.rom_baud(baud)?, 0),
            LoaderKind::Stub => (baud, self.baud),
        };
        self.call(
            op::CHANGE_BAUDRATE,
            &packet::words(&[asked, prior]),
            0,
            ANSWER_TIMEOUT,
        )?;
        // Drivers of Windows and macOS refuse what their adapter cannot do; Linux rounds in silence.
        self.link
            .set_baud(baud)
            .map_err(|source| LoaderError::BaudRate {
                port: self.link.name().to_owned(),
                baud,
                source,
            })?;
        self.baud = baud;
        self.round_trip = None;
        self.link.pause(SETTLE);
        self.forget_input()?;
        if let Some(known) = self.magic {
            let read = self.read_register(MAGIC_REGISTER)?;
            if read != known {
                let what = format!("{read:#010x} instead of {known:#010x} at {baud} baud");
                return Err(LoaderError::BadReply {
                    command: "READ_REG",
                    what,
                });
            }
        }
        Ok(())
    }

    /// Sends a full block and has the loader answer many times in a row. Harmless: the block is offered
    /// to a stub that has no write under way, which takes it whole and refuses it (recordings
    /// `*-q03-*`), and reading flash instead is one flipped bit from erasing it.
    ///
    /// # Errors
    /// Anything but the expected answers; the loader's state is unknown then.
    pub fn check_link(&mut self) -> Result<(), LoaderError> {
        const NOT_WRITING: u8 = 0xC6;
        if self.kind == LoaderKind::Rom {
            return Ok(());
        }
        // All byte values, the escaped ones often.
        let block: Vec<u8> = (0..self.block_len())
            .map(|n| (n ^ (n >> 8)) as u8)
            .collect();
        let data = packet::data_block(0, &block);
        let sum = packet::checksum(&block);
        match self.call_with_checksum(op::FLASH_DATA, &data, sum, 0, CHECK_TIMEOUT) {
            Err(LoaderError::Refused {
                code: NOT_WRITING, ..
            }) => {}
            Err(error) => return Err(error),
            Ok(_) => {
                let what = "a block was accepted that was not announced".to_owned();
                return Err(LoaderError::BadReply {
                    command: "FLASH_DATA",
                    what,
                });
            }
        }
        for _ in 0..CHECK_SYNCS {
            self.sync_answers()?;
        }
        Ok(())
    }

    /// One SYNC, and all of its answers, which are the same.
    fn sync_answers(&mut self) -> Result<(), LoaderError> {
        let command = "SYNC";
        let (value, first) = self.exchange(op::SYNC, &packet::SYNC_PAYLOAD, 0, CHECK_TIMEOUT)?;
        for _ in 1..SYNC_ANSWERS {
            let deadline = self.link.now() + CHECK_TIMEOUT;
            let frame = self.next_frame(deadline)?.ok_or(LoaderError::Timeout {
                command,
                waited: CHECK_TIMEOUT,
            })?;
            let is_same = Packet::parse(&frame)
                .is_some_and(|it| (it.op, it.word, it.data) == (op::SYNC, value, &first[..]));
            if !is_same {
                let what = "its answers differ".to_owned();
                return Err(LoaderError::BadReply { command, what });
            }
        }
        Ok(())
    }

    /// The rate to ask a ROM for so that it ends up at `baud`: some ROMs compute with another
    /// crystal frequency than the board has. Source: esptool 5.6.0 `targets/esp32*.py`.
    fn rom_baud(&mut self, baud: u32) -> Result<u32, LoaderError> {
        if self.secure_download {
            return Ok(baud);
        }
        let (number, of) = match self.chip {
            Chip::Esp32 => match self.esp32_rom_crystal_hz()? {
                Some(rom_hz) => (rom_hz, esp32_crystal_mhz(rom_hz) * 1_000_000),
                None => (1, 1),
            },
            Chip::Esp32C2 => (40, u64::from(self.crystal_mhz_by_uart()?)),
            Chip::Esp32C5 => (
                u64::from(self.c5_rom_crystal_mhz()?),
                u64::from(self.crystal_mhz_by_uart()?),
            ),
            _ => (1, 1),
        };
        if number == 0 || of == 0 {
            return Ok(baud);
        }
        Ok((u64::from(baud) * number / of) as u32)
    }

    /// Crystal of the board, in MHz, on chips that come with several and while their ROM runs.
    ///
    /// # Errors
    /// No usable answer: restart the session, or abandon it.
    pub fn crystal_mhz(&mut self) -> Result<Option<u32>, LoaderError> {
        match self.chip {
            Chip::Esp32 => {
                let rom_hz = self.esp32_rom_crystal_hz()?;
                Ok(rom_hz.map(|hz| esp32_crystal_mhz(hz) as u32))
            }
            Chip::Esp32C2 | Chip::Esp32C5 if self.kind == LoaderKind::Rom => {
                self.crystal_mhz_by_uart().map(Some)
            }
            _ => Ok(None),
        }
    }

    /// What the ESP32's ROM measured its crystal to be, from the calibration it left behind.
    fn esp32_rom_crystal_hz(&mut self) -> Result<Option<u64>, LoaderError> {
        const RTCCALICFG1: u32 = 0x3FF5_F06C;
        const EFUSE_CK8M: u32 = 0x3FF5_A010;
        let calibration = u64::from((self.read_register(RTCCALICFG1)? >> 7) & 0x01FF_FFFF);
        let ck8m = u64::from(self.read_register(EFUSE_CK8M)? & 0xFF);
        let hz = calibration * 15_625 * ck8m / 40;
        // Anything else is not a measurement (registers never written).
        Ok((20_000_000..50_000_000).contains(&hz).then_some(hz))
    }

    /// Crystal frequency that the UART's divider implies: the ROM found the divider by listening to
    /// the host's rate.
    fn crystal_mhz_by_uart(&mut self) -> Result<u32, LoaderError> {
        const UART_CLKDIV: u32 = 0x6000_0014;
        let divider = self.read_register(UART_CLKDIV)? & 0xF_FFFF;
        let mhz = u64::from(self.baud) * u64::from(divider) / 1_000_000;
        Ok(match (self.chip, mhz) {
            (Chip::Esp32C2, 0..=33) => 26,
            (_, 46..) => 48,
            _ => 40,
        })
    }

    /// What the C5's ROM takes its crystal to be: 40 or 48 MHz.
    fn c5_rom_crystal_mhz(&mut self) -> Result<u32, LoaderError> {
        const PCR_SYSCLK_CONF: u32 = 0x6009_6110;
        let mhz = (self.read_register(PCR_SYSCLK_CONF)? >> 24) & 0x7F;
        Ok(if mhz > 45 { 48 } else { 40 })
    }
}

/// The crystal that an ESP32's ROM was looking at when it measured this.
fn esp32_crystal_mhz(rom_hz: u64) -> u64 {
    if rom_hz > 33_000_000 { 40 } else { 26 }
}
