//! Port names that mean a simulated board: `sim:FILE?option=value&...`.
//!
//! ```text
//! sim:                               a classic ESP32; its flash is sim-esp32.bin in the state directory
//! sim:?chip=esp32c3                  the same with a C3 and sim-esp32c3.bin
//! sim:board.bin?chip=esp32s3&size=8MB&time=real&usb=jtag
//! sim:?chip=atmega328p               an Uno with optiboot; sim:?board=NAME by PlatformIO's name of the board
//! ```
//!
//! Options: `chip` (default esp32), `size` (`4MB`, `512KB` or bytes), `time` (`accounted`, the
//! default: instant; or `real`), `usb` (`cp2102n`, the default, `ftdi` or `jtag`), `start` (`running`,
//! the default, or `download`), `revision` (`3.0`), `lines` (`1`, the default, or `0`: the control
//! lines do not reach the board), `secure-download`, `secure-boot` (`1` or `0`), `encryption` (`0`,
//! `1` or `development`, `release`), `file` (`0`: keep the flash in memory); and what its program prints
//! after a reset: `log` (a file; lines of ESP-IDF's log come when their stamps say, and a boot ROM's at its
//! beginning stand for the board's own), or `crash` (`loadprohibited`, of an ESP32; its ELF file is
//! `tests/panics/elf/clock-o0.elf`).
//! An AVR board has `chip` or `board`, `time`, `lines` and `file`.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use fbuild_chip::Chip;
use fbuild_chip::avr::{AvrBoard as AvrFacts, Part};
use fbuild_link::memory::{Device, MemoryLink, Time};
use fbuild_link::port_name::PortName;
use fbuild_link::{ESPRESSIF_VID, Link, USB_SERIAL_JTAG_PID, UsbId};

use crate::avr::AvrBoard;
use crate::board::{Board, BoardBuilder, BuildError};
use crate::program::Program;
use crate::reset_circuit::Connection;
use crate::security::Encryption;
use crate::timing::Timing;

const OPTIONS: &str = "chip, board, size, time, usb, start, revision, lines, secure-download, secure-boot, \
                       encryption, file, log, crash";

/// What is wrong with a port name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// No `sim:` in front.
    #[error("'{0}' is not a simulated port: it does not start with 'sim:'")]
    NotSim(String),
    /// An option that does not exist.
    #[error("unknown option '{option}'; known: {OPTIONS}")]
    UnknownOption {
        /// The whole name.
        port: String,
        /// The option.
        option: String,
    },
    /// An option with a value that it does not take.
    #[error("'{value}' is not a value for option '{option}'; expected {expected}")]
    BadValue {
        /// The whole name.
        port: String,
        /// The option.
        option: String,
        /// Its value.
        value: String,
        /// What it takes.
        expected: String,
    },
}

/// A port name of a simulated board, taken apart.
#[derive(Debug, Clone)]
pub struct SimPort {
    name: String,
    flash_path: Option<PathBuf>,
    time: Time,
    usb: Usb,
    model: Model,
}

/// What kind of board it is, ready to be built.
#[derive(Debug, Clone)]
pub enum Model {
    /// An ESP32.
    Esp(Box<BoardBuilder>),
    /// An AVR board.
    Avr(Box<AvrModel>),
}

/// An AVR board, ready to be built.
#[derive(Debug, Clone)]
pub struct AvrModel {
    facts: AvrFacts,
    lines: bool,
    file: Option<PathBuf>,
    timing: Timing,
}

impl AvrModel {
    /// Builds it.
    ///
    /// # Errors
    /// [`BuildError`]: the flash file is in use or unreadable.
    pub fn build(&self) -> Result<AvrBoard, BuildError> {
        let board = AvrBoard::new(self.facts, self.file.as_deref(), self.timing)?;
        Ok(board.lines(self.lines))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Usb {
    Cp2102n,
    Ftdi,
    Jtag,
}

impl SimPort {
    /// Takes a port name apart. Without a file in it, the flash file is in `state_dir`.
    ///
    /// # Errors
    /// [`ParseError`] names the option, and the values that it takes.
    pub fn parse(name: &str, state_dir: &Path) -> Result<Self, ParseError> {
        let PortName::Sim { file, options } = PortName::of(name) else {
            return Err(ParseError::NotSim(name.to_owned()));
        };
        let options = Options::parse(name, options.strip_prefix('?').unwrap_or_default())?;
        if options.program == Program::LoadProhibited && options.chip != Chip::Esp32 {
            return Err(ParseError::BadValue {
                port: name.to_owned(),
                option: "chip".to_owned(),
                value: options.chip.name().to_owned(),
                expected: "esp32 with crash=loadprohibited".to_owned(),
            });
        }
        let chip = options.avr.map_or(options.chip.name(), |avr| avr.part.name);
        if let Some(option) = options.of_esp.as_ref().filter(|_| options.avr.is_some()) {
            return Err(ParseError::BadValue {
                port: name.to_owned(),
                option: "chip".to_owned(),
                value: chip.to_owned(),
                expected: format!("an ESP32 with option '{option}'"),
            });
        }
        let flash_path = options.in_file.then(|| {
            if file.is_empty() {
                state_dir.join(format!("sim-{chip}.bin"))
            } else {
                PathBuf::from(file)
            }
        });
        let model = if let Some(facts) = options.avr {
            Model::Avr(Box::new(AvrModel {
                facts,
                lines: options.lines,
                file: flash_path.clone(),
                timing: Timing::cp2102n(),
            }))
        } else {
            let mut builder = options.apply(Board::builder(options.chip));
            if let Some(path) = &flash_path {
                builder = builder.flash_file(path);
            }
            Model::Esp(Box::new(builder))
        };
        Ok(Self {
            name: name.to_owned(),
            flash_path,
            time: options.time,
            usb: options.usb,
            model,
        })
    }

    /// The port's name, as it was given.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How the time of the board goes by.
    pub fn time(&self) -> Time {
        self.time
    }

    /// Where the flash's contents are.
    pub fn flash_path(&self) -> Option<&Path> {
        self.flash_path.as_deref()
    }

    /// The board that the name describes, to be changed further or served.
    pub fn model(&self) -> Model {
        self.model.clone()
    }

    /// Opens the port: powers the board and connects to it. A flash file that another board uses is
    /// `ResourceBusy`, as a serial port that another program has open.
    ///
    /// # Errors
    /// The board cannot be built; the error's text says why.
    pub fn open(&self) -> io::Result<Box<dyn Link>> {
        if let Some(parent) = self.flash_path.as_deref().and_then(Path::parent)
            && !parent.as_os_str().is_empty()
        {
            std::fs::create_dir_all(parent).map_err(|error| {
                io::Error::new(error.kind(), format!("{}: {error}", parent.display()))
            })?;
        }
        Ok(match self.model() {
            Model::Esp(builder) => Box::new(self.link_to(builder.build().map_err(into_io)?)),
            Model::Avr(model) => Box::new(self.link_to(model.build().map_err(into_io)?)),
        })
    }

    fn link_to<D: Device>(&self, board: D) -> MemoryLink<D> {
        let board = Arc::new(Mutex::new(board));
        MemoryLink::new(self.name.clone(), board, self.time).with_usb_id(self.usb_id())
    }

    fn usb_id(&self) -> UsbId {
        let (vid, pid, product) = match self.usb {
            Usb::Cp2102n => (0x10C4, 0xEA60, "CP2102N USB to UART Bridge Controller"),
            Usb::Ftdi => (0x0403, 0x6001, "FT232R USB UART"),
            Usb::Jtag => (
                ESPRESSIF_VID,
                USB_SERIAL_JTAG_PID,
                "USB JTAG/serial debug unit",
            ),
        };
        UsbId {
            vid,
            pid,
            serial_number: Some("simulated".to_owned()),
            product: Some(product.to_owned()),
        }
    }
}

fn into_io(error: BuildError) -> io::Error {
    let kind = match &error {
        BuildError::Busy(_) => io::ErrorKind::ResourceBusy,
        BuildError::FlashFile { source, .. } | BuildError::Log { source, .. } => source.kind(),
        BuildError::FlashSize(_) | BuildError::Unsupported { .. } => io::ErrorKind::InvalidInput,
    };
    io::Error::new(kind, error)
}

#[allow(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own in the port's name"
)]
struct Options {
    chip: Chip,
    avr: Option<AvrFacts>,
    /// The first option that only an ESP32 has.
    of_esp: Option<String>,
    size: Option<u32>,
    time: Time,
    usb: Usb,
    download: bool,
    revision: Option<(u8, u8)>,
    lines: bool,
    secure_download: bool,
    secure_boot: bool,
    encryption: Encryption,
    in_file: bool,
    program: Program,
}

impl Options {
    fn parse(port: &str, query: &str) -> Result<Self, ParseError> {
        let mut options = Self {
            chip: Chip::Esp32,
            avr: None,
            of_esp: None,
            size: None,
            time: Time::Accounted,
            usb: Usb::Cp2102n,
            download: false,
            revision: None,
            lines: true,
            secure_download: false,
            secure_boot: false,
            encryption: Encryption::Off,
            in_file: true,
            program: Program::default(),
        };
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (option, value) = pair.split_once('=').unwrap_or((pair, "1"));
            let known = options
                .set(option, value)
                .map_err(|expected| ParseError::BadValue {
                    port: port.to_owned(),
                    option: option.to_owned(),
                    value: value.to_owned(),
                    expected,
                })?;
            if !known {
                return Err(ParseError::UnknownOption {
                    port: port.to_owned(),
                    option: option.to_owned(),
                });
            }
        }
        Ok(options)
    }

    /// `Ok(false)`: no such option. `Err`: what the option takes.
    fn set(&mut self, option: &str, value: &str) -> Result<bool, String> {
        if !matches!(option, "chip" | "board" | "time" | "lines" | "file") {
            self.of_esp.get_or_insert_with(|| option.to_owned());
        }
        match option {
            "chip" => match Part::named(value).and_then(AvrFacts::with) {
                Some(avr) => self.avr = Some(avr),
                None => self.chip = value.parse().map_err(|_| chips())?,
            },
            "board" => {
                let known = AvrFacts::named(value);
                self.avr = Some(known.ok_or("a name of PlatformIO's, as uno or nanoatmega328")?);
            }
            "size" => {
                self.size = Some(parse_size(value).ok_or("a size such as 4MB, 512KB or 4194304")?);
            }
            "time" => {
                self.time = match value {
                    "accounted" => Time::Accounted,
                    "real" => Time::Real,
                    _ => return Err("accounted or real".to_owned()),
                }
            }
            "usb" => {
                self.usb = match value {
                    "cp2102n" => Usb::Cp2102n,
                    "ftdi" => Usb::Ftdi,
                    "jtag" => Usb::Jtag,
                    _ => return Err("cp2102n, ftdi or jtag".to_owned()),
                }
            }
            "start" => {
                self.download = match value {
                    "running" => false,
                    "download" => true,
                    _ => return Err("running or download".to_owned()),
                }
            }
            "revision" => {
                self.revision = Some(parse_revision(value).ok_or("a revision such as 3.0")?);
            }
            "lines" => self.lines = parse_flag(value)?,
            "secure-download" => self.secure_download = parse_flag(value)?,
            "secure-boot" => self.secure_boot = parse_flag(value)?,
            "encryption" => {
                self.encryption = match value {
                    "0" => Encryption::Off,
                    "1" | "development" => Encryption::Development,
                    "release" => Encryption::Release,
                    _ => return Err("0, 1 (or development) or release".to_owned()),
                }
            }
            "file" => self.in_file = parse_flag(value)?,
            "log" if value.is_empty() || value == "1" => return Err("a file".to_owned()),
            "log" => self.program = Program::Log(PathBuf::from(value)),
            "crash" if value == "loadprohibited" => self.program = Program::LoadProhibited,
            "crash" => return Err("loadprohibited".to_owned()),
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn apply(&self, mut builder: BoardBuilder) -> BoardBuilder {
        builder = builder
            .lines(self.lines)
            .flash_encryption(self.encryption)
            .program(self.program.clone())
            .timing(match self.usb {
                Usb::Cp2102n => Timing::cp2102n(),
                Usb::Ftdi => Timing::ftdi(),
                Usb::Jtag => Timing::serial_jtag(),
            });
        if self.usb == Usb::Jtag {
            builder = builder.connection(Connection::SerialJtag);
        }
        if let Some(size) = self.size {
            builder = builder.flash_size(size);
        }
        if let Some((major, minor)) = self.revision {
            builder = builder.revision(major, minor);
        }
        if self.download {
            builder = builder.start_in_download_mode();
        }
        if self.secure_download {
            builder = builder.secure_download();
        }
        if self.secure_boot {
            builder = builder.secure_boot();
        }
        builder
    }
}

fn chips() -> String {
    let avr = Part::ALL
        .iter()
        .filter(|part| AvrFacts::with(part).is_some());
    let names: Vec<_> = Chip::ALL.iter().map(|chip| chip.name()).collect();
    let avr: Vec<_> = avr.map(|part| part.name).collect();
    format!("one of {}, {}", names.join(", "), avr.join(", "))
}

fn parse_flag(value: &str) -> Result<bool, String> {
    match value {
        "1" => Ok(true),
        "0" => Ok(false),
        _ => Err("1 or 0".to_owned()),
    }
}

fn parse_size(text: &str) -> Option<u32> {
    let (digits, unit) = match text.find(|c: char| !c.is_ascii_digit()) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let unit: u32 = match unit.to_ascii_uppercase().as_str() {
        "" => 1,
        "K" | "KB" | "KIB" => 1 << 10,
        "M" | "MB" | "MIB" => 1 << 20,
        _ => return None,
    };
    digits.parse::<u32>().ok()?.checked_mul(unit)
}

fn parse_revision(text: &str) -> Option<(u8, u8)> {
    let (major, minor) = text.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests;
