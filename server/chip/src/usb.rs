//! Boards whose boot loader is on USB and on no serial port: Teensy, RP2040 and RP2350. It takes a whole
//! program, and is not asked what it holds.
//!
//! Sources: teensy_loader_cli 2.3 (names, sizes, blocks, where the flash of a Teensy 4 begins); PlatformIO's
//! platform-teensy 5.2 and Teensyduino's `boards.txt` (names of boards); the UF2 family list and the data sheets
//! of RP2040 and RP2350 (families, `Board-ID`).

use std::fmt;

/// Which boot loader it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsbBoard {
    /// HalfKay.
    Teensy(&'static Teensy),
    /// BOOTSEL; `None` where only the program says which chip it is for.
    Rp2(Option<Rp2>),
}

impl UsbBoard {
    /// The board of an FQBN of Arduino's: `teensy:avr:teensy41`, `rp2040:rp2040:rpipico`.
    pub fn of_fqbn(fqbn: &str) -> Option<Self> {
        let mut parts = fqbn.split(':');
        match (parts.next()?, parts.next()?, parts.next()?) {
            ("teensy", _, board) => Teensy::named(board).map(Self::Teensy),
            (_, "rp2040" | "mbed_rp2040", _) => Some(Self::Rp2(None)),
            _ => None,
        }
    }

    /// How the file of a program ends.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Teensy(_) => "hex",
            Self::Rp2(_) => "uf2",
        }
    }
}

/// Name as its maker writes it: `Teensy 4.1`, `RP2040`.
impl fmt::Display for UsbBoard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Teensy(teensy) => teensy.fmt(f),
            Self::Rp2(Some(chip)) => chip.fmt(f),
            Self::Rp2(None) => f.write_str("RP2040 or RP2350"),
        }
    }
}

/// A Teensy.
#[derive(Debug, PartialEq, Eq)]
pub struct Teensy {
    /// Name as build tools write it: `teensy41`.
    pub name: &'static str,
    /// What `teensy_loader_cli` calls it: `TEENSY41`.
    pub loader_name: &'static str,
    /// What is printed on it: `4.1`.
    model: &'static str,
    /// Where its flash begins in a program's file.
    pub flash_start: u32,
    /// What a program may have of it.
    pub flash_bytes: u32,
    /// What is sent at once.
    pub block_bytes: u32,
}

const fn teensy(
    [name, loader_name, model]: [&'static str; 3],
    flash_start: u32,
    flash_bytes: u32,
    block_bytes: u32,
) -> Teensy {
    Teensy {
        name,
        loader_name,
        model,
        flash_start,
        flash_bytes,
        block_bytes,
    }
}

/// Where the flash of a Teensy 4 is in its address space.
const FLEX_SPI: u32 = 0x6000_0000;

#[rustfmt::skip] // a table
static TEENSIES: [Teensy; 10] = [
    teensy(["teensy2",   "TEENSY2",         "2.0"],       0,             32_256,  128),
    teensy(["teensy2pp", "TEENSY2PP",       "++ 2.0"],    0,            130_048,  256),
    teensy(["teensylc",  "TEENSYLC",        "LC"],        0,             63_488,  512),
    teensy(["teensy30",  "TEENSY30",        "3.0"],       0,            131_072, 1024),
    teensy(["teensy31",  "TEENSY31",        "3.1 / 3.2"], 0,            262_144, 1024),
    teensy(["teensy35",  "TEENSY35",        "3.5"],       0,            524_288, 1024),
    teensy(["teensy36",  "TEENSY36",        "3.6"],       0,          1_048_576, 1024),
    teensy(["teensy40",  "TEENSY40",        "4.0"],       FLEX_SPI,   2_031_616, 1024),
    teensy(["teensy41",  "TEENSY41",        "4.1"],       FLEX_SPI,   8_126_464, 1024),
    teensy(["teensymm",  "TEENSY_MICROMOD", "MicroMod"],  FLEX_SPI,  16_515_072, 1024),
];

impl Teensy {
    /// The one that PlatformIO, Teensyduino or fbuild calls so.
    pub fn named(name: &str) -> Option<&'static Self> {
        let name = name.to_ascii_lowercase();
        let name = match &*name {
            "teensypp2" => "teensy2pp",
            "teensy32" => "teensy31",
            name => name,
        };
        TEENSIES.iter().find(|teensy| teensy.name == name)
    }
}

impl fmt::Display for Teensy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Teensy {}", self.model)
    }
}

/// A microcontroller with Raspberry Pi's BOOTSEL boot loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Rp2 {
    Rp2040,
    Rp2350,
}

impl Rp2 {
    /// Where their flash is in their address space, whatever its size: 16 MiB.
    pub const FLASH: std::ops::Range<u32> = 0x1000_0000..0x1100_0000;

    const ALL: [Self; 2] = [Self::Rp2040, Self::Rp2350];

    /// Name as build tools write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rp2040 => "rp2040",
            Self::Rp2350 => "rp2350",
        }
    }

    /// By the name that a board's file has for it: `rp2350-riscv`, too.
    pub fn named(name: &str) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|chip| name.to_ascii_lowercase().starts_with(chip.name()))
    }

    /// UF2 families of programs for it: of the RP2350, Arm and RISC-V.
    pub fn families(self) -> &'static [u32] {
        match self {
            Self::Rp2040 => &[0xE48B_FF56],
            Self::Rp2350 => &[0xE48B_FF59, 0xE48B_FF5A],
        }
    }

    /// The chip that a UF2 family is for.
    pub fn of_family(family: u32) -> Option<Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|chip| chip.families().contains(&family))
    }

    /// The chip whose boot loader's volume has this `Board-ID` in its INFO_UF2.TXT.
    pub fn of_board_id(id: &str) -> Option<Self> {
        match id {
            "RPI-RP2" => Some(Self::Rp2040),
            "RP2350" => Some(Self::Rp2350),
            _ => None,
        }
    }
}

impl fmt::Display for Rp2 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name().to_ascii_uppercase())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boards_have_the_names_that_tools_give_them() {
        let board = |fqbn| UsbBoard::of_fqbn(fqbn).map(|board| board.to_string());
        let some = |name: &str| Some(name.to_owned());
        assert_eq!(board("teensy:avr:teensy41"), some("Teensy 4.1"));
        assert_eq!(
            board("teensy:avr:teensyMM:usb=serial"),
            some("Teensy MicroMod")
        );
        assert_eq!(board("teensy:avr:teensypp2"), some("Teensy ++ 2.0"));
        assert_eq!(board("rp2040:rp2040:rpipico2"), some("RP2040 or RP2350"));
        assert_eq!(board("arduino:mbed_rp2040:pico"), some("RP2040 or RP2350"));
        assert_eq!(board("arduino:avr:uno"), None);
        assert_eq!(board("teensy:avr"), None);
        assert_eq!(Teensy::named("teensy32"), Teensy::named("teensy31"));
        assert_eq!(Rp2::named("rp2350-riscv"), Some(Rp2::Rp2350));
        assert_eq!(Rp2::named("esp32"), None);
    }
}
