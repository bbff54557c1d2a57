//! Building boards.

use std::io;
use std::path::PathBuf;

use fbuild_chip::Chip;
use fbuild_chip::flash::SECTOR_LEN;

use super::{Board, Start};
use crate::boot::log::usual_strapping;
use crate::faults::Faults;
use crate::flash::Nor;
use crate::hardware::Hardware;
use crate::program::Program;
use crate::registers::{Identity, Registers};
use crate::reset_circuit::Connection;
use crate::security::{Encryption, Security};
use crate::timing::Timing;

/// Flash size of a board that nobody gave one.
pub const DEFAULT_FLASH_SIZE: u32 = 4 << 20;

/// Why a board cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Another board, in this process or another, uses the flash file.
    #[error("flash file {0} is in use by another simulated board; close that one first")]
    Busy(PathBuf),
    /// The flash file cannot be used.
    #[error("flash file {path}: {source}")]
    FlashFile {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// The log that it is to print cannot be read.
    #[error("log {path}: {source}")]
    Log {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A size that no flash chip has.
    #[error(
        "a flash cannot have {0} bytes; give a multiple of 4096 between 65536 and 268435456 (256MB)"
    )]
    FlashSize(u32),
    /// A security mode that this chip lacks.
    #[error("{chip} has no {mode}")]
    Unsupported {
        /// The chip.
        chip: Chip,
        /// What it lacks.
        mode: &'static str,
    },
}

/// A board to be; see [`Board::builder`].
#[must_use]
#[derive(Debug, Clone)]
pub struct BoardBuilder {
    chip: Chip,
    flash_size: Option<u32>,
    flash_file: Option<PathBuf>,
    flash_contents: Vec<u8>,
    connection: Connection,
    lines: bool,
    start: Start,
    timing: Option<Timing>,
    security: Security,
    mac: [u8; 6],
    revision: (u8, u8),
    crystal_mhz: u32,
    strapping: u32,
    registers: Vec<(u32, u32)>,
    faults: Faults,
    program: Program,
}

impl BoardBuilder {
    pub(super) fn new(chip: Chip) -> Self {
        Self {
            chip,
            flash_size: None,
            flash_file: None,
            flash_contents: Vec::new(),
            connection: Connection::Bridge,
            lines: true,
            start: Start::Running,
            timing: None,
            security: Security::default(),
            mac: usual_mac(chip),
            revision: usual_revision(chip),
            crystal_mhz: chip.facts().crystal_mhz.first().copied().unwrap_or(40),
            strapping: usual_strapping(chip),
            registers: Vec::new(),
            faults: Faults::none(),
            program: Program::default(),
        }
    }

    /// Size of the flash chip in bytes. Without it: that of the flash file, else 4 MiB.
    pub fn flash_size(mut self, bytes: u32) -> Self {
        self.flash_size = Some(bytes);
        self
    }

    /// Keeps the flash's contents in a file, byte for byte. It is made, blank, if it is not there.
    pub fn flash_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.flash_file = Some(path.into());
        self
    }

    /// Keeps the flash's contents in memory and starts with these bytes, FF after them.
    pub fn flash_contents(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.flash_contents = bytes.into();
        self
    }

    /// How the board hangs on its cable. Sets the timing's link too, unless [`Self::timing`] does.
    pub fn connection(mut self, connection: Connection) -> Self {
        self.connection = connection;
        self
    }

    /// Whether the control lines reach the board. They do not over a pty or TCP.
    pub fn lines(mut self, reach: bool) -> Self {
        self.lines = reach;
        self
    }

    /// Starts in download mode, as after holding the boot button at power-on.
    pub fn start_in_download_mode(mut self) -> Self {
        self.start = Start::Download;
        self
    }

    /// Starts with the flasher stub already running.
    pub fn start_in_stub(mut self) -> Self {
        self.start = Start::Stub;
        self
    }

    /// How long things take.
    pub fn timing(mut self, timing: Timing) -> Self {
        self.timing = Some(timing);
        self
    }

    /// Secure Download Mode on.
    pub fn secure_download(mut self) -> Self {
        self.security.secure_download = true;
        self
    }

    /// Flash encryption.
    pub fn flash_encryption(mut self, encryption: Encryption) -> Self {
        self.security.encryption = encryption;
        self
    }

    /// Secure boot on, as far as the eFuses say.
    pub fn secure_boot(mut self) -> Self {
        self.security.secure_boot = true;
        self
    }

    /// Factory MAC address.
    pub fn mac(mut self, mac: [u8; 6]) -> Self {
        self.mac = mac;
        self
    }

    /// Chip revision, major and minor.
    pub fn revision(mut self, major: u8, minor: u8) -> Self {
        self.revision = (major, minor);
        self
    }

    /// Crystal on the board, in MHz.
    pub fn crystal_mhz(mut self, mhz: u32) -> Self {
        self.crystal_mhz = mhz;
        self
    }

    /// Strapping value in download mode, as the boot line and GPIO_STRAP show it.
    pub fn strapping(mut self, value: u32) -> Self {
        self.strapping = value;
        self
    }

    /// A register that reads this value.
    pub fn register(mut self, address: u32, value: u32) -> Self {
        self.registers.push((address, value));
        self
    }

    /// What goes wrong, and when.
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// What its program prints after a reset.
    pub fn program(mut self, program: Program) -> Self {
        self.program = program;
        self
    }

    /// The chip.
    pub fn chip(&self) -> Chip {
        self.chip
    }

    /// Makes the board and powers it.
    ///
    /// # Errors
    /// [`BuildError`]: no chip has this flash or mode, or the flash file is in use or unreadable.
    pub fn build(mut self) -> Result<Board, BuildError> {
        self.check()?;
        let flash = match &self.flash_file {
            None => Nor::in_memory(
                self.flash_size.unwrap_or(DEFAULT_FLASH_SIZE),
                std::mem::take(&mut self.flash_contents),
            ),
            Some(path) => {
                Nor::in_file(path, self.flash_size, DEFAULT_FLASH_SIZE).map_err(|source| {
                    match source.kind() {
                        io::ErrorKind::ResourceBusy => BuildError::Busy(path.clone()),
                        _ => BuildError::FlashFile {
                            path: path.clone(),
                            source,
                        },
                    }
                })?
            }
        };
        if !is_possible_size(flash.size()) {
            return Err(BuildError::FlashSize(flash.size()));
        }
        let script = self.program.load().map_err(|source| BuildError::Log {
            path: match &self.program {
                Program::Log(path) => path.clone(),
                _ => PathBuf::new(),
            },
            source,
        })?;
        let mut registers = Registers::new(
            self.chip,
            &Identity {
                mac: self.mac,
                revision: self.revision,
                crystal_mhz: self.crystal_mhz,
                security: self.security,
                strapping: self.strapping,
            },
        );
        for (address, value) in self.registers {
            registers.set_fixed(address, value);
        }
        let timing = self.timing.unwrap_or_else(|| match self.connection {
            Connection::Bridge => Timing::cp2102n(),
            Connection::SerialJtag => Timing::serial_jtag(),
        });
        let hardware = Hardware::new(
            self.chip,
            timing,
            self.security,
            self.crystal_mhz,
            flash,
            registers,
        );
        let mut board = Board::new(hardware, self.connection, self.lines, self.strapping);
        board.script = script;
        board.set_faults(self.faults);
        board.power_up(self.start);
        Ok(board)
    }

    fn check(&self) -> Result<(), BuildError> {
        if let Some(size) = self.flash_size
            && !is_possible_size(size)
        {
            return Err(BuildError::FlashSize(size));
        }
        let lacks = |mode| {
            Err(BuildError::Unsupported {
                chip: self.chip,
                mode,
            })
        };
        if self.security.secure_download && self.chip == Chip::Esp32 {
            return lacks("Secure Download Mode");
        }
        let secured = [
            (self.security.secure_download, "Secure Download Mode"),
            (self.security.encryption.is_on(), "flash encryption"),
            (self.security.secure_boot, "secure boot"),
        ];
        let asked = secured.iter().find(|(is_on, _)| *is_on);
        if let Some((_, mode)) = asked.filter(|_| self.chip.facts().security.is_none()) {
            return lacks(mode);
        }
        if self.connection == Connection::SerialJtag && !has_serial_jtag(self.chip) {
            return lacks("USB-Serial/JTAG peripheral");
        }
        Ok(())
    }
}

fn is_possible_size(bytes: u32) -> bool {
    (0x1_0000..=256 << 20).contains(&bytes) && bytes.is_multiple_of(SECTOR_LEN)
}

/// Source: the chips' data sheets.
fn has_serial_jtag(chip: Chip) -> bool {
    !matches!(
        chip,
        Chip::Esp32 | Chip::Esp32S2 | Chip::Esp32C2 | Chip::Esp8266
    )
}

/// The addresses of the recorded chips; the others differ from the C3's in the last byte.
fn usual_mac(chip: Chip) -> [u8; 6] {
    match chip {
        Chip::Esp32 => [0x24, 0x0A, 0xC4, 0x00, 0x01, 0x10],
        Chip::Esp32C3 => [0xC4, 0x0A, 0x24, 0xFE, 0x10, 0x01],
        Chip::Esp8266 => [0xEC, 0xFA, 0xBC, 0x00, 0x82, 0x66],
        _ => {
            let last = chip.facts().image_id.unwrap_or_default() as u8;
            [0xC4, 0x0A, 0x24, 0xFE, 0x10, last]
        }
    }
}

/// Revisions in the field; those of ESP32 and C3 are the recorded ones.
fn usual_revision(chip: Chip) -> (u8, u8) {
    match chip {
        Chip::Esp32 => (3, 0),
        Chip::Esp32C3 => (0, 3),
        Chip::Esp32S3 | Chip::Esp32C6 | Chip::Esp32H2 => (0, 2),
        Chip::Esp32C2 => (1, 2),
        Chip::Esp32S2 | Chip::Esp32C5 | Chip::Esp32C61 | Chip::Esp32H4 | Chip::Esp32S31 => (1, 0),
        Chip::Esp32P4 => (1, 3),
        Chip::Esp8266 => (0, 0),
    }
}
