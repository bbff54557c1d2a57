//! The address that a chip was given in the factory.

use fbuild_chip::Chip;

use super::Session;
use crate::error::LoaderError;

impl Session {
    /// Factory MAC address.
    ///
    /// # Errors
    /// No usable answer: restart the session, or abandon it.
    pub fn mac(&mut self) -> Result<[u8; 6], LoaderError> {
        let words = &self.chip.facts().mac;
        let low = self.read_register(words.low)?.to_be_bytes();
        let high = self.read_register(words.high)?.to_be_bytes();
        if self.chip == Chip::Esp8266 {
            let vendor = self.esp8266_vendor(high[1])?;
            return Ok([vendor[0], vendor[1], vendor[2], high[2], high[3], low[0]]);
        }
        Ok([high[2], high[3], low[0], low[1], low[2], low[3]])
    }

    /// The first half of an ESP8266's MAC address: a word of its own, and on older chips a number for
    /// one of two. Source: esptool 5.6.0 `targets/esp8266.py`.
    fn esp8266_vendor(&mut self, number: u8) -> Result<[u8; 3], LoaderError> {
        const VENDOR: u32 = 0x3FF0_005C;
        let [_, a, b, c] = self.read_register(VENDOR)?.to_be_bytes();
        match (number, [a, b, c]) {
            (0, [0, 0, 0]) => Ok([0x18, 0xFE, 0x34]),
            (1, [0, 0, 0]) => Ok([0xAC, 0xD0, 0x74]),
            (_, [0, 0, 0]) => Err(LoaderError::BadReply {
                command: "READ_REG",
                what: format!("{number} is not a known prefix of a MAC address"),
            }),
            (_, vendor) => Ok(vendor),
        }
    }
}
