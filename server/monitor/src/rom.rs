//! Functions of the chips' boot ROMs.

use std::io::Read as _;
use std::sync::OnceLock;

use flate2::read::DeflateDecoder;

use crate::crash::RomId;

/// A ROM as `build.rs` packs it.
struct Packed {
    chip: &'static str,
    /// Dates that the ROM holds as texts.
    dates: &'static [&'static str],
    symbols: &'static [u8],
}

static PACKED: &[Packed] = include!(concat!(env!("OUT_DIR"), "/roms.rs"));

/// One function.
#[derive(Debug)]
struct Function {
    address: u32,
    len_bytes: u32,
    name: String,
}

/// The function of a boot ROM that an address lies in. Where the board has not said which ROM it has, every ROM of the
/// chip has to agree; without a chip there is no name.
pub fn function(rom: &RomId, address: u32) -> Option<&'static str> {
    let of_chip = || {
        PACKED
            .iter()
            .enumerate()
            .filter(|(_, packed)| Some(packed.chip) == rom.chip.as_deref())
    };
    let date = rom.date.as_deref().unwrap_or_default();
    let is_dated = |packed: &Packed| packed.dates.contains(&date);
    let is_known = of_chip().any(|(_, packed)| is_dated(packed));
    let mut names = of_chip()
        .filter(|(_, packed)| !is_known || is_dated(packed))
        .map(|(index, _)| find(functions(index), address));
    let first = names.next()??;
    names.all(|name| name == Some(first)).then_some(first)
}

fn find(functions: &'static [Function], address: u32) -> Option<&'static str> {
    let behind = functions.partition_point(|function| function.address <= address);
    let function = functions.get(behind.checked_sub(1)?)?;
    let offset = address - function.address;
    (offset < function.len_bytes || offset == 0).then_some(function.name.as_str())
}

/// Unpacked once, when first needed.
fn functions(index: usize) -> &'static [Function] {
    static UNPACKED: OnceLock<Vec<OnceLock<Vec<Function>>>> = OnceLock::new();
    let unpacked = UNPACKED.get_or_init(|| PACKED.iter().map(|_| OnceLock::new()).collect());
    unpacked[index].get_or_init(|| unpack(PACKED[index].symbols))
}

fn unpack(packed: &[u8]) -> Vec<Function> {
    let mut text = String::new();
    if DeflateDecoder::new(packed)
        .read_to_string(&mut text)
        .is_err()
    {
        return Vec::new(); // our own bytes: the test below reads them all
    }
    let function = |line: &str| {
        let mut words = line.split(' ');
        let mut number = || u32::from_str_radix(words.next()?, 16).ok();
        Some(Function {
            address: number()?,
            len_bytes: number()?,
            name: words.next()?.to_owned(),
        })
    };
    text.lines().filter_map(function).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rom(chip: &str, date: Option<&str>) -> RomId {
        RomId {
            chip: Some(chip.to_owned()),
            date: date.map(str::to_owned),
        }
    }

    #[test]
    fn every_rom_has_functions_and_a_date() {
        assert!(PACKED.len() >= 15);
        for (index, packed) in PACKED.iter().enumerate() {
            assert!(
                functions(index).len() > 500,
                "{} has {}",
                packed.chip,
                functions(index).len()
            );
            assert!(!packed.dates.is_empty(), "{}", packed.chip);
        }
    }

    #[test]
    fn a_function_is_named_where_the_rom_is_known() {
        // Espressif publishes ets_printf of the ESP32 at 0x40007d54 (esp32.rom.ld).
        let esp32 = rom("esp32", Some("Jul 29 2019"));
        assert_eq!(function(&esp32, 0x4000_7d54), Some("ets_printf"));
        assert_eq!(
            function(&rom("esp32", None), 0x4000_7d56),
            Some("ets_printf")
        );
        assert_eq!(function(&esp32, 0x400d_0000), None);
        assert_eq!(function(&rom("esp8266", None), 0x4000_7d54), None);
        assert_eq!(function(&RomId::default(), 0x4000_7d54), None);
    }
}
