//! The flasher stubs: small programs that replace the boot ROM's loader while they run in RAM.
//!
//! They come from the espflash crate at build time (see `build.rs`). espflash 4.7.0 carries the same
//! stubs as esptool 5.6.0. It has none for the ESP8266: whoever talks to one brings its stub
//! ([`crate::session::Session::bring_stub`]).

use std::borrow::Cow;

use fbuild_chip::Chip;

/// A stub: two RAM segments and where to jump.
#[derive(Debug)]
pub struct Stub {
    /// The chip that it runs on.
    pub chip: Chip,
    /// Name of the stub file, which also tells revisions of one chip apart.
    pub name: &'static str,
    /// CPU address to jump to.
    pub entry: u32,
    /// Code.
    pub text: Segment,
    /// Initialised data.
    pub data: Segment,
}

/// Bytes and the CPU address they are loaded to.
pub struct Segment {
    /// CPU address.
    pub address: u32,
    /// Content.
    pub bytes: Cow<'static, [u8]>,
}

impl std::fmt::Debug for Segment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes at {:#010x}", self.bytes.len(), self.address)
    }
}

#[allow(clippy::unreadable_literal)] // generated
static STUBS: &[Stub] = include!(concat!(env!("OUT_DIR"), "/stubs.rs"));

/// First full revision of ESP32-P4 that runs the current stub; earlier silicon has another memory
/// layout. Source: esptool 5.6.0 `targets/esp32p4.py`.
const P4_FIRST_PRODUCTION_REVISION: u16 = 300;

/// The stub for a chip. `revision` (major * 100 + minor) matters on the ESP32-P4 only.
pub fn for_chip(chip: Chip, revision: Option<u16>) -> Option<&'static Stub> {
    let early = chip == Chip::Esp32P4
        && revision.is_some_and(|revision| revision < P4_FIRST_PRODUCTION_REVISION);
    let name = if early { "esp32p4rc1" } else { chip.name() };
    STUBS.iter().find(|stub| stub.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_esp32_has_a_stub_that_fits_into_ram_blocks() {
        assert!(for_chip(Chip::Esp8266, None).is_none());
        for &chip in Chip::ESP32_FAMILY {
            let stub = for_chip(chip, None).unwrap();
            assert_eq!(stub.chip, chip);
            assert!(stub.text.bytes.len() > 1000, "{chip}: {:?}", stub.text);
            let text = stub.text.address..stub.text.address + stub.text.bytes.len() as u32;
            assert!(
                text.contains(&stub.entry),
                "{chip}: {:#x} outside {text:x?}",
                stub.entry
            );
        }
    }

    /// The genuine upload in recording esp32-c9: text 0x1938 bytes at 0x400a8000, data 0xd4 bytes at
    /// 0x3ffded6c.
    #[test]
    fn the_esp32_stub_is_the_recorded_one() {
        let stub = for_chip(Chip::Esp32, None).unwrap();
        assert_eq!(
            (stub.text.address, stub.text.bytes.len()),
            (0x400A_8000, 0x1938)
        );
        assert_eq!(
            (stub.data.address, stub.data.bytes.len()),
            (0x3FFD_ED6C, 0xD4)
        );
    }

    #[test]
    fn early_p4_silicon_gets_its_own_stub() {
        assert_eq!(
            for_chip(Chip::Esp32P4, Some(100)).unwrap().name,
            "esp32p4rc1"
        );
        assert_eq!(for_chip(Chip::Esp32P4, Some(301)).unwrap().name, "esp32p4");
    }
}
