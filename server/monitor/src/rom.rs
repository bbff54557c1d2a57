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
    use crate::boot::BootFact;

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

    /// The ROMs hold what they print: `esp32c3-api1-20210207`, and the chips before the ESP32-S2 a date.
    #[test]
    fn every_rom_is_known_by_its_first_words() {
        let banners = [
            "esp8684-api2-20220127",
            "esp32c3-20200918",
            "esp32c3-api1-20210207",
            "esp32c3-eco7-20230720",
            "esp32c5-eco2-20250121",
            "esp32c6-20220919",
            "esp32c61-eco3-20250228",
            "esp32h2-20221101",
            "esp32h4",
            "esp32p4-20230811",
            "esp32p4-eco2-20240710",
            "esp32p4-eco5-20250430",
            "esp32s2-rc4-20191025",
            "esp32s3-20210327",
            "esp32s31-20251218",
        ];
        let chips: Vec<_> = banners
            .iter()
            .map(
                |banner| match BootFact::parse(&format!("ESP-ROM:{banner}")) {
                    Some(BootFact::Rom { chip, .. }) => chip.unwrap_or_default(),
                    other => panic!("{banner}: {other:?}"),
                },
            )
            .collect();
        for packed in PACKED.iter().filter(|packed| packed.chip != "esp32") {
            assert!(
                chips.iter().any(|chip| chip == packed.chip),
                "{}",
                packed.chip
            );
        }
        assert_eq!(chips[0], "esp32c2");
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
