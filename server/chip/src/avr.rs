//! Facts about AVR microcontrollers and about the boards that carry them.
//!
//! Sources: signatures, flash, page and EEPROM sizes from the data sheets; boot loaders, baud rates and
//! where the boot loader's section begins from `boards.txt` of the Arduino core for AVR 1.8.7, whose
//! `maximum_size` is what is left for the program.

use std::fmt;

/// An AVR microcontroller with a serial boot loader.
#[derive(Debug, PartialEq, Eq)]
pub struct Part {
    /// Name as build tools write it: `atmega328p`.
    pub name: &'static str,
    /// What the part answers when it is asked who it is.
    pub signature: [u8; 3],
    /// Length of its flash.
    pub flash_bytes: u32,
    /// Length of a page: what is erased and written at once.
    pub page_bytes: u32,
    /// Length of its EEPROM.
    pub eeprom_bytes: u32,
}

const fn part(
    name: &'static str,
    signature: [u8; 3],
    flash_kib: u32,
    page_bytes: u32,
    eeprom_bytes: u32,
) -> Part {
    Part {
        name,
        signature,
        flash_bytes: flash_kib << 10,
        page_bytes,
        eeprom_bytes,
    }
}

const M8: Part = part("atmega8", [0x1E, 0x93, 0x07], 8, 64, 512);
const M168: Part = part("atmega168", [0x1E, 0x94, 0x06], 16, 128, 512);
const M168P: Part = part("atmega168p", [0x1E, 0x94, 0x0B], 16, 128, 512);
const M328: Part = part("atmega328", [0x1E, 0x95, 0x14], 32, 128, 1024);
const M328P: Part = part("atmega328p", [0x1E, 0x95, 0x0F], 32, 128, 1024);
const M1284P: Part = part("atmega1284p", [0x1E, 0x97, 0x05], 128, 256, 4096);
const M1280: Part = part("atmega1280", [0x1E, 0x97, 0x03], 128, 256, 4096);
const M2560: Part = part("atmega2560", [0x1E, 0x98, 0x01], 256, 256, 4096);

impl Part {
    /// Every known part.
    pub const ALL: [&'static Self; 8] =
        [&M8, &M168, &M168P, &M328, &M328P, &M1284P, &M1280, &M2560];

    /// The part with this signature.
    pub fn from_signature(signature: [u8; 3]) -> Option<&'static Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|part| part.signature == signature)
    }

    /// The part of this name, in any case.
    pub fn named(name: &str) -> Option<&'static Self> {
        let mut all = Self::ALL.into_iter();
        all.find(|part| part.name.eq_ignore_ascii_case(name))
    }
}

/// Name as its maker writes it: `ATmega328P`.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.name.strip_prefix("atmega").unwrap_or(self.name);
        write!(f, "ATmega{}", rest.to_ascii_uppercase())
    }
}

/// What a boot loader speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// STK500 version 1: optiboot, ATmegaBOOT. avrdude calls it `arduino`.
    Stk500V1,
    /// STK500 version 2: the Mega 2560's. avrdude calls it `wiring`.
    Stk500V2,
}

impl Protocol {
    /// Where the addresses of version 1 end: it counts 16 bits of words.
    pub const V1_END: u32 = 0x2_0000;

    /// By the name that avrdude and build tools have for it in a boot loader. `stk500v1` and `stk500v2` are
    /// programmers, which speak it, too, and write through other pins.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "arduino" => Some(Self::Stk500V1),
            "wiring" => Some(Self::Stk500V2),
            _ => None,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stk500V1 => "STK500 version 1",
            Self::Stk500V2 => "STK500 version 2",
        })
    }
}

/// A part with its boot loader: all that has to be known to deploy to a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AvrBoard {
    /// The microcontroller.
    pub part: &'static Part,
    /// What its boot loader speaks.
    pub protocol: Protocol,
    /// The one baud rate at which it does.
    pub baud: u32,
    /// Where the boot loader's own section begins: the program ends before it.
    pub boot_start: u32,
}

const V1: Protocol = Protocol::Stk500V1;
const V2: Protocol = Protocol::Stk500V2;

/// Boards by PlatformIO's names: part, protocol, baud rate, largest program.
type Row = (&'static str, &'static Part, Protocol, u32, u32);
#[rustfmt::skip]
const BOARDS: [Row; 24] = [
    ("uno",                   &M328P, V1, 115_200, 32_256),
    ("unomini",               &M328P, V1, 115_200, 32_256),
    ("ethernet",              &M328P, V1, 115_200, 32_256),
    ("nanoatmega328new",      &M328P, V1, 115_200, 30_720),
    ("nanoatmega328",         &M328P, V1,  57_600, 30_720),
    ("nanoatmega168",         &M168,  V1,  19_200, 14_336),
    ("pro16MHzatmega328",     &M328P, V1,  57_600, 30_720),
    ("pro8MHzatmega328",      &M328P, V1,  57_600, 30_720),
    ("pro16MHzatmega168",     &M168,  V1,  19_200, 14_336),
    ("pro8MHzatmega168",      &M168,  V1,  19_200, 14_336),
    ("miniatmega328",         &M328P, V1, 115_200, 28_672),
    ("miniatmega168",         &M168,  V1,  19_200, 14_336),
    ("diecimilaatmega328",    &M328P, V1,  57_600, 30_720),
    ("diecimilaatmega168",    &M168,  V1,  19_200, 14_336),
    ("fio",                   &M328P, V1,  57_600, 30_720),
    ("lilypadatmega328",      &M328P, V1,  57_600, 30_720),
    ("lilypadatmega168",      &M168,  V1,  19_200, 14_336),
    ("btatmega328",           &M328P, V1,  19_200, 28_672),
    ("btatmega168",           &M168,  V1,  19_200, 14_336),
    ("atmegangatmega8",       &M8,    V1,  19_200,  7_168),
    ("atmegangatmega168",     &M168,  V1,  19_200, 14_336),
    ("megaatmega2560",        &M2560, V2, 115_200, 253_952),
    ("megaADK",               &M2560, V2, 115_200, 253_952),
    ("megaatmega1280",        &M1280, V1,  57_600, 126_976),
];

/// Boards whose programs another protocol than STK500 brings, by the names of PlatformIO and Arduino.
const OTHERS: [(&str, &str); 24] = [
    ("leonardo", "avr109"),
    ("leonardoeth", "avr109"),
    ("micro", "avr109"),
    ("yun", "avr109"),
    ("yunmini", "avr109"),
    ("chiwawa", "avr109"),
    ("one", "avr109"),
    ("esplora", "avr109"),
    ("LilyPadUSB", "avr109"),
    ("robotControl", "avr109"),
    ("robotMotor", "avr109"),
    ("circuitplay32u4cat", "avr109"),
    ("circuitplay_classic", "avr109"),
    ("feather32u4", "avr109"),
    ("itsybitsy32u4_5V", "avr109"),
    ("sparkfun_promicro16", "avr109"),
    ("sparkfun_promicro8", "avr109"),
    ("promicro", "avr109"),
    ("gemma", "usbtiny"),
    ("trinket3", "usbtiny"),
    ("trinket5", "usbtiny"),
    ("digispark-tiny", "micronucleus"),
    ("teensy2", "teensy-gui"),
    ("teensy2pp", "teensy-gui"),
];

/// What brings a program to a board that has no boot loader with STK500, as far as that is known.
pub fn other_protocol(board: &str) -> Option<&'static str> {
    let mut others = OTHERS.iter();
    others
        .find(|(name, _)| *name == board)
        .map(|(_, protocol)| *protocol)
}

/// What the menu entry "Processor" of an Arduino board is without a choice, for boards that have one.
const PROCESSORS: [(&str, &str); 8] = [
    ("nano", "atmega328"),
    ("mega", "atmega2560"),
    ("pro", "16MHzatmega328"),
    ("mini", "atmega328"),
    ("diecimila", "atmega328"),
    ("lilypad", "atmega328"),
    ("bt", "atmega328"),
    ("atmegang", "atmega168"),
];

impl AvrBoard {
    /// The board that PlatformIO calls so.
    pub fn named(name: &str) -> Option<Self> {
        let &(_, part, protocol, baud, boot_start) =
            BOARDS.iter().find(|(known, ..)| *known == name)?;
        Some(Self {
            part,
            protocol,
            baud,
            boot_start,
        })
    }

    /// The board of an FQBN of Arduino's, with the options after it: `arduino:avr:nano:cpu=atmega328old`.
    pub fn of_fqbn(fqbn: &str) -> Option<Self> {
        let mut parts = fqbn.splitn(4, ':');
        let (_, architecture, board) = (parts.next()?, parts.next()?, parts.next()?);
        if architecture != "avr" {
            return None;
        }
        let mut options = parts.next().unwrap_or_default().split(',');
        let chosen = options.find_map(|option| option.strip_prefix("cpu="));
        let usual = PROCESSORS.iter().find(|(known, _)| *known == board);
        let processor = chosen.or(usual.map(|(_, processor)| *processor));
        let name = match (board, processor) {
            ("nano", Some("atmega328")) => "nanoatmega328new".to_owned(),
            ("nano", Some("atmega328old")) => "nanoatmega328".to_owned(),
            (board, processor) => format!("{board}{}", processor.unwrap_or_default()),
        };
        Self::named(&name)
    }

    /// The usual board with this part, for a simulated one.
    pub fn with(part: &Part) -> Option<Self> {
        let name = match part.name {
            "atmega328p" => "uno",
            "atmega168" => "nanoatmega168",
            "atmega2560" => "megaatmega2560",
            _ => return None,
        };
        Self::named(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_signatures_lead_back_to_the_part() {
        for part in Part::ALL {
            assert_eq!(Part::from_signature(part.signature), Some(part));
            assert_eq!(Part::named(&part.to_string()), Some(part));
            assert_eq!(part.flash_bytes % part.page_bytes, 0);
        }
        assert_eq!(M328P.to_string(), "ATmega328P");
        assert_eq!(Part::named("esp32"), None);
    }

    #[test]
    fn a_program_ends_at_a_page_inside_the_flash() {
        for (name, part, _, _, boot_start) in BOARDS {
            assert!(boot_start < part.flash_bytes, "{name}");
            assert_eq!(boot_start % part.page_bytes, 0, "{name}");
        }
    }

    #[test]
    fn arduino_boards_by_their_processor() {
        let baud = |fqbn| AvrBoard::of_fqbn(fqbn).map(|board| board.baud);
        assert_eq!(baud("arduino:avr:uno"), Some(115_200));
        assert_eq!(baud("arduino:avr:nano"), Some(115_200));
        assert_eq!(baud("arduino:avr:nano:cpu=atmega328old"), Some(57_600));
        assert_eq!(baud("arduino:avr:pro:cpu=8MHzatmega168"), Some(19_200));
        let part = |fqbn| AvrBoard::of_fqbn(fqbn).map(|board| board.part.name);
        assert_eq!(part("arduino:avr:atmegang"), Some("atmega168"));
        let chosen = "arduino:avr:atmegang:cpu=atmega8";
        assert_eq!(part(chosen), Some("atmega8"));
        assert_eq!(baud("arduino:avr:leonardo"), None);
        assert_eq!(baud("arduino:esp32:uno"), None);
        let mega = AvrBoard::of_fqbn("arduino:avr:mega").map(|board| board.protocol);
        assert_eq!(mega, Some(Protocol::Stk500V2));
    }
}
