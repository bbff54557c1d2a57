//! Names of types, subtypes and flags, and which version of ESP-IDF knows which. Source:
//! `gen_esp32part.py` of ESP-IDF v4.4.8 to v6.0.2.

use super::number;
use super::version::IdfVersion;

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
pub(super) const DATA_UNDEFINED: u8 = 0x06;
pub(super) const DATA_TEE_OTA: u8 = 0x90;

pub(super) const FLAG_READONLY: u32 = 1 << 1;

/// A name that a column knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// As it is written.
    pub name: String,
    /// Its number.
    pub value: u8,
    /// What it is for.
    pub about: &'static str,
}

/// A name, and since when it is one.
pub(super) struct Known {
    pub(super) kind: u8,
    pub(super) name: &'static str,
    pub(super) value: u8,
    pub(super) since: IdfVersion,
    pub(super) about: &'static str,
}

/// Older than everything that rules differ for.
const ALWAYS: IdfVersion = IdfVersion::new(0, 0);

const fn known(kind: u8, name: &'static str, value: u8, about: &'static str) -> Known {
    Known {
        kind,
        name,
        value,
        since: ALWAYS,
        about,
    }
}

impl Known {
    const fn since(mut self, major: u16, minor: u16) -> Self {
        self.since = IdfVersion::new(major, minor);
        self
    }
}

/// In the order in which the genuine tool lists them. The field `kind` does not count.
pub(super) static TYPES: &[Known] = &[
    known(0, "bootloader", BOOTLOADER, "where the boot loader is").since(5, 4),
    known(0, "partition_table", PARTITION_TABLE, "where the table is").since(5, 4),
    known(0, "app", APP, "a program"),
    known(0, "data", DATA, "anything else"),
];

pub(super) static SUBTYPES: &[Known] = &[
    known(
        APP,
        "factory",
        0x00,
        "the app that boots when otadata selects none",
    ),
    known(
        APP,
        "test",
        0x20,
        "an app for factory tests, booted on request",
    ),
    known(APP, "tee_0", 0x30, "trusted execution environment, slot 0").since(5, 5),
    known(APP, "tee_1", 0x31, "trusted execution environment, slot 1").since(5, 5),
    known(
        DATA,
        "ota",
        DATA_OTA,
        "says which OTA slot boots; exactly 0x2000 bytes",
    ),
    known(DATA, "phy", 0x01, "calibration of the radio"),
    known(
        DATA,
        "nvs",
        DATA_NVS,
        "non-volatile storage: settings by key",
    ),
    known(DATA, "coredump", DATA_COREDUMP, "what is left of a crash"),
    known(DATA, "nvs_keys", 0x04, "keys of encrypted NVS"),
    known(DATA, "efuse", 0x05, "eFuses, emulated for development"),
    known(DATA, "undefined", DATA_UNDEFINED, "data of unknown kind"),
    known(DATA, "esphttpd", 0x80, "files of the HTTP server"),
    known(DATA, "fat", 0x81, "FAT file system"),
    known(DATA, "spiffs", 0x82, "SPIFFS file system"),
    known(DATA, "littlefs", 0x83, "LittleFS file system").since(5, 2),
    known(
        DATA,
        "tee_ota",
        DATA_TEE_OTA,
        "says which TEE slot boots; exactly 0x2000 bytes",
    )
    .since(5, 5),
    known(
        BOOTLOADER,
        "primary",
        PRIMARY,
        "the boot loader that the ROM starts",
    ),
    known(
        BOOTLOADER,
        "ota",
        OTA,
        "a new boot loader, while it is received",
    ),
    known(
        BOOTLOADER,
        "recovery",
        RECOVERY,
        "the boot loader that the ROM falls back to",
    )
    .since(5, 5),
    known(PARTITION_TABLE, "primary", PRIMARY, "this table"),
    known(
        PARTITION_TABLE,
        "ota",
        OTA,
        "a new table, while it is received",
    ),
];

/// Number, name, first version and meaning.
pub(super) const FLAGS: [(u32, &str, IdfVersion, &str); 2] = [
    (
        1 << 0,
        "encrypted",
        ALWAYS,
        "encrypted where the chip encrypts its flash",
    ),
    (
        FLAG_READONLY,
        "readonly",
        IdfVersion::new(5, 2),
        "the firmware may not write it",
    ),
];

/// OTA slots of apps.
pub(super) const OTA_SLOTS: u8 = 16;

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
    pub fn parse(text: &str) -> Option<Self> {
        let mut fields = text.split(',').map(str::trim);
        let (kind, name, value) = (fields.next()?, fields.next()?, fields.next()?);
        let kind = TYPES.iter().find(|known| known.name == kind)?;
        Some(Self {
            kind: kind.value,
            name: name.to_owned(),
            value: u8::try_from(number::parse(value, &|_| None)?).ok()?,
        })
    }
}

/// The name of a type, for people.
pub fn type_name(kind: u8) -> String {
    let known = TYPES.iter().find(|known| known.value == kind);
    known.map_or_else(|| format!("{kind:#x}"), |known| known.name.to_owned())
}
