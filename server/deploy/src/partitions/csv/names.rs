//! Names of types, subtypes and flags. Source: `gen_esp32part.py` of ESP-IDF v6.0.2.

use super::{CsvError, error, number};

pub(super) const APP: u8 = 0x00;
pub(super) const DATA: u8 = 0x01;
pub(super) const BOOTLOADER: u8 = 0x02;
pub(super) const PARTITION_TABLE: u8 = 0x03;

/// Subtypes of boot loader and partition table rows.
pub(super) const PRIMARY: u8 = 0;
pub(super) const OTA: u8 = 1;
pub(super) const RECOVERY: u8 = 2;

pub(super) const DATA_OTA: u8 = 0x00;
pub(super) const DATA_NVS: u8 = 0x02;
pub(super) const DATA_COREDUMP: u8 = 0x03;
const DATA_UNDEFINED: u8 = 0x06;
pub(super) const DATA_TEE_OTA: u8 = 0x90;

pub(super) const FLAG_READONLY: u32 = 1 << 1;

const TYPES: &[(&str, u8)] = &[
    ("bootloader", BOOTLOADER),
    ("partition_table", PARTITION_TABLE),
    ("app", APP),
    ("data", DATA),
];

const DATA_SUBTYPES: &[(&str, u8)] = &[
    ("ota", DATA_OTA),
    ("phy", 0x01),
    ("nvs", DATA_NVS),
    ("coredump", DATA_COREDUMP),
    ("nvs_keys", 0x04),
    ("efuse", 0x05),
    ("undefined", DATA_UNDEFINED),
    ("esphttpd", 0x80),
    ("fat", 0x81),
    ("spiffs", 0x82),
    ("littlefs", 0x83),
    ("tee_ota", DATA_TEE_OTA),
];
const BOOTLOADER_SUBTYPES: &[(&str, u8)] =
    &[("primary", PRIMARY), ("ota", OTA), ("recovery", RECOVERY)];
const TABLE_SUBTYPES: &[(&str, u8)] = &[("primary", PRIMARY), ("ota", OTA)];

const FLAGS: &[(&str, u32)] = &[("encrypted", 1 << 0), ("readonly", FLAG_READONLY)];

/// A subtype that a project adds (`EXTRA_PARTITION_SUBTYPES` in its CMake files).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraSubtype {
    /// Type that it belongs to.
    pub kind: u8,
    /// Its name.
    pub name: String,
    /// Its number.
    pub value: u8,
}

impl ExtraSubtype {
    /// `app, my_app, 0x40`, as the build writes it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(',').map(str::trim);
        let (kind, name, value) = (fields.next()?, fields.next()?, fields.next()?);
        Some(Self {
            kind: find(TYPES, kind)?,
            name: name.to_owned(),
            value: u8::try_from(number::parse(value, &|_| None)?).ok()?,
        })
    }
}

fn find(names: &[(&str, u8)], name: &str) -> Option<u8> {
    names
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value)
}

fn app_subtype(name: &str) -> Option<u8> {
    let name = name.to_ascii_lowercase();
    match name.as_str() {
        "factory" => Some(0x00),
        "test" => Some(0x20),
        "tee_0" => Some(0x30),
        "tee_1" => Some(0x31),
        _ => {
            let slot = name.strip_prefix("ota_")?;
            let number: u8 = slot.parse().ok().filter(|n| *n <= 15)?;
            (number.to_string() == slot).then_some(0x10 + number)
        }
    }
}

fn byte(line: usize, what: &str, value: i128) -> Result<u8, CsvError> {
    u8::try_from(value).map_err(|_| {
        error(
            line,
            "type-range",
            format!("{what} {value:#x} does not fit in one byte."),
        )
    })
}

/// Column 2.
pub(super) fn kind(line: usize, text: &str) -> Result<u8, CsvError> {
    if text.is_empty() {
        let message = "Type is required (app, data, bootloader, partition_table or a number).";
        return Err(error(line, "type-empty", message));
    }
    let value =
        number::parse(text, &|name| find(TYPES, name).map(i128::from)).ok_or_else(|| {
            let message = format!(
                "Unknown type '{text}'. Known: bootloader, partition_table, app, data, or a number."
            );
            error(line, "type-unknown", message)
        })?;
    byte(line, "Type", value)
}

/// Column 3.
pub(super) fn subtype(line: usize, kind: u8, text: &str) -> Result<u8, CsvError> {
    if text.is_empty() {
        if kind == APP {
            let message = "An app partition needs a subtype (factory, ota_0 to ota_15, test).";
            return Err(error(line, "subtype-empty-app", message));
        }
        return Ok(DATA_UNDEFINED);
    }
    let keyword = |name: &str| {
        let value = match kind {
            APP => app_subtype(name),
            DATA => find(DATA_SUBTYPES, name),
            BOOTLOADER => find(BOOTLOADER_SUBTYPES, name),
            PARTITION_TABLE => find(TABLE_SUBTYPES, name),
            _ => None,
        };
        value.map(i128::from)
    };
    let value = number::parse(text, &keyword).ok_or_else(|| {
        let known = match kind {
            APP => "factory, ota_0 to ota_15, test, tee_0, tee_1".to_owned(),
            DATA => listed(DATA_SUBTYPES),
            BOOTLOADER => listed(BOOTLOADER_SUBTYPES),
            PARTITION_TABLE => listed(TABLE_SUBTYPES),
            _ => "numbers only".to_owned(),
        };
        error(
            line,
            "subtype-unknown",
            format!("Unknown subtype '{text}'. Known: {known}."),
        )
    })?;
    byte(line, "Subtype", value)
}

fn listed(names: &[(&str, u8)]) -> String {
    names
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// Column 6.
pub(super) fn flags(line: usize, text: &str) -> Result<u32, CsvError> {
    let mut bits = 0;
    for flag in text.split(':').filter(|_| !text.is_empty()) {
        let known = FLAGS.iter().find(|(name, _)| *name == flag);
        bits |= known
            .ok_or_else(|| {
                let message = format!("Unknown flag '{flag}'. Known: encrypted, readonly.");
                error(line, "flag-unknown", message)
            })?
            .1;
    }
    Ok(bits)
}
