//! Facts about each supported chip, in one table: nothing else in the project knows an address. And what
//! a place in flash is. Nothing here talks to a chip or reads a file, or knows how either is done.

pub mod avr;
mod facts;
pub mod flash;
pub mod security;
pub mod usb;

use std::fmt;
use std::str::FromStr;

pub use facts::{
    ChipFacts, DataLengths, Deflate, MacWords, RevisionBits, SecurityBits, SpiRegisters,
    SuperWatchdog, WATCHDOG_KEY, Watchdog,
};

/// A supported chip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Chip {
    Esp32,
    Esp32S2,
    Esp32S3,
    Esp32C2,
    Esp32C3,
    Esp32C5,
    Esp32C6,
    Esp32C61,
    Esp32H2,
    Esp32H4,
    Esp32P4,
    Esp32S31,
    Esp8266,
}

impl Chip {
    /// Whether the boot ROM itself starts an app at `offset`: an ESP8266's does, and the app needs no table.
    pub fn starts_app_at(self, offset: u32) -> bool {
        self == Self::Esp8266 && offset == self.facts().bootloader_offset
    }

    /// The ESP32 family: chips with eFuses for security, a boot loader and a partition table.
    pub const ESP32_FAMILY: &[Self] = Self::ALL.split_at(12).0;

    /// Every supported chip, in the order of this enum.
    pub const ALL: [Self; 13] = [
        Self::Esp32,
        Self::Esp32S2,
        Self::Esp32S3,
        Self::Esp32C2,
        Self::Esp32C3,
        Self::Esp32C5,
        Self::Esp32C6,
        Self::Esp32C61,
        Self::Esp32H2,
        Self::Esp32H4,
        Self::Esp32P4,
        Self::Esp32S31,
        Self::Esp8266,
    ];

    /// Name as build tools write it: `esp32c3`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Esp32 => "esp32",
            Self::Esp32S2 => "esp32s2",
            Self::Esp32S3 => "esp32s3",
            Self::Esp32C2 => "esp32c2",
            Self::Esp32C3 => "esp32c3",
            Self::Esp32C5 => "esp32c5",
            Self::Esp32C6 => "esp32c6",
            Self::Esp32C61 => "esp32c61",
            Self::Esp32H2 => "esp32h2",
            Self::Esp32H4 => "esp32h4",
            Self::Esp32P4 => "esp32p4",
            Self::Esp32S31 => "esp32s31",
            Self::Esp8266 => "esp8266",
        }
    }

    /// The chip that an image header's chip id (bytes 12 and 13) or GET_SECURITY_INFO names.
    pub fn from_image_id(id: u16) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|chip| chip.facts().image_id == Some(id))
    }

    /// The chip whose register 0x40001000 reads `magic`.
    pub fn from_magic(magic: u32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|chip| chip.facts().magics.contains(&magic))
    }
}

/// What is on a board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Device {
    Esp(Chip),
    Avr(&'static avr::Part),
    Teensy(&'static usb::Teensy),
    Rp2(usb::Rp2),
}

impl Device {
    /// Name as build tools write it: `esp32c3`, `atmega328p`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Esp(chip) => chip.name(),
            Self::Avr(part) => part.name,
            Self::Teensy(teensy) => teensy.name,
            Self::Rp2(chip) => chip.name(),
        }
    }
}

impl From<Chip> for Device {
    fn from(chip: Chip) -> Self {
        Self::Esp(chip)
    }
}

/// Name as its maker writes it.
impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Esp(chip) => chip.fmt(f),
            Self::Avr(part) => part.fmt(f),
            Self::Teensy(teensy) => teensy.fmt(f),
            Self::Rp2(chip) => chip.fmt(f),
        }
    }
}

/// Name as Espressif writes it: `ESP32-C3`.
impl fmt::Display for Chip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name().to_ascii_uppercase();
        match name.strip_prefix("ESP32") {
            Some(suffix) if !suffix.is_empty() => write!(f, "ESP32-{suffix}"),
            _ => f.write_str(&name),
        }
    }
}

/// A chip revision, major * 100 + minor, as people write it: `v0.4`.
pub fn revision_text(revision: u16) -> String {
    format!("v{}.{}", revision / 100, revision % 100)
}

/// Why a text is not a chip name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown chip '{0}'; known: esp32, esp32s2, esp32s3, esp32c2, esp32c3, esp32c5, esp32c6, esp32c61, esp32h2, esp32h4, esp32p4, esp32s31, esp8266"
)]
pub struct UnknownChip(pub String);

/// Accepts every spelling that build tools use: `esp32c3`, `ESP32-C3`, `esp32_c3`.
impl FromStr for Chip {
    type Err = UnknownChip;

    fn from_str(text: &str) -> Result<Self, UnknownChip> {
        let plain: String = text.chars().filter(|c| !matches!(c, '-' | '_')).collect();
        Self::ALL
            .into_iter()
            .find(|chip| chip.name().eq_ignore_ascii_case(&plain))
            .ok_or_else(|| UnknownChip(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_ids_lead_back_to_the_chip() {
        for chip in Chip::ALL {
            assert_eq!(chip.name().parse(), Ok(chip));
            assert_eq!(chip.to_string().parse(), Ok(chip));
            if let Some(id) = chip.facts().image_id {
                assert_eq!(Chip::from_image_id(id), Some(chip));
            }
        }
        assert_eq!(Chip::Esp8266.to_string(), "ESP8266");
        assert_eq!(Chip::from_magic(0xFFF0_C101), Some(Chip::Esp8266));
        assert!(!Chip::ESP32_FAMILY.contains(&Chip::Esp8266));
        assert_eq!(Chip::from_magic(0x00F0_1D83), Some(Chip::Esp32));
        assert_eq!(Chip::from_magic(0x1B31_506F), Some(Chip::Esp32C3));
        assert!("esp8285".parse::<Chip>().is_err());
    }

    #[test]
    fn every_chip_of_the_family_has_its_own_id_and_registers() {
        for chip in Chip::ESP32_FAMILY {
            let facts = chip.facts();
            assert!(
                facts.image_id.is_some() && facts.security.is_some(),
                "{chip}"
            );
            assert!(facts.spi_base != 0 && facts.mac.low != 0, "{chip}");
            assert!(!facts.revision.major.is_empty(), "{chip}");
            let has_watchdog = facts.watchdog.is_some();
            assert_eq!(has_watchdog, *chip != Chip::Esp32, "{chip}");
        }
    }
}
