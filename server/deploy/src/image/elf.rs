//! Images of an ELF file, made by the espflash crate as `espflash flash` makes them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use espflash::flasher::{FlashData, FlashFrequency, FlashMode, FlashSettings, FlashSize};
use espflash::image_format::idf::{IdfBootloaderFormat, check_idf_bootloader};
use espflash::target::{Chip as EspflashChip, XtalFrequency};
use fbuild_chip::Chip;
use fbuild_project::esp_image::EspImage;
use fbuild_project::file::{self, IMAGE_LIMIT, TABLE_TEXT_LIMIT};
use fbuild_project::flash_size::size_name;
use fbuild_project::input_error::InputError;
use fbuild_project::partitions::parse_table;
use fbuild_project::remedy::Remedy;
use fbuild_project::target::{ElfSource, FlashParams, RegionKind, Setting};

/// What decides how an ELF file is converted, apart from the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Conditions {
    pub(super) chip: Chip,
    /// Size of the flash, where the project does not give it.
    pub(super) flash_size: Option<u32>,
    /// Crystal in MHz, where it was measured.
    pub(super) crystal_mhz: Option<u32>,
    /// Revision of the chip, major * 100 + minor, where it was read.
    pub(super) revision: Option<u16>,
}

/// From this revision on an ESP32-P4 needs another boot loader.
const P4_PRODUCTION: u16 = 300;

/// One part of what an ELF file becomes.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) kind: RegionKind,
    pub(super) offset: u32,
    pub(super) bytes: Vec<u8>,
}

/// Boot loader, partition table and app.
pub(super) fn convert(
    elf: &[u8],
    source: &ElfSource,
    params: &FlashParams,
    conditions: Conditions,
) -> Result<Vec<Part>, InputError> {
    check_companions(source)?;
    let refuse = |why: String, remedy: &str| no_image(&source.elf, &why, remedy);
    let mut flash_data = flash_data(params, conditions)?;
    let is_production = conditions.revision.is_some_and(|it| it >= P4_PRODUCTION);
    if conditions.chip == Chip::Esp32P4 && is_production {
        // The crate chooses by the least revision that the app is for, and takes no other from
        // outside. (Its own `flash` leaves that field of the app's header alone.)
        flash_data.min_chip_rev = P4_PRODUCTION;
    }
    let elf_bytes = elf.to_vec();
    // The crate slices and unwraps its way through ELF files; a damaged one must not end the
    // process. Nothing outlives the closure but its result, so that no broken state can be seen.
    let made = catch_unwind(AssertUnwindSafe(|| {
        check_idf_bootloader(&elf_bytes).map_err(|error| Failure::Descriptor(error.to_string()))?;
        let image = IdfBootloaderFormat::new(
            &elf_bytes,
            &flash_data,
            source.partition_table.as_deref(),
            source.bootloader.as_deref(),
            source.partition_table_offset,
            source.target_app_partition.as_deref(),
        )
        .map_err(|error| Failure::Espflash(Box::new(error)))?;
        let kinds = [
            RegionKind::Bootloader,
            RegionKind::PartitionTable,
            RegionKind::App,
        ];
        Ok(kinds
            .into_iter()
            .zip(image.flash_segments())
            .map(|(kind, segment)| Part {
                kind,
                offset: segment.addr,
                bytes: segment.data.into_owned(),
            })
            .collect())
    }));
    match made {
        Ok(Ok(parts)) => Ok(parts),
        Ok(Err(Failure::Descriptor(why))) => Err(refuse(
            why.lines().next().unwrap_or_default().to_owned(),
            "Add the app descriptor (esp_bootloader_esp_idf::esp_app_desc!()), and build again.",
        )),
        Ok(Err(Failure::Espflash(error))) => Err(match *error {
            espflash::Error::ElfTooBig(app, partition) if app > partition => {
                InputError::app_exceeds_partition(
                    "firmware",
                    &source.elf,
                    app.into(),
                    source.target_app_partition.as_deref().unwrap_or("factory"),
                    0x1_0000,
                    partition.into(),
                )
            }
            error => refuse(error.to_string(), "Correct espflash.toml, or build again."),
        }),
        Err(_) => Err(refuse("espflash cannot read it".to_owned(), "Build again.")),
    }
}

/// espflash cannot make an image of an ELF file.
pub(super) fn no_image(elf: &Path, why: &str, remedy: impl Into<Remedy>) -> InputError {
    let what = format!("{} cannot be turned into an image: {why}", elf.display());
    InputError::new("elf", what, remedy).in_file(elf)
}

enum Failure {
    Descriptor(String),
    Espflash(Box<espflash::Error>),
}

/// espflash trusts the files that espflash.toml names; a bad one is refused here, by name.
fn check_companions(source: &ElfSource) -> Result<(), InputError> {
    let remedy = "Correct espflash.toml.";
    if let Some(path) = &source.bootloader {
        let bytes = file::read(path, IMAGE_LIMIT)
            .map_err(|why| InputError::unread("bootloader", path, &why, remedy))?;
        let region = fbuild_project::target::Region {
            name: "bootloader".to_owned(),
            offset: 0,
            source: fbuild_project::target::Source::File(path.clone()),
            kind: RegionKind::Bootloader,
            encrypted: false,
        };
        super::check::check(&region, &bytes, &remedy.into())?;
    }
    if let Some(path) = &source.partition_table {
        let bytes = file::read(path, TABLE_TEXT_LIMIT)
            .map_err(|why| InputError::unread("partitions", path, &why, remedy))?;
        parse_table(&bytes).map_err(|why| {
            let remedy = "Correct the partition table.";
            InputError::table_unreadable("partitions", path, &why, remedy)
        })?;
    }
    Ok(())
}

fn flash_data(params: &FlashParams, conditions: Conditions) -> Result<FlashData, InputError> {
    let chip = espflash_chip(conditions.chip)?;
    let size = match &params.size {
        Setting::Set(name) => Some(name.as_str()),
        Setting::Keep | Setting::Detect => conditions.flash_size.and_then(size_name),
    };
    let settings = FlashSettings::new(
        setting(&params.mode, "flash mode", conditions.chip, MODES)?,
        named(size, "flash size", conditions.chip, SIZES)?,
        setting(
            &params.freq,
            "flash frequency",
            conditions.chip,
            FREQUENCIES,
        )?,
    );
    let crystal = match conditions.crystal_mhz {
        Some(26) => XtalFrequency::_26Mhz,
        Some(32) => XtalFrequency::_32Mhz,
        Some(40) => XtalFrequency::_40Mhz,
        Some(48) => XtalFrequency::_48Mhz,
        _ => chip.default_xtal_frequency(),
    };
    Ok(FlashData::new(settings, 0, None, chip, crystal))
}

fn espflash_chip(chip: Chip) -> Result<EspflashChip, InputError> {
    Ok(match chip {
        Chip::Esp32 => EspflashChip::Esp32,
        Chip::Esp32S2 => EspflashChip::Esp32s2,
        Chip::Esp32S3 => EspflashChip::Esp32s3,
        Chip::Esp32C2 => EspflashChip::Esp32c2,
        Chip::Esp32C3 => EspflashChip::Esp32c3,
        Chip::Esp32C5 => EspflashChip::Esp32c5,
        Chip::Esp32C6 => EspflashChip::Esp32c6,
        Chip::Esp32C61 => EspflashChip::Esp32c61,
        Chip::Esp32H2 => EspflashChip::Esp32h2,
        Chip::Esp32H4 => EspflashChip::Esp32h4,
        Chip::Esp32P4 => EspflashChip::Esp32p4,
        Chip::Esp32S31 => EspflashChip::Esp32s31,
        Chip::Esp8266 => {
            let what = format!("no image for an {chip} can be made of an ELF file");
            let remedy = "Deploy the .bin that its own build makes.";
            return Err(InputError::new("elf", what, remedy));
        }
    })
}

const MODES: &[(&str, FlashMode)] = &[
    ("qio", FlashMode::Qio),
    ("qout", FlashMode::Qout),
    ("dio", FlashMode::Dio),
    ("dout", FlashMode::Dout),
];
const SIZES: &[(&str, FlashSize)] = &[
    ("256KB", FlashSize::_256Kb),
    ("512KB", FlashSize::_512Kb),
    ("1MB", FlashSize::_1Mb),
    ("2MB", FlashSize::_2Mb),
    ("4MB", FlashSize::_4Mb),
    ("8MB", FlashSize::_8Mb),
    ("16MB", FlashSize::_16Mb),
    ("32MB", FlashSize::_32Mb),
    ("64MB", FlashSize::_64Mb),
    ("128MB", FlashSize::_128Mb),
    ("256MB", FlashSize::_256Mb),
];
const FREQUENCIES: &[(&str, FlashFrequency)] = &[
    ("12m", FlashFrequency::_12Mhz),
    ("15m", FlashFrequency::_15Mhz),
    ("16m", FlashFrequency::_16Mhz),
    ("20m", FlashFrequency::_20Mhz),
    ("24m", FlashFrequency::_24Mhz),
    ("26m", FlashFrequency::_26Mhz),
    ("30m", FlashFrequency::_30Mhz),
    ("40m", FlashFrequency::_40Mhz),
    ("48m", FlashFrequency::_48Mhz),
    ("60m", FlashFrequency::_60Mhz),
    ("80m", FlashFrequency::_80Mhz),
];

fn setting<T: Copy>(
    setting: &Setting<String>,
    what: &'static str,
    chip: Chip,
    known: &[(&str, T)],
) -> Result<Option<T>, InputError> {
    match setting {
        Setting::Set(name) => named(Some(name), what, chip, known),
        Setting::Keep | Setting::Detect => Ok(None),
    }
}

fn named<T: Copy>(
    name: Option<&str>,
    what: &'static str,
    chip: Chip,
    known: &[(&str, T)],
) -> Result<Option<T>, InputError> {
    let Some(name) = name else { return Ok(None) };
    let found = known
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name));
    found.map(|(_, value)| Some(*value)).ok_or_else(|| {
        let known: Vec<_> = known.iter().map(|(name, _)| (*name).to_owned()).collect();
        InputError::flash_setting(what, name, &chip.to_string(), &known)
    })
}

/// Whether a converted boot loader and app are images at all. espflash made them; this guards
/// against a change in the crate.
pub(super) fn is_image(part: &Part) -> bool {
    part.kind == RegionKind::PartitionTable || EspImage::parse(&part.bytes).is_ok()
}
