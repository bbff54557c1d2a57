//! The options that decide a deploy, in words.
//!
//! Sources: ESP-IDF's Kconfig files (`esptool_py`, `partition_table`, `bootloader`, v4.4 to v6.1),
//! and what discovery and deploys of this program make of each.

/// What an option holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Holds {
    /// `y` or `n`.
    Flag,
    /// A text in quotes: one of these, if they are known.
    Text(&'static [&'static str]),
    /// A number, in hexadecimal where people write it so.
    Number(&'static [&'static str]),
}

/// An option.
pub(super) struct Key {
    /// Without `CONFIG_`.
    pub(super) name: &'static str,
    pub(super) holds: Holds,
    pub(super) text: &'static str,
}

impl Key {
    /// Whether Kconfig reads it as hexadecimal.
    pub(super) fn is_hex(&self) -> bool {
        matches!(self.holds, Holds::Number(_)) && self.name.contains("OFFSET")
    }
}

const fn flag(name: &'static str, text: &'static str) -> Key {
    let holds = Holds::Flag;
    Key { name, holds, text }
}

const fn text(name: &'static str, values: &'static [&'static str], text: &'static str) -> Key {
    let holds = Holds::Text(values);
    Key { name, holds, text }
}

const fn number(name: &'static str, values: &'static [&'static str], text: &'static str) -> Key {
    let holds = Holds::Number(values);
    Key { name, holds, text }
}

const SIZE: &str = "Size of the flash. It is written into the boot loader's header; the partition \
                    table must end within it, and the board's flash must not be smaller.";

pub(super) static KEYS: &[Key] = &[
    text(
        "IDF_TARGET",
        &[
            "esp32", "esp32s2", "esp32s3", "esp32c2", "esp32c3", "esp32c5", "esp32c6", "esp32c61",
            "esp32h2", "esp32h4", "esp32p4", "esp32s31",
        ],
        "The chip. A deploy to another chip is refused. `idf.py set-target` changes it, and begins a \
         new sdkconfig.",
    ),
    text("ESPTOOLPY_FLASHSIZE", &[], SIZE),
    flag("ESPTOOLPY_FLASHSIZE_1MB", SIZE),
    flag("ESPTOOLPY_FLASHSIZE_2MB", SIZE),
    flag("ESPTOOLPY_FLASHSIZE_4MB", SIZE),
    flag("ESPTOOLPY_FLASHSIZE_8MB", SIZE),
    flag("ESPTOOLPY_FLASHSIZE_16MB", SIZE),
    flag("ESPTOOLPY_FLASHSIZE_32MB", SIZE),
    flag("ESPTOOLPY_FLASHSIZE_64MB", SIZE),
    flag("ESPTOOLPY_FLASHSIZE_128MB", SIZE),
    flag(
        "ESPTOOLPY_HEADER_FLASHSIZE_UPDATE",
        "The size of the board's own flash is written into the boot loader's header while deploying.",
    ),
    text(
        "ESPTOOLPY_FLASHMODE",
        &[],
        "How the flash is read while booting; the choice is in the options that begin with this name.",
    ),
    text("ESPTOOLPY_FLASHFREQ", &[], "The flash's clock."),
    text(
        "ESPTOOLPY_BEFORE",
        &["default_reset", "no_reset", "default-reset", "no-reset"],
        "How idf.py gets the board into download mode. A deploy of this program resets it by itself \
         (fbuild.resetBefore).",
    ),
    text(
        "ESPTOOLPY_AFTER",
        &["hard_reset", "no_reset", "hard-reset", "no-reset"],
        "What idf.py does with the board at the end. A deploy of this program starts the firmware \
         (fbuild.resetAfter).",
    ),
    flag(
        "ESPTOOLPY_NO_STUB",
        "idf.py works with the boot ROM alone. A deploy of this program measures whether the stub pays.",
    ),
    number(
        "ESPTOOLPY_BAUD",
        &["115200", "230400", "460800", "921600", "1500000", "2000000"],
        "Baud rate of the make build of ESP-IDF 4.4. Neither idf.py nor a deploy looks at it; set \
         ESPBAUD or fbuild.baud.",
    ),
    number(
        "ESPTOOLPY_MONITOR_BAUD",
        &["115200"],
        "Baud rate of the serial monitor.",
    ),
    number(
        "PARTITION_TABLE_OFFSET",
        &["0x8000", "0x9000", "0xA000", "0xC000", "0x10000"],
        "Where the partition table is. The boot loader must end before it, and the first \
         partition begins at least 0x1000 after it. An app on the board that was built with \
         another offset does not start.",
    ),
    flag(
        "PARTITION_TABLE_SINGLE_APP",
        "ESP-IDF's own table: one app of 1 MiB, no OTA.",
    ),
    flag(
        "PARTITION_TABLE_SINGLE_APP_LARGE",
        "ESP-IDF's own table: one app of 1500 KiB, no OTA.",
    ),
    flag(
        "PARTITION_TABLE_TWO_OTA",
        "ESP-IDF's own table: a factory app and two OTA slots of 1 MiB each.",
    ),
    flag(
        "PARTITION_TABLE_TWO_OTA_LARGE",
        "ESP-IDF's own table: two OTA slots of 1700 KiB each.",
    ),
    flag(
        "PARTITION_TABLE_CUSTOM",
        "The table is made from the CSV file that CONFIG_PARTITION_TABLE_CUSTOM_FILENAME names.",
    ),
    text(
        "PARTITION_TABLE_CUSTOM_FILENAME",
        &[],
        "The project's partition table, where CONFIG_PARTITION_TABLE_CUSTOM is y.",
    ),
    text(
        "PARTITION_TABLE_FILENAME",
        &[],
        "The CSV file that the table is made from; it follows from the choice of the table.",
    ),
    flag(
        "PARTITION_TABLE_MD5",
        "Whether the table contains an MD5 of its rows.",
    ),
    number(
        "BOOTLOADER_OFFSET_IN_FLASH",
        &[],
        "Where the boot loader is; the chip decides it.",
    ),
    flag(
        "SECURE_BOOT",
        "At its first start the board locks itself to images signed with the project's key. Nothing \
         takes that back. A deploy of unsigned images to such a board is refused.",
    ),
    flag(
        "SECURE_BOOT_V1_ENABLED",
        "Secure boot, first scheme: as CONFIG_SECURE_BOOT; the boot loader \
         of a locked board can never be replaced, and a deploy that would is refused.",
    ),
    flag(
        "SECURE_BOOT_V2_ENABLED",
        "Secure boot, second scheme: see CONFIG_SECURE_BOOT.",
    ),
    flag(
        "SECURE_BOOT_BUILD_SIGNED_BINARIES",
        "The build signs its images. Without it what lies in the build directory is not signed, and a \
         deploy of it to a locked board is refused.",
    ),
    flag(
        "SECURE_BOOT_FLASH_BOOTLOADER_DEFAULT",
        "With secure boot: whether the boot loader is part of what is flashed.",
    ),
    flag(
        "SECURE_FLASH_ENC_ENABLED",
        "At its first start the board encrypts its flash for good. After that a deploy writes only \
         what the build marks as encrypted, and cannot compare or prove it.",
    ),
    flag(
        "SECURE_FLASH_ENCRYPTION_MODE_DEVELOPMENT",
        "Flash encryption that still lets the serial line write.",
    ),
    flag(
        "SECURE_FLASH_ENCRYPTION_MODE_RELEASE",
        "Flash encryption after which nothing that comes over the serial line is encrypted: every \
         deploy to such a board is refused.",
    ),
    flag(
        "SECURE_DISABLE_ROM_DL_MODE",
        "After its first start the board cannot be deployed to over the serial line any more.",
    ),
    flag(
        "SECURE_ENABLE_SECURE_ROM_DL_MODE",
        "After its first start the board tells nothing about its flash: a deploy writes everything, and \
         cannot prove it.",
    ),
    flag(
        "SECURE_INSECURE_ALLOW_DL_MODE",
        "Download mode stays as it is.",
    ),
    flag(
        "BOOTLOADER_APP_ROLLBACK_ENABLE",
        "The boot loader goes back to the other OTA slot if a new app does not confirm itself.",
    ),
    flag(
        "BOOTLOADER_APP_ANTI_ROLLBACK",
        "An app whose version is below the one in the eFuses does not start.",
    ),
    flag(
        "APP_BUILD_TYPE_RAM",
        "The app runs from RAM: there is nothing to deploy.",
    ),
    flag(
        "ESP_CONSOLE_USB_CDC",
        "The console is the chip's own USB: the port goes away at every reset.",
    ),
    flag(
        "ESP_CONSOLE_USB_SERIAL_JTAG",
        "The console is the chip's USB-Serial/JTAG port.",
    ),
    number(
        "ESP_REV_MIN_FULL",
        &[],
        "The oldest revision of the chip that the firmware takes, major * \
         100 + minor; a deploy to an older one is refused.",
    ),
    number(
        "ESP_REV_MAX_FULL",
        &[],
        "The newest revision of the chip that the firmware takes.",
    ),
];

/// What is known about an option, if it matters to a deploy.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}
