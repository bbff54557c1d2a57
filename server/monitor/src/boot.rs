//! What boot ROM, boot loader and start code say about themselves.
//!
//! The forms are those of the boot ROMs of the ESP32 family and the ESP8266, and of ESP-IDF's start code.

use crate::text::{decimal, hex, only_hex};

/// One fact of a boot log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootFact {
    /// The boot ROM's first words: a new boot begins.
    Rom {
        /// The chip, where the ROM says it (`esp32c3`). Chips before the ESP32-S2 say `ets` and a date.
        chip: Option<String>,
        /// When the ROM was made, as the board prints it (`Feb  7 2021`); tells one ROM from another.
        date: Option<String>,
    },
    /// When the ROM was made, on a line of its own.
    RomDate(String),
    /// Why the chip was reset, and how it boots.
    Reset(Reset),
    /// Where the core was when it was reset.
    SavedPc(u32),
    /// A segment that the ROM has loaded.
    Load {
        /// Where to.
        address: u32,
        /// How many bytes.
        len_bytes: u32,
    },
    /// Where the ROM jumps to.
    Entry(u32),
    /// The first digits of the SHA-256 of the ELF file that runs.
    ElfSha256(String),
}

/// A reset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reset {
    /// The cause's number.
    pub code: u32,
    /// The cause's name; the ESP8266 prints none.
    pub name: Option<String>,
    /// The strapping pins' state, and what it means.
    pub boot_mode: String,
}

impl std::fmt::Display for Reset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{:#x} ({name})", self.code),
            None => write!(f, "rst cause:{}, boot mode:{}", self.code, self.boot_mode),
        }
    }
}

impl Reset {
    /// A watchdog did it.
    pub fn is_watchdog(&self) -> bool {
        match &self.name {
            Some(name) => name.contains("WDT") && !self.is_brownout(),
            None => self.code == 4, // ESP8266: hardware watchdog
        }
    }

    /// The core could not go on, or the chip could not trust its supply: nothing was printed.
    pub fn is_lockup(&self) -> bool {
        let name = self.name.as_deref().unwrap_or_default();
        name.contains("LOCKUP") || name.contains("GLITCH")
    }

    /// The supply voltage fell.
    pub fn is_brownout(&self) -> bool {
        self.name
            .as_ref()
            .is_some_and(|name| name.contains("BROWN"))
    }
}

impl BootFact {
    /// Reads a line without colours and stamps.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("ESP-ROM:") {
            let chip = match rest.split('-').next().unwrap_or(rest) {
                "esp8684" => "esp32c2", // of the ESP32-C2, by the name of its package
                chip => chip,
            };
            return chip.starts_with("esp32").then(|| Self::Rom {
                chip: Some(chip.to_owned()),
                date: None,
            });
        }
        if let Some(rest) = text.strip_prefix("ets ") {
            // The ESP8266 has its reset cause on the same line.
            if let Some((_, cause)) = rest.split_once("rst cause:") {
                return esp8266_reset(cause);
            }
            let date = rest.get(..11).filter(|date| is_date(date))?;
            return Some(Self::Rom {
                chip: None,
                date: Some(date.to_owned()),
            });
        }
        if let Some(date) = text.strip_prefix("Build:") {
            return is_date(date).then(|| Self::RomDate(date.to_owned()));
        }
        if let Some(rest) = text.strip_prefix("rst:") {
            return reset(rest);
        }
        if let Some(rest) = text.strip_prefix("rst cause:") {
            return esp8266_reset(rest);
        }
        // Chips with two cores of this kind say which.
        let saved = text.split_once("Saved PC:");
        if let Some(("" | "Core0 " | "Core1 ", rest)) = saved {
            return only_hex(rest).map(Self::SavedPc);
        }
        if let Some(rest) = text.strip_prefix("load:") {
            let (address, rest) = hex(rest)?;
            let length = rest.strip_prefix(",len:")?;
            let len_bytes = only_hex(length).or_else(|| length.parse().ok())?;
            return Some(Self::Load { address, len_bytes });
        }
        if let Some(rest) = text.strip_prefix("entry ") {
            return only_hex(rest).map(Self::Entry);
        }
        if let Some((before, rest)) = text.split_once("ELF file SHA256:") {
            let from_start_code = before.contains(" app_init: ") || before.contains(" cpu_start: ");
            let sha: String = rest
                .trim_start()
                .chars()
                .take_while(char::is_ascii_hexdigit)
                .collect();
            let is_sha = (8..=64).contains(&sha.len());
            return (is_sha && (before.is_empty() || from_start_code))
                .then(|| Self::ElfSha256(sha.to_ascii_lowercase()));
        }
        None
    }
}

/// Where a boot begins in the middle of a line: the program was not done with its own.
pub(crate) fn glued_boot(text: &str) -> Option<usize> {
    let found = ["ets ", "ESP-ROM:"]
        .iter()
        .filter_map(|start| text.find(start));
    found
        .min()
        .filter(|at| *at > 0 && BootFact::parse(&text[*at..]).is_some())
}

/// `Feb  7 2021`
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 11
        && bytes[..3].iter().all(u8::is_ascii_alphabetic)
        && bytes[3] == b' '
        && bytes[7..].iter().all(u8::is_ascii_digit)
}

/// `0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)`
fn reset(text: &str) -> Option<BootFact> {
    let (code, rest) = hex(text)?;
    let (name, rest) = rest.strip_prefix(" (")?.split_once(')')?;
    let boot_mode = rest.strip_prefix(",boot:")?;
    Some(BootFact::Reset(Reset {
        code,
        name: Some(name.to_owned()),
        boot_mode: boot_mode.to_owned(),
    }))
}

/// `2, boot mode:(3,6)`
fn esp8266_reset(text: &str) -> Option<BootFact> {
    let (code, rest) = decimal(text)?;
    let boot_mode = rest.strip_prefix(", boot mode:")?;
    Some(BootFact::Reset(Reset {
        code,
        name: None,
        boot_mode: boot_mode.to_owned(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_of_old_and_new_roms() {
        let rom = |chip: Option<&str>, date: Option<&str>| BootFact::Rom {
            chip: chip.map(str::to_owned),
            date: date.map(str::to_owned),
        };
        for (text, fact) in [
            ("ets Jul 29 2019 12:21:46", rom(None, Some("Jul 29 2019"))),
            ("ESP-ROM:esp32c3-api1-20210207", rom(Some("esp32c3"), None)),
            ("Build:Feb  7 2021", BootFact::RomDate("Feb  7 2021".into())),
            ("Saved PC:0x403759e4", BootFact::SavedPc(0x4037_59e4)),
            ("Core0 Saved PC:0x42122746", BootFact::SavedPc(0x4212_2746)),
            (
                "load:0x3fff0030,len:7076",
                BootFact::Load {
                    address: 0x3fff_0030,
                    len_bytes: 7076,
                },
            ),
            (
                "load:0x3fce2820,len:0x1574",
                BootFact::Load {
                    address: 0x3fce_2820,
                    len_bytes: 0x1574,
                },
            ),
            ("entry 0x4008064c", BootFact::Entry(0x4008_064c)),
            (
                "I (240) app_init: ELF file SHA256:  4629b2121...",
                BootFact::ElfSha256("4629b2121".into()),
            ),
        ] {
            assert_eq!(BootFact::parse(text), Some(fact));
        }
        for text in [
            "ets up",
            "Build:today",
            "rst:now",
            "entry point",
            "I said ELF file SHA256: 4629b2121",
            "ets äääääää",
        ] {
            assert_eq!(BootFact::parse(text), None, "{text}");
        }
    }

    #[test]
    fn reasons_for_a_reset() {
        let read = |text: &str| match BootFact::parse(text) {
            Some(BootFact::Reset(reset)) => reset,
            other => panic!("{text}: {other:?}"),
        };
        let software = read("rst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)");
        assert_eq!(software.to_string(), "0xc (SW_CPU_RESET)");
        assert!(!software.is_watchdog() && !software.is_brownout());
        assert!(read("rst:0x10 (RTCWDT_RTC_RESET),boot:0x13 (X)").is_watchdog());
        let brownout = read("rst:0xf (RTCWDT_BROWN_OUT_RESET),boot:0x13 (X)");
        assert!(brownout.is_brownout() && !brownout.is_watchdog());
        let esp8266 = read(" ets Jan  8 2013,rst cause:4, boot mode:(3,6)");
        assert_eq!(esp8266.to_string(), "rst cause:4, boot mode:(3,6)");
        assert!(esp8266.is_watchdog());
    }
}
